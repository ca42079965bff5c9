import type pg from 'pg'
import { PARKED_PER_WAKE } from '../../ledger/calls.ts'
import type { Facts, JobRow, StageRow } from '../../ledger/facts.ts'
import { isStopping } from '../../ledger/states.ts'
import { answerFrom } from './answer-rows.ts'
import { listOf, plain, quoted } from './array-literal.ts'
import type { GivenTime } from './database-clock.ts'
import type { Stamps } from './memory.ts'
import type { NamedRows } from './named-rows.ts'
import {
  boundFrom,
  counterFrom,
  entryFrom,
  featureChargeFrom,
  holdFrom,
  jobFrom,
  linesFrom,
  memberFrom,
  organizationFrom,
  stageFrom,
} from './rows.ts'
import { allOf, ask, type Cells, STATEMENTS } from './statements.ts'

const NOTHING: Promise<readonly Cells[]> = Promise.resolve([])
const NOWHERE: Facts['parkedUpTo'] = new Map()

/**
 * Opens a transaction, locks the organisations of a batch in the order of their ids, and reads what its calls name. All of
 * it travels in one round trip. Under READ COMMITTED each statement sees a fresh snapshot, so what is read behind the lock
 * is what the lock's previous holder committed. Some things cost another trip, all rare: parked jobs have to be found
 * before they are read, and lines and bounds, the bulk of a stage, are read only where they will be needed.
 */
export async function readFacts(
  client: pg.ClientBase,
  named: NamedRows,
  time: GivenTime,
): Promise<{ readonly facts: Facts; readonly stamps: Stamps }> {
  const organizations = listOf(named.organizations)
  const begin = client.query('begin')
  const locking = ask(client, STATEMENTS.lockBalances, [organizations])
  const parked = named.walks.length === 0 ? [] : await findParked(client, named, [begin, locking])
  const ids = [...named.jobs, ...parked]
  const jobIds = plain(ids, (id) => id)
  const admits = named.admits ? 't' : 'f'
  const { features } = named
  const counted = listOf(countedOf(named))
  const { ofJobs, others } = named.keys
  const pairs = [plain(ofJobs, ({ jobId }) => jobId), quoted(ofJobs, ({ key }) => key)]
  const needsMembers = ids.length > 0 || named.teams.size > 0
  const needsCounters = ids.length + features.length > 0
  const featureKeys = [quoted(features, (row) => row.organizationId), quoted(features, ({ key }) => key)]
  const answerKeys = [quoted(named.answers, ({ scope }) => scope), quoted(named.answers, ({ key }) => key)]
  const [, balances, organizationRows, jobRows, stageRows, counters, members, entries, featureRows, answers] =
    await allOf([
      begin,
      locking,
      ask(client, STATEMENTS.readOrganizations, [organizations, counted, time()]),
      ids.length > 0 ? ask(client, STATEMENTS.readJobs, [jobIds, admits]) : NOTHING,
      ids.length > 0 ? ask(client, STATEMENTS.readStages, [jobIds, admits]) : NOTHING,
      needsCounters ? ask(client, STATEMENTS.readCounters, [organizations, jobIds]) : NOTHING,
      needsMembers ? ask(client, STATEMENTS.readMembers, memberValues(named, jobIds)) : NOTHING,
      ofJobs.length + others.size > 0 ? ask(client, STATEMENTS.readEntries, [...pairs, listOf(others)]) : NOTHING,
      features.length > 0 ? ask(client, STATEMENTS.readFeatureCharges, featureKeys) : NOTHING,
      named.answers.length > 0 ? ask(client, STATEMENTS.readAnswers, answerKeys) : NOTHING,
    ])
  const byId = new Map(balances.map((row) => [row[0], row]))
  const jobs = jobRows.map(jobFrom)
  const stages = stageRows.map(stageFrom)
  await readLines(client, stages, named)
  if (!named.admits) await readBounds(client, stages, jobs)
  const facts: Facts = {
    now: Number(organizationRows[0]?.[0] ?? 0),
    organizations: organizationRows.map((row) => organizationFrom(row, byId.get(row[1] as string) as Cells)),
    jobs: jobs.filter(({ organizationId }) => byId.has(organizationId)),
    stages,
    holds: jobRows.flatMap(holdFrom),
    counters: counters.map(counterFrom),
    members: members.map(memberFrom),
    entries: entries.map(entryFrom),
    featureCharges: featureRows.map(featureChargeFrom),
    answers: answers.map(answerFrom),
    parkedUpTo: parkedUpTo(balances, named),
  }
  return { facts, stamps: new Map(balances.map((row) => [row[0] as string, row[7] as string])) }
}

function memberValues({ organizations, members, teams }: NamedRows, jobIds: string): Cells {
  return [listOf(organizations), listOf(members), jobIds, listOf(teams)]
}

/** Whose parked jobs are counted: the balances that calls answer say how many there are. */
function countedOf({ walks, features }: NamedRows): ReadonlySet<string> {
  const walked = walks.filter(({ fitting }) => !fitting)
  return new Set([...walked, ...features].map(({ organizationId }) => organizationId))
}

/** A job that stops is priced anew when it is parked, which any call may do that ends its last claim. */
async function readBounds(client: pg.ClientBase, stages: readonly StageRow[], jobs: readonly JobRow[]): Promise<void> {
  const stopping = new Set(jobs.filter(isStopping).map(({ id }) => id))
  if (stopping.size === 0) return
  const rows = await ask(client, STATEMENTS.readBounds, [plain([...stopping], (id) => id)])
  const bounds = new Map(rows.map(([jobId, stage, bound]) => [`${jobId} ${stage}`, boundFrom(bound ?? null)]))
  for (const row of stages) {
    if (stopping.has(row.jobId)) row.bound = bounds.get(`${row.jobId} ${row.stage}`) ?? null
  }
}

/** What read-parked compares with, of the same locked rows. */
function parkedUpTo(balances: readonly Cells[], { walks }: NamedRows): Facts['parkedUpTo'] {
  if (walks.length === 0) return NOWHERE
  const fitting = new Set(walks.flatMap((walk) => (walk.fitting ? walk.organizationId : [])))
  return new Map(
    balances.flatMap(([id, available, , overdraftLimit]) => {
      if (!fitting.has(id as string)) return []
      return [[id as string, BigInt(available as string) + BigInt(overdraftLimit as string)] as const]
    }),
  )
}

async function findParked(
  client: pg.ClientBase,
  { walks }: NamedRows,
  before: readonly [Promise<unknown>, Promise<unknown>],
): Promise<readonly string[]> {
  const found = ask(client, STATEMENTS.readParked, [
    quoted(walks, (walk) => walk.organizationId),
    plain(walks, (walk) => walk.parkedAt),
    plain(walks, (walk) => walk.id),
    plain(walks, (walk) => (walk.fitting ? 't' : 'f')),
    String(PARKED_PER_WAKE),
  ])
  const [, , rows] = await allOf([...before, found])
  return rows.map(([id]) => id as string)
}

/** Charged stages that are charged again, and all those of a job whose charges may be taken back. */
async function readLines(
  client: pg.ClientBase,
  stages: readonly StageRow[],
  { whole, settled }: NamedRows,
): Promise<void> {
  const charged = new Map<string, StageRow>()
  const jobs = new Set<string>()
  for (const row of stages) {
    if (row.state !== 'charged') continue
    charged.set(`${row.jobId} ${row.stage}`, row)
    if (whole.has(row.jobId)) jobs.add(row.jobId)
  }
  if (charged.size === 0) return
  const again = settled.filter(({ jobId, stage }) => charged.has(`${jobId} ${stage}`))
  if (again.length === 0 && jobs.size === 0) return
  const rows = await ask(client, STATEMENTS.readLines, [
    plain([...jobs], (id) => id),
    plain(again, ({ jobId }) => jobId),
    quoted(again, ({ stage }) => stage),
  ])
  for (const [jobId, stage, lines] of rows) {
    const row = charged.get(`${jobId} ${stage}`)
    if (row) row.lines = linesFrom(lines ?? null)
  }
}
