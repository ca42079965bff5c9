import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { balanceToJson, ledgerEntryToJson, receiptToJson } from '../../src/managers/contract-json.ts'
import { formatAmount } from '../../src/pricing/money.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

/** The figures of contract.md, which agree with one another: 1,200 input, 1,300 and 200 LLM, 180 output tokens. */
describe('the figures of the contract', () => {
  let world: World
  let tollkeeper: Tollkeeper

  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
    await fundedOrganization(tollkeeper, 'acme', '10.00', CONTRACT_COMPONENTS)
  })
  afterAll(() => world.close())

  it('come out to the last nano-unit: hold, charges, release, ledger and receipt', async () => {
    const { billing, openJob } = tollkeeper
    const job = await openJob({ organizationId: 'acme', agents: ['summarizer'] })
    const llm = { model: 'some-model', calls: 1, promptTokens: 1_400, maxOutputTokens: 1_024 }
    const admitted = await billing.admit(job, [
      { stage: 'input', bound: { kind: 'input', tokens: 1_200 } },
      { stage: 'agent.summarizer', bound: { kind: 'agent', agent: 'summarizer', llm } },
      { stage: 'output', bound: { kind: 'output', maxTokens: 1_024 } },
    ])
    expect(admitted).toMatchObject({ kind: 'admitted', held: 3_028_400n })

    const classes = { input: 1_300, output: 200 }
    const usage = {
      kind: 'agent',
      agent: 'summarizer',
      llm: [{ model: 'some-model', source: 'reported', classes }],
    } as const
    await billing.settle({ ...job, stage: 'agent.summarizer' }, usage, 'a summary')
    await billing.settle({ ...job, stage: 'output' }, { kind: 'output', tokens: 180 }, 'a summary')
    await billing.release(job)

    await expectContractReceipt(tollkeeper, job.jobId)
    await expectContractLedger(tollkeeper)
    await expectBooksToBalance(world.database)
  })

  it('settles a stage once, whatever usage a second worker brings', async () => {
    const { billing, balances, em, openJob } = tollkeeper
    const job = await openJob({ organizationId: 'acme', agents: ['summarizer'] })
    await billing.admit(job, [
      { stage: 'input', bound: { kind: 'input', tokens: 10 } },
      { stage: 'agent.summarizer', bound: { kind: 'agent', agent: 'summarizer', llm: null } },
      { stage: 'output', bound: { kind: 'output', maxTokens: 100 } },
    ])
    const output = { ...job, stage: 'output' }
    const settles = [40, 90, 7].map((tokens) => billing.settle(output, { kind: 'output', tokens }, 'text'))
    const verdicts = await Promise.all(settles)
    expect(verdicts.map((verdict) => verdict.kind === 'settled' && verdict.tokens)).toEqual([40, 40, 40])
    expect(verdicts.map((verdict) => verdict.kind === 'settled' && verdict.replayed)).toEqual([false, true, true])
    await billing.release(job)
    const { entries } = await balances.ledger(em(), 'acme', { limit: 200, after: null })
    const keys = entries.map((entry) => entry.businessKey)
    expect(keys.filter((key) => key.startsWith(`charge:${job.jobId}:output`))).toHaveLength(1)
    await expectBooksToBalance(world.database)
  })
})

async function expectContractReceipt({ jobs, em }: Tollkeeper, jobId: string): Promise<void> {
  const receipt = receiptToJson(await jobs.receipt(em(), jobId))
  expect(receipt).toMatchObject({
    state: 'charged',
    final: true,
    tokenizer: { id: 'o200k_base', version: '4.0.0' },
    rounding: 'half_up_per_line',
    held: '0.0030284',
    charged: '0.001675',
    reversed: '0.00',
    released: '0.0013534',
    written_off: '0.00',
    total: '0.001675',
  })
  expect(receipt.lines[0]).toMatchObject({
    stage: 'input',
    component: 'input',
    quantity: 1_200,
    source: 'counted',
    price: '0.15',
    per: 1_000_000,
    counter_before: 0,
    counter_after: 1_200,
    amount: '0.00018',
    ledger_seq: 3,
  })
}

async function expectContractLedger({ balances, em }: Tollkeeper): Promise<void> {
  const { entries } = await balances.ledger(em(), 'acme', { limit: 50, after: null })
  expect(entries.map(({ kind, amount }) => [kind, formatAmount(amount)])).toEqual([
    ['top_up', '10.00'],
    ['hold', '0.0030284'],
    ['charge', '0.00018'],
    ['charge', '0.001'],
    ['charge', '0.000195'],
    ['charge', '0.00012'],
    ['charge', '0.00018'],
    ['release', '0.0013534'],
  ])
  expect(entries.map(ledgerEntryToJson)[2]).toMatchObject({
    seq: 3,
    kind: 'charge',
    debit_account: 'held',
    credit_account: 'revenue',
    available_after: '9.9969716',
    held_after: '0.0028484',
  })
  expect(balanceToJson(await balances.balance(em(), 'acme'))).toMatchObject({
    available: '9.998325',
    held: '0.00',
    as_of_seq: 8,
    parked: 0,
  })
}
