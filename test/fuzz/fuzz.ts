import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import type { Door } from '../admin/open-door.ts'
import type { FuzzWorld } from './fuzz-world.ts'
import { type FuzzRequest, type OpenApi, requestsOf } from './requests.ts'

/** So many are under way at once. */
const AT_ONCE = 16
/** Behind so many it is looked at what they left. */
const WINDOW = 250
/** A stream is open as long as its reader wishes. */
const PATIENCE_MS = 20_000
/** Something new is there: of a dry run it is not. */
const MADE = /^20[12] (?!.*dry_run=true)/
const STREAMS = /\/events(\?|$)/

export interface FuzzReport {
  readonly requests: number
  readonly byStatus: Readonly<Record<string, number>>
  /** Answers of 500 and more. */
  readonly fuzz_5xx: number
  /** What no answer may be, with the request. */
  readonly faults: readonly string[]
  /** Windows in which everything that could change something was refused, so that nothing may have changed. */
  readonly windowsRefused: number
  /** How often an operation was answered below 300, the rarest first. */
  readonly succeeded: Readonly<Record<string, number>>
  /** Operations of the document that were not. */
  readonly neverSucceeded: readonly string[]
  /** Bytes of the heap behind the first tenth and at the end, after a collection. */
  readonly heap: readonly [number, number]
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Sends requests that are made of the document, and looks at every answer. @param onWindow is told how far it is */
export async function fuzz(
  world: FuzzWorld,
  { requests, seed }: { readonly requests: number; readonly seed: number },
  onWindow: (done: number) => void = () => undefined,
): Promise<FuzzReport> {
  const document = (await world.door.ask('/openapi.json')).body as unknown as OpenApi
  const drawn = fc.sample(requestsOf(document, world.known), { numRuns: Math.min(requests, 20_000), seed })
  const operations = Object.values(document.paths).flatMap((methods) => {
    return Object.values(methods).map(({ operationId }) => operationId)
  })
  const report = new Report(operations)
  let heapAtFirst = 0
  for (let done = 0; done < requests; done += WINDOW) {
    const window = Array.from({ length: Math.min(WINDOW, requests - done) }, (_, index) => {
      return drawn[(done * 7 + index) % drawn.length] as FuzzRequest
    })
    // Every third window sends nothing of what could succeed in changing something.
    await sendWindow(world, (done / WINDOW) % 3 !== 2 ? window : window.map(spoil), report)
    if (heapAtFirst === 0 && done >= requests / 10) heapAtFirst = heapUsed()
    onWindow(done + window.length)
  }
  return report.toReport(requests, [heapAtFirst, heapUsed()])
}

async function sendWindow(world: FuzzWorld, window: readonly FuzzRequest[], report: Report): Promise<void> {
  const before = await tracesOf(world.door)
  let mayHaveChanged = false
  const queue = [...window]
  const senders = Array.from({ length: AT_ONCE }, async () => {
    for (let request = queue.pop(); request; request = queue.pop()) {
      const status = await send(world, request, report)
      mayHaveChanged ||= status < 400 && request.method !== 'GET'
    }
  })
  await Promise.all(senders)
  if (mayHaveChanged) return
  report.windowsRefused += 1
  const after = await tracesOf(world.door)
  if (before !== after) report.fault('something changed although every request was refused', window[0])
}

/** @returns the status; 599 where there was no answer */
async function send({ url, keys, living }: FuzzWorld, drawn: FuzzRequest, report: Report): Promise<number> {
  const request = { ...drawn, path: living.fill(drawn.path), body: drawn.body && living.fill(drawn.body) }
  const key = keys[request.caller]
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), PATIENCE_MS)
  try {
    const response = await fetch(url + request.path, {
      method: request.method,
      headers: { ...request.headers, ...(key && { Authorization: `Bearer ${key}` }) },
      body: request.method === 'GET' ? null : request.body,
      signal: controller.signal,
      redirect: 'manual',
    })
    if (response.ok && STREAMS.test(request.path)) await response.body?.cancel()
    else {
      const text = await response.text()
      report.look(request, response.status, text, response.headers.get('Content-Type') ?? '')
      if (MADE.test(`${response.status} ${request.path}`)) living.learn(request.operation, text)
    }
    report.count(request, response.status)
    return response.status
  } catch (error) {
    report.fault(`no answer: ${(error as Error).message}`, request)
    return 599
  } finally {
    clearTimeout(timer)
  }
}

/** Makes a request that may not succeed, whatever it was. */
function spoil(request: FuzzRequest): FuzzRequest {
  if (request.method === 'GET') return request
  return { ...request, path: `${request.path}${request.path.includes('?') ? '&' : '?'}unknown_parameter=1` }
}

async function tracesOf(door: Door): Promise<string> {
  return JSON.stringify(await door.traces())
}

function heapUsed(): number {
  collect()
  return process.memoryUsage().heapUsed
}

const FAULTS_MAX = 20
const KIND_LENGTH = 30
const OURS = /node_modules|\bat .*\.ts:\d|\bselect\b.*\bfrom\b|tollkeeper\.[a-z_]+\b.*\bwhere\b/i

class Report {
  readonly #byStatus = new Map<number, number>()
  readonly #faults: string[] = []
  readonly #kinds = new Set<string>()
  readonly #succeeded = new Map<string, number>()
  readonly #operations: readonly string[]
  #serverErrors = 0
  windowsRefused = 0

  constructor(operations: readonly string[]) {
    this.#operations = operations
  }

  count({ operation }: FuzzRequest, status: number): void {
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1)
    if (status < 300) this.#succeeded.set(operation, (this.#succeeded.get(operation) ?? 0) + 1)
    if (status >= 500) this.#serverErrors += 1
  }

  look(request: FuzzRequest, status: number, text: string, type: string): void {
    if (status >= 500) this.fault(`${status} ${text.slice(0, 300)}`, request)
    if (status < 400) return
    if (!type.startsWith('application/problem+json')) this.fault(`${status} is no problem+json: ${type}`, request)
    if (OURS.test(text)) this.fault(`something of our inside: ${text.slice(0, 300)}`, request)
    if (!request.statuses.includes(status))
      this.fault(`${status} is not in the document: ${text.slice(0, 200)}`, request)
  }

  /** Keeps one example of each kind: the first of them would fill the list, and hide the others. */
  fault(what: string, request: FuzzRequest | undefined): void {
    const kind = `${request?.operation} ${what.slice(0, KIND_LENGTH)}`
    if (this.#faults.length >= FAULTS_MAX || this.#kinds.has(kind)) return
    this.#kinds.add(kind)
    const { method, path, body, caller } = request ?? { method: '', path: '', body: null, caller: '' }
    this.#faults.push(`${what}\n  ${caller}: ${method} ${path.slice(0, 300)} ${body?.slice(0, 300) ?? ''}`)
  }

  toReport(requests: number, heap: readonly [number, number]): FuzzReport {
    return {
      requests,
      byStatus: Object.fromEntries([...this.#byStatus].sort(([a], [b]) => a - b)),
      fuzz_5xx: this.#serverErrors,
      faults: this.#faults,
      windowsRefused: this.windowsRefused,
      succeeded: Object.fromEntries([...this.#succeeded].sort(([, a], [, b]) => a - b)),
      neverSucceeded: this.#operations.filter((operation) => !this.#succeeded.has(operation)),
      heap,
    }
  }
}
