import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { lineFromJson, type StoredLine } from '../../src/database/money/stored-lines.ts'
import { createInTenantSnapshot } from '../../src/database/snapshot.ts'
import { TimeZone } from '../../src/foundation/time-zone.ts'
import { type Share, type Statement, StatementManager } from '../../src/managers/statement.manager.ts'
import { statementToCsv, statementToJson } from '../../src/managers/statement-json.ts'
import type { MovementKind } from '../../src/managers/statement-rows.ts'
import { seededRandom, seedsOfRun, withSeeds } from '../support/seeded-random.ts'
import { SettableClock } from '../support/settable-clock.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'
import { storyOrganization, tellJob, tellMoney } from './billed-story.ts'
import { turnPage } from './period-pages.ts'

const PERIODS = 4
const STORIES = 3
const STEPS = 12

interface Entry {
  readonly seq: number
  readonly kind: string
  readonly amount: bigint
  readonly component: string | null
  readonly stage: string | null
  readonly member: string | null
  readonly line: number
  readonly credit: string
}

const clock = new SettableClock('2026-01-31T09:00:00Z')
let world: World
let tollkeeper: Tollkeeper
let pool: pg.Pool
/** Sums a few entries at once, as the product does with a few ten thousand. */
let inSteps: StatementManager
beforeAll(async () => {
  world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
  tollkeeper = await world.open([], { clock })
  pool = new pg.Pool({ connectionString: world.database.appUrl, max: 1 })
  inSteps = new StatementManager(createInTenantSnapshot(pool), 7)
})
afterAll(async () => {
  await pool.end()
  await world.close()
})

/** Both ways to show it, byte by byte. */
const bytesOf = (statement: Statement): string => JSON.stringify(statementToJson(statement)) + statementToCsv(statement)

async function ledgerOf(organizationId: string): Promise<readonly Entry[]> {
  const rows = await world.database.query<Omit<Entry, 'seq' | 'amount' | 'line'> & Record<string, string>>(
    `select e.seq, e.kind, e.amount, e.component, e.stage, j.user_id as member, e.credit_account as credit,
       coalesce(e.reverses_seq, e.seq) as line
     from tollkeeper.ledger_entries e left join tollkeeper.jobs j on j.id = e.job_id
     where e.organization_id = $1 order by e.seq`,
    [organizationId],
  )
  return rows.map((row) => ({ ...row, seq: Number(row.seq), amount: BigInt(row.amount ?? 0), line: Number(row.line) }))
}

/** Lines by the entry that charged them. */
async function linesOf(organizationId: string): Promise<ReadonlyMap<number, ReturnType<typeof lineFromJson>>> {
  const rows = await world.database.query<{ lines: readonly StoredLine[] }>(
    `select s.lines from tollkeeper.jobs j join tollkeeper.job_stages s on s.job_id = j.id
     where j.organization_id = $1 and s.lines is not null`,
    [organizationId],
  )
  const lines = rows.flatMap((row) => row.lines.map(lineFromJson))
  return new Map(lines.flatMap((line) => (line.ledgerSeq === null ? [] : [[line.ledgerSeq, line]])))
}

const KINDS: Readonly<Record<string, MovementKind>> = { hold: 'holds', extend: 'holds', release: 'holds' }
const kindOf = ({ kind, credit }: Entry): string => {
  if (kind === 'adjustment') return credit === 'available' ? 'adjustment_credit' : 'adjustment_debit'
  return KINDS[kind] ?? kind
}

/** The shares as they are made from single entries. */
function sharesOf(
  entries: readonly Entry[],
  nameOf: (entry: Entry) => string | null,
): ReadonlyMap<string | null, bigint> {
  const shares = new Map<string | null, bigint>()
  for (const entry of entries) {
    if (entry.kind !== 'charge' && entry.kind !== 'reversal') continue
    const signed = entry.kind === 'charge' ? entry.amount : -entry.amount
    shares.set(nameOf(entry), (shares.get(nameOf(entry)) ?? 0n) + signed)
  }
  return shares
}

const toMap = (shares: readonly Share[]) => new Map(shares.map(({ name, amount }) => [name, amount]))

describe('statements of a random story over several periods', () => {
  it('lead from opening to closing by the ledger alone, and what is closed stays as it was to the byte', async () => {
    await withSeeds(seedsOfRun(STORIES).slice(0, STORIES), async (seed) => {
      const random = seededRandom(seed)
      const id = await storyOrganization(tollkeeper, `stated-${seed}`)
      const closed: string[] = []
      for (let number = 1; number <= PERIODS; number += 1) {
        for (let step = 0; step < STEPS; step += 1) {
          await tellJob(tollkeeper, id, random)
          if (random.chance(40)) await tellMoney(tollkeeper, id, random)
        }
        await tollkeeper.balances.topUp(id, { amount: 90_000_000n, reference: `month ${number}`, note: null })
        const running = await tollkeeper.statements.statement(id, 'current')
        expect([running.number, running.closedAt]).toEqual([number, null])
        await turnPage(tollkeeper, clock, id)
        closed.push(bytesOf(await tollkeeper.statements.statement(id, number)))
      }
      const [entries, lines] = [await ledgerOf(id), await linesOf(id)]
      let paid = 0n
      let former = { seq: 0, available: 0n, held: 0n }
      for (let number = 1; number <= PERIODS + 1; number += 1) {
        const statement = await tollkeeper.statements.statement(id, number)
        expect(statement.opening).toEqual(former)
        former = statement.closing
        expect(bytesOf(await inSteps.statement(id, number))).toBe(bytesOf(statement))
        if (number <= PERIODS) expect(bytesOf(statement)).toBe(closed[number - 1])
        const own = entries.filter(({ seq }) => seq > statement.opening.seq && seq <= statement.closing.seq)
        for (const { kind, entries: count, amount, available, held } of statement.movements) {
          const of = own.filter((entry) => kindOf(entry) === kind)
          expect([kind, count]).toEqual([kind, of.length])
          if (kind === 'holds') expect([amount, available]).toEqual([held, -held])
          else expect([kind, amount]).toEqual([kind, of.reduce((sum, entry) => sum + entry.amount, 0n)])
          if (kind === 'write_off') expect([available, held]).toEqual([0n, 0n])
        }
        const { component, agent, model, member } = statement.shares
        paid += component.reduce((sum, { amount }) => sum + amount, 0n)
        expect(toMap(component)).toEqual(sharesOf(own, (entry) => entry.component))
        expect(toMap(member)).toEqual(sharesOf(own, (entry) => entry.member))
        expect(toMap(model)).toEqual(sharesOf(own, ({ line }) => lines.get(line)?.llmModel ?? null))
        expect(toMap(agent)).toEqual(sharesOf(own, ({ stage }) => stage?.split('agent.')[1] ?? null))
        for (const { name, quantity } of component) {
          const paid = own.filter((entry) => entry.component === name && /^(charge|reversal)$/.test(entry.kind))
          const units = paid.map(({ kind, line }) => (kind === 'charge' ? 1 : -1) * (lines.get(line)?.quantity ?? 0))
          expect(quantity).toBe(units.reduce((sum, each) => sum + each, 0))
        }
      }
      expect(former.seq).toBe(entries.length)
      const [{ start }, { end }] = [
        await tollkeeper.statements.statement(id, 1),
        await tollkeeper.statements.statement(id, PERIODS + 1),
      ]
      const all = { from: start, to: end, by: null, groupBy: [], timeZone: TimeZone.named('UTC') as TimeZone }
      expect((await tollkeeper.usage.report({ organizationId: id, userId: null }, all)).total.amount).toBe(paid)
      expect((await tollkeeper.verifier.verify({ organizationId: id })).violations).toEqual([])
    })
  }, 120_000)
})

describe('a statement', () => {
  it('has the reversal where it was posted, and leaves the period of the charge alone', async () => {
    const id = await storyOrganization(tollkeeper, 'late')
    const job = await tollkeeper.openJob({ organizationId: id, userId: 'ann', agents: ['writer'] })
    await tollkeeper.billing.admit(job, [
      { stage: 'input', bound: { kind: 'input', tokens: 1_400 } },
      { stage: 'agent.writer', bound: { kind: 'agent', agent: 'writer', llm: null } },
      { stage: 'output', bound: { kind: 'output', maxTokens: 1 } },
    ])
    await turnPage(tollkeeper, clock, id)
    const before = bytesOf(await tollkeeper.statements.statement(id, 1))
    await tollkeeper.billing.reverse(job, { code: 'agent-error', stage: 'output', detail: 'it broke' })
    expect(bytesOf(await tollkeeper.statements.statement(id, 1))).toBe(before)
    const shares = async (period: number) => {
      const { component, agent, member } = (await tollkeeper.statements.statement(id, period)).shares
      return { component, agent, member }
    }
    expect(await shares(1)).toEqual({
      component: [{ name: 'input', quantity: 1_400, amount: 2_000_000n }],
      agent: [{ name: null, quantity: 1_400, amount: 2_000_000n }],
      member: [{ name: 'ann', quantity: 1_400, amount: 2_000_000n }],
    })
    expect(await shares(2)).toEqual({
      component: [{ name: 'input', quantity: -1_400, amount: -2_000_000n }],
      agent: [{ name: null, quantity: -1_400, amount: -2_000_000n }],
      member: [{ name: 'ann', quantity: -1_400, amount: -2_000_000n }],
    })
  })

  it('tells the unused rest of a fee apart from what jobs were given back', async () => {
    const [id, other] = [await storyOrganization(tollkeeper, 'moving'), await storyOrganization(tollkeeper, 'model')]
    const { organizations, inTransaction } = tollkeeper
    const { periodStart } = await inTransaction((em) => organizations.find(em, id))
    const { tariffId } = await inTransaction((em) => organizations.find(em, other))
    clock.set(new Date(periodStart.getTime() + 12 * 86_400_000).toISOString())
    await inTransaction((em) => organizations.update(em, id, { tariffId }))
    await organizations.renew(id)
    const [first, second] = [await tollkeeper.statements.statement(id, 1), await tollkeeper.statements.statement(id, 2)]
    const amounts = ({ movements }: Statement) => {
      return Object.fromEntries(movements.flatMap(({ kind, amount }) => (amount === 0n ? [] : [[kind, amount]])))
    }
    expect(amounts(first)).toEqual({ top_up: 200_000_000n, plan_fee: 10_000_000n, seat_fee: expect.any(BigInt) })
    expect(amounts(second)).toEqual({
      plan_fee: 10_000_000n,
      seat_fee: expect.any(BigInt),
      unused_fee: expect.any(BigInt),
    })
    expect([first.shares.component, second.shares.component]).toEqual([[], []])
  })

  it('that does not add up, or does not begin where the one before ended, is never shown', async () => {
    const id = await storyOrganization(tollkeeper, 'broken')
    await turnPage(tollkeeper, clock, id)
    await tollkeeper.balances.topUp(id, { amount: 5n, reference: 'more', note: null })
    await turnPage(tollkeeper, clock, id)
    const change = (number: number, edge: string, by: number) =>
      world.database.query(
        `update tollkeeper.billing_periods set ${edge} = ${edge} + $3 where organization_id = $1 and number = $2`,
        [id, number, by],
      )
    const statement = (number: number) => tollkeeper.statements.statement(id, number)
    for (const [edge, by] of [
      ['closing_available', 1],
      ['closing_held', 1],
      ['closing_seq', -1],
    ] as const) {
      await change(2, edge, by)
      await expect(statement(2)).rejects.toThrow('Invariant broken: the entries of period 2')
      await expect(statement(3)).rejects.toThrow('Invariant broken: period 3 begins where 2 ended')
      await change(2, edge, -by)
      await expect(statement(2)).resolves.toMatchObject({ number: 2 })
    }
  })

  it('is found by its number only while there is such a period', async () => {
    const id = await storyOrganization(tollkeeper, 'few')
    await expect(tollkeeper.statements.statement(id, 2)).rejects.toMatchObject({ code: 'not-found' })
    await expect(tollkeeper.statements.statement('nobody', 1)).rejects.toMatchObject({ code: 'not-found' })
    await expect(tollkeeper.statements.statement('nobody', 'current')).rejects.toMatchObject({ code: 'not-found' })
    await expect(tollkeeper.statements.list('nobody', { limit: 1, before: null })).rejects.toMatchObject({
      code: 'not-found',
    })
  })
})
