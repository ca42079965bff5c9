import type { Principal } from '../../foundation/mandate.ts'
import { batchQuoteToJson, jobToJson, quoteToJson, receiptToJson } from '../../managers/contract-json.ts'
import { firstJobView } from '../../managers/first-job-view.ts'
import type { JobView, Receipt } from '../../managers/job-view.ts'
import type { BatchQuoteView, QuoteView } from '../../managers/quote-view.ts'
import { JobEvents } from '../../pipeline/job-events.ts'
import type { SubmittedJob } from '../../pipeline/submission.ts'
import { type Answer, accepted, events, noContent, ok, replayed } from '../answer.ts'
import { JOB_FILTERS, memberOf, refuseEmptyRange, withinOf } from '../job-query.ts'
import {
  batchQuoteAnswer,
  jobAnswer,
  jobListAnswer,
  jobsAnswer,
  quoteAnswer,
  receiptAnswer,
} from '../json/job-answer.ts'
import { newJob, newJobs, newQuote, resubmission } from '../json/job-request.ts'
import { uuidPart } from '../parameters.ts'
import { answer, route } from '../route.ts'

const TAG = 'Jobs'
const params = { id: uuidPart('The job') }
const NEW_JOB_PROBLEMS = ['no-tariff', 'not-a-member']
const EVENTS = 'text/event-stream'

/** A job as it was shown to whoever brought it first, so that the same request is answered with the same bytes. */
const asTaken = (job: SubmittedJob): JobView => (job.replayed ? firstJobView(job) : job)

function taken(job: SubmittedJob): Answer {
  const made = accepted(`/api/v1/jobs/${job.id}`, jobToJson(asTaken(job)))
  return job.replayed ? replayed(made) : made
}

function nextOfQuote({ affordable, organizationId }: QuoteView | BatchQuoteView, submit: string): string {
  return affordable ? submit : `POST /api/v1/admin/organizations/${organizationId}/top-ups`
}

/** From what a job cost to what all of them did; a member's key may not ask for that. */
function nextOfReceipt({ jobId, final }: Receipt, { userId }: Principal): string | null {
  if (!final) return `GET /api/v1/jobs/${jobId}/events`
  return userId === null ? 'GET /api/v1/statements/current' : null
}

/** /jobs: handing work in. */
const submitRoutes = [
  route(
    {
      method: 'post',
      path: '/jobs',
      operation: 'submitJob',
      tag: TAG,
      summary: 'Hand a text in; it is taken at once and processed in the background',
      description: 'An Idempotency-Key stands for one job of the organisation, for ever.',
      scope: 'tenant',
      members: 'own',
      organization: 'body',
      body: newJob,
      idempotent: true,
      answers: { 202: answer('The job as it was taken', jobAnswer) },
      problems: NEW_JOB_PROBLEMS,
    },
    async ({ body, organizationId, principal, mandate }, { service }) => {
      const userId = memberOf(body.userId, principal)
      return taken(await service.submit({ ...body, organizationId, userId, key: mandate.idempotency?.key ?? null }))
    },
  ),

  route(
    {
      method: 'post',
      path: '/jobs/batch',
      operation: 'submitJobs',
      tag: TAG,
      summary: 'Hand up to 100 texts in, all or none',
      description: 'An Idempotency-Key stands for the whole list; or each job has a `key` of its own.',
      scope: 'tenant',
      members: 'own',
      organization: 'body',
      body: newJobs,
      idempotent: true,
      answers: { 202: answer('The jobs as they were taken, in their order', jobsAnswer) },
      problems: NEW_JOB_PROBLEMS,
    },
    async ({ body, organizationId, principal, mandate }, { service }) => {
      const jobs = body.jobs.map((job) => ({ ...job, userId: memberOf(job.userId, principal) }))
      const all = await service.submitAll({ organizationId, jobs, key: mandate.idempotency?.key ?? null })
      const made = accepted(null, { data: all.map((job) => jobToJson(asTaken(job))) })
      return all.length > 0 && all.every((job) => job.replayed) ? replayed(made) : made
    },
  ),

  route(
    {
      method: 'post',
      path: '/jobs/quote',
      operation: 'quoteJob',
      tag: TAG,
      summary: 'What a text, or a list of them, would cost, without any effect',
      scope: 'tenant',
      members: 'own',
      organization: 'body',
      body: newQuote,
      answers: { 200: answer('The quote; of texts, one of them all', quoteAnswer.or(batchQuoteAnswer)) },
      problems: ['no-tariff', 'not-a-member'],
    },
    async ({ body, organizationId, principal }, { service }) => {
      const terms = { organizationId, userId: memberOf(body.userId, principal) }
      if ('texts' in body) {
        const view = await service.quoteAll({ ...body, ...terms })
        return ok({ ...batchQuoteToJson(view), next: nextOfQuote(view, 'POST /api/v1/jobs/batch') })
      }
      const view = await service.quote({ ...body, ...terms })
      return ok({ ...quoteToJson(view), next: nextOfQuote(view, 'POST /api/v1/jobs') })
    },
  ),
]

/** /jobs/{id}: one job, whose it may be. */
const oneJobRoutes = [
  route(
    {
      method: 'get',
      path: '/jobs/{id}',
      operation: 'getJob',
      tag: TAG,
      summary: 'Show where a job stands, with what its finished stages made',
      scope: 'tenant',
      members: 'own',
      organization: 'any',
      params,
      answers: { 200: answer('The job', jobAnswer) },
    },
    async ({ params: { id }, organizationId, principal, read }, { jobs }) => {
      return ok(jobToJson(await read((em) => jobs.find(em, id, withinOf(organizationId, principal)))))
    },
  ),

  route(
    {
      method: 'get',
      path: '/jobs/{id}/receipt',
      operation: 'getReceipt',
      tag: TAG,
      summary: 'Show what a job cost and why, from tokens to amounts',
      scope: 'tenant',
      members: 'own',
      organization: 'any',
      params,
      answers: { 200: answer('The receipt; final when the state of the job is', receiptAnswer) },
    },
    async ({ params: { id }, organizationId, principal, read }, { jobs }) => {
      const receipt = await read((em) => jobs.receipt(em, id, withinOf(organizationId, principal)))
      return ok({ ...receiptToJson(receipt), next: nextOfReceipt(receipt, principal) })
    },
  ),

  route(
    {
      method: 'get',
      path: '/jobs/{id}/events',
      operation: 'followJob',
      tag: TAG,
      summary: 'Follow a job as server-sent events until it ends',
      description:
        'The first event is the job as it is; then `job` with each settled stage, rejection, resume and end, and `end`, behind which nothing follows. With Last-Event-ID, at any process: what happened behind that event, and nothing twice.',
      scope: 'tenant',
      members: 'own',
      organization: 'any',
      params,
      answers: {
        200: answer('`event: job`, with the job as data, or `event: end`', null, EVENTS),
        204: answer('Its end was told already; a browser asks no more', null),
      },
    },
    async ({ params: { id }, organizationId, principal, read, req }, { jobs, jobEvents }) => {
      const job = await read((em) => jobs.find(em, id, withinOf(organizationId, principal)))
      const lastEventId = req.get('Last-Event-ID') ?? null
      if (JobEvents.isEnd(lastEventId)) return noContent()
      return events(req.method === 'HEAD' ? null : jobEvents.open(job, lastEventId))
    },
  ),

  route(
    {
      method: 'delete',
      path: '/jobs/{id}',
      operation: 'cancelJob',
      tag: TAG,
      summary: 'Cancel a job; finished stages stay charged, the rest of its hold is released',
      scope: 'tenant',
      members: 'own',
      organization: 'any',
      params,
      answers: { 200: answer('The cancelled job', jobAnswer) },
      problems: ['job-finished'],
    },
    async ({ params: { id }, organizationId, principal }, { service }) => {
      return ok(jobToJson(await service.cancel(id, withinOf(organizationId, principal))))
    },
  ),

  route(
    {
      method: 'post',
      path: '/jobs/{id}/resubmit',
      operation: 'resubmitJob',
      tag: TAG,
      summary: 'Run the text of a job that has ended once more, as a new job that pays again',
      description: 'Its member, agents, external_id and, unless another is given, max_cost are those of the first run.',
      scope: 'tenant',
      members: 'own',
      organization: 'any',
      params,
      body: resubmission,
      bodyMayLack: true,
      idempotent: true,
      answers: { 202: answer('The new job', jobAnswer) },
      problems: ['job-unfinished', 'text-gone', ...NEW_JOB_PROBLEMS],
    },
    async ({ params: { id }, body, organizationId, principal, mandate }, { service }) => {
      const again = { ...body, key: mandate.idempotency?.key ?? null }
      return taken(await service.resubmit(id, again, withinOf(organizationId, principal)))
    },
  ),
]

const listRoute = route(
  {
    method: 'get',
    path: '/jobs',
    operation: 'listJobs',
    tag: TAG,
    summary: 'List jobs, newest first',
    scope: 'tenant',
    members: 'own',
    organization: 'query',
    query: JOB_FILTERS,
    list: true,
    problems: ['validation'],
    answers: { 200: answer('Jobs', jobListAnswer) },
  },
  async ({ query, organizationId, principal, page, pageOf, read }, { jobs }) => {
    const { state, user_id, external_id: externalId, sort } = query
    const [from, to] = [query.created_from?.() ?? null, query.created_to?.() ?? null]
    refuseEmptyRange(from, to)
    const userId = memberOf(user_id, principal)
    const list = `jobs ${JSON.stringify([organizationId, state, userId, externalId, from, to, sort])}`
    const { limit, position } = page(list)
    const order = sort === 'created_at' ? ('asc' as const) : ('desc' as const)
    const before = position && String(position[0])
    const filter = { state, userId, externalId, from, to }
    const found = await read((em) => jobs.list(em, organizationId, { limit, before, order, filter }))
    return ok(pageOf(list, found.jobs.map(jobToJson), found.more ? found.jobs.at(-1)?.id : undefined))
  },
)

/** /jobs: what users hand in, where it stands, and what it cost. */
export const jobRoutes = [...submitRoutes, listRoute, ...oneJobRoutes]
