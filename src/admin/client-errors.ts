import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RequestHandler } from 'express'
import { TollkeeperError } from '../foundation/errors.ts'
import { newId } from '../foundation/ids.ts'
import { LINGER_MS } from './hang-up.ts'
import { problemJson } from './problem.ts'

const MALFORMED = {
  code: 'malformed-request',
  status: 400,
  detail: 'Send a request that is valid HTTP/1.1: its line, headers or body framing are not',
}
/** What Node refuses by itself, before there is a request that the app could answer. */
const REFUSALS: Readonly<Record<string, typeof MALFORMED>> = {
  HPE_HEADER_OVERFLOW: { code: 'too-large', status: 431, detail: 'Send fewer or shorter headers, and a shorter path' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { code: 'too-large', status: 413, detail: 'Send chunks without extensions' },
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'timeout', status: 408, detail: 'Send the whole request without such pauses' },
}

/** Makes the refusals of Node's own HTTP layer problem+json, each the last word of its connection. */
export function answerClientErrors(server: Server): void {
  const last = new WeakMap<Duplex, ServerResponse>()
  const note = (req: IncomingMessage, res: ServerResponse): void => void last.set(req.socket, res)
  server.prependListener('request', note).prependListener('checkContinue', note)
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (socket.writableEnded && !socket.destroyed) return
    const res = last.get(socket)
    const isAnswering = res?.headersSent && !res.writableFinished
    // Words of ours in the middle of another answer would be read as a part of it.
    if (!socket.writable || error.code === 'ECONNRESET' || isAnswering) return void socket.destroy()
    socket.end(answer(error.code))
    setTimeout(() => socket.destroy(), LINGER_MS).unref()
  })
}

function answer(code = ''): string {
  const problem = REFUSALS[code] ?? MALFORMED
  const requestId = newId()
  const text = problemJson(problem, requestId)
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Date: ${new Date().toUTCString()}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    `X-Request-Id: ${requestId}`,
    'Cache-Control: no-store',
    'Connection: close',
    '',
    text,
  ].join('\r\n')
}

/** Clients and their proxies send some twenty; Node would drop what is beyond its own limit without a word. */
const HEADERS_MAX = 100

export const refuseManyHeaders: RequestHandler = (req, res, next) => {
  if (req.rawHeaders.length > 2 * HEADERS_MAX) {
    res.set('Connection', 'close')
    throw new TollkeeperError('too-large', 431, `Send at most ${HEADERS_MAX} headers`)
  }
  next()
}

/** RFC 9112, 3.2: an HTTP/1.1 request has exactly one Host. Node would refuse its lack with an empty answer. */
export const requireHost: RequestHandler = (req, res, next) => {
  const given = req.headersDistinct.host?.length ?? 0
  if (given > 1 || (given === 0 && req.httpVersion === '1.1')) {
    res.set('Connection', 'close')
    throw new TollkeeperError(MALFORMED.code, MALFORMED.status, 'Send exactly one Host header')
  }
  next()
}
