import { toLines } from '../foundation/csv.ts'
import { ledgerEntryToJson } from '../managers/contract-json.ts'
import type { LedgerFilter, LedgerPart } from '../managers/ledger-entries.ts'
import type { LedgerEntry } from '../models/ledger-entry.model.ts'
import { type Answer, csv, ok } from './answer.ts'
import type { AdminDependencies } from './dependencies.ts'
import { listOf } from './json/answer-fields.ts'
import { LEDGER_KINDS, ledgerEntryAnswer } from './json/ledger-answer.ts'
import { choice, invalidQuery, uuidParameter } from './parameters.ts'
import { chosen, format, moment, refuseNoTime, wantsCsv } from './report-query.ts'
import { type Asked, answer, type Read, type RouteTerms } from './route.ts'

/** Entries that are read at once for a table; none is read while the reader has not taken the ones before. */
const TABLE_PART = 1_000
const COLUMNS = Object.keys(ledgerEntryAnswer.shape) as readonly (keyof ReturnType<typeof ledgerEntryToJson>)[]

export const ledgerQuery = {
  kind: choice('kind', 'Only entries of this kind', LEDGER_KINDS),
  job_id: uuidParameter('job_id', 'Only entries of this job'),
  from: moment('from', 'Only entries posted then or later; a date is its midnight in UTC'),
  to: moment('to', 'Only entries posted before'),
  format,
}

export const ledgerAnswers = { 200: answer('Entries', listOf(ledgerEntryAnswer), 'text/csv') }

type AskedForLedger = Pick<Asked<RouteTerms>, 'page' | 'pageOf' | 'read' | 'req'> & {
  readonly query: Read<typeof ledgerQuery>
}

/** A page of a ledger in the order of `seq`, or all of it as a table. */
export async function ledgerPage(
  id: string,
  asked: AskedForLedger,
  { balances }: Pick<AdminDependencies, 'balances'>,
): Promise<Answer> {
  const filter = filterOf(asked.query)
  const list = `ledger ${id} ${JSON.stringify(filter)}`
  const { limit, position } = asked.page(list)
  const after = position && Number(position[0])
  const part = (size: number, behind: number | null, upTo: number | null): Promise<LedgerPart> => {
    return asked.read((em) => balances.ledger(em, id, { ...filter, limit: size, after: behind, upTo }))
  }
  if (!wantsCsv(asked)) {
    const { entries, next } = await part(limit, after, null)
    return chosen(ok(asked.pageOf(list, entries.map(ledgerEntryToJson), next)))
  }
  if (asked.req.query.limit !== undefined) throw invalidQuery('Leave limit out: a table has every entry')
  // Whoever may not see it is told so before the first line is sent.
  const first = await part(TABLE_PART, after, null)
  return chosen(
    csv(
      `ledger-${id}`,
      table(first, (behind) => part(TABLE_PART, behind, first.upTo)),
    ),
  )
}

/** Ends where the ledger ended when it was asked for, however much is posted meanwhile. */
async function* table(first: LedgerPart, more: (after: number) => Promise<LedgerPart>): AsyncGenerator<string> {
  yield toLines([COLUMNS])
  for (let part = first; ; part = await more(part.next)) {
    yield toLines(part.entries.map(rowOf))
    if (part.next === null) return
  }
}

function rowOf(entry: LedgerEntry) {
  const json = ledgerEntryToJson(entry)
  return COLUMNS.map((name) => json[name])
}

function filterOf({ kind, job_id: jobId, ...time }: Read<typeof ledgerQuery>): Required<LedgerFilter> {
  const [from, to] = [time.from?.() ?? null, time.to?.() ?? null]
  refuseNoTime(from, to)
  return { kind, jobId, from, to }
}
