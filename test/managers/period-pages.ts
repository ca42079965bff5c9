import type { Tollkeeper } from '../../src/composition.ts'
import type { SettableClock } from '../support/settable-clock.ts'

/** Goes to the end of an organisation's running period, and looks at it, which turns the page. */
export async function turnPage(
  { organizations, inTransaction }: Pick<Tollkeeper, 'organizations' | 'inTransaction'>,
  clock: SettableClock,
  organizationId: string,
): Promise<void> {
  const { periodEnd } = await inTransaction((em) => organizations.find(em, organizationId))
  clock.set(periodEnd.toISOString())
  await organizations.renew(organizationId)
}
