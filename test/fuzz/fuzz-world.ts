import { type Door, openDoor, publishedTariff } from '../admin/open-door.ts'
import type { Known } from './schema-values.ts'

/** The product with something in it, behind a door that wants keys. */
export interface FuzzWorld {
  readonly door: Door
  readonly url: string
  /** By the names of callers; nobody has none. */
  readonly keys: Readonly<Record<string, string>>
  readonly known: Known
  close(): Promise<void>
}

const ORGANIZATIONS = ['acme', 'other']
const ADMIN_KEY = 'an-admin-key-of-the-fuzzer-0123456789'

export async function openFuzzWorld(): Promise<FuzzWorld> {
  const door = await openDoor({ RECONCILE_INTERVAL_MS: '3600000' })
  const { url } = await door.withKey(ADMIN_KEY)
  const tariff = await publishedTariff(door.ask, { max_team_members: 50 })
  const jobs: string[] = []
  for (const id of ORGANIZATIONS) {
    const at = `/api/v1/admin/organizations/${id}`
    await door.ask('/api/v1/admin/organizations', { body: { id, tariff_id: tariff } })
    await door.ask(`${at}/top-ups`, { body: { amount: '1000', reference: 'first' } })
    await door.ask(`${at}/members`, { body: { user_id: `member-of-${id}` } })
    const body = { organization_id: id, text: 'Ships leave at 3.', agents: ['extractor'] }
    jobs.push((await door.ask('/api/v1/jobs', { body })).body.id)
  }
  const members = ORGANIZATIONS.map((id) => `member-of-${id}`)
  return {
    door,
    url,
    keys: { admin: ADMIN_KEY, liar: 'not-a-key' },
    known: {
      of: { tariffs: [tariff], organizations: ORGANIZATIONS, members, jobs, components: ['run', 'other'] },
      ids: [tariff, ...jobs],
      accounts: [...ORGANIZATIONS, ...members, 'nobody', 'extractor'],
    },
    close: () => door.close(),
  }
}
