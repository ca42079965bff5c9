import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compose } from '../../src/composition.ts'
import { readConfig } from '../../src/config/config.ts'
import { type DataDir, freshDataDir, runNode } from '../cli/cli-process.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** Inside the repository, so that the package finds itself by its name. */
const COPY = join(ROOT, 'test', 'demo', `readme-example-${process.pid}.ts`)

describe('the examples run as they stand, on a fresh machine', () => {
  let folder: DataDir

  beforeAll(async () => {
    folder = await freshDataDir()
  })
  afterAll(async () => {
    await rm(COPY, { force: true })
    await folder.remove()
  })

  const read = async () => {
    const tollkeeper = await compose({ config: readConfig({ DATA_DIR: folder.path, LOG_LEVEL: 'warn' }) })
    try {
      const { entries } = await tollkeeper.balances.ledger(tollkeeper.em(), 'org-id', { limit: 200, after: null })
      const balance = await tollkeeper.balances.balance(tollkeeper.em(), 'org-id')
      expect(await tollkeeper.verifier.verify()).toMatchObject({ ok: true, violations: [] })
      return { entries, balance }
    } finally {
      await tollkeeper.close()
    }
  }

  test('the example of the README prints a result and its receipt', async () => {
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
    const [block = ''] = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code)
    expect(block).toContain("from 'tollkeeper'")
    const file = await readFile(join(ROOT, 'examples', 'first-job.ts'), 'utf8')
    expect(statements(block), 'the file in examples/ is the same').toEqual(statements(file))
    await writeFile(COPY, block)
    const { code, stdout, stderr } = await runNode([COPY], { DATA_DIR: folder.path, LOG_LEVEL: 'warn' })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Sample input data')
    expect(stdout).toMatch(/state: 'charged'/)
    expect(await folder.serverRuns()).toBe(false)
    const { entries, balance } = await read()
    expect(entries.map(({ kind }) => kind)).toEqual([
      'top_up',
      'hold',
      ...entries.slice(2, -1).map(() => 'charge'),
      'release',
    ])
    const total = /total: '([\d.]+)'/.exec(stdout)?.[1]
    expect(balance.available).toBe(10_000_000_000n - BigInt(Math.round(Number(total) * 1e9)))
  })

  test("the README's agents of one's own run and are charged", async () => {
    const { entries: before } = await read()
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
    const [, block = ''] = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code)
    expect(block).toContain('connect({ agents: [counter, reviewer] })')
    await writeFile(COPY, block)
    const { code, stdout, stderr } = await runNode([COPY], { DATA_DIR: folder.path, LOG_LEVEL: 'warn' })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('## counter\\n\\n17 characters\\n\\n## reviewer\\n\\nSample input data')
    const { entries } = await read()
    expect(entries.slice(0, before.length), 'what was there stays').toEqual(before)
    const charges = entries.slice(before.length).filter(({ kind }) => kind === 'charge')
    expect(charges.map(({ stage, component }) => `${stage} ${component}`)).toEqual([
      'input input',
      'agent.reviewer llm-in',
      'agent.reviewer llm-out',
      'output output',
    ])
  })

  test('a feature is charged from code, once under its key, however often the program runs', async () => {
    const { entries: before } = await read()
    const run = () => runNode(['examples/feature-charge.ts'], { DATA_DIR: folder.path, LOG_LEVEL: 'warn' })
    const first = await run()
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' })
    expect(first.stdout).toMatch(/^charged: \{/)
    expect(first.stdout).toContain("charged: '0.03'")
    expect((await run()).stdout).toMatch(/^charged before: \{/)
    const { entries, balance } = await read()
    expect(entries.slice(0, before.length), 'what was there stays').toEqual(before)
    expect(entries.slice(before.length)).toMatchObject([
      { kind: 'feature', amount: 30_000_000n, component: 'ocr-page', reference: 'scan of invoice 4711', jobId: null },
    ])
    expect(balance.asOfSeq).toBe(entries.length)
  })

  test('a platform with a queue of its own charges without our pipeline, each line once', async () => {
    const { entries: before } = await read()
    const { code, stdout, stderr } = await runNode(['examples/own-pipeline.ts'], {
      DATA_DIR: folder.path,
      LOG_LEVEL: 'warn',
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^charged: The text has 23 words/)
    const { entries, balance } = await read()
    const added = entries.slice(before.length)
    expect(added.map(({ kind, stage, component, tokenClass }) => [kind, stage, component, tokenClass])).toEqual([
      ['top_up', null, null, null],
      ['hold', null, null, null],
      ['charge', 'input', 'input', null],
      ['charge', 'agent.reviewer', 'llm-in', 'input'],
      ['charge', 'agent.reviewer', 'llm-out', 'output'],
      ['charge', 'output', 'output', null],
      ['release', null, null, null],
    ])
    // 18 input tokens at 0.15, 46 and 20 of the model at 0.15 and 0.60, 19 output tokens at 1.00 per million.
    expect(added.filter(({ kind }) => kind === 'charge').map(({ amount }) => amount)).toEqual([
      2_700n,
      6_900n,
      12_000n,
      19_000n,
    ])
    expect(balance.held).toBe(0n)
    expect(entries.slice(0, before.length), 'what was there stays').toEqual(before)
  })
})

/** What a text says behind its import, whatever its layout. */
function statements(code: string): readonly string[] {
  const lines = code.split('\n').map((line) => line.replaceAll(/\s+/g, ' ').trim())
  return lines.filter((line) => line !== '' && !line.startsWith('//') && !line.startsWith('import '))
}
