import { type EntityManager, LockMode } from '@mikro-orm/postgresql'
import { NotFoundError } from '../foundation/errors.ts'
import { failpoint } from '../foundation/failpoint.ts'
import { newId } from '../foundation/ids.ts'
import { Organization } from '../models/organization.model.ts'
import { OrganizationBalance } from '../models/organization-balance.model.ts'
import { type MoveTime, PlanMove, type PlanMoveState } from '../models/plan-move.model.ts'
import { PlanMoveProblem } from '../models/plan-move-problem.model.ts'
import { TariffPlan } from '../models/tariff-plan.model.ts'
import { TariffVersion } from '../models/tariff-version.model.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { DatabaseTime } from './database-time.ts'
import { candidatesAfter, candidatesAmong, countCandidates } from './plan-candidates.ts'
import { seatLimitError } from './seat-limit.ts'
import { unknownTariff } from './tariff-draft.ts'

/** Organisations that one transaction moves: their balances are locked meanwhile, and jobs of theirs wait. */
const PAGE_MAX = 100

export interface PlanMoveView {
  readonly id: string
  readonly planId: string
  /** The version's number in the plan. */
  readonly toVersion: number
  readonly applyTo: MoveTime
  readonly state: PlanMoveState
  /** Organisations that were on older versions when the move was ordered. */
  readonly total: number
  readonly moved: number
  /** Left where they were, each with its problem. */
  readonly skipped: number
  readonly createdAt: Date
  readonly finishedAt: Date | null
}

/** What one page of a move did. */
export interface MovedPage {
  readonly moved: number
  /** Organisations for which something is due by time: the move goes on once they are renewed. */
  readonly overdue: readonly string[]
}

/** Why an organisation was left where it was: a code of the contract and a sentence. */
export interface MoveProblem {
  readonly organizationId: string
  readonly code: string
  readonly detail: string
}

const PIN = `
update tollkeeper.organizations o set tariff_version_id = ?,
  (next_tariff_version_id, next_tariff_at) = (select n.id, o.next_tariff_at from tollkeeper.tariff_versions n
    where n.id = o.next_tariff_version_id and (n.plan_id <> ? or n.version > ?))
where o.id in (?)`

const CHOOSE_NEXT = `
update tollkeeper.organizations set next_tariff_version_id = ?, next_tariff_at = null where id in (?)`

/**
 * Moves the organisations of a plan to a new version of it: ordered by a request, worked off in pages by the sweep. Each
 * page is a transaction that moves its organisations and its place in the move together, so that a killed process goes on
 * where it stood and nobody is moved twice. Of a plan there is one running move at most.
 */
export class PlanMoveManager {
  readonly #time: DatabaseTime

  constructor(time: DatabaseTime) {
    this.#time = time
  }

  /**
   * Orders a move; one that is running to another version, or for another time, ends where it is. The same order again is
   * answered with the move that is running for it.
   * @param to the newest published version of a plan that the caller has locked
   */
  async order(
    em: EntityManager,
    { planId, versionId, version }: Pick<Tariff, 'planId' | 'versionId' | 'version'>,
    applyTo: MoveTime,
  ): Promise<PlanMoveView> {
    const running = await em.findOne(PlanMove, { planId, state: 'running' }, { lockMode: LockMode.PESSIMISTIC_WRITE })
    if (running?.toVersionId === versionId && running.applyTo === applyTo) return view(running, version)
    const now = await this.#time.now(em)
    if (running) await finish(em, running, 'cancelled', now)
    const total = await countCandidates(em, { planId, version, applyTo })
    const order = { id: newId(), planId, toVersionId: versionId, applyTo, state: 'running', total } as const
    const move = em.create(PlanMove, {
      ...order,
      moved: 0,
      skipped: 0,
      cursor: null,
      createdAt: now,
      finishedAt: null,
    })
    await em.flush()
    return view(move, version)
  }

  /** @throws NotFoundError also for a move of another plan */
  async find(em: EntityManager, planId: string, id: string): Promise<PlanMoveView> {
    const move = await em.findOne(PlanMove, { id, planId })
    if (!move) throw unknownMove()
    return (await views(em, [move]))[0] as PlanMoveView
  }

  /** The moves of a plan, newest first; `before` is the last id of the page before. @throws NotFoundError */
  async list(
    em: EntityManager,
    planId: string,
    { limit, before }: { readonly limit: number; readonly before: string | null },
  ): Promise<{ readonly moves: readonly PlanMoveView[]; readonly next: string | null }> {
    if ((await em.count(TariffPlan, { id: planId })) === 0) throw unknownTariff()
    const where = before === null ? { planId } : { planId, id: { $lt: before } }
    const found = await em.find(PlanMove, where, { orderBy: { id: 'desc' }, limit: limit + 1 })
    const moves = await views(em, found.slice(0, limit))
    return { moves, next: found.length > limit ? (moves.at(-1)?.id ?? null) : null }
  }

  /** Whom a move left where they were, by id, from behind `after`. */
  async problems(
    em: EntityManager,
    moveId: string,
    { limit, after }: { readonly limit: number; readonly after: string | null },
  ): Promise<{ readonly problems: readonly MoveProblem[]; readonly next: string | null }> {
    const where = after === null ? { moveId } : { moveId, organizationId: { $gt: after } }
    const found = await em.find(PlanMoveProblem, where, { orderBy: { organizationId: 'asc' }, limit: limit + 1 })
    const problems = found.slice(0, limit)
    return { problems, next: found.length > limit ? (problems.at(-1)?.organizationId ?? null) : null }
  }

  /** Ends a running move where it is: who was moved stays there. One that has ended is answered as it is. @throws NotFoundError */
  async cancel(em: EntityManager, planId: string, id: string): Promise<PlanMoveView> {
    const move = await em.findOne(PlanMove, { id, planId }, { lockMode: LockMode.PESSIMISTIC_WRITE })
    if (!move) throw unknownMove()
    if (move.state === 'running') await finish(em, move, 'cancelled', await this.#time.now(em))
    return (await views(em, [move]))[0] as PlanMoveView
  }

  /**
   * Works off one page of the oldest running move, in the transaction that it is given. Balances are locked before the
   * move, as everywhere; a move that was cancelled or worked on meanwhile is left alone, and so is a page with somebody
   * whose period is over and not closed yet, or who waits to go over to another plan: what is due by time comes first, on the
   * version of that moment.
   * @returns how many organisations were moved, and who must be renewed first; null where no move is running
   */
  async workOff(em: EntityManager): Promise<MovedPage | null> {
    const seen = await em.findOne(PlanMove, { state: 'running' }, { orderBy: { id: 'asc' } })
    if (!seen) return null
    const { id, planId, applyTo, cursor, toVersionId } = seen
    const { version, maxTeamMembers } = await em.findOneOrFail(TariffVersion, { id: toVersionId })
    const target = { planId, version, applyTo }
    const ids = await candidatesAfter(em, target, { after: cursor, limit: PAGE_MAX })
    const balances = await em.find(
      OrganizationBalance,
      { organizationId: { $in: [...ids] } },
      { orderBy: { organizationId: 'asc' }, lockMode: LockMode.PESSIMISTIC_WRITE },
    )
    const move = await em.findOne(
      PlanMove,
      { id, state: 'running', cursor },
      { lockMode: LockMode.PESSIMISTIC_WRITE, refresh: true },
    )
    if (!move) return { moved: 0, overdue: [] }
    const now = await this.#time.now(em)
    const isOver = { $or: [{ periodEnd: { $lte: now } }, { nextTariffAt: { $lte: now } }] }
    const overdue = await em.find(Organization, { id: { $in: [...ids] }, ...isOver })
    if (overdue.length > 0) return { moved: 0, overdue: overdue.map((organization) => organization.id) }
    const still = await candidatesAmong(em, target, ids)
    const moved: string[] = []
    for (const { organizationId, seatsUsed } of balances.filter((balance) => still.has(balance.organizationId))) {
      const problem = seatLimitError(maxTeamMembers, seatsUsed)
      if (problem === null) moved.push(organizationId)
      else em.create(PlanMoveProblem, { moveId: id, organizationId, code: problem.code, detail: problem.message })
    }
    await moveThere(em, move, version, moved)
    move.moved += moved.length
    move.skipped += still.size - moved.length
    move.cursor = ids.at(-1) ?? move.cursor
    if (ids.length < PAGE_MAX) await finish(em, move, 'done', now)
    await em.flush()
    failpoint('move.in-transaction')
    return { moved: moved.length, overdue: [] }
  }
}

/**
 * Now: the version is pinned at once, within the running period and its counters; what was admitted keeps its own, and an
 * older version of the plan that was chosen for the next period is chosen no more. Next period: the renewal goes over to it.
 */
async function moveThere(em: EntityManager, move: PlanMove, version: number, ids: readonly string[]): Promise<void> {
  const { planId, toVersionId, applyTo } = move
  if (ids.length === 0) return
  if (applyTo === 'now') await em.execute(PIN, [toVersionId, planId, version, ids])
  else await em.execute(CHOOSE_NEXT, [toVersionId, ids])
}

async function finish(em: EntityManager, move: PlanMove, state: 'done' | 'cancelled', at: Date): Promise<void> {
  move.state = state
  move.finishedAt = at
  await em.flush()
}

async function views(em: EntityManager, moves: readonly PlanMove[]): Promise<readonly PlanMoveView[]> {
  const versions = await em.find(TariffVersion, { id: { $in: moves.map(({ toVersionId }) => toVersionId) } })
  const numbers = new Map(versions.map(({ id, version }) => [id, version]))
  return moves.map((move) => view(move, numbers.get(move.toVersionId) ?? 0))
}

function view(move: PlanMove, toVersion: number): PlanMoveView {
  const { id, planId, applyTo, state, total, moved, skipped, createdAt, finishedAt } = move
  return { id, planId, toVersion, applyTo, state, total, moved, skipped, createdAt, finishedAt }
}

function unknownMove(): NotFoundError {
  return new NotFoundError('There is no such move of this tariff; GET …/moves lists them')
}
