import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Express } from 'express'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { httpApiPage } from '../../bin/http-api.ts'
import { createAdminApp } from '../../src/admin/app.ts'
import { PROBLEMS } from '../../src/admin/problems.ts'
import { ROUTES } from '../../src/admin/route-table.ts'
import { type Door, expectProblem, openDoor } from './open-door.ts'

/** What lies beside the API, and says itself who may come. */
const BESIDE = [
  'get /live',
  'get /ready',
  'get /openapi.json',
  'get /docs',
  'get /docs/start.js',
  'get /problems/:code',
  'get /metrics',
  'get /admin',
  'get /static/locales/en-US/messages.json',
]

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> }
  readonly handle?: { readonly stack?: readonly Layer[] }
}

/** Whatever Express would serve, but for what the board brings along. */
function registered(stack: readonly Layer[]): readonly string[] {
  return stack.flatMap(({ route, handle }) => {
    if (route) return Object.keys(route.methods).map((method) => `${method} ${route.path}`)
    return registered(handle?.stack ?? [])
  })
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly operationId: string; readonly responses: object }>>>
  >
}

describe('the document of the API', () => {
  let door: Door
  let document: Document
  beforeAll(async () => {
    door = await openDoor()
    document = (await door.ask('/openapi.json')).body as unknown as Document
  })
  afterAll(() => door.close())

  test('has every route that is served, and only those', () => {
    const app = createAdminApp(door.tollkeeper) as Express & { readonly router: { readonly stack: readonly Layer[] } }
    const served = registered(app.router.stack).filter((each) => !BESIDE.includes(each))
    const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map(
        (method) => `${method} ${path.replace('/api/v1', '').replaceAll(/\{(\w+)\}/g, ':$1')}`,
      ),
    )
    expect(documented.length).toBeGreaterThan(20)
    expect(served.toSorted()).toEqual(documented.toSorted())
  })

  test('names each operation once, and refers to nothing that it lacks', () => {
    const names = Object.values(document.paths).flatMap((path) => Object.values(path).map((each) => each.operationId))
    expect(new Set(names).size).toBe(names.length)
    expect(document.openapi).toBe('3.1.0')
    const text = JSON.stringify(document)
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      expect(text, `the shape ${name}`).toContain(`"${name}":{`)
    }
  })

  test('every code that a route names is explained under its own address', async () => {
    for (const { terms } of ROUTES) {
      for (const code of terms.problems ?? []) expect(Object.keys(PROBLEMS), terms.operation).toContain(code)
    }
    for (const [code, kind] of Object.entries(PROBLEMS)) {
      const answer = await door.ask(`/problems/${code}`)
      expect([answer.status, answer.body]).toEqual([200, { type: `/problems/${code}`, code, ...kind }])
    }
    expectProblem(await door.ask('/problems/constructor'), 404, 'not-found')
  })

  test.each([
    ['post', '/admin/organizations'],
    ['patch', '/admin/organizations/{id}'],
    ['post', '/feature-charges'],
    ['post', '/jobs'],
    ['post', '/jobs/batch'],
    ['post', '/jobs/quote'],
  ])('says of %s %s that what its body names may not be found', (method, path) => {
    expect(Object.keys(document.paths[`/api/v1${path}`]?.[method]?.responses ?? {})).toContain('404')
  })

  test('is what docs/http-api.md says', () => {
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'http-api.md'), 'utf8')
    expect(page, 'write it anew: node bin/http-api.ts').toBe(httpApiPage())
  })

  test('is shown by a page that loads its parts from here alone', async () => {
    const page = await door.ask('/docs')
    expect(page.headers.get('Content-Security-Policy')).toContain("script-src 'self'")
    expect(page.text).not.toMatch(/https?:/)
    for (const [, part] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect((await door.ask(`/${part}`)).status, part).toBe(200)
    }
    for (const absent of [
      '/docs/index.html',
      '/docs/package.json',
      '/docs/swagger-initializer.js',
      '/docs/..%2fpackage.json',
    ]) {
      expectProblem(await door.ask(absent), 404, 'not-found')
    }
  })
})
