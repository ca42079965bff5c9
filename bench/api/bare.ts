import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import pg from 'pg'
import { newJob } from '../../src/admin/json/job-request.ts'
import { newId } from '../../src/foundation/ids.ts'
import { BARE_ENV } from './terms.ts'

// The yardstick: Express and nothing else. It validates the same body by the same schema, inserts one row by a prepared
// statement, and answers. No key, no log, no headers, no rights, no stages, no queue: nobody's API could do less.
const INSERT = 'insert into bench_jobs (id, organization_id, text) values ($1, $2, $3)'

const pool = new pg.Pool({
  connectionString: process.env[BARE_ENV.databaseUrl],
  max: Number(process.env[BARE_ENV.connections]),
})
const app = express()
app.use(express.json())
app.post('/api/v1/jobs', async (req, res) => {
  const read = newJob.safeParse(req.body)
  if (!read.success) {
    res.status(422).json({ code: 'validation' })
    return
  }
  const { organizationId, text } = read.data
  const id = newId()
  await pool.query({ name: 'insert', text: INSERT, values: [id, organizationId, text] })
  res.status(202).json({ id, organization_id: organizationId, state: 'queued' })
})
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
process.once('disconnect', () => process.exit())
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
