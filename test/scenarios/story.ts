import { expect } from 'vitest'
import { type Ask, type Door, openDoor } from '../admin/open-door.ts'
import { SettableClock } from '../support/settable-clock.ts'

const ORGANIZATIONS = '/api/v1/admin/organizations'

/** Where a story is played: the whole product over HTTP, at a time that the story sets. */
export interface Scene {
  readonly door: Door
  readonly ask: Ask
  readonly clock: SettableClock
  /** Ids of tariffs by the names that the story gives them. */
  readonly plans: Map<string, string>
  /** A number that no step of the story had before. */
  next(): number
}

/** Something that happens, and what comes of it: an exact amount, or an error code. */
export interface Step {
  readonly says: string
  readonly play: (scene: Scene) => Promise<string>
}

/** When, what, and what comes of it. */
export type Row = readonly [at: string, step: Step, outcome: string]

async function openScene(): Promise<Scene & AsyncDisposable> {
  const clock = new SettableClock('2026-01-01')
  const door = await openDoor({}, { clock })
  let steps = 0
  return {
    door,
    ask: door.ask,
    clock,
    plans: new Map(),
    next: () => (steps += 1),
    [Symbol.asyncDispose]: () => door.close(),
  }
}

/** Plays a story on a system of its own, from its first row to its last, and then proves the books. */
export async function play(rows: readonly Row[]): Promise<void> {
  await using scene = await openScene()
  const told: string[] = []
  for (const [at, step] of rows) {
    scene.clock.set(at)
    told.push(`${at}  ${step.says}  ${await step.play(scene)}`)
  }
  expect(told).toEqual(rows.map(([at, { says }, outcome]) => `${at}  ${says}  ${outcome}`))
  await expectBooks(scene)
}

async function expectBooks({ door, ask }: Scene): Promise<void> {
  expect(await door.tollkeeper.verifier.verify()).toMatchObject({ ok: true, violations: [] })
  const { body } = await ask('/api/v1/admin/verify')
  expect(body).toMatchObject({ ok: true, violations: [] })
  const { data: organizations } = (await ask(ORGANIZATIONS)).body
  for (const { id, balance } of organizations) await expectStatements(ask, String(id), balance)
}

/** Each statement opens where the one before closed, and the last one closes with the balance. */
async function expectStatements(ask: Ask, id: string, balance: unknown): Promise<void> {
  const at = `${ORGANIZATIONS}/${id}/statements`
  const periods = (await ask(`${at}?limit=200`)).body.data.toReversed()
  expect(periods.map(({ period }) => period)).toEqual(periods.map((_, index) => index + 1))
  expect(periods[0]).toMatchObject({ opening: { seq: 0, available: '0.00', held: '0.00' } })
  for (const [index, { opening }] of periods.entries()) {
    if (index > 0) expect(periods[index - 1]).toMatchObject({ closing: opening, final: true })
  }
  const { available, held, as_of_seq: seq } = balance as Readonly<Record<string, unknown>>
  const last = await ask(`${at}/current`)
  expect(last.body).toMatchObject({ period: periods.length, final: false, closing: { seq, available, held } })
}
