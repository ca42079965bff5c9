import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { type Mandate, type Principal, SYSTEM } from '../../src/foundation/mandate.ts'
import { AuditLog, type AuditRecord } from '../../src/managers/audit-log.manager.ts'
import { DatabaseTime } from '../../src/managers/database-time.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'

const ANN: Principal = { role: 'organization', keyId: 'key-ann', organizationId: 'acme', userId: 'ann' }
const BY_ANN: Mandate = { ...SYSTEM, principal: ANN, requestId: 'request-1' }
const record = (fields: Partial<AuditRecord> = {}): AuditRecord => ({
  ...{
    action: 'note.write',
    organizationId: 'acme',
    target: 'note 1',
    before: null,
    after: { note: 'written' },
    ...fields,
  },
})
const ALL = { organizationId: null, action: null, keyId: null, from: null, to: null, before: null, limit: 200 }

interface Row {
  readonly seq: number
  readonly entry: string
  readonly prev: string
  readonly hash: string
}

const world = { current: undefined as World | undefined }
const database = () => (world.current as World).database
const rows = () =>
  database().query<Row & Record<string, unknown>>(
    `select seq::int, entry, encode(prev_hash, 'hex') as prev, encode(hash, 'hex') as hash from tollkeeper.audit_log order by seq`,
  )
const verified = async ({ verifier }: Tollkeeper) => {
  const { ok, violations, auditLog } = await verifier.verify()
  expect({ ok, violations }).toEqual({ ok: true, violations: [] })
  return auditLog
}
/** As a change of something: the thing and the record of it in one transaction. */
const change = ({ inTransaction, auditLog }: Tollkeeper, mandate: Mandate, what: AuditRecord, name: string) =>
  inTransaction(async (em) => {
    await em.execute('insert into notes values (?)', [name])
    await auditLog.append(em, mandate, what)
  })
const notes = async () =>
  (await database().query<{ name: string }>('select name from notes order by 1')).map((row) => row.name)

async function open(): Promise<Tollkeeper> {
  world.current = await openWorld('postgres', { LOG_LEVEL: 'silent' })
  await database().query('create table public.notes (name text)')
  await database().query('grant all on public.notes to tollkeeper_app')
  return world.current.open()
}

describe('the audit log', () => {
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    tollkeeper = await open()
  })
  afterAll(() => world.current?.close())

  it('keeps who did what with the change itself, in one transaction', async () => {
    const started = Date.now()
    await change(tollkeeper, BY_ANN, record(), 'kept')
    const { entries, more } = await tollkeeper.auditLog.list(tollkeeper.em(), ALL)
    const [row] = await rows()
    expect(more).toBe(false)
    expect(entries).toEqual([
      {
        seq: 1,
        at: entries[0]?.at,
        ...{ role: 'organization', keyId: 'key-ann', userId: 'ann', requestId: 'request-1' },
        ...{ action: 'note.write', organizationId: 'acme', target: 'note 1', before: null, after: { note: 'written' } },
        hash: row?.hash,
      },
    ])
    expect(Math.abs(Number(entries[0]?.at) - started)).toBeLessThan(60_000)
    expect(await notes()).toEqual(['kept'])
    expect(await verified(tollkeeper)).toMatchObject({ seq: 1, hash: row?.hash, entries: 1 })
  })

  it('keeps nothing of what was rolled back, or only tried, and leaves no gap', async () => {
    const before = await rows()
    const failing = tollkeeper.inTransaction(async (em) => {
      await em.execute('insert into notes values (?)', ['lost'])
      await tollkeeper.auditLog.append(em, BY_ANN, record())
      throw new Error('and yet not')
    })
    await expect(failing).rejects.toThrow('and yet not')
    await tollkeeper.inTransaction((em) => tollkeeper.auditLog.append(em, { ...BY_ANN, dryRun: true }, record()))
    expect(await rows()).toEqual(before)
    await change(tollkeeper, SYSTEM, record({ organizationId: null }), 'next')
    expect((await rows()).map(({ seq }) => seq)).toEqual([1, 2])
    expect(await notes()).toEqual(['kept', 'next'])
    await verified(tollkeeper)
  })

  it('can be recomputed with a shell, whatever letters are in it', async () => {
    await change(tollkeeper, SYSTEM, record({ target: 'Zoë\t"\\ \n 😀', after: { note: 'a\\tb\u2028' } }), 'letters')
    const last = (await rows()).at(-1) as Row
    const script = `printf '%s\\n%s\\n%s' "$1" "$2" "$3" | sha256sum`
    const output = execFileSync('sh', ['-c', script, 'sh', last.prev, String(last.seq), last.entry]).toString()
    expect(output).toBe(`${last.hash}  -\n`)
    expect(JSON.parse(last.entry).target).toBe('Zoë\t"\\ \n 😀')
    await verified(tollkeeper)
  })

  it('is searched by organisation, action, key and time, newest first, page by page', async () => {
    const at = (await tollkeeper.auditLog.list(tollkeeper.em(), ALL)).entries[0]?.at.getTime() ?? 0
    for (let index = 0; index < 5; index += 1) {
      const mandate = { ...SYSTEM, principal: { ...ANN, keyId: `key-${index % 2}` } }
      await change(
        tollkeeper,
        mandate,
        record({ action: 'note.drop', organizationId: index < 2 ? 'other' : null }),
        `n${index}`,
      )
    }
    const seqs = async (filter: object) => {
      const { entries, more } = await tollkeeper.auditLog.list(tollkeeper.em(), { ...ALL, ...filter })
      return [entries.map(({ seq }) => seq), more]
    }
    expect(await seqs({})).toEqual([[8, 7, 6, 5, 4, 3, 2, 1], false])
    expect(await seqs({ limit: 3 })).toEqual([[8, 7, 6], true])
    expect(await seqs({ limit: 3, before: 4 })).toEqual([[3, 2, 1], false])
    expect(await seqs({ organizationId: 'other' })).toEqual([[5, 4], false])
    expect(await seqs({ action: 'note.drop', keyId: 'key-0' })).toEqual([[8, 6, 4], false])
    expect(await seqs({ keyId: 'key-0', organizationId: 'acme' })).toEqual([[], false])
    expect(await seqs({ from: at + 1 })).toEqual([[8, 7, 6, 5, 4], false])
    expect(await seqs({ from: at, to: at + 1 })).toEqual([[3], false])
    expect(await seqs({ to: at })).toEqual([[2, 1], false])
  })
})

describe('many who write at once', () => {
  afterAll(() => world.current?.close())

  it('make one chain without a gap, whatever they are busy with and whoever of them fails', async () => {
    const first = await open()
    const processes = [first, await (world.current as World).open()]
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, writer) => {
        const tollkeeper = processes[writer % 2] as Tollkeeper
        for (let round = 0; round < 10; round += 1) {
          if (round % 5 === 4) {
            await expect(
              tollkeeper.inTransaction(async (em) => {
                await tollkeeper.auditLog.append(em, BY_ANN, record())
                throw new Error('no')
              }),
            ).rejects.toThrow('no')
          } else await change(tollkeeper, BY_ANN, record({ organizationId: `o${writer}` }), `${writer} ${round}`)
        }
      }),
    )
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
    const stored = await rows()
    expect(stored.map(({ seq }) => seq)).toEqual(Array.from({ length: 160 }, (_, index) => index + 1))
    expect(stored.slice(1).every(({ prev }, index) => prev === stored[index]?.hash)).toBe(true)
    expect(await notes()).toHaveLength(160)
    expect(await verified(first)).toMatchObject({ seq: 160, entries: 160 })
  })
})

describe('what is refused', () => {
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    tollkeeper = await open()
  })
  afterAll(() => world.current?.close())

  const refused = (
    keyId: string | null,
    action = 'access.foreign',
  ): readonly [Parameters<AuditLog['note']>[0], AuditRecord] => {
    const principal = keyId === null ? null : { ...ANN, keyId }
    return [
      { principal, requestId: 'r' },
      record({ action, target: '/api/v1/jobs', organizationId: null, after: null }),
    ]
  }
  const logOf = (noteWindowMs?: number) => {
    const { inTransaction, logger } = tollkeeper
    const time = new DatabaseTime(() => null)
    return new AuditLog({ inTransaction, logger, time, ...(noteWindowMs === undefined ? {} : { noteWindowMs }) })
  }
  const told = async () =>
    (await rows()).map(({ entry }) => {
      const { action, role, key_id: key, after } = JSON.parse(entry)
      return [action, role, key, after]
    })

  it('is noted, and is there when the note says so', async () => {
    await tollkeeper.auditLog.note(...refused('key-1'))
    await tollkeeper.auditLog.note(...refused(null, 'access.refused'))
    expect(await told()).toEqual([
      ['access.foreign', 'organization', 'key-1', null],
      ['access.refused', 'nobody', null, null],
    ])
    await verified(tollkeeper)
  })

  it('is counted only where it is a flood, which fills nothing and is told when the window ends', async () => {
    const before = (await told()).length
    const log = logOf()
    const started = performance.now()
    await Promise.all(Array.from({ length: 5_000 }, () => log.note(...refused(null, 'access.refused'))))
    expect(performance.now() - started).toBeLessThan(2_000)
    await Promise.all(Array.from({ length: 25 }, () => log.note(...refused('key-2'))))
    const singles = [...Array(10).fill('nobody'), ...Array(10).fill('organization')]
    expect((await told()).slice(before).map(([, role]) => role)).toEqual(singles)
    await log.close()
    expect((await told()).slice(before + 20)).toEqual([
      ['access.refused', 'system', null, { counted: 4_990, seconds: 60 }],
      ['access.foreign', 'system', null, { counted: 15, seconds: 60 }],
    ])
    await verified(tollkeeper)
  })

  it('of many keys at once is bounded, too, and each window begins anew', async () => {
    const before = (await told()).length
    const log = logOf(300)
    await Promise.all(Array.from({ length: 1_000 }, (_, key) => log.note(...refused(`flood-${key}`))))
    expect((await told()).slice(before)).toHaveLength(100)
    while ((await told()).length === before + 100) await new Promise((resolve) => setTimeout(resolve, 50))
    expect((await told()).slice(before + 100)).toEqual([
      ['access.foreign', 'system', null, { counted: 900, seconds: 0.3 }],
    ])
    await log.note(...refused('flood-1'))
    await log.close()
    expect((await told()).slice(before + 101)).toEqual([['access.foreign', 'organization', 'flood-1', null]])
    await verified(tollkeeper)
  })

  it('and cannot be stored, ends nobody who is refused', async () => {
    const { logger } = tollkeeper
    const log = new AuditLog({
      logger,
      time: new DatabaseTime(() => null),
      inTransaction: () => Promise.reject(new Error('the database is away')),
    })
    await expect(log.note(...refused('key-3'))).resolves.toBeUndefined()
    await expect(log.close()).resolves.toBeUndefined()
  })
})
