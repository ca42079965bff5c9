import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

describe('top-ups, adjustments and seats', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
  })
  afterAll(() => world.close())

  const topUp = (id: string, amount: string, reference: string) =>
    tollkeeper.balances.topUp(id, { amount: parseAmount(amount), reference, note: null })
  const entriesOf = async (id: string) => {
    const { entries } = await tollkeeper.balances.ledger(tollkeeper.em(), id, { limit: 200, after: null })
    return entries.map(({ kind, amount, seq }) => ({ kind, amount, seq }))
  }

  it('a reference pays once, however often and at once it is sent; another amount under it is a conflict', async () => {
    await fundedOrganization(tollkeeper, 'once', '0', [])
    const answers = await Promise.all(Array.from({ length: 30 }, () => topUp('once', '5.00', 'invoice-17')))
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1)
    expect(new Set(answers.map(({ entryId }) => entryId)).size).toBe(1)
    expect(answers.map(({ balance }) => balance.available)).toEqual(answers.map(() => 5_000_000_000n))
    await expect(topUp('once', '5.01', 'invoice-17')).rejects.toMatchObject({ code: 'reference-conflict', status: 409 })
    expect(await entriesOf('once')).toEqual([{ kind: 'top_up', amount: 5_000_000_000n, seq: 1 }])
  })

  it('an organisation that does not exist is told with the commands that make it, and its neighbour in the batch is paid', async () => {
    await fundedOrganization(tollkeeper, 'neighbour', '0', [])
    const [missing, paid] = await Promise.allSettled([topUp('nobody', '1.00', 'a'), topUp('neighbour', '1.00', 'a')])
    expect(missing).toMatchObject({
      status: 'rejected',
      reason: { code: 'not-found', message: /tollkeeper top-up nobody/ },
    })
    expect(paid).toMatchObject({ status: 'fulfilled' })
    expect(await entriesOf('neighbour')).toHaveLength(1)
  })

  it('an adjustment goes either way, once, and never below the limit', async () => {
    await fundedOrganization(tollkeeper, 'adjusted', '2.00', [])
    const adjust = (amount: string, direction: 'credit' | 'debit', reference: string) =>
      tollkeeper.balances.adjust('adjusted', { amount: parseAmount(amount), direction, reference, note: 'by hand' })
    await adjust('0.50', 'credit', 'goodwill')
    expect(await adjust('1.50', 'debit', 'mistake')).toMatchObject({
      direction: 'debit',
      balance: { available: 1_000_000_000n },
    })
    expect(await adjust('1.50', 'debit', 'mistake')).toMatchObject({ replayed: true })
    await expect(adjust('1.000000001', 'debit', 'too-much')).rejects.toMatchObject({
      code: 'insufficient-balance',
      status: 402,
    })
    await expect(adjust('1.50', 'credit', 'mistake')).rejects.toMatchObject({ code: 'reference-conflict' })
    expect((await entriesOf('adjusted')).map(({ kind }) => kind)).toEqual(['top_up', 'adjustment', 'adjustment'])
  })

  it('200 members added at once at a limit of 5: five seats, each charged once', async () => {
    await fundedOrganization(tollkeeper, 'crowd', '1000.00', [], { memberPrice: '19.99', maxTeamMembers: 5 })
    const added = await Promise.allSettled(
      Array.from({ length: 200 }, (_, index) => tollkeeper.teams.addMember('crowd', `user-${index % 100}`)),
    )
    const codes = new Set(added.flatMap((each) => (each.status === 'rejected' ? each.reason.code : [])))
    expect([...codes]).toEqual(['seat-limit'])
    const balance = await tollkeeper.balances.balance(tollkeeper.em(), 'crowd')
    expect(balance).toMatchObject({ seatsUsed: 5, seatsPaid: 5, maxTeamMembers: 5 })
    expect((await entriesOf('crowd')).filter(({ kind }) => kind === 'seat_fee')).toHaveLength(5)
    await expectBooksToBalance(world.database)
  })

  it('who waits for money has a place in the limit: nobody waits for a seat that can never come', async () => {
    await fundedOrganization(tollkeeper, 'full', '0', [], { memberPrice: '19.99', maxTeamMembers: 2 })
    const added = await Promise.allSettled(['a', 'b', 'c'].map((user) => tollkeeper.teams.addMember('full', user)))
    expect(added.map((each) => (each.status === 'fulfilled' ? each.value.member.state : each.reason.code))).toEqual([
      'pending_payment',
      'pending_payment',
      'seat-limit',
    ])
    const { activatedMembers } = await topUp('full', '100.00', 'all')
    expect(activatedMembers).toEqual(['a', 'b'])
    await expectBooksToBalance(world.database)
  })

  it('a seat that cannot be paid waits, without access, and the next top-up gives it before anything else', async () => {
    await fundedOrganization(tollkeeper, 'poor', '0', [], { memberPrice: '19.99' })
    const { created, member } = await tollkeeper.teams.addMember('poor', 'u1')
    expect({ created, state: member.state, charged: member.charged }).toEqual({
      created: true,
      state: 'pending_payment',
      charged: 0n,
    })
    expect(member.missing).toBe(member.needed)
    const submit = tollkeeper.service.submit({ organizationId: 'poor', userId: 'u1', text: 'text' })
    await expect(submit).rejects.toMatchObject({ code: 'not-a-member', status: 403 })
    const funding = await topUp('poor', '20.00', 'first')
    expect(funding.activatedMembers).toEqual(['u1'])
    const again = await tollkeeper.teams.addMember('poor', 'u1')
    expect(again).toMatchObject({ created: false, member: { state: 'active', needed: null } })
    expect(again.member.charged).toBeGreaterThan(0n)
    await tollkeeper.teams.removeMember('poor', 'u1')
    await expect(tollkeeper.teams.removeMember('poor', 'u1')).rejects.toMatchObject({ code: 'not-found' })
    // The seat is paid for this period: whoever takes it pays nothing.
    expect(await tollkeeper.teams.addMember('poor', 'u2')).toMatchObject({ member: { state: 'active', charged: 0n } })
    expect((await entriesOf('poor')).map(({ kind }) => kind)).toEqual(['top_up', 'seat_fee'])
    await expectBooksToBalance(world.database)
  })
})
