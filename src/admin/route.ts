import type { Request } from 'express'
import type { z } from 'zod'
import type { EntityManager } from '../database/transaction.ts'
import type { Mandate, Principal } from '../foundation/mandate.ts'
import type { AuditRecord } from '../managers/audit-log.manager.ts'
import type { Order } from '../managers/mandated-money.ts'
import type { Answer } from './answer.ts'
import type { AdminDependencies } from './dependencies.ts'
import type { Page, Position } from './page.ts'

/** Whom a route serves: everybody, an organisation's own keys, operators, admins; whoever comes later in this list may do more. */
export type Scope = 'public' | 'tenant' | 'operator' | 'admin'

type Fields = Readonly<Record<string, z.ZodType>>
export type Read<F> = F extends Fields ? { readonly [K in keyof F]: z.output<F[K]> } : Record<never, never>

/** Where a tenant's route is told the organisation that it is about; `any` may go without one, and then means all. */
type Whose = 'query' | 'body' | 'any'

/** One way in which a request may end well. */
export interface AnswerTerms {
  readonly description: string
  /** null: no body. What is sent is checked against it, so that neither a field nor a secret leaves unannounced. */
  readonly body: z.ZodType | null
  /** Media types that it may have instead of JSON. */
  readonly or?: readonly string[]
}

/** Everything about a route that its users see; its place in the OpenAPI document is made of this alone. */
export interface RouteTerms {
  readonly method: 'get' | 'post' | 'patch' | 'delete'
  /** Below /api/v1, with its parameters in braces. */
  readonly path: `/${string}`
  /** The name of the operation, unique. */
  readonly operation: string
  readonly tag: string
  readonly summary: string
  readonly description?: string
  readonly scope: Scope
  /** What a key that acts for one member may do here: nothing (unless said otherwise), what its member may, or all. */
  readonly members?: 'own' | 'all'
  readonly organization?: Whose
  /** Read by name; what does not match is not found. */
  readonly params?: Fields
  readonly query?: Fields
  readonly body?: z.ZodType
  /** No body is one without fields. */
  readonly bodyMayLack?: boolean
  /** May rightly take longer than other answers. */
  readonly long?: boolean
  /** Takes `limit` and `cursor`. */
  readonly list?: boolean
  /** Takes the header Idempotency-Key. */
  readonly idempotent?: boolean
  /** Takes `dry_run`. */
  readonly dryRun?: boolean
  /** Answers with an ETag, or takes If-Match with one. */
  readonly tagged?: boolean
  readonly answers: Readonly<Record<number, AnswerTerms>>
  /** Codes of contract.md that this route may refuse with, besides those of every route. */
  readonly problems?: readonly string[]
}

/** A change that is stored with its record in the audit log, and with its answer where the request has a key. */
export interface Change {
  readonly answer: Answer
  /** null: nothing was changed. */
  readonly audit: AuditRecord | null
}

/** A request, read and allowed. */
export interface Asked<Terms extends RouteTerms> {
  readonly params: Read<Terms['params']>
  readonly query: Read<Terms['query']>
  readonly body: Terms['body'] extends z.ZodType ? z.output<Terms['body']> : undefined
  readonly principal: Principal
  readonly mandate: Mandate
  /** Whom it is about, where the asker may ask about them; null only for `any`. */
  readonly organizationId: Terms['organization'] extends 'query' | 'body' ? string : string | null
  /** The part of a list that is asked for. @param list what is listed, with its owner and filters, such as `ledger acme` */
  page(list: string): Page
  /** A page of it as contract.md has it. @param next where the next one begins; without it there is none */
  pageOf<T>(list: string, data: readonly T[], ...next: Position): { data: readonly T[]; next_cursor: string | null }
  /** Reads what the asker may see. */
  read<T>(work: (em: EntityManager) => Promise<T>): Promise<T>
  /** Changes something, once, in one transaction. */
  change(work: (em: EntityManager) => Promise<Change>): Promise<Answer>
  /**
   * Has a manager do something on the asker's word, once under the request's key.
   * @param answer of what it did; made inside of its transaction, and kept, so of the same result always the same
   */
  order<R>(answer: (result: R) => Answer): Order<R>
  /** Whether If-Match names this state; null without that header. */
  readonly condition: ((state: object) => boolean) | null
  /** @throws ConflictError `stale-version` where If-Match names another state than this one */
  requireMatch(state: object): void
  /** @throws TollkeeperError 400 `invalid-query` where a page is asked for of what is no list this time */
  refusePaging(): void
  readonly req: Request
}

type Perform<Terms extends RouteTerms> = (asked: Asked<Terms>, deps: AdminDependencies) => Promise<Answer> | Answer

export interface Route {
  readonly terms: RouteTerms
  readonly perform: (asked: Asked<RouteTerms>, deps: AdminDependencies) => Promise<Answer> | Answer
}

/** The one definition of a route: what it is, in terms that a document can be made of, and what it does. */
export function route<const Terms extends RouteTerms>(terms: Terms, perform: Perform<Terms>): Route {
  // What is asked was read by these very terms.
  return { terms, perform: perform as unknown as Route['perform'] }
}

export function answer(description: string, body: z.ZodType | null, ...or: readonly string[]): AnswerTerms {
  return or.length === 0 ? { description, body } : { description, body, or }
}
