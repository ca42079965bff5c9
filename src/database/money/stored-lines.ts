import type { SettledLine } from '../../ledger/facts.ts'

type StoredTier = readonly [upTo: number | null, price: string]

/**
 * A settled line as it is stored with its stage: its figures in a fixed order. Stages are written more often than anything
 * else, and names would be two thirds of what is written. Amounts are nano-units as strings, since JSON has no bigint.
 */
export type StoredLine = readonly [
  component: string | null,
  kind: string,
  model: string | null,
  llmModel: string | null,
  tokenClass: string | null,
  quantity: number,
  source: string,
  includedUsed: number,
  billedQuantity: number,
  price: string | null,
  per: number | null,
  tiers: readonly StoredTier[] | null,
  counterBefore: number,
  counterAfter: number,
  billedBefore: number,
  amount: string,
  writtenOff: string,
  ledgerSeq: number | null,
]

export function linesToJson(lines: readonly SettledLine[]): readonly StoredLine[] {
  return lines.map(lineToJson)
}

export function lineToJson(line: SettledLine): StoredLine {
  return [
    line.component,
    line.kind,
    line.model,
    line.llmModel,
    line.tokenClass,
    line.quantity,
    line.source,
    line.includedUsed,
    line.billedQuantity,
    line.price?.toString() ?? null,
    line.per,
    line.tiers?.map(({ upTo, price }) => [upTo, price.toString()] as const) ?? null,
    line.counterBefore,
    line.counterAfter,
    line.billedBefore,
    line.amount.toString(),
    line.writtenOff.toString(),
    line.ledgerSeq,
  ]
}

export function lineFromJson(stored: StoredLine): SettledLine {
  const [price, tiers] = [stored[9], stored[11]]
  return {
    component: stored[0],
    kind: stored[1] as SettledLine['kind'],
    model: stored[2] as SettledLine['model'],
    llmModel: stored[3],
    tokenClass: stored[4] as SettledLine['tokenClass'],
    quantity: stored[5],
    source: stored[6] as SettledLine['source'],
    includedUsed: stored[7],
    billedQuantity: stored[8],
    price: price === null ? null : BigInt(price),
    per: stored[10],
    tiers: tiers?.map(([upTo, tierPrice]) => ({ upTo, price: BigInt(tierPrice) })) ?? null,
    counterBefore: stored[12],
    counterAfter: stored[13],
    billedBefore: stored[14],
    amount: BigInt(stored[15]),
    writtenOff: BigInt(stored[16]),
    ledgerSeq: stored[17],
  }
}
