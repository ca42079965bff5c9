import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Response } from 'express'
import { jobToJson } from '../managers/contract-json.ts'
import type { JobEvent, JobEventStream } from '../pipeline/job-events.ts'

/** A proxy ends a connection that says nothing for some 30 to 60 s. */
const HEARTBEAT_MS = 15_000
/** How long a client waits before it comes back, in milliseconds. */
const RETRY_MS = 2_000
/** Who takes nothing for this long is dropped: he comes back where he was, and nothing is kept for him meanwhile. */
const SLOW_MS = 10_000

/** How patient a stream is; the constants above by default. */
export interface StreamTiming {
  readonly heartbeatMs: number
  readonly slowMs: number
}

/**
 * Answers with server-sent events (WHATWG HTML, 9.2) until there are no more, the client goes, or is too slow. One event is
 * written at a time, and the next is asked for when the socket has taken it.
 * @param stream null: the headers are all, as HEAD wants it
 */
export async function sendEvents(
  res: Response,
  stream: JobEventStream | null,
  { heartbeatMs, slowMs }: StreamTiming = { heartbeatMs: HEARTBEAT_MS, slowMs: SLOW_MS },
): Promise<void> {
  res.status(200).set({
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    // A proxy must not gather what is to be heard now.
    'X-Accel-Buffering': 'no',
    // The end of the stream is the end of the connection: a server that stops waits for nobody.
    Connection: 'close',
  })
  if (stream === null) {
    res.end()
    return
  }
  res.write(`retry: ${RETRY_MS}\n\n`)
  res.once('close', () => stream[Symbol.dispose]())
  const heartbeat = setInterval(() => {
    if (!res.writableNeedDrain) res.write(': \n\n')
  }, heartbeatMs)
  try {
    for await (const event of stream) {
      if (!(await write(res, toText(event), slowMs))) return
    }
  } finally {
    clearInterval(heartbeat)
    stream[Symbol.dispose]()
    res.end()
  }
}

/** JSON has no line breaks of its own, so that the data are one line. */
function toText({ kind, id, job }: JobEvent): string {
  const data = kind === 'job' ? jobToJson(job) : { id: job.id, state: job.state }
  return `event: ${kind}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`
}

/** @returns whether the client still takes what is sent */
async function write(res: Response, text: string, slowMs: number): Promise<boolean> {
  if (res.destroyed) return false
  if (res.write(text)) return true
  const patience = new AbortController()
  const drained = Promise.race([once(res, 'drain', patience), once(res, 'close', patience)]).then(() => true)
  const isTaken = await Promise.race([drained, pause(slowMs, false, patience)]).finally(() => patience.abort())
  if (!isTaken) res.destroy()
  return !res.destroyed
}
