import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import type { BoardHooks, QueueAdapterOptions, QueueJobJson } from '@bull-board/api/dist/types.js'
import { ExpressAdapter } from '@bull-board/express'
import { type RequestHandler, Router } from 'express'
import helmet from 'helmet'
import { UUID } from '../foundation/ids.ts'
import { boardMessages } from './board-labels.ts'
import type { AdminDependencies } from './dependencies.ts'
import { noteRoute } from './metrics/http-meter.ts'
import { sendProblem } from './problem.ts'

const BASE_PATH = '/admin/queues'

/**
 * What an operator may do on the board, by the board's own route. Retrying, promoting and pausing do no harm, since
 * PostgreSQL decides what a queue job may do; adding, editing and removing queue jobs would make cards lie.
 */
const ALLOWED = new Set([
  '/api/queues/pause',
  '/api/queues/resume',
  '/api/queues/:queueName/pause',
  '/api/queues/:queueName/resume',
  '/api/queues/:queueName/promote',
  '/api/queues/:queueName/retry/:queueStatus',
  '/api/queues/:queueName/:jobId/promote',
  '/api/queues/:queueName/:jobId/retry',
])

const handlerHooks: BoardHooks = {
  before: ({ method, route }) => ({ allow: method === 'get' || (method === 'put' && ALLOWED.has(route)) }),
}

/** The board is a script with inline styles; it runs from here and talks to here. Its web fonts stay out. */
const CONTENT_POLICY = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'style-src': ["'self'", "'unsafe-inline'"],
    'img-src': ["'self'", 'data:'],
    'font-src': ["'self'"],
    'connect-src': ["'self'"],
    'base-uri': ["'self'"],
    'form-action': ["'none'"],
    'frame-ancestors': ["'none'"],
  },
})

/** Bull Board over our queues, with our names for its states. Shows everything, changes nothing that moves money. */
export function boardRouter(queues: ReturnType<AdminDependencies['queues']['boardQueues']>): Router {
  const serverAdapter = new ExpressAdapter()
  serverAdapter.setBasePath(BASE_PATH)
  createBullBoard({
    queues: queues.map((queue) => {
      const adapter = new BullMQAdapter(queue, { delimiter: '.', externalJobUrl: toReceipt })
      adapter.setFormatter('name', toTitle)
      return adapter
    }),
    serverAdapter,
    options: {
      handlerHooks,
      uiConfig: {
        boardTitle: 'Tollkeeper',
        hideDocsLink: true,
        locale: { lng: 'en-US' },
        overview: { groupByDelimiter: true },
        sortQueues: false,
        theme: { light: COLOURS, dark: COLOURS },
      },
    },
  })
  const board = serverAdapter.getRouter()
  board.disable('x-powered-by')
  const messages = boardMessages()
  const router = Router()
  router.use(CONTENT_POLICY, answerProblems, (_req, res, next) => {
    noteRoute(res, BASE_PATH)
    next()
  })
  router.get('/static/locales/en-US/messages.json', (_req, res) => res.json(messages))
  router.use(board)
  return router
}

/** Longer reasons go on in the card's error tab. */
const TITLE_MAX = 200

/** Money that came in is green, what waits for money is amber, what is being measured is blue. */
const COLOURS = {
  'status-active': '#2f6fde',
  'status-waiting': '#6b7785',
  'status-completed': '#1f8a4c',
  'status-failed': '#c77700',
} as const

/** A card's title says it all: whose stage it is, and what it cost or why it failed. Shown, never read back. */
function toTitle({ name, returnvalue, failedReason }: QueueJobJson): string {
  const told: unknown = failedReason || (typeof returnvalue === 'object' ? returnvalue?.label : undefined)
  return typeof told === 'string' ? `${name} · ${told.slice(0, TITLE_MAX)}` : name
}

/** Queue-job data may be edited by hand; only what looks like a job's id becomes part of a link. */
const toReceipt = (({ data }: QueueJobJson) => {
  const jobId: unknown = typeof data === 'object' && data !== null ? data.jobId : undefined
  if (typeof jobId !== 'string' || !UUID.test(jobId)) return undefined
  return { displayText: 'Receipt', href: `/api/v1/jobs/${jobId}/receipt` }
  // The board shows no link for undefined; its types do not say so.
}) as NonNullable<QueueAdapterOptions['externalJobUrl']>

/** The board's codes in words of ours. */
const CODES: Readonly<Record<number, string>> = {
  400: 'invalid-query',
  403: 'forbidden',
  404: 'not-found',
  409: 'stale-version',
  413: 'too-large',
}
const DETAILS: Readonly<Record<string, string>> = {
  forbidden: 'Jobs can be retried, promoted and paused here; they are not added, edited or removed by hand',
}

/** Makes the board's refusals problem+json; its own `error`, which its pages show, stays a further member. */
const answerProblems: RequestHandler = (_req, res, next) => {
  const json = res.json.bind(res)
  res.json = (body: unknown) => {
    if (res.statusCode < 400) return json(body)
    res.json = json
    const code = CODES[res.statusCode] ?? 'internal'
    const { error } = (body ?? {}) as { readonly error?: unknown }
    const detail = DETAILS[code] ?? 'The board cannot do this now; look at the job again'
    sendProblem(res, { code, status: res.statusCode, detail, more: { error } })
    return res
  }
  next()
}
