import { NANO_MAX, type Nano } from '../pricing/money.ts'
import type { Book } from './book.ts'
import type { Asked, Delivery, Funding, Verdicts } from './calls.ts'
import type { EntryRow, OrganizationRow } from './facts.ts'
import { businessKey } from './keys.ts'
import { wake } from './wake.ts'

/** Puts money in, once per reference, and wakes what waits for it in the same transaction. */
export function topUp(book: Book, call: Asked<'top_up'>): Verdicts['top_up'] {
  const organization = book.organization(call.organizationId)
  const key = businessKey.topUp(organization.id, call.reference)
  const known = book.entry(key)
  if (known) return replay(known, call, null)
  const { amount, reference, note } = call
  if (organization.available + amount > NANO_MAX) return { kind: 'too-much' }
  const entry = book.post(organization, {
    kind: 'top_up',
    debit: 'funding',
    credit: 'available',
    amount,
    key,
    reference,
  })
  return funded(book, organization, entry, note, null)
}

/** Corrects a balance by hand, up or down, once per reference; never below the limit. */
export function adjust(book: Book, call: Asked<'adjust'>): Verdicts['adjust'] {
  const organization = book.organization(call.organizationId)
  const key = businessKey.adjustment(organization.id, call.reference)
  const known = book.entry(key)
  if (known) return replay(known, call, call.direction)
  const { amount, reference, note, direction } = call
  if (direction === 'debit' && amount > book.spendable(organization)) {
    return { kind: 'refused', available: organization.available }
  }
  if (direction === 'credit' && organization.available + amount > NANO_MAX) return { kind: 'too-much' }
  const [debit, credit] =
    direction === 'credit' ? (['adjustment', 'available'] as const) : (['available', 'adjustment'] as const)
  const entry = book.post(organization, { kind: 'adjustment', debit, credit, amount, key, reference })
  return funded(book, organization, entry, note, direction)
}

function funded(
  book: Book,
  organization: OrganizationRow,
  entry: EntryRow,
  note: string | null,
  direction: 'credit' | 'debit' | null,
): Funding {
  const woken = wake(book, { organizationId: organization.id, jobId: null, scope: 'all', after: null })
  const details = {
    note,
    direction,
    resumedJobs: woken.resumed.map((delivery) => delivery.jobId),
    activatedMembers: woken.members,
    balance: book.balanceView(organization),
  }
  entry.details = details
  return { kind: 'funded', replayed: false, ...facts(entry), details, resumed: woken.resumed }
}

/** A repeated call made this entry itself. The jobs that it resumed are not read again: the sweep delivers them. */
function replay(
  entry: EntryRow,
  { amount, repeated = false }: { readonly amount: Nano; readonly repeated?: boolean },
  direction: 'credit' | 'debit' | null,
): Funding {
  if (entry.amount !== amount || !entry.details || entry.details.direction !== direction) {
    return { kind: 'conflict', amount: entry.amount }
  }
  const resumed: readonly Delivery[] = []
  return { kind: 'funded', replayed: !repeated, ...facts(entry), details: entry.details, resumed }
}

function facts(entry: EntryRow) {
  return { entryId: entry.id, seq: entry.seq, amount: entry.amount, createdAt: entry.createdAt }
}
