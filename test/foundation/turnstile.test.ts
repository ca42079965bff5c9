import { describe, expect, it } from 'vitest'
import { Turnstile } from '../../src/foundation/turnstile.ts'

describe('a turnstile', () => {
  it('lets so many through at once, the others in their order, and turns away who finds a long line', async () => {
    const turnstile = new Turnstile({ atOnce: 2, waitingMax: 2 })
    const doors = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
    const entered: number[] = []
    const passing = doors.map(({ promise }, index) =>
      turnstile.pass(async () => {
        entered.push(index)
        await promise
        if (index === 0) throw new Error('it broke inside')
        return index
      }),
    )
    const first = expect(passing[0]).rejects.toThrow('it broke inside')
    await expect(turnstile.pass(async () => 9)).rejects.toMatchObject({ code: 'unavailable' })
    expect(entered).toEqual([0, 1])
    doors[0]?.resolve()
    await first
    expect(entered).toEqual([0, 1, 2])
    for (const { resolve } of doors) resolve()
    expect(await Promise.all(passing.slice(1))).toEqual([1, 2, 3])
    expect(await turnstile.pass(async () => 9)).toBe(9)
    expect(entered).toEqual([0, 1, 2, 3])
  })
})
