import type pg from 'pg'

/** How long the server waits for a sign of life of the holder, in milliseconds, before it gives the lock to another. */
const SILENT_MAX_MS = 8_000
const SIGN_OF_LIFE_MS = 2_000

/**
 * Runs something that only one process at a time should do. The lock lasts for a transaction that does nothing else, and
 * that the server ends when its holder falls silent: a session's lock would outlive a holder that was stopped, or whose
 * connection nobody closes, by hours. Then two may work for a moment, so the work must be safe to run twice at once.
 * @param key names the lock; the same number everywhere
 * @returns what it returned, or null where another process has the lock
 */
export async function withAdvisoryLock<T>(pool: pg.Pool, key: number, work: () => Promise<T>): Promise<T | null> {
  const client = await pool.connect()
  let broken: Error | undefined
  const onError = (error: Error): void => {
    broken = error
  }
  client.on('error', onError)
  let answered: Promise<unknown> | undefined
  // One question at a time: who owes an answer to the last sign is not asked for another.
  const giveSign = (): void => {
    answered ??= client.query('select 1').then(
      () => {
        answered = undefined
      },
      (error: Error) => onError(error),
    )
  }
  try {
    await client.query(`begin; set local idle_in_transaction_session_timeout = ${SILENT_MAX_MS}`)
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_xact_lock($1) as locked', [key])
    if (!rows[0]?.locked) return null
    const signs = setInterval(giveSign, SIGN_OF_LIFE_MS).unref()
    try {
      return await work()
    } finally {
      clearInterval(signs)
      await answered
    }
  } finally {
    await client.query('rollback').catch(onError)
    client.off('error', onError)
    client.release(broken)
  }
}
