import type { EntityManager, FilterQuery } from '@mikro-orm/postgresql'
import type { InTransaction } from '../database/transaction.ts'
import type { Logger } from '../foundation/logger.ts'
import type { Mandate } from '../foundation/mandate.ts'
import { isRecord } from '../foundation/record.ts'
import { type Asker, type AuditRecord, auditEntryText } from '../ledger/audit-entry.ts'
import { AuditEntry } from '../models/audit-entry.model.ts'
import { AuditNotes } from './audit-notes.ts'
import type { DatabaseTime } from './database-time.ts'

export type { AuditRecord } from '../ledger/audit-entry.ts'

/** One entry, newest first in a list. `before` and `after` are JSON as it was stored, hashes are hex. */
export interface AuditEntryView {
  readonly seq: number
  readonly at: Date
  readonly role: string | null
  readonly keyId: string | null
  readonly userId: string | null
  readonly action: string
  readonly organizationId: string | null
  readonly target: string | null
  readonly before: unknown
  readonly after: unknown
  readonly requestId: string | null
  readonly hash: string
}

/** What is asked for; null: any. Times in epoch milliseconds, from `from` until before `to`. */
export interface AuditFilter {
  readonly organizationId: string | null
  readonly action: string | null
  readonly keyId: string | null
  readonly from: number | null
  readonly to: number | null
}

export interface AuditPage extends AuditFilter {
  readonly limit: number
  /** Only entries before this number; null: from the newest. */
  readonly before: number | null
}

const APPEND = 'select tollkeeper.append_audit(?)'

export interface AuditLogDependencies {
  readonly inTransaction: InTransaction
  readonly time: DatabaseTime
  readonly logger: Logger
  /** How long notes are counted together; a minute by default. */
  readonly noteWindowMs?: number
}

/** Who did what, with what was before and after: one chain of entries for the whole database, which nobody changes. */
export class AuditLog {
  readonly #time: DatabaseTime
  readonly #notes: AuditNotes

  constructor({ inTransaction, time, logger, noteWindowMs }: AuditLogDependencies) {
    this.#time = time
    const store = (askers: readonly (readonly [Asker, AuditRecord])[]): Promise<void> =>
      inTransaction(async (em) => {
        for (const [asker, record] of askers) await this.#append(em, asker, record)
      })
    this.#notes = new AuditNotes(store, logger, noteWindowMs)
  }

  /**
   * Appends what was changed to the transaction that changes it. The last thing that it does: from here to its end nobody
   * else appends, whatever organisation he is busy with. Nothing is appended to a dry run, of which nothing stays.
   */
  async append(em: EntityManager, mandate: Mandate, record: AuditRecord): Promise<void> {
    if (mandate.dryRun) return
    await em.flush()
    await this.#append(em, mandate, record)
  }

  /**
   * Notes what was refused, in a transaction of its own. The first of each kind in a minute are stored one by one, of the
   * rest how many there were: who floods us fills no table.
   * @returns when it is stored or counted; it never rejects, since nobody's answer depends on it
   */
  note(asker: Asker, record: AuditRecord): Promise<void> {
    return this.#notes.note(asker, record)
  }

  /** A page of what was done, newest first. */
  async list(
    em: EntityManager,
    page: AuditPage,
  ): Promise<{ readonly entries: readonly AuditEntryView[]; readonly more: boolean }> {
    const where = conditionOf(page)
    const found = await em.find(AuditEntry, where, { orderBy: { seq: 'desc' }, limit: page.limit + 1 })
    return { entries: found.slice(0, page.limit).map(viewOf), more: found.length > page.limit }
  }

  /** Stores what is still counted only. */
  close(): Promise<void> {
    return this.#notes.close()
  }

  async #append(em: EntityManager, asker: Asker, record: AuditRecord): Promise<void> {
    const at = await this.#time.now(em)
    await em.execute(APPEND, [auditEntryText(at.getTime(), asker, record)])
  }
}

function conditionOf({ before, organizationId, action, keyId, from, to }: AuditPage): FilterQuery<AuditEntry> {
  return {
    ...(before === null ? {} : { seq: { $lt: before } }),
    ...(organizationId === null ? {} : { organizationId }),
    ...(action === null ? {} : { action }),
    ...(keyId === null ? {} : { keyId }),
    ...(from === null && to === null ? {} : { at: timesOf(from, to) }),
  }
}

function timesOf(from: number | null, to: number | null) {
  return { ...(from === null ? {} : { $gte: new Date(from) }), ...(to === null ? {} : { $lt: new Date(to) }) }
}

/** An entry that was changed by hand and cannot be read any more is shown by its columns: a verification names it. */
function viewOf({ seq, at, action, organizationId, keyId, entry, hash }: AuditEntry): AuditEntryView {
  const said = readable(entry)
  const text = (name: string): string | null => {
    const value = said[name]
    return typeof value === 'string' ? value : null
  }
  const asked = { role: text('role'), keyId, userId: text('user_id'), requestId: text('request_id') }
  const done = {
    action,
    organizationId,
    target: text('target'),
    before: said.before ?? null,
    after: said.after ?? null,
  }
  return { seq, at, ...asked, ...done, hash: hash.toString('hex') }
}

function readable(entry: string): Readonly<Record<string, unknown>> {
  try {
    const said: unknown = JSON.parse(entry)
    return isRecord(said) ? said : {}
  } catch {
    return {}
  }
}
