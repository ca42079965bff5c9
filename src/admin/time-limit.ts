import type { RequestHandler, Response } from 'express'
import { sendProblem } from './problem.ts'

/** Longer than anything of ours waits for the database, shorter than the patience of most proxies and clients. */
export const ANSWER_MAX_MS = 30_000

const unlimited = new WeakSet<Response>()

/** For what rightly takes long, as proving all books does. */
export function withoutTimeLimit(res: Response): void {
  unlimited.add(res)
}

/**
 * Answers 503 where nothing was answered in time. Stands behind the reading of the body, whose time the server limits; an
 * answer that has begun, such as a stream, may take as long as it wants.
 */
export function timeLimit(ms: number): RequestHandler {
  return (_req, res, next) => {
    const timer = setTimeout(() => {
      if (res.headersSent || unlimited.has(res)) return
      res.set('Retry-After', '1')
      const detail = `Nothing was answered within ${ms / 1_000} s, and it may have been done; look, or repeat it with the same key or reference`
      sendProblem(res, { code: 'unavailable', status: 503, detail })
    }, ms)
    res.once('close', () => clearTimeout(timer))
    next()
  }
}
