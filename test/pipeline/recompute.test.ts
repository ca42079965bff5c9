import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import { SUMMARY_INSTRUCTION } from '../../src/agents/instructions.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import type { Recomputation } from '../../src/pipeline/recompute/recompute.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import type { Component } from '../../src/pricing/tariff.ts'
import type { KeptText } from '../../src/pricing/usage.ts'
import { busyOrganization } from '../managers/busy-organization.ts'
import { expectBooksToBalance } from '../support/books.ts'
import {
  CONTRACT_COMPONENTS,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  repeater,
  type World,
} from '../support/tollkeeper.ts'

const TEXT = 'The council pays 1,200 dollars for the ferry. The ferry sails on 3 May 2025. The crew is small.'
const tiers = (edge: number, first: string, then: string) => [
  { upTo: edge, price: parseAmount(first) },
  { upTo: null, price: parseAmount(then) },
]

const broken: Agent = {
  key: 'broken',
  bounds: () => null,
  run: async () => {
    throw new Error('it broke')
  },
}
/** Bounds one call and makes three. */
const greedy: Agent = {
  key: 'greedy',
  bounds: (_text, { model, maxOutputTokens }) => ({ model, calls: 1, promptTokens: 1_000, maxOutputTokens }),
  async run(text, { llm }) {
    const ask = async () => (await llm.generate({ system: 'Summarize.', prompt: text })).text
    return { text: [await ask(), await ask(), await ask()].join('\n') }
  },
}

const open = ({ findings }: Recomputation) => findings.filter(({ verdict }) => verdict !== 'proved')
const howOf = ({ findings }: Recomputation, stage: string | null, of: string, figure: string) =>
  findings.find((finding) => finding.stage === stage && finding.of === of && finding.figure === figure)?.how

describe('a receipt is made again from what is stored', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeEach(async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
    tollkeeper = await world.open([repeater, broken, greedy])
  })
  afterEach(async () => {
    await expectBooksToBalance(world.database)
    await world.close()
  })

  const start = async (components: readonly Component[], money = '10.00') => {
    await fundedOrganization(tollkeeper, 'acme', money, components)
    await tollkeeper.startWorkers()
  }
  const run = async (steps: readonly (readonly string[])[], state = 'charged', text = TEXT): Promise<string> => {
    const { id } = await tollkeeper.service.submit({ organizationId: 'acme', text, steps })
    await until(id, state)
    return id
  }
  const until = (id: string, state: string) =>
    eventually(
      () => tollkeeper.service.find(id),
      (job) => job.state === state,
      30_000,
    )
  const traces = async () =>
    Promise.all(
      ['jobs', 'job_stages', 'job_texts', 'holds', 'ledger_entries', 'usage_counters'].map((table) =>
        world.database.query(`select * from tollkeeper.${table} order by 1, 2`),
      ),
    )

  it('every figure of a job with steps, and nothing is changed by it', async () => {
    await start(CONTRACT_COMPONENTS)
    const id = await run([['extractor', 'summarizer'], ['repeater']])
    const before = await traces()
    const made = await tollkeeper.recompute(id)
    expect(open(made)).toEqual([])
    expect(made.ok).toBe(true)
    expect(made.receipt).toEqual(await tollkeeper.jobs.receipt(tollkeeper.em(), id))
    expect(howOf(made, 'input', 'text', 'tokens')).toBe('28 tokens counted in the stored text by o200k_base 4.0.0')
    expect(howOf(made, 'input', 'input', 'amount')).toBe('28 × 0.15 / 1M = 0.0000042')
    expect(howOf(made, 'agent.summarizer', 'call 1', 'tokens')).toMatch(/^\d+ input, \d+ output as offline reported/)
    expect(made.findings.filter(({ of }) => of === 'call 1')).toHaveLength(2)
    expect(await traces()).toEqual(before)
  })

  it('with included units, tiers, packages and a flat fee, wherever their counters stand', async () => {
    await start([
      component('input', { kind: 'input_tokens', included: 30 }, '0.15'),
      component(
        'llm-in',
        {
          kind: 'llm_tokens',
          llmModel: '*',
          tokenClass: 'input',
          model: 'graduated',
          price: null,
          tiers: tiers(150, '3.00', '1.00'),
        },
        '0',
      ),
      component(
        'llm-out',
        { kind: 'llm_tokens', llmModel: 'offline', tokenClass: 'output', model: 'package', per: 10, included: 7 },
        '0.01',
      ),
      component(
        'output',
        { kind: 'output_tokens', model: 'volume', price: null, tiers: tiers(40, '0.00002', '0.00001') },
        '0',
      ),
      component('fee', { kind: 'agent', agent: 'summarizer', model: 'flat', included: 1 }, '0.05'),
    ])
    const ids = [await run([['summarizer']]), await run([['summarizer']]), await run([['summarizer']])]
    const made = await Promise.all(ids.map((id) => tollkeeper.recompute(id)))
    for (const each of made) expect(open(each)).toEqual([])
    const inputs = made.map((each) => howOf(each, 'input', 'input', 'amount'))
    expect(inputs).toEqual([
      '28 of 28 included; no billed units = 0.00',
      '2 of 28 included; 26 × 0.15 / 1M = 0.0000039',
      '28 × 0.15 / 1M = 0.0000042',
    ])
    const calls = made.map((each) => howOf(each, 'agent.summarizer', 'llm-in/input', 'amount'))
    expect(calls[1]).toMatch(/^units \d+ to \d+: \d+ × 3\.00 \/ 1M \+ \d+ × 1\.00 \/ 1M = 0\.\d+$/)
    expect(howOf(made[1] as Recomputation, 'agent.summarizer', 'llm-out/output', 'amount')).toMatch(
      /in packages of 10: \d+ × 0\.01 = /,
    )
    expect(made.map((each) => howOf(each, 'agent.summarizer', 'fee', 'amount'))).toEqual([
      '1 of 1 included; no billed units = 0.00',
      'once = 0.05',
      'once = 0.05',
    ])
    expect(howOf(made[0] as Recomputation, 'output', 'output', 'amount')).toMatch(/rounded half up$/)
  })

  it('of a failed job, whose charges were reversed', async () => {
    await start(CONTRACT_COMPONENTS)
    const id = await run([['summarizer'], ['broken']], 'failed')
    const made = await tollkeeper.recompute(id)
    expect(open(made)).toEqual([])
    expect(made.receipt.reversed).toBeGreaterThan(0n)
    expect(made.receipt.total).toBe(0n)
    const reversals = made.findings.filter(({ of }) => of.endsWith(' reversed'))
    expect(reversals).toHaveLength(made.receipt.lines.length)
  })

  it('of a job that is parked in its midst, and of the same one when it was resumed and paid', async () => {
    const dear = component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '1000')
    const free = component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '0')
    await start([component('input', { kind: 'input_tokens' }, '1.00'), dear, free], '1.50')
    const id = await run([['repeater'], ['greedy']], 'rejected_for_balance')
    const parked = await tollkeeper.recompute(id)
    expect(open(parked)).toEqual([])
    expect(parked.receipt.final).toBe(false)
    expect(new Set(parked.findings.map(({ stage }) => stage))).toEqual(new Set(['input', 'agent.repeater', null]))
    await tollkeeper.balances.topUp('acme', { amount: parseAmount('5.00'), reference: 'second', note: null })
    await until(id, 'charged')
    const paid = await tollkeeper.recompute(id)
    expect(open(paid)).toEqual([])
    expect(paid.findings.filter(({ of }) => /^call \d$/.test(of))).toHaveLength(3)
    expect(howOf(paid, null, 'held', 'sum')).toMatch(/ in holds \+ 1\.024 in extensions$/)
  })

  it('of a job that was never admitted, which has nothing but sums of nothing', async () => {
    await start(CONTRACT_COMPONENTS, '0')
    const made = await tollkeeper.recompute(await run([['summarizer']], 'rejected_for_balance'))
    expect(open(made)).toEqual([])
    expect(made.findings.every(({ stage }) => stage === null)).toBe(true)
  })

  it('a job that nobody knows is not found', async () => {
    for (const id of ['00000000-0000-7000-8000-000000000000', 'nonsense']) {
      await expect(tollkeeper.recompute(id)).rejects.toMatchObject({ code: 'not-found' })
    }
  })

  /** Turns the summariser's call into one that its provider said nothing of: the offline model counts as we do. */
  async function countedCall(prompt: KeptText, answer: KeptText): Promise<string> {
    await start(CONTRACT_COMPONENTS)
    const id = await run([['summarizer']])
    const where = `where job_id = $1 and stage = 'agent.summarizer'`
    const evidence = JSON.stringify({ raw: { shape: 'tollkeeper', usage: { input: -1 } }, counted: { prompt, answer } })
    const set = `jsonb_set(jsonb_set(usage::jsonb, '{llm,0,source}', '"counted"'), '{llm,0,evidence}', $2::jsonb)`
    await world.database.query(`update tollkeeper.job_stages set usage = (${set})::json ${where}`, [id, evidence])
    const lines = `jsonb_set(jsonb_set(lines::jsonb, '{1,6}', '"counted"'), '{2,6}', '"counted"')`
    await world.database.query(`update tollkeeper.job_stages set lines = (${lines})::json ${where}`, [id])
    return id
  }

  it('a counted call from the texts that were kept, in parts and by reference', async () => {
    const id = await countedCall([SUMMARY_INSTRUCTION, '\n\n', { of: 'text' }], [{ of: 'agent.summarizer' }])
    const made = await tollkeeper.recompute(id)
    expect(open(made)).toEqual([])
    expect(howOf(made, 'agent.summarizer', 'call 1', 'tokens')).toMatch(
      /^\d+ input, \d+ output counted in the kept prompt and answer by o200k_base 4\.0\.0$/,
    )
  })

  it('a counted call differs when a kept text does, or when its provider’s report was to be believed', async () => {
    const id = await countedCall([{ of: 'text' }], [{ of: 'agent.summarizer' }])
    const about = { stage: 'agent.summarizer', of: 'call 1', verdict: 'differs' }
    const recomputed: unknown = expect.stringMatching(/^counted: input 28, /)
    expect(open(await tollkeeper.recompute(id))).toMatchObject([{ ...about, recomputed }])
    const believable = `jsonb_set(usage::jsonb, '{llm,0,evidence,raw,usage}', '{"input": 5, "output": 3}')`
    await world.database.query(
      `update tollkeeper.job_stages set usage = (${believable})::json where job_id = $1 and usage::jsonb ? 'llm'`,
      [id],
    )
    expect(open(await tollkeeper.recompute(id))).toMatchObject([
      { ...about, recomputed: 'reported: input 5, output 3' },
    ])
  })

  it('what is not stored any more is said with its reason, and makes nothing else doubtful', async () => {
    const id = await countedCall([SUMMARY_INSTRUCTION, '\n\n', { of: 'text' }], [{ of: 'agent.gone' }])
    const [missing] = open(await tollkeeper.recompute(id))
    expect(missing).toMatchObject({ verdict: 'not_provable', how: 'the result of agent.gone is not stored' })
    await world.database.query('delete from tollkeeper.job_texts where job_id = $1', [id])
    const made = await tollkeeper.recompute(id)
    const forgotten = {
      verdict: 'not_provable',
      how: 'the text was deleted after TEXT_RETENTION_DAYS',
      recomputed: null,
    }
    expect(open(made)).toMatchObject([
      { stage: 'input', of: 'text', ...forgotten },
      { stage: 'agent.summarizer', of: 'call 1', ...forgotten },
    ])
    expect(made.ok).toBe(true)
  })

  it.each([
    ['no evidence at all', `usage::jsonb #- '{llm,0,evidence}'`, 'settled before evidence was kept'],
    [
      'a report too long to keep',
      `jsonb_set(usage::jsonb, '{llm,0,evidence,raw}', 'null')`,
      'what the provider reported was too long to be kept',
    ],
  ])('a reported call with %s is not provable, and its lines are', async (_what, changed, how) => {
    await start(CONTRACT_COMPONENTS)
    const id = await run([['summarizer']])
    await world.database.query(
      `update tollkeeper.job_stages set usage = (${changed})::json where job_id = $1 and stage = 'agent.summarizer'`,
      [id],
    )
    const made = await tollkeeper.recompute(id)
    expect(open(made)).toMatchObject([{ stage: 'agent.summarizer', of: 'call 1', verdict: 'not_provable', how }])
    expect(made.ok).toBe(true)
  })

  it('of jobs that a platform measures itself the prices, in every state of them', async () => {
    await busyOrganization(tollkeeper, 'acme')
    const { jobs } = await tollkeeper.jobs.list(tollkeeper.em(), 'acme', { limit: 10, before: null })
    expect(jobs.map(({ state }) => state).sort()).toEqual(['cancelled', 'charged', 'failed', 'processing'])
    for (const { id } of jobs) {
      const made = await tollkeeper.recompute(id)
      expect(made.ok).toBe(true)
      expect(open(made).every(({ figure, how }) => figure === 'tokens' && /^an own job: /.test(how))).toBe(true)
      expect(made.findings.filter(({ figure }) => figure === 'amount')).toHaveLength(made.receipt.lines.length)
    }
  })

  it('of an own job what its monitor kept, and what the platform bears beyond the hold', async () => {
    await fundedOrganization(tollkeeper, 'acme', '10.00', CONTRACT_COMPONENTS)
    const { billing, monitors, openJob } = tollkeeper
    const job = await openJob({ organizationId: 'acme', agents: ['summarizer'] })
    await billing.admit(job, [
      { stage: 'input', bound: { kind: 'input', tokens: 10 } },
      {
        stage: 'agent.summarizer',
        bound: {
          kind: 'agent',
          agent: 'summarizer',
          llm: { model: 'm', calls: 1, promptTokens: 5, maxOutputTokens: 5 },
        },
      },
      { stage: 'output', bound: { kind: 'output', maxTokens: 1 } },
    ])
    const reported = { input: 50, output: 700 }
    const call = await monitors.llmMonitor.measure({ model: 'm', prompt: 'p'.repeat(60), output: 'words', reported })
    await billing.settle({ ...job, stage: 'agent.summarizer' }, { kind: 'agent', agent: 'summarizer', llm: [call] })
    await billing.release(job)
    const made = await tollkeeper.recompute(job.jobId)
    expect(made.receipt.writtenOff).toBeGreaterThan(0n)
    expect(open(made)).toMatchObject([{ stage: 'input', of: 'text', verdict: 'not_provable' }])
    expect(howOf(made, 'agent.summarizer', 'call 1', 'tokens')).toBe('50 input, 700 output as m reported (tollkeeper)')
    expect(howOf(made, 'agent.summarizer', 'llm-out/output', 'amount')).toMatch(/; the platform bears 0\.\d+ of it$/)
    expect(made.findings.some(({ of }) => of === 'llm-out/output written off')).toBe(true)
  })
})
