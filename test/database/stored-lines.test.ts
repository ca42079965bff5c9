import { describe, expect, it } from 'vitest'
import { lineFromJson, linesToJson } from '../../src/database/money/stored-lines.ts'
import type { SettledLine } from '../../src/ledger/facts.ts'

/** No two figures alike, so that none can stand in the place of another. */
const tiered: SettledLine = {
  component: 'llm-out',
  kind: 'llm_tokens',
  model: 'graduated',
  llmModel: 'gpt',
  tokenClass: 'output',
  quantity: 70,
  source: 'reported',
  includedUsed: 20,
  billedQuantity: 50,
  price: null,
  per: 1_000,
  tiers: [
    { upTo: 30, price: 9_007_199_254_740_993n },
    { upTo: null, price: 11n },
  ],
  counterBefore: 1,
  counterAfter: 71,
  billedBefore: 2,
  amount: 9_007_199_254_740_995n,
  writtenOff: 13n,
  ledgerSeq: 17,
}
const free: SettledLine = {
  ...tiered,
  component: null,
  model: null,
  llmModel: null,
  tokenClass: null,
  price: 19n,
  per: null,
  tiers: null,
  ledgerSeq: null,
}

const minimum: SettledLine = { ...free, component: 'minimum', kind: 'minimum', quantity: 1, per: 1, ledgerSeq: 23 }

describe('a line as it is stored', () => {
  it('has its figures in the order that rows of earlier times have them in', () => {
    expect(linesToJson([tiered])).toEqual([
      [
        ...['llm-out', 'llm_tokens', 'graduated', 'gpt', 'output', 70, 'reported', 20, 50, null, 1_000],
        [
          [30, '9007199254740993'],
          [null, '11'],
        ],
        ...[1, 71, 2, '9007199254740995', '13', 17],
      ],
    ])
  })

  it('comes back as it was, to the last nano-unit', () => {
    const lines = [tiered, free, minimum]
    const stored = JSON.parse(JSON.stringify(linesToJson(lines))) as ReturnType<typeof linesToJson>
    expect(stored.map(lineFromJson)).toEqual(lines)
  })
})
