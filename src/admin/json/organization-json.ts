import { z } from 'zod'
import type { Balance } from '../../managers/balance-view.ts'
import { balanceToJson } from '../../managers/contract-json.ts'
import type { NewOrganization, OrganizationPatch, OrganizationView } from '../../managers/organization.manager.ts'
import type { MemberTerms } from '../../managers/team-billing.manager.ts'
import { accountId, amount, currency, integer, label, positiveAmount, uuid } from '../fields.ts'
import { given } from './tariff-json.ts'

const fields = {
  name: label(),
  tariff_id: z.nullable(uuid),
  tariff_version: z.nullable(integer(1, 2_147_483_647)),
  overdraft_limit: amount,
}

const patchBody = z.strictObject(fields).partial()

/** An organisation as a request gives it, with the defaults of contract.md; the currency's is a setting. */
export const newOrganization = patchBody
  .extend({ id: accountId, currency: currency.optional() })
  .transform((body): Omit<NewOrganization, 'currency'> & { readonly currency: string | null } => ({
    id: body.id,
    name: body.name ?? body.id,
    currency: body.currency ?? null,
    tariffId: body.tariff_id ?? null,
    tariffVersion: body.tariff_version ?? null,
    overdraftLimit: body.overdraft_limit ?? 0n,
  }))

export const organizationPatch = patchBody.transform(
  (body): OrganizationPatch =>
    given({
      name: body.name,
      tariffId: body.tariff_id,
      tariffVersion: body.tariff_version,
      overdraftLimit: body.overdraft_limit,
    }),
)

const reference = label()
const note = z
  .nullable(label(1_000))
  .optional()
  .transform((text) => text ?? null)

export const topUp = z.strictObject({ amount: positiveAmount, reference, note })
export const adjustment = z.strictObject({
  amount: positiveAmount,
  direction: z.enum(['credit', 'debit']),
  reference,
  note,
})

const memberTerms = z
  .strictObject({ role: z.enum(['member', 'admin', 'owner']), spending_limit: z.nullable(amount) })
  .partial()

export const newMember = memberTerms
  .extend({ user_id: accountId })
  .transform(({ user_id: userId, role, spending_limit: limit }) => ({ userId, role, spendingLimit: limit ?? null }))

export const memberPatch = memberTerms.transform(
  ({ role, spending_limit: spendingLimit }): MemberTerms => given({ role, spendingLimit }),
)

export function organizationToJson(organization: OrganizationView, balance: Balance) {
  return {
    id: organization.id,
    name: organization.name,
    currency: organization.currency,
    tariff_id: organization.tariffId,
    tariff_version: organization.tariffVersion,
    status: organization.status,
    period_start: organization.periodStart.toISOString(),
    period_end: organization.periodEnd.toISOString(),
    next_tariff_version: organization.nextTariffVersion,
    due_since: organization.dueSince?.toISOString() ?? null,
    created_at: organization.createdAt.toISOString(),
    balance: balanceToJson(balance),
    next: nextOf(organization, balance),
  }
}

/** A tariff, then money, then work. */
function nextOf({ id, tariffId }: OrganizationView, { available, overdraftLimit }: Balance): string {
  if (tariffId === null) return `PATCH /api/v1/admin/organizations/${id}`
  if (available + overdraftLimit <= 0n) return `POST /api/v1/admin/organizations/${id}/top-ups`
  return 'POST /api/v1/jobs'
}
