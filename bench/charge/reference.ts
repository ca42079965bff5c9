import pg from 'pg'
import { secondsOf } from '../statistics.ts'
import type { World } from '../world.ts'

const CONNECTIONS = 10

/** The yardstick of every throughput: how many one-row INSERTs this machine commits in a second, each by itself. */
export interface Reference extends AsyncDisposable {
  /** @returns commits per second of `count` INSERTs on ten connections, prepared, each its own transaction */
  measure(count: number): Promise<number>
  /** One INSERT on one connection. @returns seconds */
  one(): Promise<number>
}

/** Its table has no more than a key and a value: nothing could be stored for less. */
export async function openReference({ ownerUrl, url }: World): Promise<Reference> {
  const owner = new pg.Client({ connectionString: ownerUrl })
  await owner.connect()
  await owner.query('create table bench_reference (id bigint generated always as identity primary key, value bigint)')
  await owner.query('grant insert on bench_reference to tollkeeper_app')
  await owner.end()
  // Clients of their own, without a pool between: the reference shall be as fast as it can be.
  const clients = Array.from({ length: CONNECTIONS }, () => new pg.Client({ connectionString: url }))
  await Promise.all(clients.map((client) => client.connect()))
  const insert = (client: pg.Client, value: number) =>
    client.query({ name: 'one_row', text: 'insert into bench_reference (value) values ($1)', values: [value] })
  return {
    async measure(count) {
      let left = count
      const seconds = await secondsOf(() =>
        Promise.all(
          clients.map(async (client) => {
            while (left-- > 0) await insert(client, left)
          }),
        ),
      )
      return count / seconds
    },
    one: () => secondsOf(() => insert(clients[0] as pg.Client, 1)),
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.end()))
    },
  }
}
