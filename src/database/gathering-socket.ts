import { Socket } from 'node:net'

/**
 * A socket that sends what is written in one turn of the event loop together. A money transaction asks its statements in
 * one breath; as a packet each, sending them cost a sixth of this process's time, and the server woke up for every one.
 */
export function gatheringSocket(): Socket {
  const socket = new Socket()
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
      queueMicrotask(uncork)
    }
    return write(...written)
  }
  return socket
}
