import type pg from 'pg'

const NOTHING = { command: 'ROLLBACK', rowCount: null, rows: [] }

/**
 * A connection that was lost has nothing to roll back. The ORM's driver gives a client back only behind a rollback that was
 * answered: each transaction whose server went away would keep a client for ever, and with the last of them every manager of
 * the process would wait.
 */
export function forgiveLostRollbacks(pool: pg.Pool): void {
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...asked: readonly unknown[]) => Promise<unknown>
    const forgiving = (...asked: readonly unknown[]): Promise<unknown> => {
      const answer = query(...asked)
      if (asked[0] !== 'rollback') return answer
      return answer.catch(() => {
        // Whatever it was, nobody may go on in that transaction: the pool drops a client whose connection is gone.
        ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
        return NOTHING
      })
    }
    client.query = forgiving as typeof client.query
  })
}
