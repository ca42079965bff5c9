import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import type { Violation } from '../../src/ledger/audit-findings.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'
import { damage, statusOf } from './busy-organization.ts'

const COMPONENTS = [
  component('pages', { kind: 'feature', feature: 'ocr-page', included: 2 }, '0.01'),
  component('searches', { kind: 'feature', feature: 'search' }, '0'),
  component('reports', { kind: 'feature', feature: 'report', model: 'flat' }, '0.50'),
]
/** Above this many entries, jobs or charges of features an organisation is checked from where it was checked before. */
const WHOLE = 2_000

/** Charges of every sort: priced, free, flat, and of what has no price. The first one stands behind entry 2. */
async function chargedOrganization(tollkeeper: Tollkeeper, id: string): Promise<void> {
  await fundedOrganization(tollkeeper, id, '50.00', COMPONENTS)
  const { billing } = tollkeeper
  await billing.chargeFeature(id, 'ocr-page', 5, 'a "scan", \\ 50 %')
  await billing.chargeFeature(id, 'search', 3, 'query')
  await billing.chargeFeature(id, 'report', 9, 'report')
  await billing.chargeFeature(id, 'orc-page', 1, 'typo')
}

const SCAN = `organization_id = 'acme' and feature = 'ocr-page'`
const CHARGES = 'update tollkeeper.feature_charges set'
const LEDGER = 'update tollkeeper.ledger_entries set'
const line = (place: number, value: string) =>
  `${CHARGES} line = jsonb_set(line::jsonb, '{${place}}', '${value}')::json where ${SCAN}`

/** What is done to the charges of `acme`, the invariant that it breaks, and what the finding says. */
const DAMAGES: readonly (readonly [what: string, sql: string, invariant: number, says: RegExp])[] = [
  [
    'an entry of another amount',
    `${LEDGER} amount = amount + 1 where organization_id = 'acme' and seq = 2`,
    3,
    /^feature charge \S+ \(a "scan", \\ 50 %\) is 0\.03, its entry 2 is 0\.030000001/,
  ],
  [
    'an entry that is gone',
    `delete from tollkeeper.ledger_entries where organization_id = 'acme' and seq = 2`,
    3,
    /has no entry of its 0\.03/,
  ],
  [
    'an entry for another component',
    `${LEDGER} component = 'reports' where organization_id = 'acme' and seq = 2`,
    3,
    /has an entry of kind feature for reports/,
  ],
  [
    "an entry in somebody else's ledger",
    `${LEDGER} organization_id = 'bystander', seq = 900 where organization_id = 'acme' and seq = 2`,
    3,
    /has its entry in another organisation's ledger/,
  ],
  [
    'a charge that is gone',
    `delete from tollkeeper.feature_charges where ${SCAN}`,
    3,
    /^entry 2 \(feature:acme-\d+:a "scan", \\ 50 %\) is of a feature's charge that is not there/,
  ],
  ['a charge under another key', `${CHARGES} key = 'other' where ${SCAN}`, 3, /^entry 2 .* is not there/],
  ['a charge of another quantity', `${CHARGES} quantity = 6 where ${SCAN}`, 3, /is of 6 units, its line is of 5/],
  [
    'a charge of another feature',
    `${CHARGES} feature = 'report' where ${SCAN}`,
    3,
    /is not priced by component reports/,
  ],
  ['a charge of another amount', `${CHARGES} charged = charged + 1 where ${SCAN}`, 3, /is stored as 0\.030000001/],
  ['a charge that names another entry', `${CHARGES} ledger_seq = 1 where ${SCAN}`, 3, /names entry 1, its entry is 2/],
  ['a line of another price', line(9, '"1"'), 3, /has another price than component pages/],
  ['a line of another amount', line(15, '"1"'), 3, /5 units cost 0\.03/],
  ['a line with more free units than there are', line(7, '3'), 3, /bills 3 and 3 included of 5 units/],
  ['a line that no number can be read of', line(15, '"much"'), 3, /has no readable line/],
  [
    'the pinned price',
    `update tollkeeper.tariff_components c set price = price + 1 from tollkeeper.organizations o
     where c.version_id = o.tariff_version_id and o.id = 'acme' and c.key = 'pages'`,
    3,
    /has another price than component pages/,
  ],
  [
    'a counter',
    `update tollkeeper.usage_counters set used = used + 1 where organization_id = 'acme' and component = 'pages'`,
    7,
    /^counter pages .* used is 6, the charges and open holds make 5/,
  ],
  [
    'a charge of nothing that is gone',
    `delete from tollkeeper.feature_charges where organization_id = 'acme' and feature = 'search'`,
    7,
    /^counter searches .* used is 3, the charges and open holds make 0/,
  ],
]

describe('a verification finds what was damaged in the charges of features:', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
    tollkeeper = await world.open()
    await chargedOrganization(tollkeeper, 'bystander')
  })
  afterAll(() => world.close())

  it('nothing where nothing is damaged', async () => {
    expect(await tollkeeper.verifier.verify()).toMatchObject({ ok: true, violations: [], entries: 3 })
  })

  it.each(DAMAGES.map((row, index) => [row[0], `acme-${index}`, row] as const))(
    '%s',
    async (_what, organizationId, [, sql, invariant, says]) => {
      await chargedOrganization(tollkeeper, organizationId)
      await damage(world, sql.replaceAll("'acme'", `'${organizationId}'`))
      const { ok, violations } = await tollkeeper.verifier.verify({ organizationId })
      const isMeant = (found: Violation) => found.invariant === invariant && says.test(found.detail)
      expect([ok, violations.filter(isMeant).length], JSON.stringify(violations)).toEqual([false, 1])
    },
  )
})

describe('the scheduled check of very many charges of features', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
    tollkeeper = await world.open()
  })
  afterAll(() => world.close())

  const chargeMany = async (organizationId: string, feature: string) => {
    await fundedOrganization(tollkeeper, organizationId, '50.00', COMPONENTS)
    const keys = Array.from({ length: WHOLE + 1 }, (_, index) => `key-${index}`)
    await Promise.all(keys.map((key) => tollkeeper.billing.chargeFeature(organizationId, feature, 1, key)))
    expect(await tollkeeper.verifier.checkChanged(1)).toBe(1)
  }
  const check = async (organizationId: string) => {
    await tollkeeper.verifier.checkChanged(1)
    return statusOf(world, organizationId)
  }

  it('looks at those of new entries, each with its charge, and not at what is behind them', async () => {
    await chargeMany('paying', 'ocr-page')
    await damage(world, `${CHARGES} quantity = 2 where organization_id = 'paying' and key = 'key-7'`)
    await tollkeeper.billing.chargeFeature('paying', 'ocr-page', 1, 'new')
    expect(await check('paying')).toBe('active')
    const { violations } = await tollkeeper.verifier.verify({ organizationId: 'paying' })
    expect(violations).toMatchObject([{ invariant: 3, detail: expect.stringContaining('(key-7) is of 2 units') }])
    await tollkeeper.billing.chargeFeature('paying', 'ocr-page', 1, 'newer')
    await damage(world, `${CHARGES} quantity = 2 where organization_id = 'paying' and key = 'newer'`)
    expect(await check('paying')).toBe('frozen')
  })

  it('finds a new entry whose charge is gone', async () => {
    await chargeMany('robbed', 'ocr-page')
    await tollkeeper.billing.chargeFeature('robbed', 'ocr-page', 1, 'new')
    await damage(world, `delete from tollkeeper.feature_charges where organization_id = 'robbed' and key = 'new'`)
    expect(await check('robbed')).toBe('frozen')
  })

  it('does not read them all though they cost nothing and the ledger is short', async () => {
    await chargeMany('free', 'search')
    await tollkeeper.balances.topUp('free', { amount: 1n, reference: 'more', note: null })
    await damage(world, `${CHARGES} quantity = 2 where organization_id = 'free' and key = 'key-7'`)
    expect(await check('free')).toBe('active')
    expect((await tollkeeper.verifier.verify({ organizationId: 'free' })).ok).toBe(false)
  })
})
