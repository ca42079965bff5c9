import { Migration } from '@mikro-orm/migrations'

/**
 * What the money path writes for each charge becomes smaller. A stage's lines are stored as figures in a fixed order, as
 * json. A ledger entry is found by its organisation and number, which need to be unique anyway, and by its business key; its
 * id is only shown. Entries and holds are written under their organisation's lock alone, so that it exists is known.
 */
export class Migration20261123120000_lean_money_path extends Migration {
  override name = 'Migration20261123120000_lean_money_path'

  override up(): void {
    for (const statement of [...STAGES, ...LEDGER, ...HOLDS, ...FUNCTIONS]) this.addSql(statement)
  }
}

const STAGES = [
  'alter table "tollkeeper"."job_stages" rename column "lines" to "named_lines"',
  'alter table "tollkeeper"."job_stages" add column "lines" json null',
  `update "tollkeeper"."job_stages" set "lines" = (
    select coalesce(json_agg(json_build_array(
      l -> 'component', l -> 'kind', l -> 'model', l -> 'llmModel', l -> 'tokenClass', l -> 'quantity', l -> 'source',
      l -> 'includedUsed', l -> 'billedQuantity', l -> 'price', l -> 'per',
      case when jsonb_typeof(l -> 'tiers') = 'array' then (
        select json_agg(json_build_array(t -> 'upTo', t -> 'price') order by place)
        from jsonb_array_elements(l -> 'tiers') with ordinality as tiers(t, place)) end,
      l -> 'counterBefore', l -> 'counterAfter', l -> 'billedBefore', l -> 'amount', l -> 'writtenOff', l -> 'ledgerSeq'
    ) order by place), '[]')
    from jsonb_array_elements(named_lines) with ordinality as lines(l, place)
  ) where named_lines is not null`,
  'alter table "tollkeeper"."job_stages" drop column "named_lines"',
  'alter table "tollkeeper"."job_stages" alter column "usage" type json using "usage"::json',
]

const LEDGER = [
  'alter table "tollkeeper"."ledger_entries" drop constraint "ledger_entries_organization_fk"',
  'alter table "tollkeeper"."ledger_entries" drop constraint "ledger_entries_pkey"',
  'alter table "tollkeeper"."ledger_entries" drop constraint "ledger_entries_seq_unique"',
  'alter table "tollkeeper"."ledger_entries" add constraint "ledger_entries_pkey" primary key ("organization_id", "seq")',
]

// A hold is written again with each stage of its job: room on its page keeps that off the indexes.
const HOLDS = [
  'alter table "tollkeeper"."holds" set (fillfactor = 50)',
  'alter table "tollkeeper"."holds" drop constraint "holds_organization_fk"',
]

const FUNCTIONS = ['drop function "tollkeeper"."lock_batch"(jsonb)']
