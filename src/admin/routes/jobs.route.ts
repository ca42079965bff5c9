import { ForbiddenError, NotFoundError } from '../../foundation/errors.ts'
import type { Principal } from '../../foundation/mandate.ts'
import { batchQuoteToJson, jobToJson, quoteToJson, receiptToJson } from '../../managers/contract-json.ts'
import { firstJobView } from '../../managers/first-job-view.ts'
import type { JobView } from '../../managers/job-view.ts'
import { accepted, ok, replayed } from '../answer.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { listOf } from '../json/answer-fields.ts'
import { batchQuoteAnswer, jobAnswer, quoteAnswer, receiptAnswer } from '../json/job-answer.ts'
import { newJob, newQuote } from '../json/job-request.ts'
import { uuidPart } from '../parameters.ts'
import { type Asked, answer, type RouteTerms, route } from '../route.ts'

const TAG = 'Jobs'
const OF_TENANT = { tag: TAG, scope: 'tenant', members: 'own' } as const
const params = { id: uuidPart('The job') }

/** /jobs: what users hand in, where it stands, and what it cost. */
export const jobRoutes = [
  route(
    {
      ...OF_TENANT,
      method: 'post',
      path: '/jobs',
      operation: 'submitJob',
      summary: 'Hand in a text; it is held for, worked on and charged from here on',
      organization: 'body',
      body: newJob,
      idempotent: true,
      answers: { 202: answer('The job, or the one that this key was used for before', jobAnswer) },
      problems: ['no-tariff', 'not-a-member'],
    },
    async ({ body, organizationId, principal, mandate }, { service }) => {
      const userId = memberOf(principal, body.userId)
      const key = mandate.idempotency?.key ?? null
      const job = await service.submit({ ...body, organizationId, userId, key })
      const made = accepted(`/api/v1/jobs/${job.id}`, jobToJson(job.replayed ? firstJobView(job) : job))
      return job.replayed ? replayed(made) : made
    },
  ),

  route(
    {
      ...OF_TENANT,
      method: 'post',
      path: '/jobs/quote',
      operation: 'quoteJob',
      summary: 'Say what a job would cost, or each of a list, without any effect',
      organization: 'body',
      body: newQuote,
      answers: { 200: answer('The quote; of texts, one of them all', quoteAnswer.or(batchQuoteAnswer)) },
      problems: ['no-tariff', 'not-a-member'],
    },
    async ({ body, organizationId, principal }, { service }) => {
      const asker = { organizationId, userId: memberOf(principal, body.userId ?? null) }
      if ('texts' in body) return ok(batchQuoteToJson(await service.quoteAll({ ...body, ...asker })))
      return ok(quoteToJson(await service.quote({ ...body, ...asker })))
    },
  ),

  route(
    {
      ...OF_TENANT,
      method: 'get',
      path: '/jobs',
      operation: 'listJobs',
      summary: 'List jobs, newest first',
      organization: 'query',
      list: true,
      answers: { 200: answer('Jobs', listOf(jobAnswer)) },
    },
    async ({ organizationId, principal, page, pageOf, read }, { jobs }) => {
      const list = `jobs ${organizationId}`
      const { limit, position } = page(list)
      const found = await read((em) =>
        jobs.list(em, organizationId, { limit, before: position && String(position[0]) }),
      )
      const shown = found.jobs.filter((job) => isFor(principal, job))
      return ok(pageOf(list, shown.map(jobToJson), found.more ? found.jobs.at(-1)?.id : null))
    },
  ),

  route(
    {
      ...OF_TENANT,
      method: 'get',
      path: '/jobs/{id}',
      operation: 'getJob',
      summary: 'Show where a job stands',
      organization: 'any',
      params,
      answers: { 200: answer('The job', jobAnswer) },
    },
    async (asked, deps) => ok(jobToJson(await jobOf(asked, deps))),
  ),

  route(
    {
      ...OF_TENANT,
      method: 'get',
      path: '/jobs/{id}/receipt',
      operation: 'getReceipt',
      summary: 'Show what a job cost and why, line by line; final when the job is',
      organization: 'any',
      params,
      answers: { 200: answer('The receipt', receiptAnswer) },
    },
    async (asked, deps) => {
      const { id } = await jobOf(asked, deps)
      return ok(receiptToJson(await asked.read((em) => deps.jobs.receipt(em, id))))
    },
  ),

  route(
    {
      ...OF_TENANT,
      method: 'delete',
      path: '/jobs/{id}',
      operation: 'cancelJob',
      summary: 'Stop a job: finished stages stay charged, the rest is released',
      organization: 'any',
      params,
      answers: { 200: answer('The cancelled job', jobAnswer) },
      problems: ['job-finished'],
    },
    async (asked, deps) => {
      const { id } = await jobOf(asked, deps)
      return ok(jobToJson(await deps.service.cancel(id)))
    },
  ),
]

type AskedForJob = Pick<Asked<RouteTerms>, 'organizationId' | 'principal' | 'read'> & {
  readonly params: { readonly id: string }
}

/** A job of somebody else looks exactly like one that does not exist. @throws NotFoundError */
async function jobOf({ params, organizationId, principal, read }: AskedForJob, { jobs }: AdminDependencies) {
  const job = await read((em) => jobs.find(em, params.id))
  const isOwn = organizationId === null || job.organizationId === organizationId
  if (!isOwn || !isFor(principal, job)) throw new NotFoundError()
  return job
}

/** A key that acts for one member sees that member's jobs. */
function isFor({ userId }: Principal, job: JobView): boolean {
  return userId === null || job.userId === userId
}

/** Whom a job is for: the key's member, where it has one. @throws ForbiddenError for another one */
function memberOf({ userId: own }: Principal, given: string | null): string | null {
  if (own === null || given === null || given === own) return own ?? given
  throw new ForbiddenError('forbidden', `This key submits for ${own} only; leave user_id out`)
}
