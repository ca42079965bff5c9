import { TollkeeperError } from '../foundation/errors.ts'
import type { AnswerRow, SlipWrites } from './answer-row.ts'
import type { Book } from './book.ts'
import type { Answered, CallKind, Slip, Standing, Verdicts } from './calls.ts'
import { shownMember } from './seat.ts'

/** How long an answer is kept at least, in milliseconds. */
export const ANSWERS_KEPT_MS = 86_400_000

/** Whom a call concerns. */
interface Concerned {
  readonly organizationId: string
  readonly userId?: string | null
}

const keyOf = (scope: string, key: string): string => `${scope} ${key}`

/** The slips of one batch: what was answered under their keys before, and what is put down beside their calls' effects. */
export class SlipBook {
  readonly #answers: Map<string, AnswerRow>
  readonly #made: AnswerRow[] = []
  readonly #entries: string[] = []

  constructor(answers: readonly AnswerRow[]) {
    this.#answers = new Map(answers.map((row) => [keyOf(row.scope, row.key), row]))
  }

  /**
   * Decides a call unless its key was answered before. What it answers is kept under the key, also where nothing was left to
   * be done; a refusal is not. What it changed is noted for the audit log; where it changed nothing there is nothing to note.
   */
  once<K extends CallKind>(
    book: Book,
    call: Concerned,
    slip: Slip<K>,
    decide: () => Verdicts[K],
  ): Verdicts[K] | Answered | TollkeeperError {
    const scope = call.organizationId
    const known = slip.key && this.#answers.get(keyOf(scope, slip.key.key))
    if (known) {
      if (known.hash !== slip.key?.hash) return idempotencyMismatch(known.key)
      return { kind: 'answered', answer: known.answer, replayed: known.slipId !== slip.id }
    }
    const before = slip.audited ? standingOf(book, call) : null
    const verdict = decide()
    const answer = slip.key && slip.answer(verdict)
    if (slip.key && answer) this.#keep({ scope, ...slip.key, slipId: slip.id, answer, ...lifeFrom(book.now) })
    if (before && differ(before, standingOf(book, call))) {
      this.#entries.push(slip.entry(verdict, before, book.now))
    }
    return verdict
  }

  #keep(row: AnswerRow): void {
    this.#answers.set(keyOf(row.scope, row.key), row)
    this.#made.push(row)
  }

  writes(): SlipWrites {
    return { answers: this.#made, entries: this.#entries }
  }
}

/** How long an answer lives that is given at this moment; epoch milliseconds. */
export function lifeFrom(now: number): Pick<AnswerRow, 'createdAt' | 'expiresAt'> {
  return { createdAt: now, expiresAt: now + ANSWERS_KEPT_MS }
}

/** A key that was used for another request: one of the two is a mistake, and nobody can tell which. */
export function idempotencyMismatch(key: string): TollkeeperError {
  const message = `The Idempotency-Key "${key}" was used for another request; send that one unchanged, or use another key`
  return new TollkeeperError('idempotency-mismatch', 422, message)
}

function standingOf(book: Book, { organizationId, userId = null }: Concerned): Standing {
  const organization = book.organization(organizationId)
  const member = userId === null ? undefined : book.team.member(organizationId, userId)
  return { balance: book.balanceView(organization), member: member ? shownMember(member, organization) : null }
}

/** Whether anything of it changed; both are flat records. */
function differ(a: Standing, b: Standing): boolean {
  return differIn(a.balance, b.balance) || differIn(a.member ?? {}, b.member ?? {})
}

function differIn(a: object, b: object): boolean {
  const former = new Map(Object.entries(a))
  const fields = Object.entries(b)
  return former.size !== fields.length || fields.some(([name, value]) => former.get(name) !== value)
}
