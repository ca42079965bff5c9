import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { armFailpoints } from '../../src/foundation/failpoint.ts'
import type { Answered } from '../../src/ledger/calls.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'
import { mandateOf, ORDERED_DEEDS, type OrderedDeed, openFor } from './ordered-deeds.ts'

/** All that a request may leave behind of an organisation. */
const TRACES = `
select (select jsonb_agg(e order by seq) from tollkeeper.ledger_entries e where organization_id = $1) as ledger,
  (select jsonb_agg(b) from tollkeeper.organization_balances b where organization_id = $1) as balance,
  (select jsonb_agg(m order by user_id) from tollkeeper.team_members m where organization_id = $1) as members,
  (select jsonb_agg(f order by id) from tollkeeper.feature_charges f where organization_id = $1) as features,
  (select jsonb_agg(c order by component) from tollkeeper.usage_counters c where organization_id = $1) as counters,
  (select jsonb_agg(k order by key) from tollkeeper.idempotency_keys k where scope = $1) as keys,
  (select jsonb_agg(a order by seq) from tollkeeper.audit_log a where organization_id = $1) as audited`

interface Said {
  readonly at: string
  readonly role: string
  readonly key_id: string | null
  readonly request_id: string | null
  readonly action: string
  readonly target: string
  readonly before: object | null
  readonly after: object | null
}

describe('what is done on somebody’s word', () => {
  let world: World
  let processes: readonly [Tollkeeper, Tollkeeper]
  beforeAll(async () => {
    world = await openWorld('postgres')
    processes = [await world.open(), await world.open()]
  })
  afterEach(() => armFailpoints(undefined))
  afterAll(() => world.close())

  const tracesOf = async (id: string) => (await world.database.query(TRACES, [id]))[0]
  const saidOf = async (id: string): Promise<readonly Said[]> => {
    const sql = 'select entry from tollkeeper.audit_log where organization_id = $1 order by seq'
    const rows = await world.database.query<{ entry: string }>(sql, [id])
    return rows.map(({ entry }) => JSON.parse(entry) as Said)
  }
  const expectWhole = async (organizationId: string) => {
    await expectBooksToBalance(world.database)
    const report = await processes[0].verifier.verify({ organizationId })
    expect(report).toMatchObject({ ok: true, violations: [], organizations: 1 })
  }
  const open = (deed: OrderedDeed, what: string) => {
    return openFor(deed, processes[0], `${what}-${ORDERED_DEEDS.indexOf(deed)}`)
  }
  /** How often a deed was done, by the traces that it leaves: entries of the audit log, or charges. */
  const timesDone = async ({ action }: OrderedDeed, id: string): Promise<number> => {
    if (action) return (await saidOf(id)).filter((said) => said.action === action && said.role === 'admin').length
    const sql = 'select count(*)::int as n from tollkeeper.feature_charges where organization_id = $1'
    return (await world.database.query<{ n: number }>(sql, [id]))[0]?.n ?? 0
  }
  const replayOf = (first: Answered): Answered => ({ ...first, replayed: true })

  describe.each(ORDERED_DEEDS)('$name', (deed) => {
    const [one, other] = [() => processes[0], () => processes[1]]

    it('is answered again under its key by any process, and refused for another request', async () => {
      const id = await open(deed, 'again')
      const first = await deed.run(one(), id, mandateOf('k'))
      expect([first.replayed, first.answer.location]).toEqual([false, '/there'])
      const before = await tracesOf(id)
      expect(await deed.run(other(), id, mandateOf('k'))).toEqual(replayOf(first))
      const mismatch = { code: 'idempotency-mismatch', status: 422 }
      await expect(deed.run(one(), id, mandateOf('k', { hash: 'other' }))).rejects.toMatchObject(mismatch)
      expect(await tracesOf(id)).toEqual(before)
      expect(await timesDone(deed, id)).toBe(1)
      await expectWhole(id)
    })

    it('is done once where it is asked for 100 times at once, and everybody hears the same', async () => {
      const id = await open(deed, 'race')
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) => deed.run(index % 2 === 0 ? one() : other(), id, mandateOf('k'))),
      )
      const [first] = answers.filter(({ replayed }) => !replayed)
      expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1)
      for (const { answer } of answers) expect(answer).toEqual(first?.answer)
      expect(await timesDone(deed, id)).toBe(1)
      await expectWhole(id)
    })

    it('is answered as it was, whatever became of it since', async () => {
      const id = await open(deed, 'since')
      const first = await deed.run(one(), id, mandateOf('k'))
      await deed.undo(other(), id)
      const before = await tracesOf(id)
      expect(await deed.run(one(), id, mandateOf('k'))).toEqual(replayOf(first))
      expect(await tracesOf(id)).toEqual(before)
      await expectWhole(id)
    })

    it.each(['money.in-transaction', 'money.after-commit'])(
      'is done once where the connection is lost at %s, and told to whoever waits as the first time',
      async (place) => {
        const id = await open(deed, place.replace('.', '-'))
        armFailpoints(`${place}:throw@1`)
        const first = await deed.run(one(), id, mandateOf('k'))
        armFailpoints(undefined)
        expect(first.replayed).toBe(false)
        expect(await deed.run(other(), id, mandateOf('k'))).toEqual(replayOf(first))
        expect(await timesDone(deed, id)).toBe(1)
        await expectWhole(id)
      },
    )

    it('leaves nothing when it is rehearsed, before and after, and is answered as it will be', async () => {
      const id = await open(deed, 'dry')
      const before = await tracesOf(id)
      const rehearsed = await deed.run(one(), id, mandateOf('k', { dryRun: true }))
      await expect(deed.run(one(), `no-${id}`, mandateOf('k', { dryRun: true }))).rejects.toMatchObject({ status: 404 })
      expect(await tracesOf(id)).toEqual(before)
      const first = await deed.run(one(), id, mandateOf('k'))
      expect(comparable(rehearsed)).toEqual(comparable(first))
      const after = await tracesOf(id)
      expect(await deed.run(other(), id, mandateOf('k', { dryRun: true }))).toEqual(replayOf(first))
      await deed.run(other(), id, mandateOf('k2', { dryRun: true })).catch(() => undefined)
      expect(await tracesOf(id)).toEqual(after)
      await expectWhole(id)
    })

    it('says in the audit log who did it and how it stood before, if it is no business', async () => {
      const id = await open(deed, 'said')
      const { answer } = await deed.run(one(), id, mandateOf('k'))
      const said = (await saidOf(id)).filter(({ role }) => role === 'admin')
      if (deed.action === null) {
        expect(said).toEqual([])
        return
      }
      const { action, target } = deed
      expect(said).toEqual([
        expect.objectContaining({ action, target, organization_id: id, key_id: 'key-7', request_id: 'request of k' }),
      ])
      expect(said[0]?.after).toEqual(answer.body === '' ? null : JSON.parse(answer.body))
      if (action === 'member.add') expect(said[0]?.before).toBeNull()
      else if (action.startsWith('member.')) expect(said[0]?.before).toMatchObject({ role: 'member', user_id: 'u1' })
      else expect(said[0]?.before).toMatchObject({ available: '10.00', as_of_seq: 1 })
    })
  })

  it('is done by the program itself as well, which is audited, too', async () => {
    const deed = ORDERED_DEEDS[0] as OrderedDeed
    const id = await open(deed, 'system')
    await processes[0].teams.addMember(id, 'u2')
    await processes[0].teams.addMember(id, 'u2')
    await processes[0].balances.adjust(id, { amount: 5n, direction: 'debit', reference: 'a', note: null })
    expect((await saidOf(id)).map(({ role, action, key_id }) => [role, action, key_id])).toEqual([
      ['system', 'top-up.create', null],
      ['system', 'member.add', null],
      ['system', 'adjustment.create', null],
    ])
  })

  it('is not lost with the process that did it: the next one answers', async () => {
    const ids = await Promise.all(ORDERED_DEEDS.map((deed) => open(deed, 'killed')))
    // Every try is stored, or found stored, and none hears so.
    armFailpoints('money.after-commit:throw')
    const lost = await Promise.allSettled(
      ORDERED_DEEDS.map((deed, i) => deed.run(processes[0], `${ids[i]}`, mandateOf('k'))),
    )
    armFailpoints(undefined)
    for (const each of lost) expect(each).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } })
    for (const [index, deed] of ORDERED_DEEDS.entries()) {
      const id = `${ids[index]}`
      expect(await timesDone(deed, id)).toBe(1)
      expect(await deed.run(processes[1], id, mandateOf('k'))).toMatchObject({ replayed: true })
      expect(await timesDone(deed, id)).toBe(1)
      await expectWhole(id)
    }
  })

  it('is done beside what cannot be done: a batch is split until that fails alone, and nobody is done twice', async () => {
    const id = await open(ORDERED_DEEDS[0] as OrderedDeed, 'split')
    const { balances } = processes[0]
    const pay = (
      index: number,
      note: string | null,
      answer = () => ({ status: 201, location: null, body: `${index}` }),
    ) => balances.topUp(id, { amount: 1n, reference: `r-${index}`, note }, { mandate: mandateOf(`k-${index}`), answer })
    const unanswerable = () => {
      throw new Error('this cannot be rendered')
    }
    const asked = await Promise.allSettled([
      ...Array.from({ length: 20 }, (_, index) => pay(index, null)),
      pay(20, 'PostgreSQL stores no \u0000'),
      pay(21, null, unanswerable),
      ...Array.from({ length: 20 }, (_, index) => pay(index, null)),
    ])
    const failed = asked.flatMap((each, index) => (each.status === 'rejected' ? [index] : []))
    expect(failed).toEqual([20, 21])
    expect(asked[21]).toMatchObject({ reason: { message: 'this cannot be rendered' } })
    const answers = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    expect(answers.map(({ replayed }) => replayed)).toEqual(answers.map((_, index) => index >= 20))
    expect(answers.map(({ answer }) => answer.body)).toEqual(answers.map((_, index) => `${index % 20}`))
    expect((await balances.balance(processes[0].em(), id)).asOfSeq).toBe(21)
    expect(await timesDone(ORDERED_DEEDS[0] as OrderedDeed, id)).toBe(20)
    await expectWhole(id)
  })

  it('is counted exactly, however many rehearse meanwhile', async () => {
    const deed = ORDERED_DEEDS[0] as OrderedDeed
    const id = await open(deed, 'meanwhile')
    const pay = (index: number, dryRun: boolean) =>
      processes[index % 2]?.balances.topUp(
        id,
        { amount: 1n, reference: `r-${index}`, note: null },
        { mandate: mandateOf(`k-${index}`, { dryRun }), answer: () => ({ status: 201, location: null, body: '{}' }) },
      )
    await Promise.all(Array.from({ length: 80 }, (_, index) => pay(index, index % 4 === 0)))
    const { available, asOfSeq } = await processes[0].balances.balance(processes[0].em(), id)
    expect([available, asOfSeq]).toEqual([10_000_000_060n, 61])
    await expectWhole(id)
  })
})

/** An answer without what is drawn anew or told by the clock. */
function comparable({ answer, replayed }: Answered): unknown {
  const drawn = ['id', 'created_at', 'added_at', 'charged']
  const body: unknown =
    answer.body === '' ? null : JSON.parse(answer.body, (key, value: unknown) => (drawn.includes(key) ? '' : value))
  return { replayed, status: answer.status, body }
}
