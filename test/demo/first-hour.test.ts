import { spawn, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..')
const hasCurl = spawnSync('curl', ['--version']).status === 0

/** Without curl (never in CI) this says that it is skipped. */
describe.skipIf(!hasCurl)('the first hour, by curl alone', () => {
  test('leads from a new plan to a statement, each answer naming the next request', { timeout: 120_000 }, async () => {
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` }
    const child = spawn('sh', ['examples/first-hour.sh'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [out, errors, code] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise((resolve) => child.once('close', resolve)),
    ])
    expect({ code, errors }).toEqual({ code: 0, errors: '' })
    const asked = [...out.matchAll(/^\$ curl (?:-X (\w+)|-N) localhost:5001(\S+)/gm)].map(
      ([, method = 'GET', path]) => {
        return `${method} ${String(path)
          .replaceAll(/customer-\d+/g, 'customer')
          .replaceAll(/[0-9a-f-]{36}/g, '<id>')}`
      },
    )
    expect(asked).toEqual([
      'POST /api/v1/admin/tariffs',
      'POST /api/v1/admin/tariffs/<id>/publish',
      'POST /api/v1/admin/organizations',
      'POST /api/v1/admin/organizations/customer/top-ups',
      'POST /api/v1/admin/organizations/customer/top-ups',
      'POST /api/v1/admin/organizations/customer/members',
      'POST /api/v1/admin/organizations/customer/api-keys',
      'GET /api/v1/balance',
      'POST /api/v1/jobs/quote',
      'POST /api/v1/jobs',
      'GET /api/v1/jobs/<id>/events',
      'GET /api/v1/jobs/<id>',
      'GET /api/v1/jobs/<id>/receipt',
      'GET /api/v1/statements/current',
      'GET /api/v1/statements/current?format=csv',
      'GET /api/v1/admin/verify?organization_id=customer',
    ])
    expect(out.match(/tk_org_\w{20}/g), 'the key is shown by the answer that makes it, and nowhere else').toHaveLength(
      1,
    )
    expect(out).toContain('That was the first hour.')
  })
})
