import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import type { InTransaction } from '../../src/database/transaction.ts'
import type { Answer } from '../../src/ledger/answer-row.ts'
import { requestHash } from '../../src/managers/idempotency.manager.ts'
import { SettableClock } from '../support/settable-clock.ts'
import { fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'
import { mandateOf } from './ordered-deeds.ts'

describe('requests of the unit of work', () => {
  let world: World
  let processes: readonly [Tollkeeper, Tollkeeper]
  const clock = new SettableClock('2026-03-01T12:00:00Z')
  beforeAll(async () => {
    world = await openWorld('postgres')
    processes = [await world.open([], { clock }), await world.open([], { clock })]
    await fundedOrganization(processes[0], 'acme', '0', [])
  })
  afterAll(() => world.close())

  const nameOf = async (): Promise<string> => {
    const [row] = await world.database.query<{ name: string }>(
      `select name from tollkeeper.organizations where id = 'acme'`,
    )
    return row?.name ?? ''
  }
  const keys = () =>
    world.database.query<{ scope: string; key: string }>(
      'select scope, key from tollkeeper.idempotency_keys order by scope, key',
    )

  /** Renames the organisation on somebody's word, as a route does; `during` stands before its end. */
  function rename(
    { inTransaction, idempotency, organizations }: Tollkeeper,
    name: string,
    mandate: ReturnType<typeof mandateOf>,
    { scope = 'acme', during = async () => undefined as unknown } = {},
  ): Promise<{ readonly answer: Answer; readonly replayed: boolean }> {
    return inTransaction(async (em) => {
      const known = await idempotency.replay(em, mandate, scope)
      if (known) return { answer: known, replayed: true }
      await organizations.update(em, 'acme', { name })
      const answer = { status: 200, location: null, body: JSON.stringify({ name }) }
      await idempotency.store(em, mandate, scope, answer)
      await during()
      return { answer, replayed: false }
    }, mandate)
  }

  it('are answered once under their key, and again with the same bytes', async () => {
    const first = await rename(processes[0], 'One', mandateOf('a'))
    expect(first.replayed).toBe(false)
    await rename(processes[1], 'Two', mandateOf(null))
    expect(await rename(processes[1], 'One', mandateOf('a'))).toEqual({ answer: first.answer, replayed: true })
    expect(await nameOf()).toBe('Two')
    const other = rename(processes[0], 'Three', mandateOf('a', { hash: 'other' }))
    await expect(other).rejects.toMatchObject({ code: 'idempotency-mismatch', status: 422 })
    expect(await nameOf()).toBe('Two')
  })

  it('have keys of their own in each scope, and where they concern no organisation', async () => {
    for (const scope of ['', 'rival']) {
      const { replayed } = await rename(processes[0], `of ${scope}`, mandateOf('scoped'), { scope })
      expect(replayed).toBe(false)
    }
    expect((await keys()).filter(({ key }) => key === 'scoped').map(({ scope }) => scope)).toEqual(['', 'rival'])
  })

  it('with the key of one that is being answered are told to come again', async () => {
    const begun = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    const during = async () => {
      begun.resolve()
      await end.promise
    }
    const first = rename(processes[0], 'Slow', mandateOf('b'), { during })
    await begun.promise
    for (const process of processes) {
      const refused = rename(process, 'Slow', mandateOf('b'))
      await expect(refused).rejects.toMatchObject({ code: 'idempotency-in-progress', status: 409 })
    }
    end.resolve()
    const { answer } = await first
    expect(await rename(processes[1], 'Slow', mandateOf('b'))).toEqual({ answer, replayed: true })
  })

  it('100 at once with one key have one effect; the rest hear its answer, or that it is on its way', async () => {
    const asked = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => rename(processes[index % 2 === 0 ? 0 : 1], 'Race', mandateOf('c'))),
    )
    const done = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    expect(done.filter(({ replayed }) => !replayed)).toHaveLength(1)
    for (const each of asked) {
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'idempotency-in-progress' })
    }
    expect((await keys()).filter(({ key }) => key === 'c')).toHaveLength(1)
  })

  it('that fail keep nothing: the key is free', async () => {
    const broken = rename(processes[0], 'Never', mandateOf('d'), { during: () => Promise.reject(new Error('broken')) })
    await expect(broken).rejects.toThrow('broken')
    expect((await rename(processes[0], 'Later', mandateOf('d'))).replayed).toBe(false)
    expect(await nameOf()).toBe('Later')
  })

  it('that are rehearsed are written, answered and rolled back; what COMMIT would refuse is refused', async () => {
    const before = [await nameOf(), await keys()]
    const { answer } = await rename(processes[0], 'Dry', mandateOf('e', { dryRun: true }))
    expect(JSON.parse(answer.body)).toEqual({ name: 'Dry' })
    const twice = (inTransaction: InTransaction) =>
      inTransaction(
        async (em) => {
          for (const _ of [1, 2])
            await em.execute(
              `insert into tollkeeper.organizations select * from tollkeeper.organizations where id = 'acme'`,
            )
        },
        { dryRun: true },
      )
    await expect(twice(processes[0].inTransaction)).rejects.toMatchObject({ code: 'already-exists' })
    expect([await nameOf(), await keys()]).toEqual(before)
    expect((await rename(processes[0], 'Wet', mandateOf('e'))).replayed).toBe(false)
  })

  it('share their keys with what moves money: the same key means the same request there', async () => {
    const first = await rename(processes[0], 'Shared', mandateOf('f'))
    const pay = (hash: string) =>
      processes[1].balances.topUp(
        'acme',
        { amount: 5n, reference: 'r', note: null },
        { mandate: mandateOf('f', { hash }), answer: () => ({ status: 201, location: null, body: '{}' }) },
      )
    await expect(pay('another')).rejects.toMatchObject({ code: 'idempotency-mismatch' })
    expect(await pay('hash')).toEqual({ kind: 'answered', answer: first.answer, replayed: true })
    expect((await processes[0].balances.balance(processes[0].em(), 'acme')).available).toBe(0n)
  })

  it('are forgotten by the sweep after a day of the clock that was given, and no sooner', async () => {
    const { idempotency, em } = processes[0]
    clock.set('2026-03-05T00:00:00Z')
    await rename(processes[0], 'New', mandateOf('new'))
    const due = (await keys()).length - 1
    clock.set('2026-03-05T23:59:59.999Z')
    expect(await idempotency.forget(em())).toEqual({ forgotten: due, more: false })
    expect(await keys()).toEqual([{ scope: 'acme', key: 'new' }])
    clock.set('2026-03-06T00:00:00Z')
    expect(await idempotency.forget(em())).toEqual({ forgotten: 1, more: false })
    expect((await rename(processes[0], 'Again', mandateOf('new'))).replayed).toBe(false)
  })

  it('may be removed by the application, and not be changed', async () => {
    for (const sql of [`update tollkeeper.idempotency_keys set body = '{}'`, 'truncate tollkeeper.idempotency_keys']) {
      await expect(processes[0].em().execute(sql), sql).rejects.toMatchObject({ code: '42501' })
    }
  })
})

describe('the hash of a request', () => {
  const of = (body: unknown) => requestHash('POST', '/top-ups', body)

  it('is the same whatever the order of fields, at every depth', () => {
    expect(of({ a: 1, b: [{ c: 'x', d: null }] })).toBe(of({ b: [{ d: null, c: 'x' }], a: 1 }))
  })

  it.each<[string, unknown, unknown]>([
    ['another value', { a: 'x' }, { a: 'y' }],
    ['null instead of nothing', { a: null }, {}],
    ['a number instead of its text', { a: Symbol('1') }, { a: '1' }],
    ['a number that is written otherwise', { a: Symbol('1.0') }, { a: Symbol('1') }],
    ['another order in a list', { a: ['x', 'y'] }, { a: ['y', 'x'] }],
    ['another nesting', [['x'], 'y'], ['x', ['y']]],
    ['an empty body', {}, undefined],
    ['quotes that look like an end', { a: 'x","b":"y' }, { a: 'x', b: 'y' }],
  ])('differs for %s', (_what, one, other) => {
    expect(of(one)).not.toBe(of(other))
  })

  it('differs by method and path', () => {
    const hashes = [requestHash('POST', '/a', {}), requestHash('PATCH', '/a', {}), requestHash('POST', '/b', {})]
    expect(new Set(hashes).size).toBe(3)
  })
})
