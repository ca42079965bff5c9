import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Answer } from '../../src/ledger/answer-row.ts'
import type { Call, CallKind, Slip, Standing } from '../../src/ledger/calls.ts'
import { ANSWERS_KEPT_MS } from '../../src/ledger/slip.ts'
import { callOf, plans, walks, worldOfPlan } from './random-calls.ts'
import type { World } from './world.ts'
import { addOrganization, ORG, plainTariff, worldOf } from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const shown = (value: unknown): string =>
  JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each))

/** A slip whose answer and entry are the verdict itself; refusals are the verdicts that a manager throws for. */
function slipOf(id: string, key: string | null, options: { hash?: string; audited?: boolean } = {}): Slip<CallKind> {
  const { hash = 'hash', audited = true } = options
  return {
    id,
    key: key === null ? null : { key, hash },
    audited,
    answer(verdict): Answer | null {
      return wasRefused(verdict) ? null : { status: 201, location: '/there', body: shown(verdict) }
    },
    entry: (verdict, before: Standing, at) => shown({ verdict, before, at }),
  }
}

const REFUSALS = ['refused', 'conflict', 'too-much', 'seat-limit', 'no-tariff', 'unknown', 'last-owner', 'not-a-member']
const wasRefused = (verdict: unknown): boolean =>
  typeof verdict === 'object' && verdict !== null && 'kind' in verdict && REFUSALS.includes(`${verdict.kind}`)

const withSlip = (call: Call, slip: Slip<CallKind>): Call => ({ ...call, slip }) as Call
const funds = { organizationId: ORG, note: null }
const topUp = (amount: bigint, reference: string): Call => ({ kind: 'top_up', ...funds, amount, reference })
const debit = (amount: bigint, reference: string): Call => {
  return { kind: 'adjust', ...funds, direction: 'debit', amount, reference }
}
const entriesOf = (world: World) =>
  world.audited.map((entry) => JSON.parse(entry) as { verdict: Verdict; before: StandingJson; at: number })
interface Verdict {
  readonly kind: string
  readonly seq: number
  readonly member: { readonly role: string; readonly state: string }
}
interface StandingJson {
  readonly balance: { readonly available: string; readonly asOfSeq: number }
  readonly member: { readonly role: string; readonly state: string } | null
}

describe('a key', () => {
  it('is answered again, byte for byte, and nothing is done, whatever happened since', () => {
    const world = worldOf({ available: 100n })
    const [first] = world.batch([withSlip(topUp(7n, 'r-1'), slipOf('s-1', 'k'))])
    expect(first).toMatchObject({ kind: 'funded', amount: 7n, replayed: false })
    world.batch([
      debit(50n, 'since'),
      { kind: 'add_member', organizationId: ORG, userId: 'u', role: 'owner', operation: 'o' },
    ])
    world.now += 3_600_000
    const before = world.snapshot()
    const [again] = world.batch([withSlip(topUp(7n, 'r-1'), slipOf('s-2', 'k'))])
    expect(again).toEqual({
      kind: 'answered',
      replayed: true,
      answer: { status: 201, location: '/there', body: shown(first) },
    })
    expect(world.snapshot()).toEqual(before)
  })

  it('that stands twice in one batch is answered once, and told so to the second', () => {
    const world = worldOf({ available: 100n })
    const [first, second] = world.batch([
      withSlip(topUp(7n, 'r-1'), slipOf('s-1', 'k')),
      withSlip(topUp(7n, 'r-1'), slipOf('s-2', 'k')),
    ])
    expect(first).toMatchObject({ kind: 'funded', replayed: false })
    expect(second).toMatchObject({ kind: 'answered', replayed: true, answer: { body: shown(first) } })
    expect(world.organization(ORG).available).toBe(107n)
    expect([...world.answers.keys()]).toEqual([`${ORG} k`])
    expect(world.audited).toHaveLength(1)
  })

  it('that was used for another request is refused, and nothing is done', () => {
    const world = worldOf({ available: 100n })
    world.batch([withSlip(topUp(7n, 'r-1'), slipOf('s-1', 'k'))])
    const before = world.snapshot()
    const [again] = world.batch([withSlip(topUp(8n, 'r-2'), slipOf('s-2', 'k', { hash: 'other' }))])
    expect(again).toMatchObject({ code: 'idempotency-mismatch', status: 422 })
    expect(world.snapshot()).toEqual(before)
  })

  it('means something within its organisation only', () => {
    const world = worldOf({ available: 100n })
    addOrganization(world, { id: 'rival', available: 0n })
    const [, other] = world.batch([
      withSlip(topUp(7n, 'r'), slipOf('s-1', 'k')),
      withSlip({ ...topUp(9n, 'r'), organizationId: 'rival' } as Call, slipOf('s-2', 'k', { hash: 'other' })),
    ])
    expect(other).toMatchObject({ kind: 'funded', amount: 9n, replayed: false })
    expect([world.organization(ORG).available, world.organization('rival').available]).toEqual([107n, 9n])
  })

  it('of a refusal is free: what was refused may be sent again, corrected or in better times', () => {
    const world = worldOf({ available: 10n })
    const before = world.snapshot()
    expect(world.batch([withSlip(debit(11n, 'r'), slipOf('s-1', 'k'))])).toMatchObject([{ kind: 'refused' }])
    expect(world.snapshot()).toEqual(before)
    world.batch([topUp(5n, 'more')])
    expect(world.batch([withSlip(debit(11n, 'r'), slipOf('s-2', 'k'))])).toMatchObject([{ replayed: false }])
    expect(world.batch([withSlip(debit(12n, 'r-2'), slipOf('s-3', 'k', { hash: 'h' }))])).toMatchObject([
      { code: 'idempotency-mismatch' },
    ])
    expect(world.organization(ORG).available).toBe(4n)
  })

  it('is kept, too, where nothing was left to be done', () => {
    const world = worldOf({ available: 10n })
    world.batch([topUp(5n, 'r')])
    const [found] = world.batch([withSlip(topUp(5n, 'r'), slipOf('s-1', 'k'))])
    expect(found).toMatchObject({ replayed: true })
    expect(world.answers.get(`${ORG} k`)?.answer.body).toBe(shown(found))
    expect(world.audited).toEqual([])
    expect(world.organization(ORG).available).toBe(15n)
  })

  it('lives for a day at least from the moment of its answer', () => {
    const world = worldOf()
    world.batch([withSlip(topUp(5n, 'r'), slipOf('s-1', 'k'))])
    const { createdAt, expiresAt } = world.answers.get(`${ORG} k`) ?? { createdAt: 0, expiresAt: 0 }
    expect([createdAt, expiresAt - createdAt, ANSWERS_KEPT_MS]).toEqual([world.now, 86_400_000, 86_400_000])
  })

  it('whose answer was lost with COMMIT is answered to the very same request as its own', () => {
    const world = worldOf({ available: 100n })
    const call = withSlip(topUp(7n, 'r'), slipOf('s-1', 'k'))
    const [first] = world.batch([call])
    const before = world.snapshot()
    const [again] = world.batch([{ ...call, repeated: true }])
    expect(again).toMatchObject({ kind: 'answered', replayed: false, answer: { body: shown(first) } })
    const [other] = world.batch([{ ...withSlip(topUp(7n, 'r'), slipOf('s-2', 'k')), repeated: true } as Call])
    expect(other, 'somebody else’s answer is no own one').toMatchObject({ kind: 'answered', replayed: true })
    expect(world.snapshot()).toEqual(before)
  })
})

describe('an entry of the audit log', () => {
  const member = { organizationId: ORG, userId: 'u' }
  const add = (operation: string): Call => ({ kind: 'add_member', ...member, role: 'member', operation })

  it('says how it stood before what was done, and when', () => {
    const world = worldOf({ available: 100n, plan: { ...plainTariff, memberPrice: 10n } })
    const audited = (call: Call, index: number): Call => withSlip(call, slipOf(`s-${index}`, null))
    world.batch([
      audited(topUp(7n, 'r'), 1),
      audited(debit(3n, 'd'), 2),
      audited(add('op-1'), 3),
      audited({ kind: 'change_member', ...member, role: 'owner' }, 4),
      // Refused: nobody else owns the organisation.
      audited({ kind: 'change_member', ...member, role: 'member', spendingLimit: 9n }, 5),
    ])
    world.now += 1
    world.batch([
      audited({ kind: 'add_member', ...member, userId: 'o', role: 'owner', operation: 'op-2' }, 6),
      audited({ kind: 'remove_member', ...member }, 7),
    ])
    const entries = entriesOf(world)
    expect(entries.map(({ verdict }) => verdict.kind)).toEqual([
      'funded',
      'funded',
      'added',
      'changed',
      'added',
      'removed',
    ])
    const [paid, taken, added, changed, second, removed] = entries
    expect([paid?.before.balance.available, paid?.verdict.seq, paid?.at]).toEqual(['100', 2, world.now - 1])
    expect([taken?.before.balance.available, taken?.verdict.seq]).toEqual(['107', 3])
    expect([added?.before.member, added?.verdict.member.state]).toEqual([null, 'active'])
    expect([changed?.before.member?.role, changed?.verdict.member.role]).toEqual(['member', 'owner'])
    expect([second?.before.member, second?.at]).toEqual([null, world.now])
    expect(removed?.before.member).toMatchObject({ role: 'owner', state: 'active' })
  })

  it('tells the role and the limit that a member had', () => {
    const world = worldOf()
    world.batch([add('op-1'), { kind: 'add_member', ...member, userId: 'o', role: 'owner', operation: 'op-2' }])
    const change = (role: 'admin' | 'member'): Call => ({ kind: 'change_member', ...member, role })
    world.batch([withSlip(change('admin'), slipOf('s-1', null)), withSlip(change('member'), slipOf('s-2', null))])
    const roles = entriesOf(world).map(({ before, verdict }) => [before.member?.role, verdict.member.role])
    expect(roles).toEqual([
      ['member', 'admin'],
      ['admin', 'member'],
    ])
  })

  it('is not made where nothing was changed: of refusals, replays, repetitions, and what stands already', () => {
    const world = worldOf({ available: 10n })
    world.batch([topUp(5n, 'r'), add('op-1')])
    const calls: readonly Call[] = [
      topUp(5n, 'r'),
      topUp(6n, 'r'),
      debit(99n, 'd'),
      add('op-2'),
      { kind: 'change_member', ...member, role: 'member' },
      { kind: 'change_member', ...member, userId: 'nobody', role: 'member' },
      { kind: 'remove_member', ...member, userId: 'nobody' },
      { ...topUp(5n, 'r'), repeated: true },
      { ...add('op-1'), repeated: true },
    ]
    const before = world.snapshot()
    world.batch(calls.map((call, index) => withSlip(call, slipOf(`s-${index}`, null))))
    expect(world.snapshot()).toEqual(before)
    world.batch([{ kind: 'remove_member', ...member }])
    world.batch([withSlip({ kind: 'remove_member', ...member, repeated: true }, slipOf('s', null))])
    expect(world.audited).toEqual([])
  })

  it('is not made of what is business', () => {
    const world = worldOf()
    const charge = { feature: 'f', quantity: 1, key: 'f-1', userId: null, id: '01a20900-0000-7000-8000-000000000001' }
    const call: Call = { kind: 'charge_feature', organizationId: ORG, ...charge }
    world.batch([withSlip(call, slipOf('s', 'k', { audited: false }))])
    expect([world.audited, [...world.featureCharges.keys()], [...world.answers.keys()]]).toEqual([
      [],
      [`${ORG} f-1`],
      [`${ORG} k`],
    ])
  })
})

const KEYED: readonly CallKind[] = [
  'top_up',
  'adjust',
  'add_member',
  'change_member',
  'remove_member',
  'charge_feature',
]

describe('random walks', () => {
  it('in which every request comes twice under its key do what they do without slips', () => {
    let [answered, refused] = [0, 0]
    fc.assert(
      fc.property(plans, walks, (plan, walk) => {
        const plain = worldOfPlan(plan)
        const keyed = worldOfPlan(plan)
        for (const [batch, { steps, pauseMs }] of walk.entries()) {
          const calls = steps.flatMap((step) => callOf(plan, step) ?? [])
          plain.batch(calls)
          const slips = calls.map((call, index) => {
            if (!KEYED.includes(call.kind)) return call
            return withSlip(call, slipOf(`${batch}-${index}`, `k-${batch}-${index}`))
          })
          const first = keyed.batch(slips)
          const before = keyed.snapshot()
          for (const [index, call] of slips.entries()) {
            if (!call.slip) continue
            if (wasRefused(first[index])) {
              refused += 1
              continue
            }
            const again = { ...call, slip: { ...call.slip, id: 'again' } } as Call
            const answer = { body: shown(first[index]) }
            expect(keyed.batch([again])).toMatchObject([{ kind: 'answered', replayed: true, answer }])
            answered += 1
          }
          expect(keyed.snapshot()).toEqual(before)
          plain.now += pauseMs
          keyed.now += pauseMs
        }
        expectSound(keyed)
        const money = ({ organizations, counters }: World) => [organizations, counters]
        expect(money(keyed)).toEqual(money(plain))
        expect(keyed.ledger('org-0').map(({ amount }) => amount)).toEqual(
          plain.ledger('org-0').map(({ amount }) => amount),
        )
        expect(plain.answers.size + plain.audited.length).toBe(0)
      }),
      { numRuns: 200, interruptAfterTimeLimit: 5_000 },
    )
    expect(answered).toBeGreaterThan(100)
    expect(refused).toBeGreaterThan(20)
  })
})
