import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { UnavailableError } from '../../src/foundation/errors.ts'
import type { StageServices } from '../../src/pipeline/stage-services.ts'
import type { StageUsage } from '../../src/pricing/usage.ts'
import { absorbLate, letGo } from '../../workers/absorbed-work.ts'
import type { StageContext } from '../../workers/stage-context.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const USAGE: StageUsage = {
  kind: 'agent',
  agent: 'summarizer',
  llm: [{ model: 'offline', source: 'reported', classes: { input: 10, output: 5 } }],
}

let world: World
let tollkeeper: Tollkeeper
beforeAll(async () => {
  world = await openWorld('postgres')
  tollkeeper = await world.open()
  await fundedOrganization(tollkeeper, 'acme', '10.00', CONTRACT_COMPONENTS)
})
afterAll(() => world.close())

it('what a run used is put on record once the database is there again, and once only', async () => {
  const job = await tollkeeper.openJob({ organizationId: 'acme', agents: ['summarizer'] })
  const of = { ...job, stage: 'agent.summarizer' }
  const { billing, logger } = tollkeeper
  let outages = 2
  // The money path as it is while PostgreSQL is away, and as it is then.
  const letGoOf: StageServices['billing']['letGo'] = async (claim, usage) => {
    if (outages-- > 0) throw new UnavailableError('PostgreSQL does not answer')
    return billing.letGo(claim, usage)
  }
  const services = { logger, billing: { letGo: letGoOf } } as unknown as StageServices
  const record = new Set<StageUsage>()
  const context = {
    ...{ of, services, claim: { ...of, claimId: '01a20900-0000-7000-8000-00000000000c' } },
    spent: {
      take: async () => ({ usage: record.has(USAGE) ? null : USAGE, kept: () => void record.add(USAGE) }),
      ended: async () => undefined,
    },
  } as unknown as StageContext
  await expect(letGo(context)).rejects.toThrow(UnavailableError)
  expect(record.size).toBe(0)
  await absorbLate(context, [1, 1])
  await absorbLate(context, [1, 1])
  expect(await world.database.query('select job_id, tokens::int, reason from tollkeeper.absorbed_usage')).toEqual([
    { job_id: job.jobId, tokens: 15, reason: 'abandoned' },
  ])
})
