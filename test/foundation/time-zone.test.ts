import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TimeZone } from '../../src/foundation/time-zone.ts'

const HOUR_MS = 3_600_000
const zone = (name: string): TimeZone => {
  const found = TimeZone.named(name)
  if (!found) throw new Error(`${name} is a zone`)
  return found
}
const at = (text: string): number => Date.parse(text)
const shown = (starts: readonly number[]): readonly string[] => starts.map((start) => new Date(start).toISOString())
const hoursBetween = (starts: readonly number[], to: number): readonly number[] =>
  starts.map((start, index) => ((starts[index + 1] ?? to) - start) / HOUR_MS)

describe('a time zone', () => {
  it.each([['Europe/Berlin'], ['UTC'], ['Asia/Kolkata'], ['America/Argentina/Buenos_Aires'], ['Etc/GMT+5'], ['GMT']])(
    'is found by the name %s',
    (name) => expect(TimeZone.named(name)?.name).toBe(name),
  )

  it.each([[''], ['Mars/Olympus'], ['+02:00'], ['Europe/Berlin '], ["'; --"], ['a'.repeat(5_000)], ['../etc'], ['-5']])(
    'that is called %.20s does not exist',
    (name) => expect(TimeZone.named(name)).toBeNull(),
  )

  it.each([
    ['Europe/Berlin', '2026-03-29', 23, '2026-03-28T23:00:00.000Z'],
    ['Europe/Berlin', '2026-10-25', 25, '2026-10-24T22:00:00.000Z'],
    ['Europe/Berlin', '2026-06-01', 24, '2026-05-31T22:00:00.000Z'],
    ['Asia/Kolkata', '2026-01-01', 24, '2025-12-31T18:30:00.000Z'],
    ['Asia/Kathmandu', '2026-01-01', 24, '2025-12-31T18:15:00.000Z'],
    ['Australia/Lord_Howe', '2026-04-05', 24.5, '2026-04-04T13:00:00.000Z'],
    ['Australia/Lord_Howe', '2026-10-04', 23.5, '2026-10-03T13:30:00.000Z'],
    // Midnight itself is skipped: the day begins when the clock goes on.
    ['America/Santiago', '2026-09-06', 23, '2026-09-06T04:00:00.000Z'],
    // At midnight the clock goes back to the day before, which gets the hour.
    ['America/Santiago', '2026-04-04', 25, '2026-04-04T03:00:00.000Z'],
    ['America/Santiago', '2026-04-05', 24, '2026-04-05T04:00:00.000Z'],
    // Midnight comes twice: the first one begins the day.
    ['America/Havana', '2026-11-01', 25, '2026-11-01T04:00:00.000Z'],
    ['Pacific/Apia', '2011-12-29', 24, '2011-12-29T10:00:00.000Z'],
  ])('in %s %s has %d hours and begins at %s', (name, day, hours, start) => {
    const [year = 0, month = 0, date = 0] = day.split('-').map(Number)
    const begin = zone(name).startOfDay(year, month, date)
    expect(new Date(begin).toISOString()).toBe(start)
    const [, next = 0] = zone(name).starts(begin, begin + 60 * HOUR_MS, 'day')
    expect((next - begin) / HOUR_MS).toBe(hours)
  })

  it('that left a day out has no part for it', () => {
    const to = at('2012-01-01T10:00:00Z')
    expect(shown(zone('Pacific/Apia').starts(at('2011-12-29T10:00:00Z'), to, 'day'))).toEqual([
      '2011-12-29T10:00:00.000Z',
      '2011-12-30T10:00:00.000Z',
      '2011-12-31T10:00:00.000Z',
    ])
  })
})

describe('parts of a time', () => {
  it('begin with its beginning, wherever that is, and end with its end', () => {
    const [from, to] = [at('2026-01-31T12:34:56.789Z'), at('2026-03-02T00:00:00.001Z')]
    expect(shown(zone('UTC').starts(from, to, 'month'))).toEqual([
      '2026-01-31T12:34:56.789Z',
      '2026-02-01T00:00:00.000Z',
      '2026-03-01T00:00:00.000Z',
    ])
    expect(zone('UTC').starts(from, from + 1, 'hour')).toEqual([from])
    expect(zone('UTC').starts(from, to, 'day')).toHaveLength(31)
  })

  it('that are months begin where the place has its first', () => {
    const starts = zone('Europe/Berlin').starts(at('2026-02-28T23:00:00Z'), at('2026-04-30T22:00:00Z'), 'month')
    expect(shown(starts)).toEqual(['2026-02-28T23:00:00.000Z', '2026-03-31T22:00:00.000Z'])
  })

  it('that are hours are full hours of the local clock, of half-hour zones too', () => {
    const starts = zone('Asia/Kolkata').starts(at('2026-01-01T00:00:00Z'), at('2026-01-01T02:00:00Z'), 'hour')
    expect(shown(starts)).toEqual(['2026-01-01T00:00:00.000Z', '2026-01-01T00:30:00.000Z', '2026-01-01T01:30:00.000Z'])
  })

  it('keep an hour that comes twice apart', () => {
    const [from, to] = [at('2026-10-25T00:00:00Z'), at('2026-10-25T03:00:00Z')]
    expect(hoursBetween(zone('Europe/Berlin').starts(from, to, 'hour'), to)).toEqual([1, 1, 1])
  })

  it('are cut where a clock is moved by half an hour', () => {
    const [from, to] = [at('2026-04-04T14:00:00Z'), at('2026-04-04T16:30:00Z')]
    expect(hoursBetween(zone('Australia/Lord_Howe').starts(from, to, 'hour'), to)).toEqual([1, 0.5, 1])
  })

  it('are cut where a clock is moved in the middle of an hour', () => {
    const [from, to] = [at('2021-04-03T13:15:00Z'), at('2021-04-03T15:15:00Z')]
    expect(hoursBetween(zone('Pacific/Chatham').starts(from, to, 'hour'), to)).toEqual([0.75, 0.25, 1])
  })

  it('in any zone ascend, cover all of it, and change exactly where the local hour, day or month does', () => {
    const names = fc.constantFrom(
      ...['UTC', 'Europe/Berlin', 'America/Santiago', 'America/Havana', 'Asia/Kolkata', 'Australia/Lord_Howe'],
      ...['Africa/Casablanca', 'Asia/Beirut', 'Pacific/Chatham', 'America/St_Johns'],
    )
    const from = fc.integer({ min: at('2015-01-01T00:00:00Z'), max: at('2030-01-01T00:00:00Z') })
    const by = fc.constantFrom('hour' as const, 'day' as const, 'month' as const)
    fc.assert(
      fc.property(names, from, fc.integer({ min: 1, max: 40 * 24 * HOUR_MS }), by, (name, begin, length, unit) => {
        const place = zone(name)
        const starts = place.starts(begin, begin + length, unit)
        expect(starts[0]).toBe(begin)
        const local = (instant: number): string =>
          new Date(instant + place.offsetAt(instant)).toISOString().slice(0, { hour: 13, day: 10, month: 7 }[unit])
        for (const [index, start] of starts.entries()) {
          const end = starts[index + 1] ?? begin + length
          expect(end).toBeGreaterThan(start)
          expect(local(start)).toBe(local(end - 1))
          if (index > 0 && unit !== 'hour') expect(local(start)).not.toBe(local(start - 1))
        }
      }),
      { numRuns: 150 },
    )
  })
})
