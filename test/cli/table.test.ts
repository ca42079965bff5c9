import { describe, expect, test } from 'vitest'
import { inWords } from '../../src/cli/error-words.ts'
import { excerpt } from '../../src/cli/excerpt.ts'
import { receiptTable } from '../../src/cli/receipt-table.ts'
import { table } from '../../src/cli/table.ts'
import { ConfigurationError, ValidationError } from '../../src/foundation/errors.ts'

type Receipt = Parameters<typeof receiptTable>[0]

describe('what the command line prints', () => {
  test('amounts stand below each other at their decimal points', () => {
    const lines = table(
      ['stage', { title: 'amount', align: 'decimal' }],
      [row('input', '10.00'), row('out', '0.000924')],
    )
    expect(lines).toEqual(['stage     amount', 'input  10.00', 'out     0.000924'])
  })

  test('a cell that is too wide is cut, so that the table keeps its width', () => {
    const [, line] = table([{ title: 'key', align: 'left', widthMax: 6 }], [['abcdefgh']])
    expect(line).toBe('abcde…')
  })

  test('a receipt fits a terminal of 80 characters, also with the longest keys and a million tokens', () => {
    const lines = receiptTable(receiptWith('k'.repeat(64), 'agent.'.padEnd(38, 'a'), 999_999))
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(79)
    expect(lines.at(-1)).toBe('total 12.345000001 USD')
  })

  test.each([
    ['as much', 12_345, 12_345],
    ['a part', 12_345, 2_345],
  ])('a component key of 20 characters stays whole where %s is billed', (_what, quantity, billedQuantity) => {
    const receipt = receiptWith('summarizer-output.v2', 'agent.summarizer', quantity)
    const lines = receiptTable({ ...receipt, lines: receipt.lines.map((line) => ({ ...line, billedQuantity })) })
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(79)
    const line = lines.find((text) => text.includes('summarizer-output.v2')) ?? ''
    expect(line).toMatch(/^agent\.su/)
    expect(line).toContain('12,345')
    expect(line.includes('2,345  12.50 / 1M')).toBe(true)
  })

  test('short keys leave room for what was billed', () => {
    expect(receiptTable(receiptWith('input', 'input', 1_200))[3]).toMatch(/stage +component +quantity +billed +price/)
  })

  test('a receipt without lines says so instead of showing an empty table', () => {
    const receipt = { ...receiptWith('input', 'input', 1), lines: [], state: 'rejected_for_balance' as const }
    expect(receiptTable(receipt).at(-1)).toBe('rejected_for_balance: nothing was charged')
  })

  test('an excerpt breaks between words, and tells that more follows', () => {
    const lines = excerpt(`one\n\n${'word '.repeat(60)}`, 3)
    expect(lines).toHaveLength(4)
    expect(lines[0]).toBe('one')
    expect(lines.at(-1)).toBe('…')
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(72)
  })

  test.each([
    [new ConfigurationError('PORT must be\n  a number'), 'configuration: PORT must be a number'],
    [ValidationError.of('/text', 'invalid-text', 'The text is empty'), 'validation: The text is empty'],
    [Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' }), /^configuration: listen .*another PORT$/],
    [Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }), /^unavailable: ECONNREFUSED; check DATABASE_URL/],
    [new Error('surprise'), 'internal: surprise'],
    ['thrown text', 'internal: thrown text'],
  ])('an error becomes one line: %s', (error, expected) => {
    const line = inWords(error)
    expect(line).toMatch(expected instanceof RegExp ? expected : new RegExp(`^${expected}$`))
    expect(line).not.toContain('\n')
  })
})

function row(...cells: string[]): string[] {
  return cells
}

function receiptWith(component: string, stage: string, quantity: number): Receipt {
  const amount = 12_345_000_001n
  const line: Receipt['lines'][number] = {
    stage,
    component,
    kind: 'input_tokens',
    model: 'per_unit',
    llmModel: null,
    tokenClass: null,
    quantity,
    source: 'counted',
    includedUsed: 0,
    billedQuantity: quantity,
    price: 12_500_000_000n,
    per: 1_000_000,
    tiers: null,
    counterBefore: 0,
    counterAfter: quantity,
    billedBefore: 0,
    amount,
    writtenOff: 0n,
    ledgerSeq: 3,
  }
  return {
    jobId: '01a206cf-8eee-7000-8de9-f8dcb9d3eeb0',
    organizationId: 'acme',
    state: 'charged',
    final: true,
    currency: 'USD',
    tariffId: null,
    tariffVersion: 1,
    tokenizer: { id: 'o200k_base', version: '4.0.0' },
    held: amount,
    charged: amount,
    reversed: 0n,
    released: 0n,
    writtenOff: 0n,
    total: amount,
    lines: [line],
    issuedAt: new Date(0),
  }
}
