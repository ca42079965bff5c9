import { runMigrations } from 'bullmq'
import type { Client } from 'pg'

/** The schema of BullMQ's own tables, which are called job, event and meta. */
const QUEUE_SCHEMA = 'bullmq'

/** Brings the queue's tables up to date. Harmless where Redis holds the queue: they stay empty. */
export async function migrateQueues(client: Client): Promise<void> {
  await runMigrations(client, QUEUE_SCHEMA)
}
