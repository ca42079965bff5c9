import type { MoneyPath } from '../database/money/batcher.ts'
import type { Rehearsals } from '../database/money/rehearsals.ts'
import { newId } from '../foundation/ids.ts'
import { invariant } from '../foundation/invariant.ts'
import { type Mandate, SYSTEM } from '../foundation/mandate.ts'
import type { Answer } from '../ledger/answer-row.ts'
import { type AuditRecord, auditEntryText } from '../ledger/audit-entry.ts'
import type { Answered, CallKind, Calls, Slip, Standing, Verdicts } from '../ledger/calls.ts'

/** On whose word something is done, and how its result goes out to them: what goes out is what their key keeps. */
export interface Order<R> {
  readonly mandate: Mandate
  /** Pure: of the same result always the same bytes. Made inside of the transaction, so it must not wait for anything. */
  readonly answer: (result: R) => Answer
}

/** A call that a manager makes, what it means to the manager's caller, and what the audit log shall say of it. */
export interface Deed<K extends CallKind, R> {
  readonly kind: K
  readonly call: Calls[K]
  /** undefined where the verdict is a refusal. */
  readonly result: (verdict: Verdicts[K]) => R | undefined
  /** null for what is business and not administration: its own rows say all of it. */
  readonly record: ((result: R, before: Standing) => AuditRecord) | null
}

/** The way of managers to the money path, on somebody's word: once under their key, audited, or only rehearsed. */
export class MandatedMoney {
  readonly #money: MoneyPath
  readonly #rehearsals: Rehearsals

  constructor(money: MoneyPath, rehearsals: Rehearsals) {
    this.#money = money
    this.#rehearsals = rehearsals
  }

  /**
   * @param order undefined: this program's own word
   * @returns the verdict; or what was answered under the order's key before
   * @throws TollkeeperError 422 `idempotency-mismatch`, and what the money path throws
   */
  carryOut<K extends CallKind, R>(deed: Deed<K, R>, order: Order<R> | undefined): Promise<Verdicts[K] | Answered> {
    const { kind, call, record } = deed
    const { idempotency, dryRun } = order?.mandate ?? SYSTEM
    if (record === null && idempotency === null && !dryRun) return this.#money.decide(kind, call)
    const slip = slipOf(deed, order)
    return dryRun ? this.#rehearsals.rehearse(kind, call, slip) : this.#money.decideOnce(kind, call, slip)
  }
}

/** What goes out for a result: to whoever ordered it an answer, to everybody else the result itself. */
export function answered<R>(result: R, order: Order<R> | undefined): R | Answered {
  return order ? { kind: 'answered', answer: order.answer(result), replayed: false } : result
}

function slipOf<K extends CallKind, R>({ result, record }: Deed<K, R>, order: Order<R> | undefined): Slip<K> {
  const mandate = order?.mandate ?? SYSTEM
  return {
    id: newId(),
    key: mandate.idempotency,
    answer(verdict) {
      const done = result(verdict)
      return order === undefined || done === undefined ? null : order.answer(done)
    },
    audited: record !== null,
    entry(verdict, before, at) {
      const done = result(verdict)
      invariant(record && done !== undefined, 'what changed something was not refused')
      return auditEntryText(at, mandate, record(done, before))
    },
  }
}
