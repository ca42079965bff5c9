import { once } from 'node:events'
import { type RequestHandler, type Response, Router } from 'express'
import { requireAllowed } from './access/allows.ts'
import { type Answer, checked } from './answer.ts'
import { asked, queryOf, type ServedBy } from './asked.ts'
import type { AdminDependencies } from './dependencies.ts'
import { sendEvents } from './event-stream.ts'
import { noteRoute } from './metrics/http-meter.ts'
import { Cursors } from './page.ts'
import { principalOf } from './principal.ts'
import type { Route } from './route.ts'
import { withoutTimeLimit } from './time-limit.ts'

/** Puts routes where their terms say, each behind its scope. */
export function serve(routes: readonly Route[], dependencies: AdminDependencies): Router {
  const router = Router()
  const deps = { ...dependencies, cursors: new Cursors(dependencies.cursorSecret) }
  for (const each of routes) {
    router[each.terms.method](each.terms.path.replaceAll(/\{(\w+)\}/g, ':$1'), handlerOf(each, deps))
  }
  return router
}

function handlerOf({ terms, perform }: Route, deps: ServedBy): RequestHandler {
  const [known, pattern] = [queryOf(terms), `/api/v1${terms.path}`]
  return async (req, res) => {
    noteRoute(res, pattern)
    const principal = principalOf(req)
    requireAllowed(principal, terms, req.method)
    if (terms.long) withoutTimeLimit(res)
    const request = asked(req, terms, known, principal, deps)
    await send(res, await perform(request, deps), terms.answers)
  }
}

async function send(res: Response, answer: Answer, known: Route['terms']['answers']): Promise<void> {
  const terms = known[answer.status]
  if (!terms) throw new Error(`status ${answer.status} is not among the answers of this route`)
  const { body } = answer
  const json = body?.kind === 'json' ? checked(terms.body, body.json) : undefined
  res.status(answer.status).set(answer.headers)
  if (body === null) res.end()
  else if (body.kind === 'json') res.json(json)
  else if (body.kind === 'stored') res.type('application/json').send(body.text)
  else if (body.kind === 'events') await sendEvents(res, body.stream)
  else await stream(res, body)
}

/** At the reader's pace: nothing more is made while he has not taken what is there, and nothing for who wants headers. */
async function stream(res: Response, { type, parts }: Extract<Answer['body'], { kind: 'stream' }>): Promise<void> {
  res.set('Content-Type', type)
  if (res.req.method === 'HEAD') return void res.end()
  for await (const part of parts) {
    if (res.destroyed) return
    if (!res.write(part)) await takenOrGone(res)
  }
  res.end()
}

/** A long answer waits often: the listener for what did not happen is taken away each time. */
async function takenOrGone(res: Response): Promise<void> {
  const waiting = new AbortController()
  const { signal } = waiting
  try {
    await Promise.race([once(res, 'drain', { signal }), once(res, 'close', { signal })])
  } finally {
    waiting.abort()
  }
}
