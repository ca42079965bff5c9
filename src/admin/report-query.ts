import type { Request, Response } from 'express'
import { ValidationError } from '../foundation/errors.ts'
import { type Bucket, TimeZone } from '../foundation/time-zone.ts'
import type { UsageRequest } from '../managers/usage.manager.ts'
import { DIMENSIONS, type Dimension } from '../managers/usage-lines.ts'
import { invalidQuery, parameter } from './query.ts'

const BUCKETS: readonly Bucket[] = ['hour', 'day', 'month']
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/
/** RFC 3339 with at most milliseconds, which is what we store. A `+` that was not escaped in a URL arrives as a blank. */
const TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,3}))?(?:[Zz]|([ +-])(\d{2}):(\d{2}))$/
const SIGNS: Readonly<Record<string, number>> = { '+': 1, ' ': 1, '-': -1 }

/** The parameters of a usage report. */
export const USAGE = ['from', 'to', 'by', 'group_by', 'time_zone', 'format'] as const

/** @throws TollkeeperError 400 `invalid-query` for an unknown choice; ValidationError for a time or zone that is none */
export function usageRequestOf(req: Request): UsageRequest {
  const timeZone = timeZoneOf(req)
  return {
    timeZone,
    from: instantOf(req, 'from', timeZone),
    to: instantOf(req, 'to', timeZone),
    by: choiceOf(req, 'by', BUCKETS),
    groupBy: groupByOf(req),
  }
}

function timeZoneOf(req: Request): TimeZone {
  const zone = TimeZone.named(parameter(req, 'time_zone') ?? 'UTC')
  if (zone) return zone
  throw ValidationError.of('/time_zone', 'invalid-value', 'Give the IANA name of a time zone, such as Europe/Berlin')
}

function instantOf(req: Request, name: 'from' | 'to', timeZone: TimeZone): number | null {
  const text = parameter(req, name)
  if (text === undefined) return null
  const instant = readInstant(text, timeZone)
  if (instant !== null) return instant
  const detail = 'Give a date, such as 2026-02-28, or a time with its zone, such as 2026-02-28T13:00:00Z'
  throw ValidationError.of(`/${name}`, 'invalid-value', detail)
}

/** A date, which is its first instant in the zone, or a time with its zone, in epoch milliseconds; null for neither. */
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

function groupByOf(req: Request): readonly Dimension[] {
  const names = parameter(req, 'group_by')?.split(',') ?? []
  const isKnown = names.every((name) => DIMENSIONS.some((dimension) => dimension === name))
  if (!isKnown || new Set(names).size < names.length) {
    throw invalidQuery(`Give group_by as a list of different ones of ${DIMENSIONS.join(', ')}, parted by commas`)
  }
  return DIMENSIONS.filter((dimension) => names.includes(dimension))
}

function choiceOf<Choice extends string>(req: Request, name: string, choices: readonly Choice[]): Choice | null {
  const text = parameter(req, name)
  if (text === undefined) return null
  const choice = choices.find((each) => each === text)
  if (choice === undefined) throw invalidQuery(`Give ${name} as one of ${choices.join(', ')}`)
  return choice
}

/** Whether a table is asked for: by `format`, or else by the header Accept. */
export function wantsCsv(req: Request): boolean {
  const format = choiceOf(req, 'format', ['json', 'csv'])
  return format === null ? req.accepts(['application/json', 'text/csv']) === 'text/csv' : format === 'csv'
}

/** Answers with a table that a browser keeps as a file. @param name without its extension */
export function sendCsv(res: Response, name: string, csv: string): void {
  res.set('Content-Type', 'text/csv; charset=utf-8; header=present')
  res.set('Content-Disposition', `attachment; filename="${name}.csv"`)
  res.send(csv)
}
