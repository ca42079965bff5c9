import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A TCP proxy on the loopback that fails in the ways in which networks do. Every switch holds until it is turned back. */
export interface TcpProxy {
  readonly port: number
  /** Nothing is forwarded, either way, on any connection, also on new ones (they are accepted). Nobody is told. */
  freeze(): void
  /** Forwards again; what was sent in between arrives late, except on connections that were stranded. */
  thaw(): void
  /** Strands the connections of this moment: open for ever and silent, as behind a router that forgot them. New ones work. */
  strand(): void
  /** Resets every connection on both sides, new ones are welcome. */
  cut(): void
  /**
   * Requests arrive, answers are lost. A connection that lost one never gets another, since its stream would make no
   * sense: `cut()` ends it.
   */
  dropReplies(on: boolean): void
  /** Connections of clients: open at this moment, and accepted since the beginning. */
  counts(): { open: number; accepted: number }
  close(): Promise<void>
}

interface Link {
  readonly client: Socket
  readonly server: Socket
  stranded: boolean
  muted: boolean
}

/** Opens a proxy before a server. The target need not be up: a client is reset when it cannot be reached. */
export async function openProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const links = new Set<Link>()
  let accepted = 0
  let frozen = false
  let dropping = false

  const listener = createServer({ noDelay: true, pauseOnConnect: true }, (client) => {
    accepted += 1
    const link = { client, server: connect({ ...target, noDelay: true }), stranded: false, muted: false }
    links.add(link)
    forward(link, client, link.server, () => true)
    forward(link, link.server, client, () => {
      if (dropping) link.muted = true
      return !link.muted
    })
    flow(link)
  })

  /** Sends on what arrives, and ends both sides as soon as one has ended. */
  function forward(link: Link, from: Socket, to: Socket, passes: () => boolean): void {
    from.on('data', (bytes) => {
      if (passes() && !to.write(bytes)) from.pause()
    })
    to.on('drain', () => flow(link))
    from.on('end', () => to.end())
    from.on('error', () => reset(link))
    from.on('close', () => {
      to.destroy()
      links.delete(link)
    })
  }

  /** A paused socket does not see its other end go either: that is what makes it half-open. */
  function flow(link: Link): void {
    for (const socket of [link.client, link.server]) {
      if (frozen || link.stranded) socket.pause()
      else socket.resume()
    }
  }

  function reset(link: Link): void {
    links.delete(link)
    link.client.resetAndDestroy()
    link.server.resetAndDestroy()
  }

  const cut = (): void => {
    for (const link of [...links]) reset(link)
  }

  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no TCP port')
  return {
    port: address.port,
    cut,
    freeze() {
      frozen = true
      for (const link of links) flow(link)
    },
    thaw() {
      frozen = false
      for (const link of links) flow(link)
    },
    strand() {
      for (const link of links) {
        link.stranded = true
        flow(link)
      }
    },
    dropReplies(on) {
      dropping = on
    },
    counts: () => ({ open: links.size, accepted }),
    async close() {
      const closed = once(listener, 'close')
      listener.close()
      cut()
      await closed
    },
  }
}
