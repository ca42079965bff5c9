import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const TARIFFS = `select to_jsonb(v) as version, to_jsonb(p) as plan, (select jsonb_agg(c order by c.position)
    from tollkeeper.tariff_components c where c.version_id = v.id) as components
  from tollkeeper.tariff_versions v join tollkeeper.tariff_plans p on p.id = v.plan_id order by v.id`
const NEW_COMPONENT = `insert into tollkeeper.tariff_components
    (id, version_id, position, key, kind, model, price, per, included, feature)
  select gen_random_uuid(), id, 99, 'extra', 'feature', 'per_unit', 1, 1, 0, 'extra' from tollkeeper.tariff_versions`

/** What was published stands: the table itself refuses, to the application and to whoever owns it. */
describe('a published tariff version refuses change', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let app: pg.Client
  let planId: string
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
    await fundedOrganization(tollkeeper, 'acme', '10.00', CONTRACT_COMPONENTS)
    planId = (await tollkeeper.organizations.find(tollkeeper.em(), 'acme')).tariffId ?? ''
    app = new pg.Client({ connectionString: world.database.appUrl })
    await app.connect()
  })
  afterAll(async () => {
    await app.end()
    await world.close()
  })

  const CHANGES = [
    'update tollkeeper.tariff_versions set price_per_month = 1',
    `update tollkeeper.tariff_versions set name = 'Another'`,
    `update tollkeeper.tariff_versions set content_hash = repeat('0', 64)`,
    'update tollkeeper.tariff_versions set content_hash = null',
    'update tollkeeper.tariff_versions set published_at = now()',
    `update tollkeeper.tariff_versions set state = 'draft'`,
    `update tollkeeper.tariff_versions set state = 'archived', member_price = 1`,
    'delete from tollkeeper.tariff_versions',
    'update tollkeeper.tariff_components set price = price + 1',
    'update tollkeeper.tariff_components set position = position + 1',
    'delete from tollkeeper.tariff_components',
    NEW_COMPONENT,
    `update tollkeeper.tariff_plans set currency = 'EUR'`,
  ]

  it.each(CHANGES)('to the running application, too: %s', async (sql) => {
    const before = await world.database.query(TARIFFS)
    await expect(app.query(sql)).rejects.toMatchObject({ constraint: 'tariff_versions_immutable' })
    expect(await world.database.query(TARIFFS)).toEqual(before)
    expect(before).toHaveLength(1)
  })

  it.each([...CHANGES, 'truncate tollkeeper.tariff_components', 'truncate tollkeeper.tariff_versions cascade'])(
    'to whoever owns the tables: %s',
    async (sql) => {
      const before = await world.database.query(TARIFFS)
      await expect(world.database.query(sql)).rejects.toMatchObject({ constraint: 'tariff_versions_immutable' })
      expect(await world.database.query(TARIFFS)).toEqual(before)
    },
  )

  it('one from before hashes were kept is shown with the hash that it would have', async () => {
    const before = await tollkeeper.tariffs.find(tollkeeper.em(), planId)
    const stored = () => world.database.query('select content_hash from tollkeeper.tariff_versions')
    expect(await stored()).toEqual([{ content_hash: before.contentHash }])
    await world.database.query('alter table tollkeeper.tariff_versions disable trigger user')
    await world.database.query('update tollkeeper.tariff_versions set content_hash = null')
    await world.database.query('alter table tollkeeper.tariff_versions enable trigger user')
    expect(await tollkeeper.tariffs.find(tollkeeper.em(), planId)).toEqual(before)
    expect(await stored()).toEqual([{ content_hash: null }])
  })

  it('a component is not slipped into a version while it is published', async () => {
    const { tariffs, inTransaction } = tollkeeper
    await inTransaction((em) => tariffs.update(em, planId, { memberPrice: 5n }))
    const ofDraft = `${NEW_COMPONENT} where state = 'draft'`
    const { promise: committing, resolve: commit } = Promise.withResolvers<void>()
    const { promise: published, resolve: onPublished } = Promise.withResolvers<void>()
    const publishing = inTransaction(async (em) => {
      await tariffs.publish(em, planId)
      onPublished()
      await committing
    })
    await published
    const slipping = app.query(ofDraft)
    const settled = slipping.then(
      () => 'stored',
      (error: { constraint?: string }) => error.constraint,
    )
    await world.database.query('select pg_sleep(0.2)')
    commit()
    await publishing
    expect(await settled).toBe('tariff_versions_immutable')
    const view = await tariffs.find(tollkeeper.em(), planId)
    expect(view.tariff.components).toEqual(CONTRACT_COMPONENTS)
  })

  it('but it is taken off the shelf, and a draft is as free as before', async () => {
    const { tariffs, inTransaction } = tollkeeper
    const before = await tariffs.find(tollkeeper.em(), planId)
    await inTransaction((em) => tariffs.removeComponent(em, planId, 'output'))
    await inTransaction((em) => tariffs.archive(em, planId))
    const after = await tariffs.find(tollkeeper.em(), planId)
    expect(after).toEqual({ ...before, state: 'archived', draftVersion: null })
    const back = `update tollkeeper.tariff_versions set state = 'published' where published_at is not null`
    await expect(world.database.query(back)).rejects.toMatchObject({ constraint: 'tariff_versions_immutable' })
  })
})
