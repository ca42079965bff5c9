import fc from 'fast-check'
import { hostile, type Known, namedValuesOf, type Schema, valuesOf } from './schema-values.ts'

interface Parameter {
  readonly in: 'path' | 'query' | 'header'
  readonly name: string
  readonly schema: Schema
}

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } }
  readonly responses: Readonly<Record<string, unknown>>
}

/** As /openapi.json says. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

export interface FuzzRequest {
  readonly operation: string
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  /** Which of the callers sends it. */
  readonly caller: string
  /** What the document says that it may be answered with. */
  readonly statuses: readonly number[]
}

/** Who asks, most of the time somebody who may. */
const CALLERS = [
  ...Array<string>(10).fill('admin'),
  ...['tenant', 'tenant', 'member', 'foreign', 'operator', 'nobody', 'liar'],
]
const TYPES = ['text/plain', 'application/xml', 'application/json; charset=latin1', '']
const CUTS = fc.constantFrom('', '{', '"', 'nul', '[[[[', '{"a":', '\u0000', '{"a":1}{')

/** Requests made of the document: most of them mean something, the others are broken in one place. */
export function requestsOf(document: OpenApi, known: Known): fc.Arbitrary<FuzzRequest> {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const arbitrary = requestOf(method, path, operation, document, known)
      return { arbitrary, weight: method === 'get' ? 2 : 5 }
    }),
  )
  return fc.oneof(...operations)
}

function requestOf(
  method: string,
  path: string,
  operation: Operation,
  { components: { schemas } }: OpenApi,
  known: Known,
): fc.Arbitrary<FuzzRequest> {
  const parameters = operation.parameters ?? []
  const of = (place: Parameter['in']) => parameters.filter((parameter) => parameter.in === place)
  const given = (place: 'query' | 'header') =>
    fc.record(
      Object.fromEntries(
        of(place).map(({ name, schema }) => {
          return [name, rarely(name === 'organization_id' ? 2 : 6, texts(namedValuesOf(name, schema, schemas, known)))]
        }),
      ),
    )
  const parts = of('path').map(({ name }) => [name, texts(idsOf(path, name, known))] as const)
  const schema = operation.requestBody?.content['application/json'].schema
  return fc
    .record({
      path: fc.record(Object.fromEntries(parts)),
      query: given('query'),
      headers: given('header'),
      more: rarely(20, fc.tuple(fc.constantFrom('x', 'limit', 'sort', '__proto__', 'id[]'), hostile)),
      body: schema
        ? bodiesOf(schema, schemas, known, known.bodies[operation.operationId])
        : rarely(10, fc.constantFrom('{}', '5', '{"a":1}')),
      caller: fc.constantFrom(...CALLERS),
      type: rarely(25, fc.constantFrom(...TYPES)),
    })
    .map(({ path: parts, query, headers, more, body, caller, type }) => {
      const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(wellFormed(parts[name])))
      const told = Object.entries(query).filter(([, value]) => value !== null)
      const pairs = [...told, ...(more ? [more] : [])]
      const search = pairs.map(([name, value]) => `${name}=${encodeURIComponent(wellFormed(value))}`).join('&')
      const sent = Object.entries(headers).flatMap(([name, value]) => (value === null ? [] : [[name, toHeader(value)]]))
      const media = body === null ? [] : [['Content-Type', type ?? 'application/json']]
      return {
        operation: operation.operationId,
        method: method.toUpperCase(),
        path: search === '' ? filled : `${filled}?${search}`,
        headers: Object.fromEntries([...sent, ...media]),
        body,
        caller,
        statuses: Object.keys(operation.responses).map(Number),
      }
    })
}

/** Seldom a value, else null. */
function rarely<T>(times: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ arbitrary: fc.constant(null), weight: times - 1 }, { arbitrary, weight: 1 })
}

/** Of a path, a query or a header everything is a text. */
function texts(valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ arbitrary: valid, weight: 15 }, { arbitrary: hostile, weight: 1 })
}

/** Mostly ids of what the path speaks of. */
function idsOf(path: string, name: string, { of, ids, accounts }: Known): fc.Arbitrary<unknown> {
  const [, before = '', last = ''] = new RegExp(`((?:\\w+/)?([a-z-]+))/\\{${name}\\}`).exec(path) ?? []
  const any = fc.constantFrom(...ids, ...accounts)
  const fitting =
    (path.includes(`${last}/{${name}}/moves`) ? of[`${last} of moves`] : undefined) ?? of[before] ?? of[last]
  return fitting ? fc.oneof({ arbitrary: fc.constantFrom(...fitting), weight: 9 }, { arbitrary: any, weight: 1 }) : any
}

function bodiesOf(
  schema: Schema,
  schemas: Readonly<Record<string, Schema>>,
  known: Known,
  meant: readonly unknown[] = [],
): fc.Arbitrary<string | null> {
  const any = valuesOf(schema, schemas, known)
  const valid = meant.length === 0 ? any : fc.oneof(any, fc.constantFrom(...meant))
  const broken = fc.tuple(valid, fc.nat(), hostile, fc.constantFrom('replace', 'drop', 'add')).map(breakOne)
  return fc.oneof(
    { arbitrary: valid.map((value) => JSON.stringify(value)), weight: 10 },
    { arbitrary: broken.map((value) => JSON.stringify(value)), weight: 4 },
    { arbitrary: hostile.map((value) => JSON.stringify(value)), weight: 1 },
    { arbitrary: CUTS, weight: 1 },
    { arbitrary: fc.constant(null), weight: 1 },
  )
}

function breakOne([value, index, evil, how]: [unknown, number, unknown, string]): unknown {
  if (typeof value !== 'object' || value === null) return evil
  const names = Object.keys(value)
  const name = names[index % Math.max(1, names.length)] ?? 'isAdmin'
  if (how === 'add') return { ...value, [['isAdmin', 'balance', 'organization_id', 'x'][index % 4] as string]: evil }
  const entries = Object.entries(value).filter(([each]) => each !== name)
  return Object.fromEntries(how === 'drop' ? entries : [...entries, [name, evil]])
}

/** What a client can send at all: its own URL functions refuse lone surrogates. */
function wellFormed(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.slice(0, 2_000).toWellFormed()
}

function toHeader(value: unknown): string {
  return wellFormed(value)
    .replaceAll(/[^\x20-\x7e]/g, '')
    .slice(0, 500)
}
