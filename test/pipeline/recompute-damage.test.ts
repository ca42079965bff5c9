import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import type { Recomputation } from '../../src/pipeline/recompute/recompute.ts'
import { damage } from '../managers/busy-organization.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const TEXT = 'The council pays 1,200 dollars for the ferry. The ferry sails on 3 May 2025. The crew is small.'
const STAGE = (stage: string) => `where job_id = '@' and stage = '${stage}'`
const LEDGER = 'update tollkeeper.ledger_entries set'
const CHARGE = `where job_id = '@' and kind = 'charge' and stage = 'input'`
const line = (stage: string, path: string, value: string) =>
  `update tollkeeper.job_stages set lines = jsonb_set(lines::jsonb, '{${path}}', '${value}')::json ${STAGE(stage)}`
const usage = (stage: string, path: string, value: string) =>
  `update tollkeeper.job_stages set usage = jsonb_set(usage::jsonb, '{${path}}', '${value}')::json ${STAGE(stage)}`

/** What is done to a charged job, and the figures that differ then: all of them, and no other. */
const DAMAGES: readonly (readonly [what: string, sql: string, differ: readonly string[]])[] = [
  [
    'the stored text',
    `update tollkeeper.job_texts set text = text || ' And more.' where job_id = '@'`,
    ['input text tokens'],
  ],
  [
    'what the provider reported',
    usage('agent.summarizer', 'llm,0,evidence,raw,usage,input', '1'),
    ['agent.summarizer call 1 tokens'],
  ],
  [
    'whose words the report is in',
    usage('agent.summarizer', 'llm,0,evidence,raw,shape', '"nobody"'),
    ['agent.summarizer call 1 tokens'],
  ],
  [
    'who measured',
    usage('agent.summarizer', 'llm,0,source', '"counted"'),
    ['agent.summarizer llm-in/input quantity', 'agent.summarizer llm-out/output quantity'],
  ],
  [
    'an agent’s result',
    `update tollkeeper.job_stages set result = 'something else' ${STAGE('agent.summarizer')}`,
    ['output text tokens', 'output result result'],
  ],
  [
    'the delivered result',
    `update tollkeeper.job_stages set result = result || ' and more' ${STAGE('output')}`,
    ['output result result'],
  ],
  ['the quantity of a line', line('input', '0,5', '99'), ['input input quantity']],
  ['the source of a line', line('agent.summarizer', '1,6', '"counted"'), ['agent.summarizer llm-in/input quantity']],
  ['the model of a line', line('agent.summarizer', '1,3', '"other"'), ['agent.summarizer llm-in/input quantity']],
  ['the counter of a line', line('input', '0,13', '1'), ['input input units']],
  ['free units that no tariff includes', line('input', '0,7', '1'), ['input input units']],
  ['the price of a line', line('input', '0,9', '"149999999"'), ['input input rate']],
  ['the amount of a line', line('input', '0,15', '"1"'), ['input input amount']],
  ['an amount of the ledger', `${LEDGER} amount = amount + 1 ${CHARGE}`, ['input input entry']],
  ['the number of an entry', line('input', '0,17', '1'), ['input input entry']],
  ['an entry that is gone', `delete from tollkeeper.ledger_entries ${CHARGE}`, ['input input entry']],
  [
    'an entry that is for nothing',
    `${LEDGER} business_key = 'charge:@:input:other:-' ${CHARGE}`,
    ['input input entry', 'job ledger entry'],
  ],
  ['the hold in the ledger', `${LEDGER} amount = amount + 1 where job_id = '@' and kind = 'hold'`, ['job held sum']],
  [
    'the release in the ledger',
    `${LEDGER} amount = amount + 1 where job_id = '@' and kind = 'release'`,
    ['job releases entry'],
  ],
  [
    'what a stage is charged',
    `update tollkeeper.job_stages set charged = charged + 1 ${STAGE('input')}`,
    ['input charged sum', 'job total sum'],
  ],
  ['what the job is charged', `update tollkeeper.jobs set charged = charged + 1 where id = '@'`, ['job charged sum']],
  [
    'what was released',
    `update tollkeeper.jobs set released = released - 1 where id = '@'`,
    ['job released sum', 'job releases entry'],
  ],
  ['what the platform bears', `update tollkeeper.jobs set written_off = 1 where id = '@'`, ['job written off sum']],
]

const differing = ({ findings }: Recomputation): readonly string[] =>
  findings
    .filter(({ verdict }) => verdict === 'differs')
    .map(({ stage, of, figure }) => `${stage ?? 'job'} ${of} ${figure}`)

describe('a receipt that is made again says what was changed behind our back:', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let bystander: string
  const charged = async (): Promise<string> => {
    const agents = ['extractor', 'summarizer']
    const { id } = await tollkeeper.service.submit({ organizationId: 'acme', text: TEXT, agents })
    await tollkeeper.watcher.until(id, ({ state }) => state === 'charged')
    return id
  }
  beforeAll(async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent', RECONCILE_INTERVAL_MS: '3600000' })
    tollkeeper = await world.open()
    await fundedOrganization(tollkeeper, 'acme', '10.00', CONTRACT_COMPONENTS)
    await tollkeeper.startWorkers()
    bystander = await charged()
  })
  afterAll(() => world.close())

  it.each(DAMAGES.map((row) => [row[0], row] as const))('%s', async (_what, [, sql, differ]) => {
    const id = await charged()
    const before = await tollkeeper.recompute(id)
    expect(before.ok, differing(before).join()).toBe(true)
    await damage(world, sql.replaceAll('@', id))
    const after = await tollkeeper.recompute(id)
    expect(differing(after)).toEqual(differ)
    expect(after.ok).toBe(false)
    expect(after.findings).toHaveLength(before.findings.length)
    for (const { verdict, stored, recomputed } of after.findings) {
      expect(stored === recomputed, `${stored} | ${recomputed}`).toBe(verdict === 'proved')
    }
  })

  it('usage that is none at all, which no line can be made again from', async () => {
    const id = await charged()
    await damage(world, `update tollkeeper.job_stages set usage = '[]' ${STAGE('input').replace('@', id)}`)
    const after = await tollkeeper.recompute(id)
    expect(differing(after)).toEqual(['input usage tokens'])
    expect(after.findings).toContainEqual(
      expect.objectContaining({
        of: 'input',
        figure: 'amount',
        verdict: 'not_provable',
        how: expect.stringMatching(/cannot be read/),
      }),
    )
  })

  it('and finds nothing of it in a bystander', async () => {
    expect(await tollkeeper.recompute(bystander)).toMatchObject({ ok: true })
  })
})
