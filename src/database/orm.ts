import { Migrator } from '@mikro-orm/migrations'
import { defineConfig, MikroORM } from '@mikro-orm/postgresql'
import type pg from 'pg'
import { migrations } from '../../migrations/index.ts'
import { entities } from '../models/entities.ts'
import { forgiveLostRollbacks } from './lost-rollback.ts'
import { ImpatientClient } from './pool.ts'

/** Connections that MikroORM's unit of work may use; the money path has a pool of its own. */
const POOL_MAX = 6

/**
 * Opens MikroORM on a database. Our tables stand in the schema `tollkeeper`, since BullMQ has tables called job and
 * event, too, in its own. Nothing is found by scanning: entities and migrations are lists.
 */
export function openOrm(
  url: string,
  applicationName = 'tollkeeper',
  onPoolCreated: (pool: pg.Pool) => void = () => undefined,
): Promise<MikroORM> {
  return MikroORM.init(
    defineConfig({
      clientUrl: url,
      schema: 'tollkeeper',
      entities,
      extensions: [Migrator],
      pool: { min: 0, max: POOL_MAX },
      driverOptions: {
        application_name: applicationName,
        Client: ImpatientClient,
        // A transaction whose process fell silent keeps its locks no longer than this.
        options: '-c idle_in_transaction_session_timeout=10000',
        onPoolCreated(pool: pg.Pool) {
          forgiveLostRollbacks(pool)
          onPoolCreated(pool)
        },
      },
      forceUtcTimezone: true,
      migrations: {
        migrationsList: migrations,
        tableName: 'migrations',
        snapshot: false,
        snapshotName: 'schema-snapshot',
        path: 'migrations',
        pathTs: 'migrations',
      },
      schemaGenerator: { ignoreSchema: ['bullmq'] },
      logger: () => undefined,
    }),
  )
}
