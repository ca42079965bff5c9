import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../foundation/logger.ts'
import type { Asker, AuditRecord } from '../ledger/audit-entry.ts'

/** A minute's notes: of one kind (an action by one key) so many are stored singly, of all kinds together so many. */
const WINDOW_MS = 60_000
const SINGLE_MAX = 10
const SINGLE_OF_ALL_MAX = 100

type Note = readonly [Asker, AuditRecord]

/** Says of itself what it counted. */
const SUMMARISER: Asker = {
  principal: { role: 'system', keyId: null, organizationId: null, userId: null },
  requestId: null,
}

/** What one window has seen. Actions are words of ours, keys are known ones: both are few. */
interface Window {
  singles: number
  readonly ofKind: Map<string, number>
  /** How many of an action were counted only. */
  readonly counted: Map<string, number>
  readonly closing: AbortController
  readonly closed: Promise<void>
}

/**
 * Notes of what was refused, few of them one by one and the rest as numbers. They are stored together, one transaction at a
 * time, so that a flood neither fills the table nor takes more than one connection.
 */
export class AuditNotes {
  readonly #store: (notes: readonly Note[]) => Promise<void>
  readonly #logger: Logger
  readonly #windowMs: number
  #window: Window | null = null
  #waiting: Note[] = []
  #storing: Promise<void> = Promise.resolve()
  /** The end of the transaction that takes what waits now. */
  #next: Promise<void> | null = null

  constructor(store: (notes: readonly Note[]) => Promise<void>, logger: Logger, windowMs = WINDOW_MS) {
    this.#store = store
    this.#logger = logger
    this.#windowMs = windowMs
  }

  /** Resolves when it is stored, counted, or given up. */
  async note(asker: Asker, record: AuditRecord): Promise<void> {
    this.#window ??= this.#open()
    const { ofKind, counted } = this.#window
    const kind = `${record.action} ${asker.principal?.keyId ?? ''}`
    const before = ofKind.get(kind) ?? 0
    if (before >= SINGLE_MAX || this.#window.singles >= SINGLE_OF_ALL_MAX) {
      counted.set(record.action, (counted.get(record.action) ?? 0) + 1)
      return
    }
    ofKind.set(kind, before + 1)
    this.#window.singles += 1
    await this.#add([[asker, record]])
  }

  /** Stores what was counted until now. */
  async close(): Promise<void> {
    this.#window?.closing.abort()
    await this.#window?.closed
    await (this.#next ?? this.#storing)
  }

  #open(): Window {
    const closing = new AbortController()
    const closed = sleep(this.#windowMs, undefined, { signal: closing.signal, ref: false })
      .catch(() => undefined)
      .then(() => this.#sumUp())
    return { singles: 0, ofKind: new Map(), counted: new Map(), closing, closed }
  }

  async #sumUp(): Promise<void> {
    const counted = this.#window?.counted ?? new Map<string, number>()
    this.#window = null
    const seconds = this.#windowMs / 1_000
    const sums = [...counted].map(([action, count]): Note => {
      const after = { counted: count, seconds }
      return [SUMMARISER, { action, organizationId: null, target: 'further ones', before: null, after }]
    })
    if (sums.length > 0) await this.#add(sums)
  }

  /** What comes while others are stored is stored after them, together. */
  #add(notes: readonly Note[]): Promise<void> {
    this.#waiting.push(...notes)
    this.#next ??= this.#storing.then(() => {
      this.#next = null
      this.#storing = this.#storeWaiting()
      return this.#storing
    })
    return this.#next
  }

  async #storeWaiting(): Promise<void> {
    const notes = this.#waiting
    this.#waiting = []
    try {
      await this.#store(notes)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#logger.warn({ reason, lost: notes.length }, 'what was refused could not be noted in the audit log')
    }
  }
}
