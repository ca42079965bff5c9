import { expect, test } from 'vitest'
import { expectHarmless } from './expectations.ts'
import { fuzz } from './fuzz.ts'
import { openFuzzWorld } from './fuzz-world.ts'

/** `npm run test:fuzz` sends 100,000. */
const REQUESTS = 2_500
/** They need something in a fitting state, which some thousand requests may not hit on. */
const RARE = ['changeComponent', 'changeMember', 'getUsage', 'removeComponent', 'resubmitJob']

test('two thousand odd requests are answered as the document says, and what is refused changes nothing', {
  timeout: 120_000,
}, async () => {
  const world = await openFuzzWorld()
  try {
    const report = await fuzz(world, { requests: REQUESTS, seed: Number(process.env.SEED ?? 1) || 1 })
    expect(report.requests).toBe(REQUESTS)
    await expectHarmless(world, report, RARE)
  } finally {
    await world.close()
  }
})
