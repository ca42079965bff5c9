import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DataDir, freshDataDir, runCli } from '../cli/cli-process.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { BACKENDS_HERE, openWorld } from '../support/tollkeeper.ts'

const TIME_BOX_MS = 45_000

describe('the demo on a fresh machine', () => {
  let folder: DataDir

  beforeAll(async () => {
    folder = await freshDataDir()
  })
  afterAll(() => folder.remove())

  test('it shows all that it promises within its time, and leaves nothing running', { timeout: 60_000 }, async () => {
    const startedAt = performance.now()
    const { code, stdout, stderr } = await runCli(['demo'], { DATA_DIR: folder.path })
    expect(performance.now() - startedAt).toBeLessThan(TIME_BOX_MS)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const word of ['charged', 'rejected', 'needed', 'missing', 'resumed', 'receipt', 'verified']) {
      expect(stdout).toContain(word)
    }
    expect(stdout.match(/^ {2}output +\d+ tokens +charged 0\.\d+ USD$/gm)).toHaveLength(2)
    expect(stdout, 'colours and cursor codes are for terminals').not.toContain('\u001b')
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
    expect(await folder.serverRuns()).toBe(false)
  })

  test('a second run on the same data works too, and answers as data for --json', { timeout: 60_000 }, async () => {
    const { code, stdout, stderr } = await runCli(['demo', '--json'], { DATA_DIR: folder.path })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const told = JSON.parse(stdout)
    expect(told).toMatchObject({ verified: true, rejected: { state: 'rejected_for_balance', charged: '0.00' } })
    expect(told.resumed_jobs).toEqual([told.rejected.id])
    expect(told.receipts).toMatchObject([
      { state: 'charged', final: true },
      { state: 'charged', final: true, job_id: told.rejected.id },
    ])
    expect(await folder.serverRuns()).toBe(false)
  })
})

test.each(BACKENDS_HERE)(
  'the demo runs on a given database with its queue on %s, and the books balance',
  async (backend) => {
    const world = await openWorld(backend)
    try {
      const { code, stdout, stderr } = await runCli(['demo', '--json'], world.env)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const { organization_id, ledger_entries } = JSON.parse(stdout)
      const rows = await world.database.query(
        'select count(*)::int as entries, count(distinct organization_id)::int as organizations from tollkeeper.ledger_entries',
      )
      expect(rows).toEqual([{ entries: ledger_entries, organizations: 1 }])
      expect(organization_id).toMatch(/^demo-/)
      await expectBooksToBalance(world.database)
    } finally {
      await world.close()
    }
  },
)
