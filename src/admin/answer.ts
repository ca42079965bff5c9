import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Answer as KeptAnswer } from '../ledger/answer-row.ts'
import type { Answered } from '../ledger/calls.ts'
import type { JobEventStream } from '../pipeline/job-events.ts'

/** What a route answers, before it is sent. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Body
}

type Body =
  | { readonly kind: 'json'; readonly json: unknown }
  /** JSON that was stored, byte for byte. */
  | { readonly kind: 'stored'; readonly text: string }
  /** Parts of a text of another media type, made while they are sent. */
  | { readonly kind: 'stream'; readonly type: string; readonly parts: AsyncIterable<string> }
  /** Server-sent events; null: only their headers, for HEAD. */
  | { readonly kind: 'events'; readonly stream: JobEventStream | null }
  | null

const json = (status: number, body: unknown, headers: Answer['headers'] = {}): Answer => ({
  status,
  headers,
  body: { kind: 'json', json: body },
})

export const ok = (body: unknown): Answer => json(200, body)
export const created = (location: string, body: unknown): Answer => json(201, body, { Location: location })
export const accepted = (location: string | null, body: unknown): Answer => {
  return json(202, body, location === null ? {} : { Location: location })
}
export const noContent = (): Answer => ({ status: 204, headers: {}, body: null })

export const events = (stream: JobEventStream | null): Answer => {
  return { status: 200, headers: {}, body: { kind: 'events', stream } }
}

/** With an ETag of what a client can change, so that it can say what it has seen. */
export function tagged(answer: Answer, state: object): Answer {
  return { ...answer, headers: { ...answer.headers, ETag: tagOf(state) } }
}

/** A strong tag: the same fields have the same one, in every process. */
export function tagOf(state: object): string {
  const text = JSON.stringify(state, (_key, value) => (typeof value === 'bigint' ? `${value}` : value))
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
}

/** The body of each status that a route may answer with; null for none. */
type KnownAnswers = Readonly<Record<number, { readonly body: z.ZodType | null }>>

/** What a manager answered on somebody's word: just now, or to the same request before. */
export function given({ answer: { status, location, body }, replayed }: Answered): Answer {
  const headers = {
    ...(location !== null && { Location: location }),
    ...(replayed && { 'Idempotent-Replayed': 'true' }),
  }
  return { status, headers, body: body === '' ? null : { kind: 'stored', text: body } }
}

/** Says that it was answered before. */
export function replayed(answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, 'Idempotent-Replayed': 'true' } }
}

/** An answer as it is kept under the key of its request. @param known the answers of its route */
export function kept({ status, headers, body }: Answer, known: KnownAnswers): KeptAnswer {
  const location = headers.Location ?? null
  if (body === null) return { status, location, body: '' }
  if (body.kind !== 'json') throw new Error('only JSON is kept under a key')
  return { status, location, body: JSON.stringify(checked(known[status]?.body ?? null, body.json)) }
}

/** What leaves is what the document announces: a field more might be a secret, a field less breaks a client. */
export function checked(schema: z.ZodType | null, json: unknown): unknown {
  if (schema === null) throw new Error('this answer has no body by its terms')
  const result = schema.safeParse(json)
  if (!result.success) throw new Error(`an answer is not what its terms say: ${z.prettifyError(result.error)}`)
  return json
}

/** A table that a browser keeps as a file. @param name without its extension */
export function csv(name: string, parts: Iterable<string> | AsyncIterable<string>): Answer {
  return {
    status: 200,
    headers: { 'Content-Disposition': `attachment; filename="${name}.csv"` },
    body: { kind: 'stream', type: 'text/csv; charset=utf-8; header=present', parts: one(parts) },
  }
}

async function* one(parts: Iterable<string> | AsyncIterable<string>): AsyncIterable<string> {
  yield* parts
}
