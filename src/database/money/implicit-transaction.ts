import type pg from 'pg'
import type { Cells } from './statements.ts'
import type { Prepared } from './write-rows.ts'

/** What we use of a client's connection beyond its declared interface; pg's own queries are sent by the same. */
interface Wire {
  /** The text of each statement that the server has prepared, by name. */
  readonly parsedStatements: Readonly<Record<string, string>>
  bind(message: { readonly statement: string; readonly values: Cells }): void
  execute(message: object): void
  sync(): void
}

/** Whether the server has prepared all of these on this connection. */
export function arePrepared(client: pg.ClientBase, statements: readonly Prepared[]): boolean {
  const { connection } = client as unknown as { readonly connection: Wire }
  return statements.every(([{ name, text }]) => connection.parsedStatements[name] === text)
}

/**
 * Sends prepared statements as one transaction, stored or undone together: PostgreSQL makes one of whatever stands before a
 * Sync, without BEGIN and COMMIT. It answers once, where it would answer each statement by itself, with a packet of its own
 * that wakes us.
 * @returns when it is stored @throws what PostgreSQL refused, and then nothing is stored; or the loss of the connection
 */
export function storeTogether(client: pg.ClientBase, statements: readonly Prepared[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  client.query(new ImplicitTransaction(statements, resolve, reject))
  return promise
}

/** In the form in which pg takes queries of others. */
export class ImplicitTransaction implements pg.Submittable {
  readonly statements: readonly Prepared[]
  readonly handleReadyForQuery: () => void
  readonly handleError: (error: unknown) => void

  constructor(statements: readonly Prepared[], stored: () => void, refused: (error: unknown) => void) {
    this.statements = statements
    this.handleReadyForQuery = stored
    this.handleError = refused
  }

  submit(connection: unknown): void {
    const wire = connection as Wire
    for (const [{ name }, values] of this.statements) {
      wire.bind({ statement: name, values })
      wire.execute({})
    }
    wire.sync()
  }

  /** No statement of these says more than that it was done. */
  handleCommandComplete(): void {}
  handleDataRow(): void {}
}
