import type { Request } from 'express'
import { ValidationError } from '../foundation/errors.ts'
import { type Bucket, TimeZone } from '../foundation/time-zone.ts'
import type { UsageRequest } from '../managers/usage.manager.ts'
import { DIMENSIONS, type Dimension } from '../managers/usage-lines.ts'
import type { Answer } from './answer.ts'
import { choice, invalidQuery, parameter } from './parameters.ts'
import type { Read } from './route.ts'

const BUCKETS: readonly Bucket[] = ['hour', 'day', 'month']
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/
/** RFC 3339 with at most milliseconds, which is what we store. A `+` that was not escaped in a URL arrives as a blank. */
const TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,3}))?(?:[Zz]|([ +-])(\d{2}):(\d{2}))$/
const SIGNS: Readonly<Record<string, number>> = { '+': 1, ' ': 1, '-': -1 }
const UTC = TimeZone.named('UTC') as TimeZone

/** A point in time in epoch milliseconds; a date is the midnight of a place. */
type Moment = (place?: TimeZone) => number

const MOMENT = {
  type: 'string',
  anyOf: ['date', 'date-time'].map((each) => ({ type: 'string', format: each })),
  examples: ['2026-02-28', '2026-02-28T13:00:00Z'],
} as const

/** A date or a time. */
export function moment(name: string, description: string) {
  return parameter(MOMENT, description, (text): Moment => {
    const found = readDate(text) ?? readTime(text)
    if (found !== null) return found
    const detail = 'Give a date, such as 2026-02-28, or a time with its zone, such as 2026-02-28T13:00:00Z'
    throw ValidationError.of(`/${name}`, 'invalid-value', detail)
  })
}

/** @throws ValidationError where there is no time between the two; null: from the begin, or without an end */
export function refuseNoTime(from: number | null, to: number | null): void {
  if (from === null || to === null || from < to) return
  throw ValidationError.of('/from', 'invalid-value', 'Give a from before to')
}

const timeZone = parameter(
  { type: 'string', default: 'UTC', examples: ['Europe/Berlin'] },
  'The IANA name of the place whose hours, days and months are meant',
  (text) => {
    const zone = TimeZone.named(text)
    if (zone) return zone
    throw ValidationError.of('/time_zone', 'invalid-value', 'Give the IANA name of a time zone, such as Europe/Berlin')
  },
)

const A_DIMENSION = `(${DIMENSIONS.join('|')})`
const groupBy = parameter(
  { type: 'string', pattern: `^${A_DIMENSION}(,${A_DIMENSION})*$`, examples: ['kind,model'] },
  'Different dimensions, parted by commas',
  (text) => {
    const names = text.split(',')
    const isKnown = names.every((name) => DIMENSIONS.some((dimension) => dimension === name))
    if (!isKnown || new Set(names).size < names.length) {
      throw invalidQuery(`Give group_by as a list of different ones of ${DIMENSIONS.join(', ')}, parted by commas`)
    }
    return DIMENSIONS.filter((dimension) => names.includes(dimension))
  },
)

export const format = choice('format', 'Without it the header Accept decides', ['json', 'csv'])

/** The parameters of a usage report. */
export const usageQuery = {
  time_zone: timeZone,
  from: moment('from', 'Its begin; that of the running period unless given'),
  to: moment('to', 'Its end, itself not in it; that of the running period unless given'),
  by: choice('by', 'The parts of the time; all of it in one unless given', BUCKETS),
  group_by: groupBy,
  format,
}

export function usageRequestOf(query: Read<typeof usageQuery>): UsageRequest {
  const place = query.time_zone ?? UTC
  return {
    timeZone: place,
    from: query.from?.(place) ?? null,
    to: query.to?.(place) ?? null,
    by: query.by,
    groupBy: query.group_by ?? NO_DIMENSION,
  }
}

const NO_DIMENSION: readonly Dimension[] = []

function readDate(text: string): Moment | null {
  const [, year, month, day] = (DATE.exec(text) ?? []).map(Number)
  if (year === undefined || month === undefined || day === undefined || !isDate(year, month, day)) return null
  return (place = UTC) => place.startOfDay(year, month, day)
}

function readTime(text: string): Moment | null {
  const match = TIME.exec(text)
  if (!match) return null
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  const [fraction = '', sign = '+', zoneHours = '0', zoneMinutes = '0'] = match.slice(7)
  const [offHours, offMinutes] = [Number(zoneHours), Number(zoneMinutes)]
  const isTime = hour < 24 && minute < 60 && second < 60 && offHours < 24 && offMinutes < 60
  if (!isTime || !isDate(year, month, day)) return null
  const local = Date.UTC(year, month - 1, day, hour, minute, second, Number(fraction.padEnd(3, '0')))
  return () => local - (SIGNS[sign] ?? 1) * (offHours * 60 + offMinutes) * 60_000
}

/** A day that the calendar has, in a year of four digits in any zone. */
function isDate(year: number, month: number, day: number): boolean {
  if (year < 1000 || year > 9998) return false
  const date = new Date(Date.UTC(year, month - 1, day))
  return date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}

/** Whether a table is asked for: by `format`, or else by the header Accept. */
export function wantsCsv({ req, query }: { readonly req: Request; readonly query: Read<{ format: typeof format }> }) {
  if (query.format !== null) return query.format === 'csv'
  return req.accepts(['application/json', 'text/csv']) === 'text/csv'
}

/** Tells caches that the header Accept chose the answer's form. */
export function chosen(answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, Vary: 'Accept' } }
}
