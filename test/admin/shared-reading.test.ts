import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { sharedReading } from '../../src/admin/metrics/shared-reading.ts'

test('one reading is made for all who ask at once, and shown until it is stale', async () => {
  let made = 0
  const ask = sharedReading(
    async () => {
      await pause(20)
      made += 1
      return made
    },
    { freshMs: 100, patienceMs: 1_000 },
  )
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1])
  expect(await ask()).toBe(1)
  await pause(150)
  expect(await ask()).toBe(2)
})

test('whoever meets a slow reading sees the one before it, and nothing where there is none', async () => {
  let slow = 300
  const ask = sharedReading(
    async () => {
      await pause(slow)
      return slow
    },
    { freshMs: 0, patienceMs: 30 },
  )
  expect(await ask()).toBeNull()
  await pause(400)
  slow = 200
  expect(await ask()).toBe(300)
})

test('a dear reading rests for as many times as it took', async () => {
  let made = 0
  const ask = sharedReading(
    async () => {
      await pause(30)
      made += 1
      return made
    },
    { freshMs: 0, restTimes: 20, patienceMs: 1_000 },
  )
  await ask()
  await pause(200)
  expect(await ask()).toBe(1)
  await pause(600)
  expect(await ask()).toBe(2)
})

test('a reading that failed shows nothing, and the next one is tried', async () => {
  let fails = true
  const ask = sharedReading(
    async () => {
      if (fails) throw new Error('away')
      return 'back'
    },
    { freshMs: 0, patienceMs: 1_000 },
  )
  expect(await ask()).toBeNull()
  fails = false
  expect(await ask()).toBe('back')
})
