import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { receiptProof } from '../../src/cli/receipt-proof.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import type { Finding } from '../../src/pipeline/recompute/finding.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'
import { runCli } from './cli-process.ts'

const WIDTH_MAX = 79

describe('tollkeeper receipt --recompute', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let id: string
  beforeAll(async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
    tollkeeper = await world.open()
    await fundedOrganization(tollkeeper, 'acme', '10.00', CONTRACT_COMPONENTS)
    await tollkeeper.startWorkers()
    const text = 'The council pays 1,200 dollars for the ferry. The ferry sails on 3 May 2025.'
    ;({ id } = await tollkeeper.service.submit({ organizationId: 'acme', text, agents: ['summarizer'] }))
    await tollkeeper.watcher.until(id, ({ state }) => state === 'charged')
  })
  afterAll(() => world.close())
  const receipt = (...args: readonly string[]) => runCli(['receipt', id, ...args], world.env)

  it('shows the receipt, what each figure was made from, and the verdict, in 80 columns', async () => {
    const plain = await receipt()
    const { code, stdout, stderr } = await receipt('--recompute')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.startsWith(plain.stdout)).toBe(true)
    const lines = stdout.trimEnd().split('\n')
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(WIDTH_MAX)
    expect(stdout).toMatch(/^ {2}✓ text +\d+ tokens counted in the stored text by o200k_base 4\.0\.0$/m)
    expect(stdout).toMatch(/^ {2}✓ llm-in\/input +\d+ × 0\.15 \/ 1M = 0\.\d+$/m)
    expect(stdout).toMatch(/^ {2}✓ released +0\.\d+ = 0\.\d+ held - 0\.\d+ charged$/m)
    expect(lines.at(-1)).toMatch(/^all \d+ figures are proved, each line rounded half up once$/)
    expect(stdout).not.toMatch(/[≠?]/)
  })

  it('as JSON gives the receipt and every finding', async () => {
    const plain = JSON.parse((await receipt('--json')).stdout)
    const { code, stdout } = await receipt('--recompute', '--json')
    expect(code).toBe(0)
    const answer = JSON.parse(stdout)
    expect(Object.keys(answer)).toEqual(['receipt', 'recomputed'])
    expect(answer.receipt).toEqual(plain)
    expect(answer.recomputed.ok).toBe(true)
    const amount = { stage: 'agent.summarizer', of: 'summarizer', figure: 'amount', verdict: 'proved' }
    expect(answer.recomputed.findings).toContainEqual({
      ...amount,
      stored: '0.001',
      recomputed: '0.001',
      how: '1 × 0.001 = 0.001',
    })
  })

  it('says what cannot be made again and why, and ends with 1 where something differs', async () => {
    const [kept] = await world.database.query<{ text: string }>(
      'delete from tollkeeper.job_texts where job_id = $1 returning text',
      [id],
    )
    const forgotten = await receipt('--recompute')
    expect(forgotten.code).toBe(0)
    expect(forgotten.stdout).toMatch(/^ {2}\? text +\d+, not provable: the text was deleted after/m)
    expect(forgotten.stdout.trimEnd().split('\n').at(-1)).toMatch(
      /^nothing differs: \d+ of \d+ figures are proved, 1 cannot/,
    )
    await world.database.query('insert into tollkeeper.job_texts (job_id, text) values ($1, $2)', [
      id,
      `${kept?.text} More.`,
    ])
    const changed = await receipt('--recompute')
    expect(changed.code).toBe(1)
    expect(changed.stdout).toMatch(/^ {2}≠ text +stored \d+, made again \d+ \(\d+ tokens counted/m)
    expect(changed.stderr).toMatch(
      /^receipt-differs: 1 of \d+ figures differ: input text \(tokens\); run tollkeeper verify/,
    )
    for (const line of changed.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(WIDTH_MAX)
    const json = await receipt('--recompute', '--json')
    expect(json.code).toBe(1)
    expect(JSON.parse(json.stdout).recomputed).toMatchObject({ ok: false })
  })

  it('is taught by --help', async () => {
    const { stdout } = await receipt('--help')
    expect(stdout).toMatch(/--recompute +make every figure again/)
    expect(stdout).toMatch(/^ {2}tollkeeper receipt \S+ --recompute$/m)
  })
})

describe('a proof on a terminal', () => {
  it('keeps within 80 columns with the longest keys, and shows every figure that is not proved', () => {
    const of = `${'k'.repeat(64)}/cache_write`
    const finding = (fields: Partial<Finding>): Finding => {
      const figures = { stored: '9,999,999 reported of some-model', recomputed: '1', how: 'word '.repeat(30).trim() }
      return { stage: `agent.${'a'.repeat(32)}`, of, figure: 'quantity', verdict: 'differs', ...figures, ...fields }
    }
    const findings = [
      finding({}),
      finding({ figure: 'rate', verdict: 'not_provable' }),
      finding({ figure: 'units', verdict: 'proved' }),
      finding({ figure: 'amount', verdict: 'proved' }),
    ]
    const lines = receiptProof(findings)
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(WIDTH_MAX)
    expect(lines.filter((line) => /^ {2}[✓≠?]/.test(line)).map((line) => line.slice(2, 3))).toEqual(['≠', '?', '✓'])
    expect(lines.join('\n')).toContain('quantity')
  })
})
