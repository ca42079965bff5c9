import { once } from 'node:events'
import { type RequestHandler, type Response, Router } from 'express'
import { z } from 'zod'
import type { Answer } from './answer.ts'
import { asked, type ServedBy } from './asked.ts'
import type { AdminDependencies } from './dependencies.ts'
import { sendEvents } from './event-stream.ts'
import { Cursors } from './page.ts'
import { principalOf } from './principal.ts'
import type { Route } from './route.ts'

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
  return async (req, res) => {
    const request = asked(req, terms, principalOf(req), deps)
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

/** What leaves is what the document announces: a field more might be a secret, a field less breaks a client. */
function checked(schema: z.ZodType | null, json: unknown): unknown {
  if (schema === null) throw new Error('this answer has no body by its terms')
  const result = schema.safeParse(json)
  if (!result.success) throw new Error(`an answer is not what its terms say: ${z.prettifyError(result.error)}`)
  return json
}

/** At the reader's pace: nothing more is made while he has not taken what is there. */
async function stream(res: Response, { type, parts }: Extract<Answer['body'], { kind: 'stream' }>): Promise<void> {
  res.set('Content-Type', type)
  for await (const part of parts) {
    if (res.destroyed) return
    if (!res.write(part)) await Promise.race([once(res, 'drain'), once(res, 'close')])
  }
  res.end()
}
