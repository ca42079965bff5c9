import fc from 'fast-check'

/** The part of JSON Schema that our document uses. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly format?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly maxItems?: number
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

/** Values that break what only looked at the type: each was a hole in somebody's product. */
const HOSTILE: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  1e308,
  2 ** 53,
  '',
  ' ',
  'NaN',
  'Infinity',
  '-1',
  '1,5',
  '1e309',
  '0.0000000001',
  '9'.repeat(40),
  '\u0000',
  '\ud800',
  '\u202e',
  '__proto__',
  'constructor',
  '<script>alert(1)</script>',
  "' OR 1=1--",
  '$1',
  '%',
  '../../etc/passwd',
  '2026-02-30',
  'infinity',
  'a'.repeat(5_000),
  [],
  {},
  [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]],
  { __proto__: null, isAdmin: true },
  { length: 5 },
]

export const hostile = fc.constantFrom(...HOSTILE)

/** Words that our own data has, so that what is generated meets something. */
export interface Known {
  /** Ids, by the part of a path that stands before them: `tariffs`, `organizations`, `members` … */
  readonly of: Readonly<Record<string, readonly string[]>>
  /** Values of fields and parameters that mean something here, by their names. */
  readonly fields: Readonly<Record<string, readonly unknown[]>>
  /** Whole bodies that mean something, by operation. */
  readonly bodies: Readonly<Record<string, readonly unknown[]>>
  readonly ids: readonly string[]
  readonly accounts: readonly string[]
}

/**
 * Values that a schema allows, mostly.
 * @param at how deep we are: recursion ends somewhere
 */
export function valuesOf(
  schema: Schema,
  schemas: Readonly<Record<string, Schema>>,
  known: Known,
): fc.Arbitrary<unknown> {
  const of = (part: Schema) => valuesOf(part, schemas, known)
  if (schema.$ref) return of(schemas[schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)] ?? {})
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const either = schema.anyOf ?? schema.oneOf
  if (either) return fc.oneof(...either.map(of))
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  if (type === 'object') return objectsOf(schema, (name, part) => namedValuesOf(name, part, schemas, known))
  if (type === 'array') return fc.array(of(schema.items ?? {}), { maxLength: Math.min(4, schema.maxItems ?? 4) })
  if (type === 'boolean') return fc.boolean()
  if (type === 'null') return fc.constant(null)
  if (type === 'integer' || type === 'number') return numbersOf(schema)
  if (type === 'string') return stringsOf(schema, known)
  return fc.oneof(fc.constantFrom<unknown>('1.00', 1, 'text'), hostile)
}

/** Values of a field or parameter: mostly such as mean something here. */
export function namedValuesOf(
  name: string,
  schema: Schema,
  schemas: Readonly<Record<string, Schema>>,
  known: Known,
): fc.Arbitrary<unknown> {
  const any = valuesOf(schema, schemas, known)
  const mayBeNull = [schema, ...(schema.anyOf ?? [])].some(({ type }) => type === 'null' || type?.includes('null'))
  const meant = (known.fields[name] ?? []).filter((value) => value !== null || mayBeNull)
  if (meant.length === 0) return any
  return fc.oneof({ arbitrary: fc.constantFrom(...meant), weight: 9 }, { arbitrary: any, weight: 1 })
}

/** Often with one of the fields that may lack, since several of them contradict each other; now and then with any. */
function objectsOf(
  { properties = {}, required = [] }: Schema,
  of: (name: string, part: Schema) => fc.Arbitrary<unknown>,
) {
  const fields = Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, of(name, part)]))
  const optional = Object.keys(fields).filter((name) => !required.includes(name))
  const any = fc.record(fields, { requiredKeys: [...required] })
  if (optional.length < 2) return any
  const withOne = fc.tuple(fc.record(fields), fc.constantFrom(...optional)).map(([all, one]) => {
    return Object.fromEntries(Object.entries(all).filter(([name]) => name === one || required.includes(name)))
  })
  return fc.oneof({ arbitrary: withOne, weight: 3 }, { arbitrary: any, weight: 1 })
}

function numbersOf({ minimum = 0, maximum = 100 }: Schema): fc.Arbitrary<unknown> {
  const edges = fc.constantFrom(minimum, maximum)
  return fc.oneof(edges, fc.integer({ min: Math.max(minimum, -1_000), max: Math.min(maximum, 1_000) }))
}

function stringsOf({ pattern, format, maxLength = 30 }: Schema, { ids, accounts }: Known): fc.Arbitrary<unknown> {
  if (format === 'uuid') return fc.oneof(fc.constantFrom(...ids), fc.uuid())
  if (format === 'date-time' || format === 'date') return fc.constantFrom('2026-02-28', '2026-11-01T00:00:00.000Z')
  if (pattern?.includes('\\d')) return fc.constantFrom('1.00', '0.5', '9.995', '100')
  if (pattern !== undefined) return fc.oneof(fc.constantFrom(...accounts), fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/))
  return fc.oneof(
    fc.constantFrom(...accounts),
    fc.string({ minLength: 1, maxLength: Math.min(maxLength, 30), unit: 'grapheme' }),
  )
}
