import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import { translateDatabaseError } from '../database/errors.ts'
import { type FieldError, NotFoundError, TollkeeperError, ValidationError } from '../foundation/errors.ts'
import type { Logger } from '../foundation/logger.ts'
import { InsufficientBalanceError } from '../managers/insufficient-balance.ts'
import { answerAndHangUp, hasLongRest } from './hang-up.ts'
import { PROBLEMS } from './problems.ts'

/** A body of ten thousand wrong fields is answered for the first ones, and said in words for the very first. */
const ERRORS_MAX = 50
const SENTENCES_MAX = 3

interface Problem {
  readonly code: string
  readonly status: number
  readonly detail: string
  readonly errors?: readonly FieldError[]
  /** Further members, which RFC 9457 allows. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** Answers with problem+json. */
export function sendProblem(res: Response, problem: Problem): void {
  const text = problemJson(problem, res.req.id)
  res.status(problem.status).set('Content-Type', 'application/problem+json; charset=utf-8')
  if (hasLongRest(res.req)) answerAndHangUp(res.req, res, text)
  else res.send(text)
}

/** The body of an answer, as contract.md has it. */
export function problemJson({ code, status, detail, errors, more }: Problem, requestId: unknown): string {
  const title = (PROBLEMS[code] ?? PROBLEMS[status < 500 ? 'validation' : 'internal'])?.title
  return JSON.stringify({
    type: `/problems/${code}`,
    code,
    title,
    status,
    detail,
    request_id: requestId,
    errors,
    ...more,
  })
}

export const notFound: RequestHandler = () => {
  throw new NotFoundError()
}

/**
 * The one place where what was thrown becomes an answer; a stack, SQL or an address of ours never leaves.
 * @param noteMissing is told of what was asked for and is not there, or not for the asker
 */
export function problemHandler(
  logger: Logger,
  noteMissing: (error: NotFoundError, req: Request) => void = () => undefined,
): ErrorRequestHandler {
  return (thrown: unknown, req, res, next) => {
    // Answered already, by the time limit: what comes too late is of interest to operators only.
    if (res.writableEnded) return void logger.warn({ err: thrown }, 'an answer came too late')
    if (res.headersSent) return next(thrown)
    const error = translateDatabaseError(thrown)
    const problem = fromKnown(error) ?? fromHttp(error)
    if (error instanceof NotFoundError) noteMissing(error, req)
    if (problem.status >= 500) logger.error({ err: thrown, requestId: req.id }, 'a request failed')
    if ((problem.status === 503 || problem.status === 429) && !res.hasHeader('Retry-After')) res.set('Retry-After', '1')
    sendProblem(res, problem)
  }
}

function fromKnown(error: unknown): Problem | undefined {
  if (!(error instanceof TollkeeperError)) return undefined
  const { code, status, message } = error
  if (status === 503)
    return { code, status, detail: 'Something that we stand on does not answer; try again in a moment' }
  if (status >= 500) return undefined
  if (error instanceof InsufficientBalanceError) {
    const { reason, needed, available, missing, currency } = error
    return { code, status, detail: message, more: { reason, needed, available, missing, currency } }
  }
  if (!(error instanceof ValidationError)) return { code, status, detail: message }
  const errors = error.errors.slice(0, ERRORS_MAX)
  const sentences = errors.slice(0, SENTENCES_MAX).map((each) => each.detail)
  const more = error.errors.length - sentences.length
  return { code, status, detail: [...sentences, ...(more > 0 ? [`and ${more} more`] : [])].join('; '), errors }
}

/** What express and its body reader throw, by their own marks; everything else is a fault of ours. */
function fromHttp(error: unknown): Problem {
  const { type, status } = (error ?? {}) as { readonly type?: unknown; readonly status?: unknown }
  if (type === 'entity.too.large') return { code: 'too-large', status: 413, detail: 'Send a smaller body' }
  if (type === 'encoding.unsupported' || type === 'charset.unsupported') {
    return { code: 'unsupported-media-type', status: 415, detail: 'Send the body plain, or as gzip, deflate or br' }
  }
  // Express marks a path that cannot be decoded (%zz) with 400 and no type.
  if (error instanceof URIError) return { code: 'not-found', status: 404, detail: new NotFoundError().message }
  if (status === 400) return { code: 'malformed-json', status, detail: 'Send the whole body, as JSON in UTF-8' }
  const detail = 'Try again; if it stays, tell the operator the request_id'
  return { code: 'internal', status: 500, detail }
}
