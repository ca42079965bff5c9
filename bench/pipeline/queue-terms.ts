/** Where a queue lives: Redis, or for null the PostgreSQL of `appUrl`. */
export interface QueueOf {
  readonly appUrl: string
  readonly redisUrl: string | null
}

/** As the product has them by default, so that the reference has no advantage. */
export const CONCURRENCY = 8
export const KEEP_COMPLETED = 1_000
export const QUEUE_POOL_MAX = 13
