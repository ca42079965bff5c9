import { describe, expect, it } from 'vitest'
import { periodAt, startOfDay } from '../../src/ledger/period.ts'

const iso = (ms: number): string => new Date(ms).toISOString().replace('T00:00:00.000Z', '')

describe('a period', () => {
  it.each([
    // anchor              at                          start         end
    ['2026-01-10', '2026-01-10T00:00:00.000Z', '2026-01-10', '2026-02-10'],
    ['2026-01-10T15:30:00Z', '2026-01-10T00:00:00.000Z', '2026-01-10', '2026-02-10'],
    ['2026-01-10', '2026-02-09T23:59:59.999Z', '2026-01-10', '2026-02-10'],
    ['2026-01-10', '2026-02-10T00:00:00.000Z', '2026-02-10', '2026-03-10'],
    ['2026-01-31', '2026-01-31T12:00:00.000Z', '2026-01-31', '2026-02-28'],
    ['2026-01-31', '2026-02-27T23:59:59.999Z', '2026-01-31', '2026-02-28'],
    ['2026-01-31', '2026-02-28T00:00:00.000Z', '2026-02-28', '2026-03-31'],
    ['2026-01-31', '2026-03-30T23:59:59.999Z', '2026-02-28', '2026-03-31'],
    ['2026-01-31', '2026-03-31T00:00:00.000Z', '2026-03-31', '2026-04-30'],
    ['2026-01-31', '2026-04-30T00:00:00.000Z', '2026-04-30', '2026-05-31'],
    ['2026-01-30', '2026-02-28T00:00:00.000Z', '2026-02-28', '2026-03-30'],
    ['2028-01-31', '2028-02-28T12:00:00.000Z', '2028-01-31', '2028-02-29'],
    ['2028-01-31', '2028-02-29T00:00:00.000Z', '2028-02-29', '2028-03-31'],
    ['2028-02-29', '2029-02-28T00:00:00.000Z', '2029-02-28', '2029-03-29'],
    ['2028-02-29', '2032-02-28T23:59:59.999Z', '2032-01-29', '2032-02-29'],
    ['2025-12-15', '2025-12-31T23:59:59.999Z', '2025-12-15', '2026-01-15'],
    ['2025-12-15', '2026-01-15T00:00:00.000Z', '2026-01-15', '2026-02-15'],
    ['2025-12-31', '2026-12-31T00:00:00.000Z', '2026-12-31', '2027-01-31'],
    ['2024-05-31', '2036-11-30T08:00:00.000Z', '2036-11-30', '2036-12-31'],
  ])('anchored at %s and looked at on %s goes from %s to %s', (anchor, at, start, end) => {
    const period = periodAt(Date.parse(anchor), Date.parse(at))
    expect([iso(period.start), iso(period.end)]).toEqual([start, end])
  })

  it('meets the next one without a gap, for every anchor day and through a leap year', () => {
    for (let day = 1; day <= 31; day++) {
      const anchor = Date.UTC(2027, 0, day)
      let at = anchor
      for (let month = 0; month < 26; month++) {
        const { start, end } = periodAt(anchor, at)
        expect(start).toBe(at)
        expect(periodAt(anchor, end - 1)).toEqual({ start, end })
        at = end
      }
      expect(iso(at)).toBe(
        iso(Date.UTC(2029, 3, 0) < Date.UTC(2029, 2, day) ? Date.UTC(2029, 3, 0) : Date.UTC(2029, 2, day)),
      )
    }
  })

  it('starts at midnight of the day that a moment falls into', () => {
    expect(iso(startOfDay(Date.parse('2026-03-29T23:59:59.999Z')))).toBe('2026-03-29')
    expect(iso(startOfDay(Date.parse('1969-12-31T23:00:00.000Z')))).toBe('1969-12-31')
  })
})
