import type { Request } from 'express'
import type { z } from 'zod'
import { type FieldError, ValidationError } from '../foundation/errors.ts'
import { requireJson } from './json-body.ts'

/**
 * The body of a request as its schema reads it.
 * @throws TollkeeperError 415 without a JSON content type; ValidationError with one entry per wrong field, unknown ones first
 */
export function bodyOf<Schema extends z.ZodType>(req: Request, schema: Schema): z.output<Schema> {
  requireJson(req)
  const result = schema.safeParse(req.body, { reportInput: true })
  if (result.success) return result.data
  const errors = result.error.issues.flatMap(toFieldErrors)
  // A name that is not known explains why another one is missing.
  const unknown = errors.filter(({ code }) => code === 'unknown-field')
  throw new ValidationError([...unknown, ...errors.filter(({ code }) => code !== 'unknown-field')])
}

/** As {@link bodyOf}, of an action whose parameters may all be left out: no body is one without fields. */
export function bodyIfAny<Schema extends z.ZodType>(req: Request, schema: Schema): z.output<Schema> {
  return req.body === undefined ? schema.parse({}) : bodyOf(req, schema)
}

/** @throws ValidationError for any body but none or `{}`: of an action without parameters */
export function refuseBody(req: Request): void {
  const isEmpty = req.body === undefined || (isObject(req.body) && Object.keys(req.body).length === 0)
  if (!isEmpty) throw ValidationError.of('', 'invalid-value', 'Send no body: this takes none')
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

type Issue = z.core.$ZodIssue

function toFieldErrors(issue: Issue): readonly FieldError[] {
  const pointer = toPointer(issue.path)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: `${pointer}${toPointer([key.slice(0, 100)])}`,
      code: 'unknown-field',
      detail: 'Leave this field out: it is not known here',
    }))
  }
  return [{ pointer, ...complaint(issue) }]
}

function complaint(issue: Exclude<Issue, z.core.$ZodIssueUnrecognizedKeys>): Omit<FieldError, 'pointer'> {
  if (issue.code === 'custom') {
    return { code: String(issue.params?.code ?? 'invalid-value'), detail: issue.message }
  }
  if (issue.input === undefined && issue.path.length > 0) return { code: 'required', detail: 'Give this field' }
  if (issue.code === 'invalid_type')
    return { code: 'invalid-type', detail: `Give this as ${EXPECTED[issue.expected] ?? issue.expected}` }
  if (issue.code === 'invalid_value') {
    const isOtherType = !issue.values.some((value) => typeof value === typeof issue.input)
    return { code: isOtherType ? 'invalid-type' : 'invalid-value', detail: `Give one of ${issue.values.join(', ')}` }
  }
  return { code: 'invalid-value', detail: issue.message }
}

const EXPECTED: Readonly<Record<string, string>> = {
  object: 'a JSON object',
  array: 'an array',
  string: 'a string',
  boolean: 'true or false',
}

/** RFC 6901. */
function toPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
