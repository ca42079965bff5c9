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

/** What the network does to everybody at the moment. */
interface Weather {
  readonly links: Set<Link>
  frozen: boolean
  dropping: boolean
}

/** Opens a proxy before a server. The target need not be up: a client is reset when it cannot be reached. */
export async function openProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const weather: Weather = { links: new Set(), frozen: false, dropping: false }
  const { links } = weather
  let accepted = 0
  const listener = createServer({ noDelay: true, pauseOnConnect: true }, (client) => {
    accepted += 1
    join(weather, { client, server: connect({ ...target, noDelay: true }), stranded: false, muted: false })
  })
  const changed = (): void => {
    for (const link of links) flow(weather, link)
  }
  const cut = (): void => {
    for (const link of [...links]) reset(weather, link)
  }
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no TCP port')
  return {
    port: address.port,
    cut,
    freeze() {
      weather.frozen = true
      changed()
    },
    thaw() {
      weather.frozen = false
      changed()
    },
    strand() {
      for (const link of links) link.stranded = true
      changed()
    },
    dropReplies(on) {
      weather.dropping = on
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

function join(weather: Weather, link: Link): void {
  weather.links.add(link)
  forward(weather, link, link.client, link.server, () => true)
  forward(weather, link, link.server, link.client, () => {
    if (weather.dropping) link.muted = true
    return !link.muted
  })
  flow(weather, link)
}

/** Sends on what arrives, and ends both sides as soon as one has ended. */
function forward(weather: Weather, link: Link, from: Socket, to: Socket, passes: () => boolean): void {
  from.on('data', (bytes) => {
    if (passes() && !to.write(bytes)) from.pause()
  })
  to.on('drain', () => flow(weather, link))
  from.on('end', () => to.end())
  from.on('error', () => reset(weather, link))
  from.on('close', () => {
    to.destroy()
    weather.links.delete(link)
  })
}

/** A paused socket does not see its other end go either: that is what makes it half-open. */
function flow({ frozen }: Weather, { client, server, stranded }: Link): void {
  for (const socket of [client, server]) {
    if (frozen || stranded) socket.pause()
    else socket.resume()
  }
}

function reset({ links }: Weather, link: Link): void {
  links.delete(link)
  link.client.resetAndDestroy()
  link.server.resetAndDestroy()
}
