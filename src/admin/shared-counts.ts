import type { ClientRateLimitInfo, Options, Store } from 'express-rate-limit'
import { RedisStore } from 'rate-limit-redis'
import type { Logger } from '../foundation/logger.ts'
import type { RedisCommand } from '../queues/redis-commands.ts'

/** After a failure Redis is not asked for so long: a silent one would hold up every request. */
const REST_MS = 1_000

/**
 * Counts that several processes share in Redis, one round trip each. While Redis does not answer, everybody passes: a
 * limit that fails closed would make Redis a part that the API cannot do without.
 */
export class SharedCounts implements Store {
  readonly localKeys = false
  readonly prefix = 'tollkeeper:rate:'
  readonly #redis: RedisStore
  readonly #logger: Logger
  readonly #onUnknown: () => void
  #options: Options | undefined
  /** Until the script is known to Redis; begun again after every failure. */
  #prepared: Promise<void> | undefined
  #failing = false
  #restUntil = 0

  constructor(send: RedisCommand, logger: Logger, onUnknown: () => void) {
    this.#redis = new RedisStore({ sendCommand: send, prefix: this.prefix })
    this.#logger = logger
    this.#onUnknown = onUnknown
  }

  init(options: Options): void {
    this.#options = options
  }

  async increment(key: string): Promise<ClientRateLimitInfo> {
    if (performance.now() < this.#restUntil) return this.#letPass()
    try {
      this.#prepared ??= this.#prepare()
      await this.#prepared
      const counted = await this.#redis.increment(key)
      if (this.#failing) this.#logger.info('requests are counted in Redis again')
      this.#failing = false
      return counted
    } catch (error) {
      this.#prepared = undefined
      this.#restUntil = performance.now() + REST_MS
      if (!this.#failing) this.#logger.warn({ reason: String(error) }, 'Redis counts no requests: all pass meanwhile')
      this.#failing = true
      return this.#letPass()
    }
  }

  decrement(key: string): Promise<void> {
    return this.#redis.decrement(key)
  }

  resetKey(key: string): Promise<void> {
    return this.#redis.resetKey(key)
  }

  async #prepare(): Promise<void> {
    if (this.#options) await this.#redis.init(this.#options)
  }

  #letPass(): ClientRateLimitInfo {
    this.#onUnknown()
    return { totalHits: 1, resetTime: new Date(Date.now() + (this.#options?.windowMs ?? 0)) }
  }
}
