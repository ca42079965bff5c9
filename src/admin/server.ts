import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { answerClientErrors } from './client-errors.ts'

/** A client that takes longer to say what it wants holds a socket for nothing (or means to). */
const HEADERS_TIMEOUT_MS = 5_000
/** The largest body, 6 MiB by default, over a slow line. */
const REQUEST_TIMEOUT_MS = 60_000
const CHECK_INTERVAL_MS = 1_000
/** A proxy that keeps connections for a minute must never send a request on one that we are closing. */
const KEEP_ALIVE_MS = 65_000
/** Each costs memory before it asks anything; a process on two cores serves a fraction of them at once. */
const CONNECTIONS_MAX = 10_000
/** While we stop, a client has so long to send the request that is on its way, and to hear that its connection ends. */
const LAST_REQUEST_MS = 1_000

export interface AdminServer {
  /** Where it listens: `http://127.0.0.1:5001`. */
  readonly url: string
  /**
   * Takes no new connections, and says with each answer that its connection ends; after `graceMs` it hangs up. No request
   * that came on a connection of ours is cut before.
   */
  close(graceMs: number): Promise<void>
}

interface ListenOptions {
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** Within which a request must have come whole, with its body. */
  readonly requestTimeoutMs?: number
}

/** Listens. @throws the system's error, such as EADDRINUSE */
export async function startAdminServer(
  app: RequestListener,
  { host, port, requestTimeoutMs = REQUEST_TIMEOUT_MS }: ListenOptions,
): Promise<AdminServer> {
  const server = createServer(
    {
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // The app refuses its lack, with words.
      requireHostHeader: false,
    },
    app,
  )
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    continueWhenRead(req, res)
    app(req, res)
  })
  server.on('checkExpectation', app)
  server.maxConnections = CONNECTIONS_MAX
  answerClientErrors(server)
  const endWithNextAnswer = lastAnswers(server)
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return {
    url: `http://${name}:${address.port}`,
    async close(graceMs) {
      if (!server.listening) return
      const closed = once(server, 'close')
      const within = (ms: number) => Promise.race([closed, pause(ms, undefined, { ref: false })])
      // HTTP's own close hangs up on idle connections at once, also under a request that is on its way.
      NetServer.prototype.close.call(server)
      endWithNextAnswer()
      const untilIdleMs = Math.min(LAST_REQUEST_MS, graceMs / 2)
      await within(untilIdleMs)
      server.closeIdleConnections()
      await within(graceMs - untilIdleMs)
      server.closeAllConnections()
      await closed
      // Ends its timer, too.
      server.close()
    },
  }
}

/** @returns makes the answer that each connection owes, or else the next one on it, its last */
function lastAnswers(server: Server): () => void {
  const owed = new Map<Socket, ServerResponse>()
  let stopping = false
  const note = ({ socket }: IncomingMessage, res: ServerResponse): void => {
    if (stopping) res.shouldKeepAlive = false
    owed.set(socket, res)
    res.once('close', () => {
      if (owed.get(socket) === res) owed.delete(socket)
    })
  }
  server.prependListener('request', note).prependListener('checkContinue', note)
  return () => {
    stopping = true
    for (const res of owed.values()) res.shouldKeepAlive = false
  }
}

/**
 * Says `100 Continue` when somebody begins to read the body: who is refused before that need not send it. Whether such
 * a client sends it all the same is unknown, so that its connection ends with the refusal.
 */
function continueWhenRead(req: IncomingMessage, res: ServerResponse): void {
  const { shouldKeepAlive } = res
  res.shouldKeepAlive = false
  req.once('resume', () => {
    if (res.headersSent) return
    res.shouldKeepAlive = shouldKeepAlive
    res.writeContinue()
  })
}
