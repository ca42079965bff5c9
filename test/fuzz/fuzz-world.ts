import type { Tollkeeper } from '../../src/composition.ts'
import { type Door, openDoor } from '../admin/open-door.ts'
import { storyOrganization, tellJob } from '../managers/billed-story.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { LivingIds } from './living-ids.ts'
import type { Known } from './schema-values.ts'

/** The product with something in it, behind a door that wants keys. */
export interface FuzzWorld {
  readonly door: Door
  readonly url: string
  /** By the names of callers; nobody has none. */
  readonly keys: Readonly<Record<string, string>>
  readonly known: Known
  readonly living: LivingIds
  close(): Promise<void>
}

const ORGANIZATIONS = ['acme', 'other']
/** Of both organisations; ada has the key of a member, so that nobody removes her. */
const MEMBERS = ['ann', 'bob', 'cleo', 'dan']
const KEY_HOLDER = 'ada'
const ADMIN_KEY = 'an-admin-key-of-the-fuzzer-0123456789'
const TARIFFS = 12
const STORIES = 8
const OUT_OF_REACH_TOKENS = 10_000_000_000

const RUN = { key: 'run', kind: 'agent', agent: 'extractor', price: '0.10' }
const EXPORT = { key: 'export', kind: 'feature', feature: 'export', price: '0.20' }
const INPUT = { key: 'input', kind: 'input_tokens', price: '0.15' }

const JOB = { text: 'Ships leave at 3.', agents: ['extractor'] }
/** Where few of the bodies that a schema allows mean something, some that do. */
const BODIES = {
  submitJob: ORGANIZATIONS.map((organization_id) => ({ organization_id, ...JOB })),
  submitJobs: ORGANIZATIONS.map((organization_id) => ({ organization_id, jobs: [JOB, { text: 'By default' }] })),
  quoteJob: [
    { organization_id: 'acme', ...JOB },
    { organization_id: 'other', texts: ['Ships leave at 3.', 'And at 4.'] },
  ],
  resubmitJob: [{}],
  publishTariff: [{}, { apply_to: 'next_period' }],
  addComponent: ['one', 'two', 'three', 'four'].map((key) => ({ key, kind: 'agent', agent: key, price: '1' })),
  changeComponent: [{ price: '0.30' }, { included: 5 }],
  chargeFeature: ['one', 'two'].map((key) => ({ organization_id: 'acme', feature: 'export', quantity: 1, key })),
} as const

export async function openFuzzWorld(): Promise<FuzzWorld> {
  const door = await openDoor({ RECONCILE_INTERVAL_MS: '3600000' })
  const { url } = await door.withKey(ADMIN_KEY)
  const living = new LivingIds()
  const made: Made = async (path, body, method = 'POST') => {
    const answer = await door.ask(`/api/v1${path}`, { method, ...(body && { body }) })
    if (answer.status >= 300) throw new Error(`the world is not made: ${path} ${answer.text}`)
    return answer.body
  }
  await fillTariffs(made, living)
  const moved = await fillMoves(made, living)
  for (const id of ORGANIZATIONS) await fillOrganization(door.tollkeeper, made, living, id)
  const jobs = await door.database.query<{ id: string }>('select id from tollkeeper.jobs')
  living.add('jobs', ...jobs.map(({ id }) => id))
  for (const role of ['admin', 'operator']) {
    for (let index = 0; index < 4; index += 1) {
      living.add('admin-keys', (await made('/admin/api-keys', { name: `${role} ${index}`, role })).id)
    }
  }
  return { door, url, keys: await keysOf(made), known: knownOf(living, moved), living, close: () => door.close() }
}

/** Asks for what is to be there. */
type Made = (path: string, body: object | null, method?: string) => Promise<Awaited<ReturnType<Door['ask']>>['body']>

/** Published ones, ones with a draft beside, and ones that were never published. */
async function fillTariffs(made: Made, living: LivingIds): Promise<void> {
  for (let index = 0; index < TARIFFS; index += 1) {
    const terms = { name: `Plan ${index}`, max_team_members: 50, components: [RUN, EXPORT], publish: index % 3 !== 2 }
    const { id } = await made('/admin/tariffs', terms)
    if (index % 3 === 1) await made(`/admin/tariffs/${id}`, { member_price: '1' }, 'PATCH')
    living.add('tariffs', id)
  }
}

/** A tariff that nobody archives, whose organisations are to be moved to its second version. */
async function fillMoves(made: Made, living: LivingIds): Promise<string> {
  const { id } = await made('/admin/tariffs', { name: 'Moved', components: [RUN], publish: true })
  await made('/admin/organizations', { id: 'mover', tariff_id: id })
  await made(`/admin/tariffs/${id}`, { member_price: '1' }, 'PATCH')
  const { move } = await made(`/admin/tariffs/${id}/publish`, { apply_to: 'now' })
  living.add('moves', (move as { readonly id: string }).id)
  return id
}

/** Money, members, jobs of every end, and what waits, charges and warns. */
async function fillOrganization(tollkeeper: Tollkeeper, made: Made, living: LivingIds, id: string): Promise<void> {
  const at = `/admin/organizations/${id}`
  const random = seededRandom(id.length)
  await storyOrganization(tollkeeper, id)
  await made(`${at}/top-ups`, { amount: '1000', reference: 'for all that follows' })
  for (let told = 0; told < STORIES; told += 1) await tellJob(tollkeeper, id, random)
  for (const user_id of [KEY_HOLDER, 'cleo']) await made(`${at}/members`, { user_id })
  const waiting = await tollkeeper.openJob({ organizationId: id, agents: ['reader'] })
  await tollkeeper.billing.admit(waiting, [
    { stage: 'input', bound: { kind: 'input', tokens: OUT_OF_REACH_TOKENS } },
    { stage: 'agent.reader', bound: { kind: 'agent', agent: 'reader', llm: null } },
    { stage: 'output', bound: { kind: 'output', maxTokens: 1 } },
  ])
  for (let index = 0; index < 9; index += 1) {
    const job = { organization_id: id, text: 'Ships leave at 3.', agents: ['extractor'], user_id: KEY_HOLDER }
    const { id: jobId } = await made('/jobs', job)
    if (index % 3 !== 0) await made(`/jobs/${jobId}`, null, 'DELETE')
    const charge = { organization_id: id, feature: 'export', quantity: 1, key: `first ${index}` }
    living.add('feature-charges', (await made('/feature-charges', charge)).id)
    living.add('thresholds', (await made(`${at}/thresholds`, { below: String(index + 1) })).id)
    living.add('api-keys', (await made(`${at}/api-keys`, { name: `key ${index}` })).id)
  }
}

/** Of whoever sends: these keys are in no list that is drawn from. */
async function keysOf(made: Made): Promise<Readonly<Record<string, string>>> {
  const secret = async (path: string, body: object) => String((await made(`/admin/${path}api-keys`, body)).secret)
  return {
    admin: ADMIN_KEY,
    operator: await secret('', { name: 'the operator', role: 'operator' }),
    tenant: await secret('organizations/acme/', { name: 'the tenant' }),
    member: await secret('organizations/acme/', { name: 'the member', user_id: KEY_HOLDER }),
    foreign: await secret('organizations/other/', { name: 'the other tenant' }),
    liar: 'not-a-key',
  }
}

function knownOf(living: LivingIds, moved: string): Known {
  const tariffs = living.standIns('tariffs')
  const jobs = living.standIns('jobs')
  return {
    of: {
      tariffs,
      jobs,
      organizations: ORGANIZATIONS,
      members: MEMBERS,
      components: ['run', 'export', 'input'],
      moves: living.standIns('moves'),
      'tariffs of moves': [moved],
      thresholds: living.standIns('thresholds'),
      'feature-charges': living.standIns('feature-charges'),
      'api-keys': living.standIns('api-keys'),
      'admin/api-keys': living.standIns('admin-keys'),
      statements: ['current', '1'],
    },
    fields: {
      organization_id: ORGANIZATIONS,
      user_id: [...MEMBERS, KEY_HOLDER, null],
      tariff_id: tariffs,
      tariff_version: [null, 1],
      agents: [['extractor'], ['summarizer', 'extractor'], null],
      steps: [null, null, [['extractor'], ['summarizer']]],
      text: ['Ships leave at 3.', '名前 🎉', 'a'.repeat(2_000)],
      components: [[], [RUN], [RUN, EXPORT], [INPUT]],
      currency: ['USD'],
      feature: ['export'],
      tiers: [null],
      expires_at: [null, '2099-01-01T00:00:00.000Z'],
    },
    bodies: BODIES,
    ids: [...tariffs, ...jobs],
    accounts: [...ORGANIZATIONS, ...MEMBERS, 'nobody', 'extractor'],
  }
}
