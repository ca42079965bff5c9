import { Socket } from 'node:net'

/**
 * Makes a connected socket send what is written in one turn of the event loop together. Each packet is a system call, and a
 * money transaction writes a dozen statements at once, a busy worker as many commands.
 */
export function gatherWrites(socket: Socket): void {
  const write = socket.write.bind(socket) as (...written: unknown[]) => boolean
  let gathering = false
  const uncork = (): void => {
    gathering = false
    socket.uncork()
  }
  socket.write = (...written: unknown[]): boolean => {
    if (!gathering) {
      gathering = true
      socket.cork()
      process.nextTick(uncork)
    }
    return write(...written)
  }
}

/** A socket that gathers once it is connected: Node puts the plain `write` back when it connects. */
export function gatheringSocket(): Socket {
  const socket = new Socket()
  return socket.once('connect', () => gatherWrites(socket))
}
