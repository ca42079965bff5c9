import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { batchQuoteLines } from '../../src/cli/quote-table.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import type { BatchQuoteView, ListedQuoteView } from '../../src/managers/quote-view.ts'
import type { NotStarted } from '../../src/pricing/batch-quote.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'
import { type DataDir, freshDataDir, runCli } from './cli-process.ts'

const STYLE = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

describe('the quote of a list on the command line', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let folder: DataDir
  beforeAll(async () => {
    folder = await freshDataDir()
    world = await openWorld('postgres')
    tollkeeper = await world.open()
    const prices = [
      component('input', { kind: 'input_tokens', per: 1 }, '0.10'),
      component('fee', { kind: 'agent', agent: 'summarizer' }, '0.25'),
    ]
    await fundedOrganization(tollkeeper, 'acme', '1.00', prices)
  })
  afterAll(async () => {
    await world.close()
    await folder.remove()
  })

  const run = (args: readonly string[], input?: string) =>
    runCli(['quote', ...args, '-o', 'acme', '-a', 'summarizer'], world.env, input)
  async function file(name: string, text: string | Buffer): Promise<string> {
    const path = join(folder.path, name)
    await writeFile(path, text)
    return path
  }

  test('says of each text what it costs and whether it fits, and what top-up makes all of them fit', async () => {
    const files = [await file('a.txt', 'one two'), await file('b.txt', 'one '.repeat(30)), '-']
    const { code, stdout, stderr } = await run(files, 'one two three')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const rows = stdout.split('\n').map((line) => line.trimEnd().replace(/^\S*\/(?=[ab]\.txt)/, ''))
    expect(rows[0]).toBe('36 input tokens in 3 texts; amounts in USD')
    expect(rows.find((row) => row.includes('a.txt'))).toMatch(/a\.txt +2 +0\.45 +0\.45 +yes$/)
    expect(rows.find((row) => row.includes('b.txt'))).toMatch(/b\.txt +31 +3\.35 +3\.35 +no$/)
    expect(rows.find((row) => row.startsWith('-'))).toMatch(/^- +3 +0\.55 +0\.55 +yes$/)
    expect(rows.find((row) => row.startsWith('all'))).toMatch(/^all +36 +4\.35 +4\.35 +2 of 3$/)
    const [conclusion] = rows.slice(-2)
    expect(conclusion).toBe('2 of 3 fit into 1.00 USD available; top-up acme 3.35 makes all fit.')
    expect((await tollkeeper.balances.balance(tollkeeper.em(), 'acme')).asOfSeq).toBe(1)

    const paid = await runCli(['top-up', 'acme', '3.35'], world.env)
    expect(paid.code, paid.stderr).toBe(0)
    expect((await run(files, 'one two three')).stdout).toMatch(/\nAll 3 fit into 4\.35 USD available\.\n$/)
  })

  test('with --json says the same in the shape of the HTTP API, and nothing else', async () => {
    const { code, stdout } = await run([await file('a.txt', 'one two'), await file('c.txt', 'one'), '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      organization_id: 'acme',
      texts: 2,
      upper: '0.80',
      quotes: [
        { index: 0, upper: '0.45' },
        { index: 1, upper: '0.35' },
      ],
    })
  })

  test.each([
    ['', /^validation: \S+bad\.txt: The text is empty.+\n$/],
    [Buffer.from([0x63, 0xe9]), /^validation: \S+bad\.txt is not UTF-8; convert it first\n$/],
  ])('a text that is none is told by its file, %#', async (text, expected) => {
    const { code, stdout, stderr } = await run([await file('a.txt', 'one two'), await file('bad.txt', text)])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(expected)
  })

  test('standard input is read once', async () => {
    const { code, stderr } = await run(['-', '-'], 'text')
    expect(code).toBe(2)
    expect(stderr).toContain('Standard input can be read once')
  })
})

describe('the table of a list', () => {
  const quote = (index: number, reason: NotStarted | null): ListedQuoteView => ({
    ...{ index, inputTokens: 1_234_567, lower: parseAmount('1234.123456789'), upper: parseAmount('12345.123456789') },
    ...{ stages: [], fits: reason === null, reason },
  })
  const view = (more: Partial<BatchQuoteView>): BatchQuoteView => ({
    ...{ organizationId: 'acme', tariffId: '', tariffVersion: 1, currency: 'USD', available: parseAmount('1.00') },
    ...{ texts: 3, inputTokens: 3_703_701, fitting: 1, fittingAtMost: 1, affordable: false, missing: 0n, warnings: [] },
    ...{ lower: parseAmount('3702.37037'), upper: parseAmount('37035.37037'), quotes: [] },
    ...more,
  })
  const lines = (more: Partial<BatchQuoteView>) =>
    batchQuoteLines(view(more), ['a'.repeat(90), '/b/c.txt', 'd']).map((line) => line.replaceAll(STYLE, ''))

  test('stays within a terminal of 80 columns, and shows the end of a long path', () => {
    const shown = lines({ quotes: [quote(0, null), quote(1, 'held_by_others'), quote(2, 'max-cost-too-low')] })
    const table = shown.slice(2, shown.indexOf('', 2))
    for (const line of table) expect(line.length).toBeLessThan(80)
    expect(table.map((line) => line.split(/ +/).at(-1))).toEqual(['fits', 'yes', 'later', 'fails', '3'])
    expect(table[1]).toMatch(/^…a+ /)
  })

  test.each([
    [{ fitting: 3, affordable: true }, 'All 3 fit into 1.00 USD available.'],
    [{ missing: 5n }, '1 of 3 fit into 1.00 USD available; top-up acme 0.000000005 makes all fit.'],
    [
      { missing: 5n, fittingAtMost: 2 },
      '1 of 3 fit into 1.00 USD available (2, if each cost the least); top-up acme 0.000000005 makes all fit.',
    ],
    [
      { missing: 5n, quotes: [quote(0, null), quote(1, 'insufficient'), quote(2, 'unpriced-model')] },
      '1 of 3 fit into 1.00 USD available; 1 would fail whatever the balance (unpriced-model); top-up acme 0.000000005 makes the others fit.',
    ],
    [
      { missing: 5n, warnings: [{ code: 'waiting-first' as const, detail: 'x' }] },
      '1 of 3 fit into 1.00 USD available; top-up acme 0.000000005 makes all fit, beside what waits already.',
    ],
    [{ quotes: [quote(0, 'frozen')] }, '1 of 3 fit into 1.00 USD available.'],
  ])('ends with what would make all fit: %#', (more, sentence) => {
    expect(lines(more).at(-1)).toBe(sentence)
  })
})
