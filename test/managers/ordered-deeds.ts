import type { Tollkeeper } from '../../src/composition.ts'
import type { Mandate } from '../../src/foundation/mandate.ts'
import type { Answered } from '../../src/ledger/calls.ts'
import { featureChargeToJson, fundingToJson, memberToJson } from '../../src/managers/contract-json.ts'
import type { Order } from '../../src/managers/mandated-money.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { component, fundedOrganization } from '../support/tollkeeper.ts'

/** On an admin's word, of a request of that name. */
export function mandateOf(
  key: string | null,
  options: Partial<Pick<Mandate, 'dryRun'>> & { hash?: string } = {},
): Mandate {
  const { hash = 'hash', dryRun = false } = options
  return {
    principal: { role: 'admin', keyId: 'key-7', organizationId: null, userId: null },
    requestId: `request of ${key}`,
    idempotency: key === null ? null : { key, hash },
    dryRun,
  }
}

export function orderOf<R>(mandate: Mandate, toJson: (result: R) => object | null): Order<R> {
  return {
    mandate,
    answer(result) {
      const json = toJson(result)
      return { status: json === null ? 204 : 201, location: '/there', body: json === null ? '' : JSON.stringify(json) }
    },
  }
}

/** Something that is done on somebody's word, once, and what may happen to it afterwards. */
export interface OrderedDeed {
  readonly name: string
  /** In the audit log; null: not there. */
  readonly action: string | null
  readonly target: string
  prepare?(tollkeeper: Tollkeeper, id: string): Promise<unknown>
  run(tollkeeper: Tollkeeper, id: string, mandate: Mandate): Promise<Answered>
  /** Takes back what it did, or goes over it. */
  undo(tollkeeper: Tollkeeper, id: string): Promise<unknown>
}

const PAYMENT = { amount: parseAmount('1.50'), reference: 'invoice-17', note: 'paid "in full", \\ {1,2}\n€' }
const later = { amount: parseAmount('2.00'), reference: 'later', note: null }

export const ORDERED_DEEDS: readonly OrderedDeed[] = [
  {
    name: 'a top-up',
    action: 'top-up.create',
    target: 'invoice-17',
    run: ({ balances }, id, mandate) => balances.topUp(id, PAYMENT, orderOf(mandate, fundingToJson)),
    undo: ({ balances }, id) => balances.adjust(id, { ...later, direction: 'debit' }),
  },
  {
    name: 'an adjustment',
    action: 'adjustment.create',
    target: 'invoice-17',
    run: ({ balances }, id, mandate) =>
      balances.adjust(id, { ...PAYMENT, direction: 'debit' }, orderOf(mandate, fundingToJson)),
    undo: ({ balances }, id) => balances.topUp(id, later),
  },
  {
    name: 'a member who is added',
    action: 'member.add',
    target: 'u1',
    run: ({ teams }, id, mandate) =>
      teams.addMember(
        id,
        'u1',
        'admin',
        5n,
        orderOf(mandate, ({ member }) => memberToJson(member)),
      ),
    undo: ({ teams }, id) => teams.removeMember(id, 'u1'),
  },
  {
    name: 'a member who is changed',
    action: 'member.change',
    target: 'u1',
    prepare: ({ teams }, id) => teams.addMember(id, 'u1'),
    run: ({ teams }, id, mandate) =>
      teams.changeMember(id, 'u1', { role: 'owner', spendingLimit: 7n }, orderOf(mandate, memberToJson)),
    undo: ({ teams }, id) => teams.changeMember(id, 'u1', { spendingLimit: null }),
  },
  {
    name: 'a member who is removed',
    action: 'member.remove',
    target: 'u1',
    prepare: ({ teams }, id) => teams.addMember(id, 'u1'),
    run: ({ teams }, id, mandate) =>
      teams.removeMember(
        id,
        'u1',
        orderOf(mandate, () => null),
      ),
    undo: ({ teams }, id) => teams.addMember(id, 'u1', 'owner'),
  },
  {
    name: 'a feature charge',
    action: null,
    target: 'scan-1',
    run: ({ billing }, id, mandate) =>
      billing.chargeFeature(id, 'page', 3, 'scan-1', {}, orderOf(mandate, featureChargeToJson)),
    undo: ({ balances }, id) => balances.adjust(id, { ...later, direction: 'credit' }),
  },
]

/** An organisation with 10.00, where a seat costs and a page, too, as the deed wants it. */
export async function openFor(deed: OrderedDeed, tollkeeper: Tollkeeper, id: string): Promise<string> {
  const components = [component('pages', { kind: 'feature', feature: 'page', included: 1 }, '0.25')]
  await fundedOrganization(tollkeeper, id, '10.00', components, { memberPrice: '1.00' })
  await deed.prepare?.(tollkeeper, id)
  return id
}
