import { type Request, Router } from 'express'
import { NotFoundError } from '../../foundation/errors.ts'
import { batchQuoteToJson, jobToJson, quoteToJson, receiptToJson } from '../../managers/contract-json.ts'
import { firstJobView } from '../../managers/first-job-view.ts'
import type { JobView } from '../../managers/job-view.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { idempotencyKeyOf, newJob, newQuote } from '../json/job-request.ts'
import { bodyOf, refuseBody } from '../parse.ts'
import {
  cursorOf,
  LIST,
  limitOf,
  organizationIfGiven,
  organizationOf,
  takes,
  toCursor,
  uuidParameter,
} from '../query.ts'

/** /jobs: what users hand in, where it stands, and what it cost. */
export function jobRoutes({ inTransaction, jobs, service }: AdminDependencies): Router {
  const router = Router()

  /** A job of another organisation looks exactly like one that does not exist. */
  async function jobOf(req: Request): Promise<JobView> {
    const [id, organizationId] = [uuidParameter(req, 'id'), organizationIfGiven(req)]
    const job = await inTransaction((em) => jobs.find(em, id))
    if (organizationId !== null && job.organizationId !== organizationId) throw new NotFoundError()
    return job
  }

  router.post('/', takes(), async (req, res) => {
    const job = await service.submit({ ...bodyOf(req, newJob), key: idempotencyKeyOf(req) })
    if (job.replayed) res.set('Idempotent-Replayed', 'true')
    res
      .status(202)
      .location(`/api/v1/jobs/${job.id}`)
      .json(jobToJson(job.replayed ? firstJobView(job) : job))
  })

  router.post('/quote', takes(), async (req, res) => {
    const wanted = bodyOf(req, newQuote)
    if ('texts' in wanted) res.json(batchQuoteToJson(await service.quoteAll(wanted)))
    else res.json(quoteToJson(await service.quote(wanted)))
  })

  router.get('/', takes(...LIST, 'organization_id'), async (req, res) => {
    const organizationId = organizationOf(req)
    const list = `jobs ${organizationId}`
    const [limit, cursor] = [limitOf(req), cursorOf(req, list)]
    const before = cursor && String(cursor[0])
    const page = await inTransaction((em) => jobs.list(em, organizationId, { limit, before }))
    const last = page.more ? page.jobs.at(-1) : undefined
    res.json({ data: page.jobs.map(jobToJson), next_cursor: toCursor(list, last?.id) })
  })

  router.get('/:id', takes('organization_id'), async (req, res) => {
    res.json(jobToJson(await jobOf(req)))
  })

  router.get('/:id/receipt', takes('organization_id'), async (req, res) => {
    const { id } = await jobOf(req)
    res.json(receiptToJson(await inTransaction((em) => jobs.receipt(em, id))))
  })

  router.delete('/:id', takes('organization_id'), async (req, res) => {
    refuseBody(req)
    const { id } = await jobOf(req)
    res.json(jobToJson(await service.cancel(id)))
  })

  return router
}
