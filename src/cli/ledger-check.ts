import type { Balance } from '../managers/balance.manager.ts'
import type { LedgerEntry } from '../models/ledger-entry.model.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'

type Entry = Pick<LedgerEntry, 'seq' | 'amount' | 'debitAccount' | 'creditAccount' | 'availableAfter' | 'heldAfter'>

/**
 * Adds up a whole ledger again and compares it with what is stored, to the last nano-unit: each entry's figures, no gap
 * in `seq`, and the balance at the end.
 * @param entries all of an organisation's, in the order of `seq`
 * @returns what does not agree, in sentences; none is the good answer
 */
export function ledgerViolations(
  entries: readonly Entry[],
  balance: Pick<Balance, 'available' | 'held' | 'asOfSeq'>,
): readonly string[] {
  const found: string[] = []
  const sum = { available: 0n, held: 0n }
  const move = (account: string, amount: Nano): void => {
    if (account === 'available' || account === 'held') sum[account] += amount
  }
  const compare = (where: string, name: 'available' | 'held', stored: Nano): void => {
    if (stored === sum[name]) return
    found.push(`${where}: ${name} is ${formatAmount(stored)}, the entries make ${formatAmount(sum[name])}`)
  }
  for (const [index, entry] of entries.entries()) {
    if (entry.seq !== index + 1) found.push(`entry ${entry.seq} stands where ${index + 1} is due`)
    move(entry.debitAccount, -entry.amount)
    move(entry.creditAccount, entry.amount)
    compare(`entry ${entry.seq}`, 'available', entry.availableAfter)
    compare(`entry ${entry.seq}`, 'held', entry.heldAfter)
  }
  compare('balance', 'available', balance.available)
  compare('balance', 'held', balance.held)
  if (balance.asOfSeq !== entries.length) {
    found.push(`balance: it is of entry ${balance.asOfSeq}, the ledger has ${entries.length}`)
  }
  return found
}
