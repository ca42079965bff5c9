import { openOrganizations, type World } from '../world.ts'
import { type OrmSettles, openOrmSettles } from './orm-settle.ts'
import { openReference, type Reference } from './reference.ts'
import { COMPONENTS } from './settles.ts'

export const HOT = 'hot'
export const MANY = Array.from({ length: 1_000 }, (_, index) => `organization-${index}`)

/** A database with its customers, its yardstick, and the ORM on the same tables. */
export interface ChargeWorld extends AsyncDisposable {
  readonly world: World
  readonly reference: Reference
  readonly orm: OrmSettles
}

/** Takes the world over: it is closed with what stands on it. */
export async function openChargeWorld(world: World): Promise<ChargeWorld> {
  await using opened = new AsyncDisposableStack()
  opened.use(world)
  await openOrganizations(world, [HOT], COMPONENTS)
  await openOrganizations(world, MANY, COMPONENTS)
  const reference = opened.use(await openReference(world))
  const orm = opened.use(await openOrmSettles(world))
  const closing = opened.move()
  return { world, reference, orm, [Symbol.asyncDispose]: () => closing.disposeAsync() }
}
