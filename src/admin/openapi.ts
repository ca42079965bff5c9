import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi'
import { queryOf } from './asked.ts'
import { PROBLEMS, problemsOf } from './problems.ts'
import type { AnswerTerms, Route, RouteTerms } from './route.ts'

const BASE = '/api/v1'

const INTRODUCTION = `Prepaid, token-based billing for multi-agent AI platforms.

Amounts are strings with at least 2 and at most 9 decimals, exact; requests may give a JSON number of up to 15 digits
instead. Times are RFC 3339 in UTC with milliseconds. Requests refuse unknown fields and parameters; answers may gain
fields. Lists are newest first (ledgers and versions ascending) and go on with \`next_cursor\`. Every refusal is
problem+json (RFC 9457), whose \`detail\` says what to do.`

const KEYS: Readonly<Record<RouteTerms['scope'], string>> = {
  public: 'Open to everybody.',
  tenant: 'For keys of the organisation itself, operators (reading) and admins.',
  operator: 'For operators and admins.',
  admin: 'For admins.',
}

const MEMBERS = {
  own: 'A key that acts for one member reaches that member’s own jobs.',
  all: 'Also for keys that act for one member.',
}

const problem = z
  .strictObject({
    type: z.string().meta({ examples: ['/problems/validation'] }),
    code: z.enum(Object.keys(PROBLEMS)),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What to do, in a sentence' }),
    request_id: z.string(),
    errors: z
      .array(z.strictObject({ pointer: z.string(), code: z.string(), detail: z.string() }))
      .optional()
      .meta({ description: 'With 422 only: one entry per wrong field, with its JSON pointer' }),
  })
  .meta({ id: 'Problem' })

/** The document of these routes, OpenAPI 3.1; made of the terms that they are served by. */
export function openApi(routes: readonly Route[], version: string): ReturnType<typeof createDocument> {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {}
  for (const { terms } of routes) {
    paths[BASE + terms.path] = { ...paths[BASE + terms.path], [terms.method]: operationOf(terms) }
  }
  const tags = [...new Set(routes.map(({ terms }) => terms.tag))]
  return createDocument({
    openapi: '3.1.0',
    info: { title: 'Tollkeeper', version, description: INTRODUCTION, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    tags: tags.map((name) => ({ name })),
    paths: paths as ZodOpenApiPathsObject,
    components: {
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description:
            'ADMIN_API_KEY or a key of POST …/api-keys. Without ADMIN_API_KEY the server is open on loopback.',
        },
      },
    },
  })
}

function operationOf(terms: RouteTerms): ZodOpenApiOperationObject {
  const { operation, tag, summary, description, scope, members, params, body, bodyMayLack } = terms
  const query = queryOf(terms)
  const header = headersOf(terms)
  const parameters = {
    ...(params && { path: z.object(params) }),
    ...(Object.keys(query).length > 0 && { query: z.object(query) }),
    ...(Object.keys(header).length > 0 && { header: z.object(header) }),
  }
  return {
    operationId: operation,
    tags: [tag],
    summary,
    description: [description, KEYS[scope], members && MEMBERS[members]].filter(Boolean).join('\n\n'),
    ...(scope === 'public' && { security: [] }),
    requestParams: parameters,
    ...(body && { requestBody: { required: !bodyMayLack, content: { 'application/json': { schema: body } } } }),
    responses: { ...answersOf(terms.answers, terms), ...refusalsOf(terms) },
  }
}

function headersOf({ method, idempotent, tagged }: RouteTerms): Record<string, z.ZodType> {
  const key = z.string().min(1).max(200).optional()
  return {
    ...(idempotent && {
      'Idempotency-Key': key.meta({
        description: 'The same key and body once more get the stored answer, with Idempotent-Replayed: true',
      }),
    }),
    ...(tagged &&
      method !== 'get' && {
        'If-Match': key.meta({
          description: 'The ETag of the state that you have seen; another is a 409 stale-version',
        }),
      }),
  }
}

function answersOf(answers: RouteTerms['answers'], terms: RouteTerms): ZodOpenApiResponsesObject {
  const headers = z.object({
    ...(terms.tagged && { ETag: z.string().optional() }),
    ...(terms.idempotent && { 'Idempotent-Replayed': z.literal('true').optional() }),
  })
  const entries = Object.entries(answers).map(([status, { description, body, or = [] }]) => {
    const content = contentOf(body, or)
    return [status, { description, headers, ...(content && { content }) }]
  })
  return Object.fromEntries(entries)
}

function contentOf(body: AnswerTerms['body'], or: readonly string[]) {
  if (body === null && or.length === 0) return undefined
  const others = or.map((type) => [type, { schema: z.string() }] as const)
  return { ...(body && { 'application/json': { schema: body } }), ...Object.fromEntries(others) }
}

/** One answer per status, with the codes that it may have here. */
function refusalsOf(terms: RouteTerms): ZodOpenApiResponsesObject {
  const byStatus = Map.groupBy(problemsOf(terms), (code) => PROBLEMS[code]?.status ?? 500)
  const entries = [...byStatus].map(([status, codes]) => {
    const description = `${STATUS_CODES[status]}: ${[...new Set(codes)].map((code) => `\`${code}\``).join(', ')}`
    return [status, { description, content: { 'application/problem+json': { schema: problem } } }]
  })
  return Object.fromEntries(entries)
}
