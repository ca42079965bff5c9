import { expect, test } from 'vitest'
import { expectHarmless } from './expectations.ts'
import { fuzz } from './fuzz.ts'
import { openFuzzWorld } from './fuzz-world.ts'

const REQUESTS = Number(process.env.REQUESTS || 100_000)
const SEED = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31))
const TELL_EACH = 10_000

test(`${REQUESTS} requests made of the document (SEED=${SEED})`, async () => {
  const world = await openFuzzWorld()
  const startedAt = performance.now()
  try {
    const report = await fuzz(world, { requests: REQUESTS, seed: SEED }, (done) => {
      const seconds = (performance.now() - startedAt) / 1_000
      if (done % TELL_EACH === 0) console.log(`${done} of ${REQUESTS}, ${Math.round(done / seconds)} a second`)
    })
    const { byStatus, fuzz_5xx, windowsRefused, succeeded, heap } = report
    console.log({ seed: SEED, byStatus, windowsRefused, succeeded, heap })
    console.log(`fuzz_5xx = ${fuzz_5xx}`)
    expect(report.requests).toBe(REQUESTS)
    await expectHarmless(world, report)
  } finally {
    await world.close()
  }
})
