import { defineEntity, p } from '@mikro-orm/core'
import { TariffVersion } from './tariff-version.model.ts'

const FeatureChargeSchema = defineEntity({
  name: 'FeatureCharge',
  tableName: 'feature_charges',
  properties: {
    id: p.uuid().primary(),
    // No foreign key of its own, as in the ledger; with userId it refers to a member, with ledgerSeq to an entry.
    organizationId: p.string().length(64),
    key: p.text(),
    feature: p.string().length(64),
    quantity: p.bigint('number'),
    userId: p.string().length(64).strictNullable(),
    tariffVersionId: () =>
      p
        .manyToOne(TariffVersion)
        .mapToPk()
        .joinColumn('tariff_version_id')
        .foreignKeyName('feature_charges_tariff_version_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    periodStart: p.datetime(3),
    line: p.json<unknown>().columnType('json'),
    balance: p.json<unknown>().columnType('json'),
    charged: p.bigint(),
    ledgerSeq: p.bigint('number').strictNullable(),
    createdAt: p.datetime(3),
  },
  uniques: [{ name: 'feature_charges_key_unique', properties: ['organizationId', 'key'] }],
  indexes: [{ name: 'feature_charges_newest', properties: ['organizationId', 'id'] }],
  checks: [
    { name: 'feature_charges_figures', expression: 'quantity > 0 and charged >= 0' },
    { name: 'feature_charges_entry_of_amount', expression: '(ledger_seq is null) = (charged = 0)' },
  ],
})

/**
 * A feature that was charged outside of any job, once under its key: the line that prices it, and the balance behind it, as
 * they were answered. `charged` and `ledgerSeq` are the line's, for those who ask in SQL. Nano-units. Written once.
 */
export class FeatureCharge extends FeatureChargeSchema.class {}
FeatureChargeSchema.setClass(FeatureCharge)

export { FeatureChargeSchema }
