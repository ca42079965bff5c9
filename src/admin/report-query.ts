import type { Request, Response } from 'express'
import { ValidationError } from '../foundation/errors.ts'
import { type Bucket, TimeZone } from '../foundation/time-zone.ts'
import type { UsageRequest } from '../managers/usage.manager.ts'
import { DIMENSIONS, type Dimension } from '../managers/usage-lines.ts'
import { HOW_TO_SAY_WHEN, readInstant } from './instant.ts'
import { invalidQuery, parameter } from './query.ts'

const BUCKETS: readonly Bucket[] = ['hour', 'day', 'month']

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
  throw ValidationError.of(`/${name}`, 'invalid-value', HOW_TO_SAY_WHEN)
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
