import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openApi } from '../src/admin/openapi.ts'
import { PROBLEMS, problemsOf } from '../src/admin/problems.ts'
import type { Route } from '../src/admin/route.ts'
import { ROUTES } from '../src/admin/route-table.ts'

// Writes docs/http-api.md from the route definitions; a test fails while it is not what they say.
//   node bin/http-api.ts
const FILE = join(import.meta.dirname, '..', 'docs', 'http-api.md')

/** What a JSON schema says, in a few words. */
interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly format?: string
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly description?: string
}

export function httpApiPage(): string {
  const document = openApi(ROUTES, '')
  const schemas = Object.entries((document.components?.schemas ?? {}) as Record<string, Schema>)
  const tags = [...new Set(ROUTES.map(({ terms }) => terms.tag))]
  return [
    '# HTTP API\n',
    'Made from the route definitions by `node bin/http-api.ts`; a running server shows the same at `/docs`, to try out, and',
    'at `/openapi.json`, for machines. Paths lie below `/api/v1`.\n',
    ...tags.flatMap((tag) => [`## ${tag}\n`, ...ROUTES.filter(({ terms }) => terms.tag === tag).map(routeSection)]),
    '## Shapes\n',
    ...schemas.filter(([, schema]) => schema.properties).map(([name, schema]) => shapeSection(name, schema)),
    '## Problems\n',
    'Every refusal is `application/problem+json`, with one of these codes; `detail` says what to do.\n',
    '| code | status | meaning |\n|---|---|---|',
    ...Object.entries(PROBLEMS).map(
      ([code, { status, title, meaning }]) => `| \`${code}\` | ${status} | ${title}. ${meaning} |`,
    ),
    '',
  ].join('\n')
}

function routeSection({ terms }: Route): string {
  const { method, path, summary, description, scope, members, list, idempotent, dryRun, tagged, answers } = terms
  const takes = [
    ...Object.keys(terms.query ?? {}).map((name) => `\`${name}\``),
    ...(list ? ['`limit`', '`cursor`'] : []),
    ...(dryRun ? ['`dry_run`'] : []),
    ...(terms.organization === 'query' || terms.organization === 'any' ? ['`organization_id`'] : []),
    ...(idempotent ? ['the header `Idempotency-Key`'] : []),
    ...(tagged && method !== 'get' ? ['the header `If-Match`'] : []),
  ]
  const said = Object.entries(answers).map(([status, { description: what }]) => `${status} ${what}`)
  const own = problemsOf(terms).filter((code) => terms.problems?.includes(code))
  return [
    `### \`${method.toUpperCase()} ${path}\`\n`,
    `${summary}. ${description ?? ''}`.trim(),
    '',
    `- Scope: ${scope}${members ? `, keys of members: ${members}` : ''}`,
    ...(takes.length > 0 ? [`- Takes ${takes.join(', ')}`] : []),
    `- Answers ${said.join('; ')}`,
    ...(own.length > 0
      ? [`- Refuses with ${own.map((code) => `\`${code}\``).join(', ')}, besides what any route may`]
      : []),
    '',
  ].join('\n')
}

function shapeSection(name: string, { properties = {}, description }: Schema): string {
  const rows = Object.entries(properties).map(([field, schema]) => {
    return `| \`${field}\` | ${typeOf(schema).replaceAll('|', '\\|')} | ${schema.description ?? ''} |`
  })
  return [
    `### ${name}\n`,
    ...(description ? [`${description}\n`] : []),
    '| field | type | |\n|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function typeOf(schema: Schema): string {
  const { $ref, type, items, anyOf, oneOf } = schema
  if ($ref) return $ref.slice($ref.lastIndexOf('/') + 1)
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(' or ')
  const either = anyOf ?? oneOf
  if (either) return [...new Set(either.map(typeOf))].join(' or ')
  if (items) return `list of ${typeOf(items)}`
  return type === undefined ? 'any' : [type].flat().join(' or ')
}

if (import.meta.main) {
  writeFileSync(FILE, httpApiPage())
  console.log(`wrote ${FILE} (${readFileSync(FILE).length} bytes)`)
}
