import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { quoteToJson } from '../../src/managers/contract-json.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { component, eventually, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

describe('a quote', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
  })
  afterAll(() => world.close())

  const quote = (organizationId: string, more: object = {}) =>
    tollkeeper.service.quote({ organizationId, text: 'A text of some words.', agents: ['summarizer'], ...more })

  it('sums its stages, is no less than the charge, and changes nothing', async () => {
    const prices = [
      component('input', { kind: 'input_tokens' }, '150.00'),
      component('fee', { kind: 'agent', agent: 'summarizer' }, '0.001'),
      component('output', { kind: 'output_tokens' }, '1000.00'),
    ]
    await fundedOrganization(tollkeeper, 'acme', '10.00', prices)
    const before = await world.database.query('select * from tollkeeper.organization_balances')
    const { upper, stages, affordable, warnings, input_tokens } = quoteToJson(await quote('acme'))
    expect(await world.database.query('select * from tollkeeper.organization_balances')).toEqual(before)
    expect({ affordable, input_tokens }).toEqual({ affordable: true, input_tokens: 6 })
    expect(warnings).toEqual([{ code: 'unpriced-meter', detail: 'llm_tokens are billed at zero' }])
    expect(parseAmount(upper)).toBe(stages.reduce((sum, stage) => sum + parseAmount(stage.upper), 0n))
    await tollkeeper.startWorkers()
    const { id } = await tollkeeper.service.submit({
      organizationId: 'acme',
      text: 'A text of some words.',
      agents: ['summarizer'],
    })
    const job = await eventually(
      () => tollkeeper.service.find(id),
      ({ state }) => state === 'charged',
    )
    expect(job.charged).toBeLessThanOrEqual(parseAmount(upper))
    expect(job.charged).toBeGreaterThan(0n)
  })

  it('refuses whom submitting would refuse', async () => {
    await expect(quote('acme', { userId: 'nobody' })).rejects.toMatchObject({ code: 'not-a-member', status: 403 })
    await expect(quote('missing')).rejects.toMatchObject({ code: 'not-found', status: 404 })
    await expect(quote('acme', { maxCost: 1n })).rejects.toMatchObject({
      code: 'validation',
      errors: [{ pointer: '/max_cost', code: 'out-of-range' }],
    })
  })

  it('says that a job would fail for a model without a price, and for which tokens; the job then does', async () => {
    const prices = [component('llm', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '1.00')]
    await fundedOrganization(tollkeeper, 'half-priced', '10.00', prices)
    const { affordable, warnings } = quoteToJson(await quote('half-priced'))
    expect(affordable).toBe(false)
    expect(warnings.filter(({ code }) => code === 'unpriced-model').map(({ detail }) => detail)).toEqual([
      'any model without a price of its own has no price for output tokens: jobs that call it fail before the call',
      'output tokens of model offline have no price: this job would fail before the call',
    ])
    const { id } = await tollkeeper.service.submit({
      organizationId: 'half-priced',
      text: 'text',
      agents: ['summarizer'],
    })
    const job = await eventually(
      () => tollkeeper.service.find(id),
      ({ state }) => state === 'failed',
    )
    expect(job).toMatchObject({ charged: 0n, failure: { code: 'unpriced-model', stage: 'agent.summarizer' } })
    expect(job.failure?.detail).toContain('no price for output tokens of model offline')
  })
})
