import { expect, test } from 'vitest'
import { ledgerViolations } from '../../src/cli/ledger-check.ts'

type Entry = Parameters<typeof ledgerViolations>[0][number]

const GOOD: readonly Entry[] = [
  entry(1, 'funding', 'available', 100n, 100n, 0n),
  entry(2, 'available', 'held', 60n, 40n, 60n),
  entry(3, 'held', 'revenue', 25n, 40n, 35n),
  entry(4, 'held', 'available', 35n, 75n, 0n),
]
const BALANCE = { available: 75n, held: 0n, asOfSeq: 4 }

test('a ledger that agrees with its balance has no violation', () => {
  expect(ledgerViolations(GOOD, BALANCE)).toEqual([])
  expect(ledgerViolations([], { available: 0n, held: 0n, asOfSeq: 0 })).toEqual([])
})

test.each([
  ['an amount that is one nano-unit off', replaced(2, { amount: 26n }), BALANCE, /^entry 3: held is 0\.000000035, /],
  ['a stored figure that was edited', replaced(1, { availableAfter: 41n }), BALANCE, /^entry 2: available/],
  ['an entry that is missing', GOOD.toSpliced(2, 1), BALANCE, /^entry 4 stands where 3 is due/],
  ['an account that was swapped', replaced(2, { creditAccount: 'available' }), BALANCE, /^entry 3: available/],
  ['a balance that lags behind', GOOD, { ...BALANCE, asOfSeq: 3 }, /^balance: it is of entry 3, the ledger has 4/],
  ['a balance with a nano-unit too much', GOOD, { ...BALANCE, available: 76n }, /^balance: available is 0\.000000076/],
  ['a hold that nobody entered', GOOD, { ...BALANCE, held: 1n }, /^balance: held is 0\.000000001/],
])('the ledger check finds %s', (_what, entries, balance, first) => {
  expect(ledgerViolations(entries, balance)[0]).toMatch(first)
})

function entry(
  seq: number,
  debitAccount: Entry['debitAccount'],
  creditAccount: Entry['creditAccount'],
  amount: bigint,
  availableAfter: bigint,
  heldAfter: bigint,
): Entry {
  return { seq, debitAccount, creditAccount, amount, availableAfter, heldAfter }
}

function replaced(index: number, fields: Partial<Entry>): readonly Entry[] {
  return GOOD.map((each, at) => (at === index ? { ...each, ...fields } : each))
}
