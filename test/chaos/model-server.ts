import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

/** One call of the model, as its provider sees it: it is paid from here on, whatever becomes of who asked. */
export interface ModelCall {
  readonly agent: string
  /** The first word of the job's text, by which a case knows its jobs. */
  readonly label: string
  readonly pid: number
  /** How many calls of the same agent for the same job were open at once, this one counted. */
  readonly atOnce: number
}

export interface ModelAnswer {
  readonly status: number
  readonly text: string
  /** The connection is reset in the middle of the answer. */
  readonly cut?: boolean
}

/** What the model does with a call; a promise that never resolves is a model that hangs. */
export type ModelMood = (call: ModelCall, asked: number) => Promise<ModelAnswer> | ModelAnswer

/** The outside model provider, played by a real HTTP server that counts. */
export interface ModelServer {
  readonly url: string
  readonly calls: readonly ModelCall[]
  callsFor(label: string, agent?: string): readonly ModelCall[]
  /** @param mood given the call and how often this agent was asked for this job, itself counted */
  become(mood: ModelMood): void
  /** Resolves when that many calls have come in. */
  asked(count: number): Promise<void>
  close(): Promise<void>
}

const LATENCY_MS = 150

export const patient: ModelMood = async ({ agent, label }) => {
  await new Promise((resolve) => setTimeout(resolve, LATENCY_MS))
  return { status: 200, text: `${agent} has read ${label}` }
}

export async function startModel(): Promise<ModelServer> {
  const calls: ModelCall[] = []
  const open = new Map<string, number>()
  const waiting: { count: number; resolve: () => void }[] = []
  let mood = patient
  const server = createServer(async (request, response) => {
    const { agent, text: job, pid } = JSON.parse(await text(request))
    const label = String(job).split(' ')[0] ?? ''
    const key = `${label} ${agent}`
    const atOnce = (open.get(key) ?? 0) + 1
    open.set(key, atOnce)
    // A killed caller's connection closes, too: then nobody is served any more.
    response.once('close', () => open.set(key, (open.get(key) ?? 1) - 1))
    const call = { agent, label, pid, atOnce }
    calls.push(call)
    for (const { count, resolve } of waiting) if (calls.length >= count) resolve()
    await answer(response, mood(call, callsFor(label, agent).length))
  })
  const callsFor = (label: string, agent?: string) =>
    calls.filter((call) => call.label === label && (agent === undefined || call.agent === agent))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the model has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    calls,
    callsFor,
    become(next) {
      mood = next
    },
    asked(count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      if (calls.length >= count) resolve()
      else waiting.push({ count, resolve })
      return promise
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function answer(response: ServerResponse, given: Promise<ModelAnswer> | ModelAnswer): Promise<void> {
  const { status, text, cut = false } = await given
  if (response.destroyed) return
  response.writeHead(status, { connection: 'close' })
  if (cut) response.write(text, () => response.destroy())
  else response.end(text)
}
