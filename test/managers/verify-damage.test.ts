import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import type { Violation } from '../../src/ledger/audit-findings.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'
import { busyOrganization, damage, statusOf } from './busy-organization.ts'

const CHARGE = `organization_id = 'acme' and kind = 'charge' and stage = 'input'
  and job_id = (select id from tollkeeper.jobs where organization_id = 'acme' and state = 'charged')`
const LEDGER = 'update tollkeeper.ledger_entries set'
const CHARGED_JOB = `(select id from tollkeeper.jobs where organization_id = 'acme' and state = 'charged')`
const RUNNING_JOB = `(select id from tollkeeper.jobs where organization_id = 'acme' and state = 'processing')`
const line = (path: string, value: string) => `
  update tollkeeper.job_stages set lines = jsonb_set(lines::jsonb, '{${path}}', '${value}')::json
  where stage = 'input' and job_id = ${CHARGED_JOB}`

/** What is done to the books of `acme`, the invariant that it breaks, and what the finding names. */
const DAMAGES: readonly (readonly [what: string, sql: string, invariant: number, names: RegExp])[] = [
  ['an amount of an entry', `${LEDGER} amount = amount + 1 where ${CHARGE}`, 1, /^entry \d+: held is/],
  [
    'an entry of other accounts',
    `${LEDGER} credit_account = 'write_off' where ${CHARGE}`,
    1,
    /^entry \d+ is a charge from held to write_off/,
  ],
  ['an entry of another currency', `${LEDGER} currency = 'EUR' where ${CHARGE}`, 1, /^entry \d+ is in EUR/],
  [
    'what stood after an entry',
    `${LEDGER} available_after = available_after + 1 where ${CHARGE}`,
    1,
    /^entry \d+: available is/,
  ],
  [
    'what a period opens with',
    `update tollkeeper.billing_periods set opening_available = 1 where organization_id = 'acme'`,
    1,
    /^period 1 does not open with nothing/,
  ],
  [
    'a fee that is said to be paid',
    `update tollkeeper.billing_periods set plan_fee = 1 where organization_id = 'acme'`,
    3,
    /^plan fees are 0.000000001 by the periods, 0.00 by the entries/,
  ],
  [
    'the balance',
    `update tollkeeper.organization_balances set available = available + 1 where organization_id = 'acme'`,
    1,
    /^balance: available is/,
  ],
  [
    'the held balance',
    `update tollkeeper.organization_balances set held = held + 1 where organization_id = 'acme'`,
    2,
    /^held is .* the open holds are/,
  ],
  [
    'what remains of a hold',
    `update tollkeeper.holds set remaining = remaining - 1 where job_id = ${RUNNING_JOB}`,
    2,
    /^the hold of job [\w-]+ does not close/,
  ],
  [
    'a closed hold that is opened again',
    `update tollkeeper.holds set state = 'open' where job_id = ${CHARGED_JOB}`,
    2,
    /its hold 1 is still open/,
  ],
  [
    'a hold of somebody else',
    `update tollkeeper.holds set organization_id = 'bystander' where job_id = ${CHARGED_JOB}`,
    2,
    /another organisation's/,
  ],
  [
    'a release that is forgotten by its job',
    `update tollkeeper.jobs set released = 0 where id = ${CHARGED_JOB}`,
    2,
    /^released of job/,
  ],
  [
    'the entry of a line',
    `delete from tollkeeper.ledger_entries where ${CHARGE}`,
    3,
    /^charge:[\w-]+:input:input:- has no entry/,
  ],
  ['the line of an entry', line('0,15', '"0"'), 3, /has nothing that it is for/],
  ['a line that names another entry', line('0,17', '1'), 3, /names entry 1/],
  ['a line of other units', line('0,5', '11'), 3, /bills 7 and 3 included of 11/],
  ['a line of another price', line('0,9', '"1999999999"'), 3, /has another price than component input/],
  ['a line that no number can be read of', line('0,15', '"much"'), 3, /no readable lines/],
  [
    'what a stage is charged',
    `update tollkeeper.job_stages set charged = charged + 1 where stage = 'input' and job_id = ${CHARGED_JOB}`,
    3,
    /is charged otherwise than its lines/,
  ],
  [
    'the tokens of a stage',
    `update tollkeeper.job_stages set tokens = tokens + 1 where stage = 'input' and job_id = ${CHARGED_JOB}`,
    3,
    /used 11 tokens, its lines have 10/,
  ],
  [
    'what a job is charged',
    `update tollkeeper.jobs set charged = charged + 1 where id = ${CHARGED_JOB}`,
    3,
    /^charged of job/,
  ],
  [
    'the pinned price',
    `update tollkeeper.tariff_components c set price = price + 1 from tollkeeper.organizations o
    where c.version_id = o.tariff_version_id and o.id = 'acme' and c.key = 'input'`,
    3,
    /has another price than component input/,
  ],
  [
    'the job of an entry',
    `${LEDGER} job_id = gen_random_uuid() where ${CHARGE}`,
    3,
    /which this organisation does not have/,
  ],
  [
    'a gap in seq',
    `delete from tollkeeper.ledger_entries where organization_id = 'acme' and kind = 'top_up'`,
    4,
    /^entry 2 stands where 1 is due/,
  ],
  [
    'the last entry',
    `delete from tollkeeper.ledger_entries e using tollkeeper.organization_balances b
    where b.organization_id = e.organization_id and b.seq = e.seq and e.organization_id = 'acme'`,
    4,
    /^the balance is of entry/,
  ],
  [
    'a seat',
    `update tollkeeper.organization_balances set seats_used = 2 where organization_id = 'acme'`,
    5,
    /^2 seats are used, 1 members are active/,
  ],
  [
    'more seats than allowed',
    `update tollkeeper.tariff_versions v set max_team_members = 0 from tollkeeper.organizations o
    where v.id = o.tariff_version_id and o.id = 'acme'`,
    5,
    /the tariff allows 0/,
  ],
  [
    'a reversal',
    `${LEDGER} amount = amount + 1 where organization_id = 'acme' and kind = 'reversal' and stage = 'input'`,
    7,
    /^entry \d+ \(reversal:charge:/,
  ],
  [
    'a reversal of another entry',
    `${LEDGER} reverses_seq = 1 where organization_id = 'acme' and kind = 'reversal' and stage = 'input'`,
    7,
    /reverses entry 1/,
  ],
  [
    'a used counter',
    `update tollkeeper.usage_counters set used = used + 1 where organization_id = 'acme' and component = 'input'`,
    7,
    /^counter input .* used is/,
  ],
  [
    'a reserved counter',
    `update tollkeeper.usage_counters set reserved = reserved + 1 where organization_id = 'acme' and component = 'fee'`,
    7,
    /reserved is/,
  ],
  [
    'a counter that is gone',
    `delete from tollkeeper.usage_counters where organization_id = 'acme' and component = 'llm-in'`,
    7,
    /^counter llm-in .* used is 0/,
  ],
  [
    'what is counted against a member',
    `update tollkeeper.team_members set committed = committed - 1 where organization_id = 'acme'`,
    7,
    /^committed of member u1 is .*, the period's open holds and charges make/,
  ],
  [
    'what is counted of another period',
    `update tollkeeper.team_members set committed_period = null where organization_id = 'acme'`,
    7,
    /^committed of member u1 is 0\.00, the period's/,
  ],
]

describe('a verification finds what was damaged behind our back, and freezes that organisation only:', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
    tollkeeper = await world.open()
    await busyOrganization(tollkeeper, 'bystander')
  })
  afterAll(() => world.close())

  it.each(DAMAGES.map((row, index) => [row[0], `acme-${index}`, row] as const))(
    '%s',
    async (_what, organizationId, [, sql, invariant, names]) => {
      await busyOrganization(tollkeeper, organizationId)
      await damage(world, sql.replaceAll("'acme'", `'${organizationId}'`))
      const reported = await tollkeeper.verifier.verify({ organizationId })
      expect(reported).toMatchObject({ ok: false, organizations: 1, frozen: [] })
      const isMeant = (found: Violation) => found.invariant === invariant && names.test(found.detail)
      expect(reported.violations.filter(isMeant), JSON.stringify(reported.violations)).not.toEqual([])
      expect(reported.violations.every((found) => found.organizationId === organizationId)).toBe(true)
      expect(await statusOf(world, organizationId)).toBe('active')
      const frozen = await tollkeeper.verifier.verify({ organizationId, freeze: true })
      expect(frozen).toEqual({ ...reported, frozen: [organizationId] })
      expect(await statusOf(world, organizationId)).toBe('frozen')
    },
  )

  it('and none of it touches a bystander, nor is anything found there', async () => {
    const report = await tollkeeper.verifier.verify({ freeze: true })
    expect(report.violations.length).toBeGreaterThanOrEqual(DAMAGES.length)
    expect(report.violations.filter((found) => found.organizationId === 'bystander')).toEqual([])
    expect(report).toMatchObject({ ok: false, organizations: DAMAGES.length + 1, frozen: [] })
    expect(await statusOf(world, 'bystander')).toBe('active')
  })

  it('the guards of the ledger, which are of no organisation', async () => {
    await world.database.query('alter table tollkeeper.ledger_entries disable trigger ledger_entries_append_only')
    await world.database.query('grant delete on tollkeeper.ledger_entries to tollkeeper_app')
    const report = await tollkeeper.verifier.verify({ organizationId: 'bystander', freeze: true })
    const found = { invariant: 6, organizationId: null }
    const details = [
      'trigger ledger_entries_append_only is missing or disabled',
      'role tollkeeper_app may DELETE ledger_entries',
    ]
    expect(report).toMatchObject({ ok: false, frozen: [], violations: details.map((detail) => ({ ...found, detail })) })
    expect(await statusOf(world, 'bystander')).toBe('active')
  })
})
