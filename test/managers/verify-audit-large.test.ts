import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../cli/cli-process.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'

const ENTRIES = 100_000
/** Of V8's old space. The texts of this log alone are more. */
const HEAP_MB = 48

/** Appends as the application does, a few hundred in a transaction. */
const APPEND = `
do $$ begin
  for i in 1 .. ${ENTRIES} loop
    perform tollkeeper.append_audit(json_build_object('at', '2026-11-24T10:00:00.000Z', 'action', 'top-up.create',
      'organization_id', 'o' || i % 1000, 'key_id', null, 'target', 'top-up ' || i, 'after', repeat('äö ', 200))::text);
    if i % 200 = 0 then commit; end if;
  end loop;
end $$`

describe('an audit log of a hundred thousand entries', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld('postgres')
    await world.database.query(APPEND)
  })
  afterAll(() => world.close())

  it('is followed whole in a small heap', async () => {
    const env = { ...world.env, NODE_OPTIONS: `--max-old-space-size=${HEAP_MB} --max-semi-space-size=4` }
    const started = performance.now()
    const { code, stdout, stderr } = await runCli(['verify', '--json'], env)
    const seconds = (performance.now() - started) / 1_000
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, audit_log: { seq: ENTRIES } })
    console.info(`${Math.round(ENTRIES / seconds).toLocaleString('en-US')} entries/s with the start of a process`)
  })
})
