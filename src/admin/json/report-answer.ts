import { z } from 'zod'
import { MOVEMENTS } from '../../managers/statement-rows.ts'
import { DIMENSIONS } from '../../managers/usage-lines.ts'
import { accountId, amount, currency, time, uuid } from './answer-fields.ts'

const units = z.int().nullable()
const SUMS = {
  quantity: units.meta({ description: 'null where units of different kinds have no sum' }),
  included: units.meta({ description: 'Of these, the free ones' }),
  billed: units,
  amount,
  jobs: z.int().meta({ description: 'Different jobs' }),
}

const dimension = z.string().nullable().optional().meta({ description: 'Only where it was grouped by' })

export const usageAnswer = z
  .strictObject({
    organization_id: accountId,
    currency,
    from: time,
    to: time,
    time_zone: z.string(),
    by: z.enum(['hour', 'day', 'month']).nullable(),
    group_by: z.array(z.enum(DIMENSIONS)),
    data: z.array(
      z.strictObject({
        start: time,
        end: time,
        component: dimension,
        kind: dimension,
        agent: dimension,
        model: dimension,
        token_class: dimension,
        member: dimension,
        stage: dimension,
        ...SUMS,
      }),
    ),
    total: z.strictObject(SUMS),
  })
  .meta({ id: 'Usage' })

const edge = z.strictObject({
  seq: z.int().meta({ description: 'The last ledger entry that is in it' }),
  available: amount,
  held: amount,
})

const PERIOD = {
  organization_id: accountId,
  currency,
  period: z.int().meta({ description: 'Its number, from 1 on' }),
  period_start: time,
  period_end: time,
  final: z.boolean().meta({ description: 'Whether it is closed, and never changes' }),
  closed_at: time.nullable(),
  tariff_id: uuid.nullable(),
  tariff_version: z.int().nullable(),
  opening: edge,
  closing: edge,
}

export const periodAnswer = z.strictObject(PERIOD).meta({ id: 'Period' })

const name = z.string().nullable().meta({ description: 'null: under none' })

export const statementAnswer = z
  .strictObject({
    ...PERIOD,
    movements: z.array(
      z.strictObject({
        kind: z.enum(MOVEMENTS),
        entries: z.int(),
        amount: amount.meta({ description: 'What moved; of holds, what more is set aside than before' }),
        available: amount.meta({ description: 'What that did to available' }),
        held: amount.meta({ description: 'What that did to held' }),
      }),
    ),
    by_component: z.array(z.strictObject({ component: name, quantity: z.int(), amount })),
    by_agent: z.array(z.strictObject({ agent: name, amount })),
    by_model: z.array(z.strictObject({ model: name, amount })),
    by_member: z.array(z.strictObject({ member: name, amount })),
  })
  .meta({ id: 'Statement' })

const finding = z.strictObject({
  invariant: z.int(),
  organization_id: accountId.nullable().meta({ description: 'null: of the whole database' }),
  detail: z.string(),
})

export const verifyAnswer = z
  .strictObject({
    ok: z.boolean().meta({ description: 'Whether no invariant is violated; warnings do not change it' }),
    organizations: z.int(),
    entries: z.int().meta({ description: 'Ledger entries that were read' }),
    violations: z.array(finding),
    warnings: z.array(finding),
    frozen: z.array(accountId).meta({ description: 'Organisations whose spending was frozen for it' }),
    audit_log: z.strictObject({ seq: z.int(), hash: z.string() }).nullable().meta({
      description: 'The last entry of the chain that was followed; null where one organisation was asked about',
    }),
  })
  .meta({ id: 'Verify' })
