import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { damage } from '../managers/busy-organization.ts'
import { fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'
import { runCli } from './cli-process.ts'

describe('tollkeeper verify', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld('postgres')
    const tollkeeper = await world.open()
    for (const id of ['acme', 'other']) await fundedOrganization(tollkeeper, id, '5.00', [])
  })
  afterAll(() => world.close())
  const verify = (...args: readonly string[]) => runCli(['verify', ...args], world.env)
  const frozen = () => world.database.query(`select id from tollkeeper.organizations where status = 'frozen'`)

  it('says line by line that the books balance', async () => {
    const { code, stdout, stderr } = await verify()
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.split('\n')).toEqual([
      'acme  1 entries  ok',
      'other  1 entries  ok',
      expect.stringMatching(/^audit log {2}\d+ entries, the last with hash [0-9a-f]{64}$/),
      '2 organisations, 2 entries: every figure agrees',
      '',
    ])
  })

  it('ends with 1 where only the audit log was changed, and says what to do about that', async () => {
    const entry = '{"at":"2026-11-24T10:00:00.000Z","action":"note.write","organization_id":null,"key_id":null}'
    await world.database.query('select tollkeeper.append_audit($1)', [entry])
    const whole = JSON.parse((await verify('--json')).stdout)
    expect(whole).toMatchObject({ ok: true, audit_log: { seq: 3, hash: expect.stringMatching(/^[0-9a-f]{64}$/) } })
    const setAction = (action: string) =>
      damage(world, `update tollkeeper.audit_log set action = '${action}' where seq = 3`)
    await setAction('nothing')
    const { code, stdout, stderr } = await verify('--freeze')
    await setAction('note.write')
    expect([code, await frozen()]).toEqual([1, []])
    expect(stdout).toMatch(/^violation {2}audit log {2}invariant 9: audit entry 3: its column action/m)
    expect(stderr).toMatch(/^not-verified: 1 violations of the audit log; the books balance/m)
  })

  it('ends with 1 when they do not, freezes only where it is told to, and knows who is not there', async () => {
    await world.database.query(`update tollkeeper.organization_balances set held = 1 where organization_id = 'acme'`)
    const json = await verify('--json')
    expect(json.code).toBe(1)
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, organizations: 2, frozen: [] })
    expect(json.stderr).toMatch(/^not-verified: 2 violations; run again with --freeze/m)
    expect(await verify('-o', 'other')).toMatchObject({ code: 0 })
    expect(await frozen()).toEqual([])
    const freezing = await verify('--organization', 'acme', '--freeze')
    expect(freezing.code).toBe(1)
    expect(freezing.stdout).toMatch(
      /^violation {2}acme {2}invariant 1: balance: held is 0.000000001, the entries make 0.00$/m,
    )
    expect(freezing.stdout).toMatch(/^frozen {5}acme$/m)
    expect(await frozen()).toEqual([{ id: 'acme' }])
    expect(await verify('-o', 'nobody')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^not-found: /m) })
  })
})
