import { expect } from 'vitest'
import type { EntryRow, JobRow, SettledLine, StageRow } from '../../src/ledger/facts.ts'
import { businessKey } from '../../src/ledger/keys.ts'
import { isFinal, isStopping } from '../../src/ledger/states.ts'
import { shortfallOf } from '../../src/pricing/minimum.ts'
import { stageUpper } from '../../src/pricing/quote.ts'
import { amountOf } from '../../src/pricing/rates.ts'
import { COMPLETION_CLASSES, PROMPT_CLASSES, type TokenClass } from '../../src/pricing/tariff.ts'
import { type LlmUsage, type StageBound, type StageUsage, tokensOf } from '../../src/pricing/usage.ts'
import { sum, type World } from './world.ts'
import { expectPeriods } from './world-periods.ts'

/** What holds after every batch, whatever the calls were. */
export function expectSound(world: World): void {
  for (const { id } of world.organizations.values()) {
    expectBalances(world, id)
    expectSeats(world, id)
    expectPeriods(world, id)
    expectCommitted(world, id)
    expectCounters(world, id)
    expectFeatureCharges(world, id)
  }
  for (const job of world.jobs.values()) {
    expectHolds(world, job)
    expectState(world, job)
    expectCharges(world, job)
    expectAbsorbed(world, job)
  }
}

const moved = (entry: EntryRow, account: EntryRow['debit']): bigint =>
  (entry.credit === account ? entry.amount : 0n) - (entry.debit === account ? entry.amount : 0n)

function expectBalances(world: World, organizationId: string): void {
  const organization = world.organization(organizationId)
  let available = 0n
  let held = 0n
  const ledger = world.ledger(organizationId)
  for (const [index, entry] of ledger.entries()) {
    available += moved(entry, 'available')
    held += moved(entry, 'held')
    expect(entry.amount).toBeGreaterThan(0n)
    expect([entry.seq, entry.availableAfter, entry.heldAfter]).toEqual([index + 1, available, held])
    expect(available).toBeGreaterThanOrEqual(-organization.overdraftLimit)
    expect(held).toBeGreaterThanOrEqual(0n)
  }
  expect([organization.seq, organization.available, organization.held]).toEqual([ledger.length, available, held])
  expect(sum(world.openHolds(organizationId).map((hold) => hold.remaining))).toBe(held)
}

function expectSeats(world: World, organizationId: string): void {
  const { seatsUsed, seatsPaid, tariffVersionId } = world.organization(organizationId)
  const members = [...world.members.values()].filter((member) => member.organizationId === organizationId)
  const active = members.filter((member) => member.state === 'active')
  const limit = world.tariffs.get(tariffVersionId ?? '')?.maxTeamMembers ?? Number.POSITIVE_INFINITY
  expect(seatsUsed).toBe(active.length)
  expect(seatsUsed).toBeLessThanOrEqual(limit)
  expect(seatsPaid).toBeGreaterThanOrEqual(seatsUsed)
  for (const { state, charged, operation, needed } of members) {
    expect(world.entries.get(businessKey.seat(organizationId, operation))?.amount ?? 0n).toBe(charged)
    expect(needed === null).toBe(state !== 'pending_payment')
  }
}

/** What is counted against a member is what the jobs of the present period hold and were charged. */
function expectCommitted(world: World, organizationId: string): void {
  const { periodStart } = world.organization(organizationId)
  for (const member of world.members.values()) {
    if (member.organizationId !== organizationId) continue
    const jobs = [...world.jobs.values()].filter((job) => {
      return job.organizationId === organizationId && job.userId === member.userId && job.periodStart === periodStart
    })
    const held = [...world.holds.values()].filter((hold) => jobs.some(({ id }) => id === hold.jobId))
    const amount = sum(jobs.map((job) => job.charged - job.reversed)) + sum(held.map((hold) => hold.remaining))
    const committed = member.committedPeriod === periodStart ? member.committed : 0n
    expect([member.userId, committed]).toEqual([member.userId, amount])
  }
}

/** What nobody pays for is counted with its stage and kept row by row, each as often as the other. */
function expectAbsorbed(world: World, job: JobRow): void {
  for (const { stage, absorbed } of world.stagesOf(job.id)) {
    const rows = world.absorbed.filter((row) => row.jobId === job.id && row.stage === stage)
    expect(rows).toHaveLength(absorbed)
    for (const row of rows) {
      expect([row.organizationId, row.tokens]).toEqual([job.organizationId, tokensOf(row.usage)])
      expect(row.cost).toBeGreaterThanOrEqual(0n)
    }
  }
}

/** `used` and `includedUsed` are the fold of the lines that count, `reserved` of the grants of open holds. */
function expectCounters(world: World, organizationId: string): void {
  const expected = new Map<string, { used: number; includedUsed: number; reserved: number }>()
  const add = (
    job: Pick<JobRow, 'tariffVersionId' | 'periodStart'>,
    component: string,
    used: number,
    includedUsed: number,
    reserved: number,
  ): void => {
    const planId = world.tariffs.get(job.tariffVersionId ?? '')?.planId
    const key = `${organizationId} ${planId} ${component} ${job.periodStart}`
    const before = expected.get(key) ?? { used: 0, includedUsed: 0, reserved: 0 }
    expected.set(key, {
      used: before.used + used,
      includedUsed: before.includedUsed + includedUsed,
      reserved: before.reserved + reserved,
    })
  }
  for (const job of world.jobs.values()) {
    if (job.organizationId !== organizationId) continue
    for (const stage of world.stagesOf(job.id)) {
      for (const [component, units] of Object.entries(stage.grants)) add(job, component, 0, 0, units)
      if (stage.state !== 'charged') continue
      for (const { component, kind, quantity, includedUsed } of stage.lines ?? []) {
        if (component !== null && kind !== 'minimum') add(job, component, quantity, includedUsed, 0)
      }
    }
  }
  for (const { organizationId: owner, tariffVersionId, periodStart, line } of world.featureCharges.values()) {
    const { component, quantity, includedUsed } = line
    if (owner !== organizationId || component === null) continue
    add({ tariffVersionId, periodStart }, component, quantity, includedUsed, 0)
  }
  for (const [key, { organizationId: owner, used, includedUsed, reserved }] of world.counters) {
    if (owner !== organizationId) continue
    expect([key, { used, includedUsed, reserved }]).toEqual([
      key,
      expected.get(key) ?? { used: 0, includedUsed: 0, reserved: 0 },
    ])
    expected.delete(key)
  }
  for (const [key, counter] of expected)
    expect([key, counter]).toEqual([key, { used: 0, includedUsed: 0, reserved: 0 }])
}

/** Each charge of a feature is what its line makes of its quantity, and has an entry of that amount; no other has one. */
function expectFeatureCharges(world: World, organizationId: string): void {
  const charges = [...world.featureCharges.values()].filter((charge) => charge.organizationId === organizationId)
  for (const { key, feature, quantity, line, tariffVersionId } of charges) {
    const entry = world.entries.get(businessKey.feature(organizationId, key))
    expect([entry?.amount ?? 0n, entry?.seq ?? null]).toEqual([line.amount, line.ledgerSeq])
    const rate = world.tariffs.get(tariffVersionId)?.components.find((component) => component.feature === feature)
    expect([line.quantity, line.component]).toEqual([quantity, rate?.key ?? null])
    const price = rate ? amountOf(rate, line.billedBefore, line.billedQuantity) : 0n
    expect(line.amount, `${key} explains itself`).toBe(price)
  }
  const paid = charges.filter(({ line }) => line.amount > 0n)
  expect(world.ledger(organizationId).filter(({ kind }) => kind === 'feature')).toHaveLength(paid.length)
}

function expectHolds(world: World, job: JobRow): void {
  const holds = [...world.holds.values()].filter((hold) => hold.jobId === job.id)
  const open = holds.filter((hold) => hold.state === 'open')
  expect(open.length, `open holds of ${job.state} ${job.id}`).toBe(job.state === 'processing' ? 1 : 0)
  expect(holds.length).toBe(job.generation)
  const remaining = sum(open.map((hold) => hold.remaining))
  const amount = sum(holds.map((hold) => hold.amount))
  const entries = world.ledger(job.organizationId).filter((entry) => entry.jobId === job.id)
  // What is reversed once the hold is closed goes straight back to what is available.
  const restored = entries.filter(({ kind, credit }) => kind === 'reversal' && credit === 'held')
  expect(amount + sum(restored.map((entry) => entry.amount))).toBe(job.charged + job.released + remaining)
  expect(amount, 'held and extended').toBe(
    sum(entries.filter(({ kind }) => kind === 'hold' || kind === 'extend').map((entry) => entry.amount)),
  )
  if (open.length > 0) expectCovered(world, job, remaining)
  if (open.length === 0) for (const stage of world.stagesOf(job.id)) expect(stage.grants).toEqual({})
}

/**
 * An open hold pays for whatever its unfinished stages may still use, and for the minimum of a job that has yet to come to its
 * output; unless one of them used more than it might, or the minimum was charged before its time.
 */
function expectCovered(world: World, job: JobRow, remaining: bigint): void {
  const plan = world.tariffs.get(job.tariffVersionId ?? '')
  const stages = world.stagesOf(job.id)
  if (!plan || stages.some((row) => row.state === 'charged' && !isWithin(row.usage, row.bound))) return
  if (isMinimumEarly(stages)) return
  const unfinished = stages.filter((row) => row.state !== 'charged')
  const upper = sum(unfinished.map((row) => (row.bound ? stageUpper(plan, row.bound, row.grants) : 0n)))
  expect(remaining, `${job.id} is covered`).toBeGreaterThanOrEqual(upper)
  if (unfinished.some((row) => row.stage === 'output')) {
    const lacking = shortfallOf(plan, job.charged - job.reversed)
    expect(remaining, `${job.id} has its minimum`).toBeGreaterThanOrEqual(lacking)
  }
}

function expectState(world: World, job: JobRow): void {
  const parked = job.state === 'rejected_for_balance'
  const stopping = isStopping(job)
  const refused = parked || stopping
  expect([job.rejection !== null, job.parkedAt !== null, job.expiresAt !== null]).toEqual([refused, parked, refused])
  expect(job.rejection?.calls !== undefined).toBe(stopping)
  expect(job.finishedAt !== null).toBe(isFinal(job.state))
  expect(job.failure !== null).toBe(job.state === 'failed')
  const stages = world.stagesOf(job.id)
  if (stopping) expect(stages.map((stage) => stage.state)).toContain('running')
  for (const stage of stages) {
    if (parked || isFinal(job.state)) expect([stage.claimId, stage.claimedUntil, stage.checkAt]).toEqual(NOTHING)
    if (parked || isFinal(job.state)) expect(stage.state).not.toBe('running')
    expect(stage.finishedAt !== null).toBe(stage.state === 'charged' || stage.state === 'reversed')
  }
  const settled = stages.every((stage) => stage.state === 'charged')
  if (job.runner === 'pipeline') expect(job.state === 'charged').toBe(settled)
}
const NOTHING = [null, null, null]

function expectCharges(world: World, job: JobRow): void {
  const stages = world.stagesOf(job.id)
  const settled = stages.filter((stage) => stage.finishedAt !== null)
  expect(sum(settled.map((stage) => stage.charged))).toBe(job.charged)
  for (const stage of settled) {
    expect(sum((stage.lines ?? []).map((line) => line.amount))).toBe(stage.charged)
    for (const line of stage.lines ?? []) expectLine(world, job, stage, line)
  }
  const entries = world.ledger(job.organizationId).filter((entry) => entry.jobId === job.id)
  const lines = settled.flatMap((stage) => stage.lines ?? [])
  const count = (kind: EntryRow['kind']): number => entries.filter((entry) => entry.kind === kind).length
  expect(count('charge')).toBe(lines.filter((line) => line.amount > 0n).length)
  expect(count('write_off')).toBe(lines.filter((line) => line.writtenOff > 0n).length)
  expect(sum(lines.map((line) => line.writtenOff))).toBe(job.writtenOff)
  expect(sum(entries.filter(({ kind }) => kind === 'reversal').map(({ amount }) => amount))).toBe(job.reversed)
  expect(job.reversed).toBeLessThanOrEqual(job.charged)
  if (job.maxCost !== null) expect(job.charged, 'max_cost').toBeLessThanOrEqual(job.maxCost)
  const isAsQuoted = settled.every((stage) => isWithin(stage.usage, stage.bound)) && !isMinimumEarly(stages)
  if (isAsQuoted) expect(job.writtenOff, 'quote ≥ charge').toBe(0n)
  expectMinimum(world, job)
}

/** A job that came to its output was charged its minimum, once, by that stage, and to the unit what it lacked then. */
function expectMinimum(world: World, job: JobRow): void {
  const plan = world.tariffs.get(job.tariffVersionId ?? '')
  const stages = world.stagesOf(job.id)
  const lines = stages.flatMap((stage) => stage.lines ?? [])
  const [minimum, ...more] = lines.filter(({ kind }) => kind === 'minimum')
  expect(more).toEqual([])
  const output = stages.find(({ stage }) => stage === 'output')
  if (!plan || !output || output.finishedAt === null) {
    expect(minimum).toBeUndefined()
    return
  }
  expect(job.charged, 'minimum').toBeGreaterThanOrEqual(plan.minimumPerJob)
  if (!minimum) return
  const { ledgerSeq } = minimum
  const before = lines.filter((line) => line !== minimum && (line.ledgerSeq ?? 0) < (ledgerSeq ?? 0))
  expect(output.lines?.at(-1)).toBe(minimum)
  expect([minimum.amount, minimum.writtenOff]).toEqual([shortfallOf(plan, sum(before.map(({ amount }) => amount))), 0n])
  expect(minimum.price).toBe(plan.minimumPerJob)
}

/** Whether the output was charged its minimum before other stages were settled, as nobody does who waits for its turn. */
function isMinimumEarly(stages: readonly StageRow[]): boolean {
  const minimum = stages.flatMap(({ lines }) => lines ?? []).find(({ kind }) => kind === 'minimum')
  const isLater = ({ ledgerSeq, writtenOff }: SettledLine): boolean =>
    ledgerSeq === null ? writtenOff > 0n : ledgerSeq > (minimum?.ledgerSeq ?? 0)
  return minimum !== undefined && stages.some(({ lines }) => (lines ?? []).some(isLater) || lines === undefined)
}

function expectLine(world: World, job: JobRow, stage: StageRow, line: SettledLine): void {
  const component = line.component ?? line.kind
  const key = businessKey.charge(job.id, stage.stage, component, line.tokenClass)
  const entry = world.entries.get(key)
  expect([entry?.amount ?? 0n, entry?.seq ?? null]).toEqual([line.amount, line.ledgerSeq])
  const reversal = world.entries.get(businessKey.reversal(key))
  expect(reversal?.amount ?? 0n).toBe(stage.state === 'reversed' ? line.amount : 0n)
  if (reversal) expect(reversal.reversesSeq).toBe(line.ledgerSeq)
  const rate = world.tariffs.get(job.tariffVersionId ?? '')?.components.find(({ key: own }) => own === line.component)
  if (line.kind === 'minimum') return
  // A flat rate is charged once per stage; its further lines are free.
  if (rate?.model === 'flat' && line.amount + line.writtenOff === 0n) return
  const price = rate ? amountOf(rate, line.billedBefore, line.billedQuantity) : 0n
  expect(line.amount + line.writtenOff, `${key} explains itself`).toBe(price)
}

/** Whether a usage keeps what its bound promised. */
function isWithin(usage: StageUsage | undefined, bound: StageBound | null): boolean {
  if (usage?.kind === 'input' && bound?.kind === 'input') return usage.tokens === bound.tokens
  if (usage?.kind === 'output' && bound?.kind === 'output') return usage.tokens <= bound.maxTokens
  if (usage?.kind !== 'agent' || bound?.kind !== 'agent') return false
  const { llm } = bound
  if (llm === null) return usage.llm.length === 0
  const total = (call: LlmUsage, classes: readonly TokenClass[]): number =>
    classes.reduce((tokens, tokenClass) => tokens + (call.classes[tokenClass] ?? 0), 0)
  return (
    usage.llm.length <= llm.calls &&
    usage.llm.every(
      (call) =>
        call.model === llm.model &&
        total(call, PROMPT_CLASSES) <= llm.promptTokens &&
        total(call, COMPLETION_CLASSES) <= llm.maxOutputTokens,
    )
  )
}
