import type { IncomingMessage, ServerResponse } from 'node:http'

/** Less than this is cheaper to read and forget than a new connection. */
const SHORT_REST_BYTES = 64 * 1024
/**
 * A socket that is closed over unread bytes resets the connection, and the sender may lose our answer (RFC 9112, 9.6):
 * for this long and this much we read on, and forget. Who reads while sending hangs up by itself within that time.
 */
export const LINGER_MS = 500
const LINGER_BYTES = 1024 * 1024

/** Whether so much of the body may still come that waiting for it is not worth the connection. */
export function hasLongRest(req: IncomingMessage): boolean {
  if (req.complete) return false
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > SHORT_REST_BYTES
}

/** Sends the whole answer at once, and closes the connection without reading the rest of the request. */
export function answerAndHangUp(req: IncomingMessage, res: ServerResponse, text: string): void {
  res.setHeader('Connection', 'close')
  res.setHeader('Content-Length', Buffer.byteLength(text))
  res.write(text)
  const timer = setTimeout(end, LINGER_MS)
  let forgotten = 0
  function end(): void {
    clearTimeout(timer)
    req.pause()
    res.end()
  }
  req.on('data', (part: Buffer) => {
    forgotten += part.length
    if (forgotten > LINGER_BYTES) req.pause()
  })
  req.on('end', end).on('close', end).on('error', end).resume()
}
