import { describe, expect, it } from 'vitest'
import { seedsOfRun, withSeeds } from '../support/seeded-random.ts'
import { BatcherWorld } from './batcher-world.ts'

const SEEDS = 300
const STEPS = 120

describe('the batcher under every schedule', () => {
  it('gives each call one verdict of its own, makes each effect once and in order, and keeps its bounds', async () => {
    const seeds = seedsOfRun(SEEDS)
    const ends = { done: 0, untouched: 0, poisoned: 0, unknown: 0, found: 0, followed: 0, outdated: 0 }
    await withSeeds(seeds, async (seed) => {
      const world = new BatcherWorld(seed)
      for (let step = 0; step < STEPS; step += 1) await world.step()
      await world.finish()
      world.check()
      for (const end of Object.keys(ends) as (keyof typeof ends)[]) ends[end] += world.ends[end]
    })
    if (seeds.length > 1) expect(Math.min(...Object.values(ends)), JSON.stringify(ends)).toBeGreaterThan(100)
  })
})
