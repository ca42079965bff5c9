import type { TimeZone } from '../foundation/time-zone.ts'

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/
/** RFC 3339 with at most milliseconds, which is what we store. A `+` that was not escaped in a URL arrives as a blank. */
const TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,3}))?(?:[Zz]|([ +-])(\d{2}):(\d{2}))$/
const SIGNS: Readonly<Record<string, number>> = { '+': 1, ' ': 1, '-': -1 }

/** What to answer where {@link readInstant} finds none. */
export const HOW_TO_SAY_WHEN = 'Give a date, such as 2026-02-28, or a time with its zone, such as 2026-02-28T13:00:00Z'

/** A date, which is its first moment in that zone, or a time with its zone, in epoch milliseconds; null for neither. */
export function readInstant(text: string, timeZone: TimeZone): number | null {
  return readDate(text, timeZone) ?? readTime(text)
}

function readDate(text: string, timeZone: TimeZone): number | null {
  const [, year, month, day] = (DATE.exec(text) ?? []).map(Number)
  if (year === undefined || month === undefined || day === undefined || !isDate(year, month, day)) return null
  return timeZone.startOfDay(year, month, day)
}

function readTime(text: string): number | null {
  const match = TIME.exec(text)
  if (!match) return null
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  const [fraction = '', sign = '+', zoneHours = '0', zoneMinutes = '0'] = match.slice(7)
  const [offHours, offMinutes] = [Number(zoneHours), Number(zoneMinutes)]
  const isTime = hour < 24 && minute < 60 && second < 60 && offHours < 24 && offMinutes < 60
  if (!isTime || !isDate(year, month, day)) return null
  const local = Date.UTC(year, month - 1, day, hour, minute, second, Number(fraction.padEnd(3, '0')))
  return local - (SIGNS[sign] ?? 1) * (offHours * 60 + offMinutes) * 60_000
}

/** A day that the calendar has, in a year of four digits in any zone. */
function isDate(year: number, month: number, day: number): boolean {
  if (year < 1000 || year > 9998) return false
  const date = new Date(Date.UTC(year, month - 1, day))
  return date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}
