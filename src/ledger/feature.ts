import { invariant } from '../foundation/invariant.ts'
import { counterOf } from '../pricing/counters.ts'
import { featureComponent } from '../pricing/match.ts'
import { NANO_MAX } from '../pricing/money.ts'
import { type Line, priceUsage } from '../pricing/price.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { Book } from './book.ts'
import type { Calls, Verdicts } from './calls.ts'
import type { FeatureChargeRow, OrganizationRow, SettledLine } from './facts.ts'
import { refusalOf } from './hold.ts'
import { businessKey } from './keys.ts'

/**
 * Charges a feature outside of any job, once under its key: at the organisation's present tariff and by the counters of its
 * present period, straight from what is available. The row decides, since a charge of nothing leaves no entry. Refused, it
 * stores nothing, so that the same key may be tried again.
 */
export function chargeFeature(book: Book, call: Calls['charge_feature']): Verdicts['charge_feature'] {
  const organization = book.organization(call.organizationId)
  const known = book.featureCharge(organization.id, call.key)
  if (known) return chargedBefore(book, known, call)
  if (organization.tariffVersionId === null) return { kind: 'no-tariff' }
  if (call.userId !== null && book.team.member(organization.id, call.userId)?.state !== 'active') {
    return { kind: 'not-a-member' }
  }
  const tariff = book.tariff(organization.tariffVersionId)
  const counters = book.counters(organization.id, tariff, organization.periodStart)
  const component = featureComponent(tariff, call.feature)
  const used = component === null ? 0 : counterOf(counters, component.key).used
  if (!Number.isSafeInteger(used + call.quantity)) return { kind: 'too-much' }
  const usage = { kind: 'feature', feature: call.feature, quantity: call.quantity } as const
  const priced = priceUsage(tariff, usage, counters, {})
  if (priced.total > NANO_MAX) return { kind: 'too-much' }
  // A member's limit is for jobs: what features cost does not count against it.
  const payer = { organizationId: organization.id, userId: null, periodStart: null }
  const refusal = refusalOf(book, payer, call.feature, priced.total)
  if (refusal) {
    const { reason, needed, available, missing } = refusal
    return { kind: 'refused', reason, needed, available, missing, currency: organization.currency }
  }
  book.putCounters(organization.id, tariff, organization.periodStart, priced.counters)
  const [line] = priced.lines
  invariant(line, 'a feature is one line')
  const charge = storeCharge(book, organization, tariff, call, takeMoney(book, organization, call, line))
  return { kind: 'charged', replayed: false, charge, tariff: numberOf(tariff) }
}

/** Whoever brings the id of the stored charge made it, and lost the answer with the connection behind COMMIT. */
function chargedBefore(
  book: Book,
  charge: FeatureChargeRow,
  { id, feature, quantity, userId }: Calls['charge_feature'],
): Verdicts['charge_feature'] {
  if (charge.feature !== feature || charge.quantity !== quantity || charge.userId !== userId) {
    return { kind: 'conflict', charge }
  }
  const tariff = numberOf(book.tariff(charge.tariffVersionId))
  return { kind: 'charged', replayed: charge.id !== id, charge, tariff }
}

function takeMoney(
  book: Book,
  organization: OrganizationRow,
  { key }: Calls['charge_feature'],
  line: Line,
): SettledLine {
  if (line.amount === 0n) return { ...line, writtenOff: 0n, ledgerSeq: null }
  const { seq } = book.post(organization, {
    kind: 'feature',
    debit: 'available',
    credit: 'revenue',
    amount: line.amount,
    key: businessKey.feature(organization.id, key),
    component: line.component,
    reference: key,
  })
  return { ...line, writtenOff: 0n, ledgerSeq: seq }
}

function storeCharge(
  book: Book,
  organization: OrganizationRow,
  { versionId }: Tariff,
  { id, key, feature, quantity, userId }: Calls['charge_feature'],
  line: SettledLine,
): FeatureChargeRow {
  const charge: FeatureChargeRow = {
    id,
    organizationId: organization.id,
    key,
    feature,
    quantity,
    userId,
    tariffVersionId: versionId,
    periodStart: organization.periodStart,
    line,
    balance: book.balanceView(organization),
    createdAt: book.now,
  }
  book.addFeatureCharge(charge)
  return charge
}

const numberOf = ({ planId, version }: Tariff): { planId: string; version: number } => ({ planId, version })
