import { Socket } from 'node:net'

/**
 * A socket that sends what is written in one turn of the event loop together: a money transaction asks its statements in one
 * breath. With a packet each, a settle in large batches took this process 40 and 48 µs instead of 35 and 37.
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
