/** Where a queue lives: Redis, or for null the PostgreSQL of `appUrl`. */
export interface QueueOf {
  readonly appUrl: string
  readonly redisUrl: string | null
}

/**
 * Of each queue, for the product and for the reference: a charged stage waits for the disk of PostgreSQL, and with the
 * default of 8 two cores would be idle meanwhile. The reference gains nothing beyond 16, and loses nothing.
 */
export const CONCURRENCY = 64
/** As the product has them by default, so that the reference has no advantage. */
export const KEEP_COMPLETED = 1_000
export const QUEUE_POOL_MAX = 13
