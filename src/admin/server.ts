import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { answerClientErrors } from './client-errors.ts'

/** A client that takes longer to say what it wants holds a socket for nothing (or means to). */
const HEADERS_TIMEOUT_MS = 5_000
/** The largest body, 6 MiB by default, over a slow line. */
const REQUEST_TIMEOUT_MS = 60_000
const CHECK_INTERVAL_MS = 1_000

export interface AdminServer {
  /** Where it listens: `http://127.0.0.1:5001`. */
  readonly url: string
  /** Takes no new requests, lets the running ones end for `graceMs`, then hangs up. */
  close(graceMs: number): Promise<void>
}

/** Listens. @param port 0 for any free one. @throws the system's error, such as EADDRINUSE */
export async function startAdminServer(
  app: RequestListener,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<AdminServer> {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
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
  answerClientErrors(server)
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return {
    url: `http://${name}:${address.port}`,
    async close(graceMs) {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeIdleConnections()
      await Promise.race([closed, pause(graceMs, undefined, { ref: false })])
      server.closeAllConnections()
      await closed
    },
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
