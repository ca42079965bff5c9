import autocannon from 'autocannon'
import { API_KEY, ORGANIZATIONS, TEXT } from './terms.ts'

type Request = autocannon.Request

/** Organisations that one connection asks for. */
const REQUESTS_PER_CONNECTION = 10

/** What a load saw. */
export interface Load {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly answered: number
  /** Answers other than 2xx, broken connections and time-outs, in sentences. */
  readonly faults: readonly string[]
}

const AUTHORIZATION = { authorization: `Bearer ${API_KEY}` }

/** POST /jobs, each connection one request after another, the organisations taking turns. */
export function submitJobs(url: string, connections: number, seconds: number): Promise<Load> {
  const requests = ORGANIZATIONS.map((organization_id): Request => {
    return { body: JSON.stringify({ organization_id, text: TEXT }) }
  })
  const headers = { ...AUTHORIZATION, 'content-type': 'application/json' }
  return fire({ url: `${url}/api/v1/jobs`, method: 'POST', headers, connections, duration: seconds }, requests)
}

/** GET /balance, in the same way. */
export function askBalances(url: string, connections: number, seconds: number): Promise<Load> {
  const requests = ORGANIZATIONS.map((id): Request => ({ path: `/api/v1/balance?organization_id=${id}` }))
  return fire({ url, headers: AUTHORIZATION, connections, duration: seconds }, requests)
}

/** Each connection has some requests of its own, which it repeats: a thousand for each would take seconds to build. */
async function fire(options: autocannon.Options, requests: readonly Request[]): Promise<Load> {
  let next = 0
  const setupClient = (client: autocannon.Client): void => {
    const own = Array.from({ length: REQUESTS_PER_CONNECTION }, () => requests[next++ % requests.length] ?? {})
    client.setRequests(own)
  }
  const result = await autocannon({ ...options, setupClient })
  const faults = [
    [result.non2xx, 'answers other than 2xx'],
    [result.errors, 'broken connections'],
    [result.timeouts, 'time-outs'],
  ] as const
  return {
    perSecond: result['2xx'] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    answered: result['2xx'],
    faults: faults.flatMap(([count, what]) => (count > 0 ? [`${count} ${what} of ${options.url}`] : [])),
  }
}
