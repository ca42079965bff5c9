import { type EntityManager, LockMode } from '@mikro-orm/postgresql'
import type { InSnapshot } from '../database/snapshot.ts'
import type { EntityManagerSource, InTransaction } from '../database/transaction.ts'
import { UnavailableError } from '../foundation/errors.ts'
import type { Logger } from '../foundation/logger.ts'
import type { Meters } from '../foundation/meters.ts'
import type { Violation } from '../ledger/audit-findings.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { Organization } from '../models/organization.model.ts'
import { OrganizationBalance } from '../models/organization-balance.model.ts'
import type { DatabaseTime } from './database-time.ts'
import type { ChainReport, VerifyAudit } from './verify-audit.ts'
import { guardsOfRecords } from './verify-guards.ts'
import { fittingJobs, overdueStages } from './verify-liveness.ts'
import { type OrganizationReport, type Pace, verifyChanges, verifyWhole } from './verify-organization.ts'
import type { VerifyReport } from './verify-report.ts'

/** Organisations of a page of ids, and what a whole report lists of violations and of warnings each. */
const IDS_PAGE = 500
const LISTED_MAX = 1_000
/** A scheduled check begins no further organisation after this, so that the sweep goes on. */
const CHANGED_MS = 1_000
/** Liveness is judged by the sweep's period: what is late by more than two of them was forgotten. */
const PERIODS_LATE = 2

export interface VerifyDependencies {
  readonly inSnapshot: InSnapshot
  readonly inTransaction: InTransaction
  readonly em: EntityManagerSource
  readonly logger: Logger
  /** Rejects where no queue answers: then no stage can be delivered, and none is late. */
  readonly pingQueue: () => Promise<void>
  /** The sweep's period. */
  readonly sweepMs: number
  readonly time: DatabaseTime
  readonly auditLog: Pick<VerifyAudit, 'whole' | 'changed'>
  readonly meters?: Pick<Meters, 'verified'>
}

export interface VerifyRequest {
  /** Only this one, without the audit log; else all. */
  readonly organizationId?: string | undefined
  /** Freezes the spending of an organisation whose safety is violated; else it is only reported. */
  readonly freeze?: boolean
  readonly onProgress?: (progress: VerifyProgress) => void
}

export interface VerifyProgress {
  readonly organizationId: string
  readonly entriesDone: number
  /** As of the beginning; more may come in meanwhile. */
  readonly entriesTotal: number
  /** Set when the organisation is done. */
  readonly done: { readonly entries: number; readonly violations: number } | null
}

const CHANGED = `
select b.organization_id as id from tollkeeper.organization_balances b
join tollkeeper.organizations o on o.id = b.organization_id
where b.seq <> b.checked_seq and o.status <> 'frozen' and b.organization_id > ?
order by b.organization_id limit ?`
const CHECKED = `update tollkeeper.organization_balances set checked_seq = ? where organization_id = ?`

/**
 * Proves the books: recomputes balances, holds, charges, counters and seats from what is stored and compares, to the
 * last nano-unit (invariants 1 to 7), warns of what stands still (8), and follows the audit log's chain (9). It only reads, in
 * one REPEATABLE READ snapshot per organisation and in bounded memory. One verification at a time, on one connection.
 */
export class VerifyManager {
  readonly #with: VerifyDependencies
  readonly #closing = new AbortController()
  readonly #shared = new Map<string, Promise<VerifyReport>>()
  #running: Promise<unknown> | null = null
  /** Where the next scheduled check goes on, so that busy organisations never keep it from the others. */
  #checkedLast = ''

  constructor(dependencies: VerifyDependencies) {
    this.#with = dependencies
  }

  /**
   * Verifies one organisation or all. The same question that is asked while it is answered is answered once for all.
   * @throws NotFoundError, UnavailableError (the process stops)
   */
  verify(request: VerifyRequest = {}): Promise<VerifyReport> {
    const key = `${request.organizationId ?? ''} ${request.freeze === true}`
    const shared = request.onProgress ? undefined : this.#shared.get(key)
    if (shared) return shared
    const running = this.#alone(() => this.#counted(request)).finally(() => this.#shared.delete(key))
    this.#shared.set(key, running)
    return running
  }

  /**
   * The scheduled check: organisations whose ledger has grown since they were checked last, at most `limit`. What is
   * clean is remembered in `checked_seq`; what is not is frozen. Then what is new in the audit log, which freezes nobody. Does
   * nothing while another verification runs.
   * @returns how many organisations were checked
   */
  async checkChanged(limit: number): Promise<number> {
    if (this.#running || this.#closing.signal.aborted) return 0
    return this.#alone(async () => {
      const ids = await this.#changed(limit)
      const until = performance.now() + CHANGED_MS
      const broken: number[] = []
      let checked = 0
      for (const id of ids) {
        if (performance.now() > until) break
        this.#checkedLast = id
        broken.push(...(await this.#check(id)))
        checked += 1
      }
      await this.#with.auditLog.changed(() => this.#refuseClosed())
      this.#with.meters?.verified(false, broken)
      return checked
    })
  }

  /** Ends what runs, at its next page, and takes no more. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running?.catch(() => undefined)
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#running
    const run = (async () => {
      await before?.catch(() => undefined)
      this.#refuseClosed()
      return work()
    })()
    this.#running = run
    try {
      return await run
    } finally {
      if (this.#running === run) this.#running = null
    }
  }

  #refuseClosed(): void {
    if (this.#closing.signal.aborted) throw new UnavailableError('The process stops; verify again with another one')
  }

  async #counted(request: VerifyRequest): Promise<VerifyReport> {
    const report = await this.#verify(request)
    const broken = report.violations.map(({ invariant }) => invariant)
    this.#with.meters?.verified(request.organizationId === undefined, broken)
    return report
  }

  async #verify({ organizationId, freeze = false, onProgress }: VerifyRequest): Promise<VerifyReport> {
    const { inSnapshot } = this.#with
    const guards = await inSnapshot(guardsOfRecords)
    if (guards.violations.length > 0) this.#shout(null, guards.violations)
    const late = await this.#overdue(organizationId ?? null)
    const total = onProgress ? await this.#entriesTotal(organizationId ?? null) : 0
    const sum = { organizations: 0, entries: 0, violations: [...guards.violations], frozen: [] as string[] }
    const warnings = [...guards.warnings, ...late]
    for await (const id of this.#ids(organizationId)) {
      const pace = this.#pace((read) => {
        onProgress?.({ organizationId: id, entriesDone: sum.entries + read, entriesTotal: total, done: null })
      })
      const found = await this.#whole(id, pace)
      if (!found) continue
      const { entries, violations } = found.report
      sum.organizations += 1
      sum.entries += entries
      if (violations.length > 0) {
        this.#shout(id, violations)
        if (freeze && (await this.#freeze(id))) sum.frozen.push(id)
      }
      sum.violations.push(...violations.slice(0, LISTED_MAX - sum.violations.length))
      warnings.push(...found.warnings.slice(0, LISTED_MAX - warnings.length))
      const done = { entries, violations: violations.length }
      onProgress?.({ organizationId: id, entriesDone: sum.entries, entriesTotal: total, done })
    }
    if (organizationId !== undefined && sum.organizations === 0) throw unknownOrganization(organizationId)
    const auditLog = organizationId === undefined ? await this.#auditLog() : null
    sum.violations.push(...(auditLog?.violations ?? []))
    return { ok: sum.violations.length === 0, ...sum, warnings, auditLog }
  }

  async #auditLog(): Promise<ChainReport> {
    const report = await this.#with.auditLog.whole(() => this.#refuseClosed())
    this.#shout(null, report.violations)
    return report
  }

  /** One organisation, both of it in one snapshot; null where it does not exist. */
  #whole(id: string, pace: Pace): Promise<{ report: OrganizationReport; warnings: readonly Violation[] } | null> {
    return this.#with.inSnapshot(async (snapshot) => {
      const report = await verifyWhole(snapshot, id, pace)
      if (!report) return null
      return { report, warnings: await fittingJobs(snapshot, report.organization, this.#lateBy()) }
    })
  }

  /** @returns the invariant of each violation */
  async #check(id: string): Promise<readonly number[]> {
    const { inSnapshot, inTransaction } = this.#with
    const report = await inSnapshot((snapshot) => verifyChanges(snapshot, id, this.#pace()))
    if (!report) return []
    if (report.violations.length === 0) {
      await inTransaction((em) => em.execute(CHECKED, [report.checkedSeq, id]))
      return []
    }
    this.#shout(id, report.violations)
    await this.#freeze(id)
    return report.violations.map(({ invariant }) => invariant)
  }

  async #changed(limit: number): Promise<readonly string[]> {
    const ask = async (after: string, count: number): Promise<readonly string[]> => {
      const rows = await this.#with.em().execute<{ id: string }[]>(CHANGED, [after, count])
      return rows.map((row) => row.id)
    }
    const behind = await ask(this.#checkedLast, limit)
    if (behind.length === limit || this.#checkedLast === '') return behind
    const first = await ask('', limit - behind.length)
    return [...behind, ...first.filter((id) => !behind.includes(id))]
  }

  /** Under the balance row's lock, as whatever spends takes it: what comes after this is refused. */
  #freeze(id: string): Promise<boolean> {
    return this.#with.inTransaction(async (em) => {
      await em.findOneOrFail(OrganizationBalance, { organizationId: id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
      const organization = await em.findOneOrFail(Organization, { id }, { refresh: true })
      if (organization.status === 'frozen') return false
      organization.status = 'frozen'
      await em.flush()
      this.#with.logger.error(
        { organizationId: id },
        'spending is frozen: the books of this organisation do not balance',
      )
      return true
    })
  }

  #shout(organizationId: string | null, violations: readonly Violation[]): void {
    for (const { invariant, detail } of violations) {
      this.#with.logger.error({ organizationId, invariant, detail }, 'a safety invariant is broken')
    }
  }

  async #overdue(organizationId: string | null): Promise<readonly Violation[]> {
    const { pingQueue, inSnapshot } = this.#with
    try {
      await pingQueue()
    } catch {
      return []
    }
    return inSnapshot((snapshot) => overdueStages(snapshot, organizationId, this.#lateBy()))
  }

  #lateBy() {
    const { sweepMs, time } = this.#with
    return { lateMs: sweepMs * PERIODS_LATE, now: time.given() }
  }

  #pace(tell: (read: number) => void = () => undefined): Pace {
    let read = 0
    return {
      entriesRead: (count) => {
        this.#refuseClosed()
        read += count
        if (count > 0) tell(read)
      },
    }
  }

  async *#ids(organizationId: string | undefined): AsyncGenerator<string> {
    if (organizationId !== undefined) return yield organizationId
    for (let after = ''; ; ) {
      const page = await this.#with
        .em()
        .find(Organization, { id: { $gt: after } }, { fields: ['id'], orderBy: { id: 'asc' }, limit: IDS_PAGE })
      for (const { id } of page) yield id
      const last = page.at(-1)
      if (!last) return
      after = last.id
    }
  }

  async #entriesTotal(organizationId: string | null): Promise<number> {
    const em: EntityManager = this.#with.em()
    const text = `select coalesce(sum(seq), 0)::text as total from tollkeeper.organization_balances
      where ?::text is null or organization_id = ?`
    const [row] = await em.execute<{ total: string }[]>(text, [organizationId, organizationId])
    return Number(row?.total ?? 0)
  }
}
