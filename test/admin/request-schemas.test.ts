import { describe, expect, test } from 'vitest'
import type { ZodType } from 'zod'
import { createSchema } from 'zod-openapi'
import { newThreshold } from '../../src/admin/json/alert-json.ts'
import { newFeatureCharge } from '../../src/admin/json/feature-charge-request.ts'
import { newJob, newQuote } from '../../src/admin/json/job-request.ts'
import { adjustment, newMember, newOrganization, topUp } from '../../src/admin/json/organization-json.ts'
import { newTariff } from '../../src/admin/json/tariff-json.ts'
import { ROUTES } from '../../src/admin/route-table.ts'

interface Schema {
  readonly type?: string
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly [keyword: string]: unknown
}

const shown = (body: ZodType): Schema => createSchema(body, { io: 'input' }).schema as Schema
const field = (body: ZodType, name: string): Schema | undefined => shown(body).properties?.[name]

const AMOUNT = [
  { type: 'string', pattern: expect.any(String) },
  { type: 'number', minimum: 0 },
]

/** Where a schema says nothing of what may stand there. */
function blanks(schema: Schema, at = ''): readonly string[] {
  if (schema.anyOf) return schema.anyOf.flatMap((each) => blanks(each, at))
  if (schema.type === undefined) return [at]
  const inside = schema.items ? blanks(schema.items, `${at}/items`) : []
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, each]) => blanks(each, `${at}/${name}`))
  return [...inside, ...below]
}

describe('the schema of a request', () => {
  test.each([
    ['an amount is a string, or a number from 0 on', field(topUp, 'amount'), { anyOf: AMOUNT }],
    ['a whole number has its range', field(newTariff, 'grace_days'), { type: 'integer', minimum: 0, maximum: 3650 }],
    [
      'a label has its length in characters',
      field(newTariff, 'name'),
      { type: 'string', minLength: 1, maxLength: 200 },
    ],
    [
      'an id has its pattern',
      field(newMember, 'user_id'),
      { type: 'string', pattern: expect.stringContaining('A-Za-z') },
    ],
    [
      'a list has its entries, and how many it may have',
      field(newTariff, 'components'),
      { type: 'array', maxItems: 200, items: { type: 'object', required: ['key', 'kind'] } },
    ],
    [
      'a list in a list, too',
      field(newJob, 'steps'),
      {
        anyOf: [
          { type: 'array', maxItems: 100, items: { type: 'array', items: { type: 'string' } } },
          { type: 'null' },
        ],
      },
    ],
    ['what may be null says so', field(newThreshold, 'clear_at'), { anyOf: [{ anyOf: AMOUNT }, { type: 'null' }] }],
  ])('%s', (_, schema, expected) => {
    expect(schema).toMatchObject(expected)
  })

  test.each([
    ['a job', newJob, ['text']],
    ['a quote', newQuote, undefined],
    ['a feature charge', newFeatureCharge, ['organization_id', 'feature', 'quantity', 'key']],
    ['a threshold', newThreshold, ['below']],
    ['a tariff', newTariff, ['name']],
    ['an organisation', newOrganization, ['id']],
    ['an adjustment', adjustment, ['amount', 'direction', 'reference']],
  ] as const)('of %s names what must be given, and refuses what is unknown', (_, body, required) => {
    const { required: told, additionalProperties } = shown(body)
    expect([told?.toString(), additionalProperties]).toEqual([required?.toString(), false])
  })

  test('is blank nowhere, in no route', () => {
    const bodies = ROUTES.flatMap(({ terms }) => (terms.body ? [[terms.operation, terms.body] as const] : []))
    expect(bodies.length).toBeGreaterThan(10)
    for (const [operation, body] of bodies) expect([operation, blanks(shown(body))]).toEqual([operation, []])
  })
})
