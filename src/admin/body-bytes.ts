import type { IncomingMessage } from 'node:http'
import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { RequestHandler } from 'express'
import { TollkeeperError } from '../foundation/errors.ts'

const UNPACKERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

/** Refuses by what a request says of its length, before a byte of the body is read or asked for. */
export function refuseLargeBodies(limit: number): RequestHandler {
  return (req, _res, next) => {
    if (Number(req.headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
    next()
  }
}

/**
 * The body of a request, unpacked.
 *
 * Counts what comes and what it unpacks to, and stops reading at the first byte too many; the usual body readers drain
 * the rest before they refuse, which lets a sender without an end occupy us.
 * @param limit bytes, both packed and unpacked
 * @throws TollkeeperError 413, 415 for an unknown Content-Encoding, 400 for a body that breaks off or does not unpack
 */
export function readBytes(req: IncomingMessage, limit: number): Promise<Buffer> {
  const unpacker = unpackerOf(req)
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const parts: Buffer[] = []
  let [received, size] = [0, 0]

  const stop = (error: TollkeeperError): void => {
    req.off('data', count).off('data', keep).unpipe().pause()
    unpacker?.destroy()
    parts.length = 0
    reject(error)
  }
  const count = (part: Buffer): void => {
    received += part.length
    if (received > limit) stop(tooLarge(limit))
  }
  const keep = (part: Buffer): void => {
    size += part.length
    if (size > limit) stop(tooLarge(limit))
    else parts.push(part)
  }
  const end = (): void => resolve(Buffer.concat(parts, size))

  if (unpacker) {
    req.on('data', count).pipe(unpacker)
    unpacker
      .on('data', keep)
      .on('end', end)
      .on('error', () => stop(broken()))
  } else {
    req.on('data', keep).on('end', end)
  }
  req.on('error', () => stop(broken())).on('close', () => req.complete || stop(broken()))
  return promise
}

function unpackerOf(req: IncomingMessage): Transform | undefined {
  const encoding = (req.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  if (encoding === 'identity') return undefined
  const create = Object.hasOwn(UNPACKERS, encoding) ? UNPACKERS[encoding] : undefined
  if (create) return create()
  const detail = 'Send the body plain, or as gzip, deflate or br'
  throw new TollkeeperError('unsupported-media-type', 415, detail)
}

function tooLarge(limit: number): TollkeeperError {
  return new TollkeeperError('too-large', 413, `Send a smaller body: at most ${limit} bytes`)
}

function broken(): TollkeeperError {
  return new TollkeeperError('malformed-json', 400, 'Send the whole body, as JSON in UTF-8')
}
