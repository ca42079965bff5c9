import type { Request, RequestHandler, Response } from 'express'
import { type Counter, Histogram, type Registry } from 'prom-client'
import { counter, gauge } from './process-meters.ts'

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
/** More than there are routes. What would be one too many is a fault of ours, and is counted under one name. */
const ROUTES_MAX = 200
const NO_ROUTE = 'none'
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30]

export interface HttpMeter {
  /** Counts each request when its answer has ended. */
  readonly count: RequestHandler
  /** A stream of events began. @returns to be called when it ends */
  streamOpened(): () => void
  /** A request was refused by a rate limit. */
  rateLimited(limit: 'key' | 'address'): void
  /** A rate limit could not be asked for, and let the request pass. */
  limitUnknown(): void
}

/** Notes which route answers, as its pattern stands in the code: `/api/v1/jobs/{id}`, never the path that was asked for. */
export function noteRoute(res: Response, pattern: string): void {
  res.locals.route = pattern
}

/** Counts requests by the route's pattern, method and class of status: nothing that a caller could make more of. */
export function createHttpMeter(registry: Registry): HttpMeter {
  const requests = counter(registry, 'tollkeeper_http_requests_total', 'Answers', 'route', 'method', 'status')
  const seconds = new Histogram({
    name: 'tollkeeper_http_request_seconds',
    help: 'Seconds from a request to the end of its answer, streams of events left out',
    labelNames: ['route', 'method'] as const,
    buckets: SECONDS,
    registers: [registry],
  })
  const streams = gauge(registry, 'tollkeeper_event_streams', 'Streams of events that are open')
  const limited = counter(registry, 'tollkeeper_rate_limited_total', 'Requests refused by a rate limit', 'limit')
  const unknown = counter(registry, 'tollkeeper_rate_limit_unknown_total', 'Requests let pass without their limit')
  const routes = new Set<string>()
  const bounded = (pattern: string): string => {
    if (!routes.has(pattern) && routes.size >= ROUTES_MAX) return 'other'
    routes.add(pattern)
    return pattern
  }
  // Looked up by one text: prom-client would sort and join the labels of each request anew.
  const children = new Map<
    string,
    { readonly answered: Counter.Internal; readonly took: Histogram.Internal<'route' | 'method'> }
  >()
  const childrenOf = (route: string, method: string, status: string) => {
    const key = `${route} ${method} ${status}`
    const known = children.get(key)
    if (known) return known
    const made = { answered: requests.labels({ route, method, status }), took: seconds.labels({ route, method }) }
    children.set(key, made)
    return made
  }
  return {
    count(req, res, next) {
      const startedAt = performance.now()
      res.once('close', () => {
        const method = METHODS.has(req.method) ? req.method : 'other'
        const route = bounded(patternOf(req, res))
        const status = res.writableFinished ? `${Math.floor(res.statusCode / 100)}xx` : 'cut'
        const { answered, took } = childrenOf(route, method, status)
        answered.inc()
        if (!isEventStream(res)) took.observe((performance.now() - startedAt) / 1_000)
      })
      next()
    },
    streamOpened() {
      streams.inc()
      let open = true
      return () => {
        if (open) streams.dec()
        open = false
      }
    },
    rateLimited: (limit) => limited.inc({ limit }),
    limitUnknown: () => unknown.inc(),
  }
}

/** What was noted; else the mounted pattern with its parameters' values taken out again. */
function patternOf(req: Request, res: Response): string {
  const noted: unknown = res.locals.route
  if (typeof noted === 'string') return noted
  const route: unknown = req.route?.path
  if (typeof route !== 'string') return NO_ROUTE
  const names = new Map(Object.entries(req.params).map(([name, value]) => [String(value), `{${name}}`]))
  const mounted = req.baseUrl.split('/').map((part) => names.get(part) ?? part)
  return `${mounted.join('/')}${route.replaceAll(/:(\w+)/g, '{$1}')}`.replace(/(.)\/$/, '$1')
}

function isEventStream(res: Response): boolean {
  return String(res.getHeader('Content-Type') ?? '').startsWith('text/event-stream')
}
