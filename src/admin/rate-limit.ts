import type { Request, RequestHandler } from 'express'
import { ipKeyGenerator, type Logger as LimitLogger, type Options, rateLimit } from 'express-rate-limit'
import type { Logger } from '../foundation/logger.ts'
import type { RedisCommand } from '../queues/redis-commands.ts'
import type { HttpMeter } from './metrics/http-meter.ts'
import { principalOf } from './principal.ts'
import { sendProblem } from './problem.ts'
import { SharedCounts } from './shared-counts.ts'

const WINDOW_MS = 60_000
/** Wrong keys of one address and minute. A key is 256 random bits: this is against look-ups and log lines, not guessing. */
const WRONG_KEYS_MAX = 60

export interface RateLimitTerms {
  /** Requests per key and minute; 0 is off. */
  readonly perMinute: number
  /** Where several processes count together; null: each by itself. */
  readonly redis: RedisCommand | null
  readonly logger: Logger
  readonly meter: Pick<HttpMeter, 'rateLimited' | 'limitUnknown'>
}

export interface RateLimits {
  /**
   * Stands behind the door: counts whoever came in. Says what is left (`RateLimit`, `RateLimit-Policy`: draft 8 of the
   * IETF), and answers 429 with `Retry-After` when nothing is. A key is known by its id; ADMIN_API_KEY and the open door
   * count as one each.
   */
  readonly perKey: RequestHandler
  /**
   * Stands where a key is refused: lets the refusal happen, unless its address showed too many wrong ones. The address is
   * the socket's; a right key is never refused for it, since behind a proxy everybody has the same one.
   */
  readonly wrongKey: RequestHandler
}

export function createRateLimits({ perMinute, redis, logger, meter }: RateLimitTerms): RateLimits {
  if (perMinute === 0) return { perKey: pass, wrongKey: pass }
  const terms = { windowMs: WINDOW_MS, legacyHeaders: false, logger: toLimitLogger(logger) } as const
  return {
    perKey: rateLimit({
      ...terms,
      limit: perMinute,
      standardHeaders: 'draft-8',
      identifier: 'per-key',
      keyGenerator: nameOf,
      ...(redis && { store: new SharedCounts(redis, logger, () => meter.limitUnknown()) }),
      handler: refuse('key', meter),
    }),
    wrongKey: rateLimit({
      ...terms,
      limit: Math.min(WRONG_KEYS_MAX, perMinute),
      // An answer that tells a wrong key from none would tell something.
      standardHeaders: false,
      keyGenerator: (req) => ipKeyGenerator(req.socket.remoteAddress ?? ''),
      validate: { keyGeneratorIpFallback: false },
      handler: refuse('address', meter),
    }),
  }
}

function nameOf(req: Request): string {
  const { role, keyId } = principalOf(req)
  return keyId ?? role
}

const pass: RequestHandler = (_req, _res, next) => next()

const DETAILS = {
  key: 'This key has made all the requests of this minute; go on after as many seconds as Retry-After says',
  address: 'Too many wrong keys came from this address; go on after as many seconds as Retry-After says',
} as const

function refuse(limit: keyof typeof DETAILS, meter: Pick<HttpMeter, 'rateLimited'>): Options['handler'] {
  return (req, res) => {
    meter.rateLimited(limit)
    const { resetTime } = (req as Request & { rateLimit?: { resetTime?: Date } }).rateLimit ?? {}
    const waitMs = (resetTime?.getTime() ?? Date.now() + WINDOW_MS) - Date.now()
    res.set('Retry-After', String(Math.max(1, Math.ceil(waitMs / 1_000))))
    sendProblem(res, { code: 'rate-limited', status: 429, detail: DETAILS[limit] })
  }
}

function toLimitLogger(logger: Logger): LimitLogger {
  return {
    error: (err, message) => logger.error({ err }, message ?? 'a rate limit is set up wrongly'),
    warn: (err, message) => logger.warn({ err }, message ?? 'a rate limit is set up oddly'),
  }
}
