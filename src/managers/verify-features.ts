import { unescaped } from '../database/copy-out.ts'
import { lineFromJson, type StoredLine } from '../database/money/stored-lines.ts'
import { literal, type Snapshot } from '../database/snapshot.ts'
import type { AuditedFeatureCharge } from '../ledger/audit-feature.ts'
import type { SettledLine } from '../ledger/facts.ts'

const NULL = '\\N'

/** Entries behind `after`, up to `upTo`. */
export interface EntryRange {
  readonly after: number
  readonly upTo: number
}

/** The tariff versions that charges of features pin. @param range only of those that its entries name; null: of all */
export async function readFeatureVersions(
  snapshot: Snapshot,
  id: string,
  range: EntryRange | null,
): Promise<readonly string[]> {
  const text = `select distinct c.tariff_version_id from ${chargesOf('$1', range && { after: '$2', upTo: '$3' })} c`
  const rows = await snapshot.read<[string]>(text, range === null ? [id] : [id, range.after, range.upTo])
  return rows.map(([versionId]) => versionId)
}

/**
 * Streams charges of features, each with the entry under its business key.
 * @param range only those that its entries name; null: all
 */
export function streamFeatureCharges(
  snapshot: Snapshot,
  id: string,
  range: EntryRange | null,
  take: (charge: AuditedFeatureCharge) => void,
): Promise<void> {
  const organization = literal(id)
  const query = `
    select c.id, c.key, c.feature, c.quantity, c.tariff_version_id, tollkeeper.to_ms(c.period_start), c.charged,
      c.ledger_seq, c.line, e.seq, e.kind, e.amount, e.component, e.organization_id = ${organization}
    from ${chargesOf(organization, range)} c
    left join lateral (select * from tollkeeper.ledger_entries l
      where l.job_id is null and l.business_key = 'feature:' || c.organization_id || ':' || c.key offset 0) e on true`
  return snapshot.stream(query, (row) => take(toCharge(row)))
}

/** Each look-up goes by its index, however few or many there are: what stands behind an offset is not planned together. */
function chargesOf(organization: string, range: { after: number | string; upTo: number | string } | null): string {
  const charges = `select * from tollkeeper.feature_charges f where f.organization_id = ${organization}`
  if (range === null) return `(${charges} order by f.id)`
  return `(select distinct n.reference as key from tollkeeper.ledger_entries n
      where n.organization_id = ${organization} and n.seq > ${range.after} and n.seq <= ${range.upTo}
        and n.kind = 'feature') named
    cross join lateral (${charges} and f.key = named.key offset 0)`
}

/** Entries of features in a range that no charge has; the first twenty. */
export function readStrayFeatureEntries(
  snapshot: Snapshot,
  id: string,
  { after, upTo }: EntryRange,
): Promise<readonly [seq: string, key: string][]> {
  const text = `select e.seq, e.business_key from tollkeeper.ledger_entries e
    where e.organization_id = $1 and e.seq > $2 and e.seq <= $3 and e.kind = 'feature' and not exists (
      select 1 from tollkeeper.feature_charges c
      where c.organization_id = e.organization_id
        and c.key = substr(e.business_key, length('feature:' || e.organization_id || ':') + 1))
    order by e.seq limit 20`
  return snapshot.read<[string, string]>(text, [id, after, upTo])
}

function toCharge(row: string): AuditedFeatureCharge {
  const [id = '', key = '', feature = '', quantity, tariffVersionId = '', periodStart, charged = '', ...rest] =
    row.split('\t')
  const [ledgerSeq, line = '', seq, kind = '', amount = '', component, own] = rest
  return {
    id,
    key: unescaped(key),
    feature: unescaped(feature),
    quantity: Number(quantity),
    tariffVersionId,
    periodStart: Number(periodStart),
    charged: BigInt(charged),
    ledgerSeq: ledgerSeq === NULL ? null : Number(ledgerSeq),
    line: readableLine(unescaped(line)),
    entry:
      seq === NULL
        ? null
        : {
            seq: Number(seq),
            kind,
            amount: BigInt(amount),
            component: component === undefined || component === NULL ? null : component,
            own: own === 't',
          },
  }
}

/** What is stored may have been changed by hand; then it is reported, and does not end the verification. */
function readableLine(stored: string): SettledLine | null {
  try {
    const line: unknown = JSON.parse(stored)
    return Array.isArray(line) ? lineFromJson(line as unknown as StoredLine) : null
  } catch {
    return null
  }
}
