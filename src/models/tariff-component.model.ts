import { defineEntity, p } from '@mikro-orm/core'
import { TariffVersion } from './tariff-version.model.ts'

const TariffComponentSchema = defineEntity({
  name: 'TariffComponent',
  tableName: 'tariff_components',
  properties: {
    id: p.uuid().primary(),
    versionId: () =>
      p
        .manyToOne(TariffVersion)
        .mapToPk()
        .joinColumn('version_id')
        .foreignKeyName('tariff_components_version_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    position: p.integer(),
    key: p.string().length(64),
    kind: p.text().$type<'input_tokens' | 'llm_tokens' | 'output_tokens' | 'agent' | 'feature'>(),
    model: p.text().$type<'per_unit' | 'graduated' | 'volume' | 'package' | 'flat'>(),
    price: p.bigint().strictNullable(),
    per: p.bigint('number'),
    included: p.bigint('number'),
    tiers: p.json<readonly { upTo: number | null; price: string }[]>().strictNullable(),
    llmModel: p.text().strictNullable(),
    tokenClass: p.text().$type<'input' | 'cache_read' | 'cache_write' | 'output' | 'reasoning'>().strictNullable(),
    agent: p.text().strictNullable(),
    feature: p.text().strictNullable(),
  },
  uniques: [{ name: 'tariff_components_key_unique', properties: ['versionId', 'key'] }],
  checks: [
    {
      name: 'tariff_components_kind_known',
      expression: `kind in ('input_tokens', 'llm_tokens', 'output_tokens', 'agent', 'feature')`,
    },
    {
      name: 'tariff_components_model_known',
      expression: `model in ('per_unit', 'graduated', 'volume', 'package', 'flat')`,
    },
    { name: 'tariff_components_price_or_tiers', expression: '(price is null) <> (tiers is null)' },
    { name: 'tariff_components_figures', expression: 'price >= 0 and per > 0 and included >= 0' },
  ],
})

/** What one meter costs in one tariff version. Nano-units per `per` units; tiers instead of a price where it steps. */
export class TariffComponent extends TariffComponentSchema.class {}
TariffComponentSchema.setClass(TariffComponent)

export { TariffComponentSchema }
