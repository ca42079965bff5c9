import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../src/admin/route.ts'
import { accountRoutes } from '../../src/admin/routes/account.route.ts'
import { alertRoutes } from '../../src/admin/routes/alerts.route.ts'
import { featureChargeRoutes } from '../../src/admin/routes/feature-charges.route.ts'
import { jobRoutes } from '../../src/admin/routes/jobs.route.ts'
import { ledgerRoutes } from '../../src/admin/routes/ledger.route.ts'
import { statementRoutes } from '../../src/admin/routes/statements.route.ts'
import { usageRoutes } from '../../src/admin/routes/usage.route.ts'
import { verifyRoutes } from '../../src/admin/routes/verify.route.ts'
import { storyOrganization, tellJob, tellMoney } from '../managers/billed-story.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type Answer, type Door, openDoor } from './open-door.ts'

const SEED = 5
const JOBS = 30
const ROUTES: readonly Route[] = [
  ...jobRoutes,
  ...featureChargeRoutes,
  ...accountRoutes,
  ...ledgerRoutes,
  ...usageRoutes,
  ...statementRoutes,
  ...alertRoutes,
  ...verifyRoutes,
]
const OWN = 'organization_id=acme'
const ADMIN = '/admin/organizations/acme'

let door: Door
const ids = { job: '', ended: '', charge: '', threshold: '' }
const ask = (path: string, body?: object, method?: string): Promise<Answer> =>
  door.ask(`/api/v1${path}`, { ...(body && { body }), ...(method && { method }) })
const job = (text: object) => ({ organization_id: 'acme', agents: ['extractor'], ...text })
const charge = { organization_id: 'acme', feature: 'ocr', quantity: 3, key: 'scan-1', user_id: 'ann' }

/** By operation: what is asked, and with which status it is answered. */
const ASKED: Readonly<Record<string, readonly (readonly [status: number, () => Promise<Answer>])[]>> = {
  submitJob: [[202, () => ask('/jobs', job({ text: 'A text', external_id: 'order 7' }))]],
  submitJobs: [[202, () => ask('/jobs/batch', { organization_id: 'acme', jobs: [{ text: 'One' }, { text: 'Two' }] })]],
  resubmitJob: [[202, () => ask(`/jobs/${ids.ended}/resubmit`, undefined, 'POST')]],
  quoteJob: [
    [200, () => ask('/jobs/quote', job({ text: 'A text' }))],
    [200, () => ask('/jobs/quote', job({ texts: ['A text', 'Another text'] }))],
  ],
  listJobs: [[200, () => ask(`/jobs?${OWN}&limit=200`)]],
  getJob: [[200, () => ask(`/jobs/${ids.job}`)]],
  getReceipt: [[200, () => ask(`/jobs/${ids.job}/receipt`)]],
  cancelJob: [[200, () => ask(`/jobs/${ids.job}`, undefined, 'DELETE')]],
  chargeFeature: [
    [201, () => ask('/feature-charges', charge)],
    [200, () => ask('/feature-charges', charge)],
  ],
  listFeatureCharges: [[200, () => ask(`/feature-charges?${OWN}`)]],
  getFeatureCharge: [[200, () => ask(`/feature-charges/${ids.charge}`)]],
  getBalance: [[200, () => ask(`/balance?${OWN}`)]],
  listLedger: [[200, () => ask(`/ledger?${OWN}&limit=200`)]],
  listOrganizationLedger: [[200, () => ask(`${ADMIN}/ledger?limit=200`)]],
  getUsage: [[200, () => ask(`/usage?${OWN}&by=day&group_by=component,kind,agent,model,token_class,member,stage`)]],
  getOrganizationUsage: [[200, () => ask(`${ADMIN}/usage`)]],
  listStatements: [[200, () => ask(`/statements?${OWN}`)]],
  getStatement: [[200, () => ask(`/statements/current?${OWN}`)]],
  listOrganizationStatements: [[200, () => ask(`${ADMIN}/statements`)]],
  getOrganizationStatement: [[200, () => ask(`${ADMIN}/statements/1`)]],
  addThreshold: [[201, () => ask(`${ADMIN}/thresholds`, { below: '1000.00' })]],
  listThresholds: [[200, () => ask(`${ADMIN}/thresholds`)]],
  listAlerts: [[200, () => ask(`/alerts?${OWN}&state=raised`)]],
  listOrganizationAlerts: [[200, () => ask(`${ADMIN}/alerts`)]],
  removeThreshold: [[204, () => ask(`${ADMIN}/thresholds/${ids.threshold}`, undefined, 'DELETE')]],
  verify: [[200, () => ask('/admin/verify')]],
}

beforeAll(async () => {
  door = await openDoor()
  const random = seededRandom(SEED)
  await storyOrganization(door.tollkeeper, 'acme')
  for (let told = 0; told < JOBS; told += 1) {
    await tellJob(door.tollkeeper, 'acme', random)
    if (told % 5 === 0) await tellMoney(door.tollkeeper, 'acme', random)
  }
  const { available } = (await ask(`/balance?${OWN}`)).body
  await ask(`${ADMIN}/adjustments`, { amount: available, direction: 'debit', reference: 'all of it', note: null })
  const { id: jobId } = (await ask('/jobs', job({ text: 'It waits for money' }))).body
  await door.tollkeeper.billing.admit({ organizationId: 'acme', jobId }, [
    { stage: 'input', bound: { kind: 'input', tokens: 1_000 } },
    { stage: 'agent.extractor', bound: { kind: 'agent', agent: 'extractor', llm: null } },
    { stage: 'output', bound: { kind: 'output', maxTokens: 50 } },
  ])
  await ask('/jobs', job({ text: 'It stays queued' }))
  ids.job = (await ask('/jobs', job({ text: 'A text' }))).body.id
  const again = (await ask('/jobs', job({ text: 'It is run again' }))).body
  ids.ended = (await ask(`/jobs/${again.id}`, undefined, 'DELETE')).body.id
  ids.charge = (await ask('/feature-charges', { ...charge, key: 'scan-0' })).body.id
  ids.threshold = (await ask(`${ADMIN}/thresholds`, { below: '900.00', metric: 'headroom' })).body.id
})
afterAll(async () => {
  expect((await door.tollkeeper.verifier.verify()).violations).toEqual([])
  await door.close()
})

describe('what a route answers is what its terms announce', () => {
  test('and no route is left out here', () => {
    // A stream of events has tests of its own.
    const operations = ROUTES.map(({ terms }) => terms.operation).filter((operation) => operation !== 'followJob')
    expect(operations.toSorted()).toEqual(Object.keys(ASKED).toSorted())
  })

  test.each(Object.keys(ASKED))('%s', async (operation) => {
    const terms = ROUTES.find((route) => route.terms.operation === operation)?.terms
    const met = ASKED[operation] ?? []
    for (const [status, asking] of met) {
      const answer = await asking()
      expect(answer.text === '' ? [answer.status] : [answer.status, answer.body]).toEqual(
        answer.text === '' ? [status] : [status, terms?.answers[status]?.body?.parse(answer.body)],
      )
    }
    expect([...new Set(met.map(([status]) => status))].toSorted()).toEqual(
      Object.keys(terms?.answers ?? {}).map(Number),
    )
  })

  test('for jobs in every state, and their receipts', async () => {
    const { data } = (await ask(`/jobs?${OWN}&limit=200`)).body
    expect([...new Set(data.map(({ state }) => state))].toSorted()).toEqual([
      'cancelled',
      'charged',
      'failed',
      'processing',
      'queued',
      'rejected_for_balance',
    ])
    for (const { id, charged } of data) {
      const receipt = await ask(`/jobs/${id}/receipt`)
      expect(receipt.status).toBe(200)
      expect(receipt.body.total).toBe(charged)
    }
  })
})
