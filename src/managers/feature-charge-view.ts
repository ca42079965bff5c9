import { type FieldError, ValidationError } from '../foundation/errors.ts'
import { ACCOUNT_ID, COMPONENT_KEY } from '../foundation/ids.ts'
import type { FeatureChargeRow, SettledLine } from '../ledger/facts.ts'
import type { Nano } from '../pricing/money.ts'
import type { TariffWarning } from '../pricing/price.ts'
import type { Balance } from './balance-view.ts'

/** As a reference of a payment: long enough for every name of a thing, short enough for an index. */
const KEY_LENGTH_MAX = 200

/** What was charged for a feature outside of any job, as it was answered. Amounts in nano-units. */
export interface FeatureChargeView {
  readonly id: string
  readonly organizationId: string
  readonly key: string
  readonly userId: string | null
  readonly feature: string
  /** In the feature's own units. */
  readonly quantity: number
  readonly tariffId: string
  readonly tariffVersion: number
  /** When the period began whose counters it advanced. */
  readonly periodStart: Date
  readonly currency: string
  readonly charged: Nano
  /** One line, recomputable from its own figures as those of a receipt. */
  readonly lines: readonly SettledLine[]
  /** null where the charge is 0: nothing moved. */
  readonly ledgerSeq: number | null
  readonly warnings: readonly TariffWarning[]
  /** Behind the charge. */
  readonly balance: Balance
  readonly createdAt: Date
}

/** A charge, and whether its key had made it before. */
export interface FeatureChargeResult extends FeatureChargeView {
  readonly replayed: boolean
}

export function featureChargeView(
  row: FeatureChargeRow,
  tariff: { readonly planId: string; readonly version: number },
): FeatureChargeView {
  const { id, organizationId, key, userId, feature, quantity, line, balance } = row
  return {
    id,
    organizationId,
    key,
    userId,
    feature,
    quantity,
    tariffId: tariff.planId,
    tariffVersion: tariff.version,
    periodStart: new Date(row.periodStart),
    currency: balance.currency,
    charged: line.amount,
    lines: [line],
    ledgerSeq: line.ledgerSeq,
    warnings: warningsOf(row),
    balance: { organizationId, ...balance },
    createdAt: new Date(row.createdAt),
  }
}

/** A name that is written wrong is billed at zero, too: whoever charges it is told. */
function warningsOf({ feature, line }: FeatureChargeRow): readonly TariffWarning[] {
  if (line.component !== null) return []
  return [
    { code: 'unpriced-meter', detail: `feature ${feature} is billed at zero: the tariff has no component for it` },
  ]
}

/** @throws ValidationError that names each field which means nothing that can be charged */
export function refuseBadCharge(charge: {
  readonly feature: string
  readonly quantity: number
  readonly key: string
  readonly userId: string | null
}): void {
  const { feature, quantity, key, userId } = charge
  const errors: FieldError[] = []
  if (!COMPONENT_KEY.test(feature)) {
    errors.push({
      pointer: '/feature',
      code: 'invalid-value',
      detail: `Give a key that matches ${COMPONENT_KEY.source}`,
    })
  }
  if (!Number.isSafeInteger(quantity) || quantity < 1) {
    const detail = `Give a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`
    errors.push({ pointer: '/quantity', code: 'out-of-range', detail })
  }
  if (!isKey(key)) {
    const detail = `Give 1 to ${KEY_LENGTH_MAX} characters without control characters`
    errors.push({ pointer: '/key', code: 'invalid-value', detail })
  }
  if (userId !== null && !ACCOUNT_ID.test(userId)) {
    errors.push({ pointer: '/user_id', code: 'invalid-value', detail: `Give an id that matches ${ACCOUNT_ID.source}` })
  }
  if (errors.length > 0) throw new ValidationError(errors)
}

function isKey(key: string): boolean {
  return key.trim() !== '' && key.isWellFormed() && !/\p{Cc}/u.test(key) && [...key].length <= KEY_LENGTH_MAX
}
