import { afterEach, describe, expect, it, vi } from 'vitest'
import { DatabaseClock } from '../../src/database/money/database-clock.ts'

describe("the database's time between two looks at it", () => {
  let here = 1_000.25
  vi.spyOn(performance, 'now').mockImplementation(() => here)
  afterEach(() => {
    here = 1_000.25
  })

  it('is not known before the first look', () => {
    expect(new DatabaseClock().now()).toBeUndefined()
  })

  it('goes on by the steady clock of this process, in whole milliseconds, never early', () => {
    const clock = new DatabaseClock()
    clock.see(1_800_000_000_000)
    expect(clock.now()).toBe(1_800_000_000_000)
    here += 41.9
    expect(clock.now()).toBe(1_800_000_000_041)
    clock.see(1_799_999_999_000)
    expect(clock.now(), 'the last look counts').toBe(1_799_999_999_000)
  })

  it('is not guessed a minute after the last look', () => {
    const clock = new DatabaseClock()
    clock.see(1_800_000_000_000)
    here += 60_000
    expect(clock.now()).toBe(1_800_000_060_000)
    here += 1
    expect(clock.now()).toBeUndefined()
    clock.see(1_800_000_060_001)
    expect(clock.now()).toBe(1_800_000_060_001)
  })
})
