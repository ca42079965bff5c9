import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { main } from '../../src/cli/program.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'
import { type DataDir, type Ended, freshDataDir, runCli } from './cli-process.ts'

const TEXT = 'The council pays 1,200 dollars for the ferry. The ferry sails on 3 May 2025. The crew is small.'
const UNKNOWN_JOB = '00000000-0000-7000-8000-000000000000'

let world: World
let tollkeeper: Tollkeeper
let folder: DataDir
let file: string

beforeAll(async () => {
  folder = await freshDataDir()
  file = join(folder.path, 'text.txt')
  await writeFile(file, TEXT)
  world = await openWorld('postgres')
  tollkeeper = await world.open()
  for (const [id, amount] of [
    ['rich', '1.00'],
    ['paid', '0'],
    ['poor', '0'],
  ] as const) {
    await fundedOrganization(tollkeeper, id, amount, CONTRACT_COMPONENTS)
  }
})

afterAll(async () => {
  await expectBooksToBalance(world.database)
  await world.close()
  await folder.remove()
})

const run = (args: readonly string[], input?: string) => runCli(args, world.env, input)
/** The same in this process, where starting one is not the point. */
async function callMain(args: readonly string[]): Promise<Ended> {
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      said[name] += text
      return true
    })
  }
  try {
    return { code: await main(args), ...said }
  } finally {
    vi.restoreAllMocks()
  }
}

beforeEach(() => {
  for (const [name, value] of Object.entries(world.env)) vi.stubEnv(name, value)
})
afterEach(() => void vi.unstubAllEnvs())

const balanceOf = (id: string) => tollkeeper.balances.balance(tollkeeper.em(), id)
const jobsOf = async (id: string) =>
  (await tollkeeper.jobs.list(tollkeeper.em(), id, { limit: 200, before: null })).jobs

describe('commands on a given database', () => {
  test('top-up puts money in once per reference', async () => {
    const first = await run(['top-up', 'paid', '2.50', '--reference', 'invoice-1', '--json'])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(first.stdout)).toMatchObject({ amount: '2.50', reference: 'invoice-1', seq: 1, resumed_jobs: [] })
    const again = await run(['top-up', 'paid', '2.50', '-r', 'invoice-1'])
    expect(again.code).toBe(0)
    expect(again.stdout).toContain('were put in before')
    const other = await run(['top-up', 'paid', '3', '-r', 'invoice-1'])
    expect(other).toMatchObject({ code: 1, stdout: '' })
    expect(other.stderr).toMatch(/^reference-conflict: .+\n$/)
    expect(await balanceOf('paid')).toMatchObject({ available: 2_500_000_000n, asOfSeq: 1 })
  })

  test('quote says the bounds and leaves nothing behind', async () => {
    const quoted = await run(['quote', file, '--organization', 'rich', '--agents', 'summarizer', '--json'])
    expect(quoted.code, quoted.stderr).toBe(0)
    const quote = JSON.parse(quoted.stdout)
    expect(quote).toMatchObject({ organization_id: 'rich', available: '1.00', affordable: true })
    expect(quote.stages.map(({ stage }: { stage: string }) => stage)).toEqual(['input', 'agent.summarizer', 'output'])
    const shown = await run(['quote', '-', '-o', 'rich', '-a', 'summarizer'], TEXT)
    expect(shown.stdout).toContain(`total`)
    expect(shown.stdout).toContain(quote.upper)
    expect(await jobsOf('rich')).toEqual([])
    expect(await balanceOf('rich')).toMatchObject({ available: 1_000_000_000n, held: 0n, asOfSeq: 1 })
  })

  test('submit --wait shows each stage with its tokens and charge, the result and the receipt', async () => {
    const done = await run(['submit', file, '-o', 'rich', '--agents', 'extractor,summarizer', '--key', 'k1', '--wait'])
    expect(done.code, done.stderr).toBe(0)
    for (const stage of ['input', 'agent.extractor', 'agent.summarizer', 'output']) {
      expect(done.stdout).toMatch(
        new RegExp(`^${stage.replace('.', '\\.')} +[\\d,]+ tokens +charged 0\\.\\d+ USD$`, 'm'),
      )
    }
    expect(done.stdout).toContain('3 May 2025')
    const [job] = await jobsOf('rich')
    expect(job?.state).toBe('charged')
    const receipt = await run(['receipt', String(job?.id), '--json'])
    const { charged, lines, total } = JSON.parse(receipt.stdout)
    expect(done.stdout).toContain(`total ${total} USD`)
    expect(charged).toBe(total)
    expect(lines.length).toBeGreaterThan(4)
    const shown = await run(['receipt', String(job?.id)])
    expect(done.stdout).toContain(shown.stdout)
    const { asOfSeq } = await balanceOf('rich')
    const again = await run(['submit', file, '-o', 'rich', '-a', 'extractor,summarizer', '-k', 'k1', '--json'])
    expect(JSON.parse(again.stdout)).toMatchObject({ id: job?.id, state: 'charged' })
    expect((await balanceOf('rich')).asOfSeq, 'the same key charges nothing more').toBe(asOfSeq)
  })

  test('a job that cannot be paid is parked with exit code 1, and a top-up from the command line resumes it', async () => {
    const rejected = await run(['submit', '-', '-o', 'poor', '-a', 'summarizer', '--wait', '--json'], TEXT)
    expect(rejected.code).toBe(1)
    const job = JSON.parse(rejected.stdout)
    expect(job).toMatchObject({ state: 'rejected_for_balance', charged: '0.00', receipt: { lines: [], final: false } })
    expect(rejected.stderr).toMatch(/^insufficient-balance: Job .+ short by .+\n$/)
    expect(await balanceOf('poor')).toMatchObject({ available: 0n, held: 0n, asOfSeq: 0, parked: 1 })
    const paid = await run(['top-up', 'poor', '1.00'])
    expect(paid.stdout).toContain(`resumed ${job.id}`)
    await tollkeeper.startWorkers()
    const end = await tollkeeper.watcher.until(job.id, ({ state }) => state === 'charged')
    expect(end.charged).toBeGreaterThan(0n)
  })

  test('submit without --wait stores the job and says what to do next', async () => {
    const stored = await run(['submit', file, '-o', 'paid', '-a', 'summarizer'])
    expect(stored.code, stored.stderr).toBe(0)
    const id = /Job (\S+) is queued/.exec(stored.stdout)?.[1] ?? ''
    expect(stored.stdout).toContain(`tollkeeper receipt ${id}`)
    const end = await tollkeeper.watcher.until(id, ({ state }) => state === 'charged')
    expect(end.organizationId).toBe('paid')
  })

  test.each([
    ['an unknown organisation', ['submit', '@', '-o', 'nobody', '--json'], /^not-found: /],
    ['a stranger', ['submit', '@', '-o', 'rich', '-u', 'stranger'], /^not-a-member: /],
    ['an unknown agent', ['quote', '@', '-o', 'rich', '-a', 'poet'], /^validation: .*"poet".*extractor/],
    ['a file that is not there', ['submit', 'missing.txt', '-o', 'rich'], /^not-found: missing\.txt .*ENOENT/],
    ['a folder', ['submit', '.', '-o', 'rich'], /^not-found: .*EISDIR/],
    ['an unknown job', ['receipt', UNKNOWN_JOB], /^not-found: /],
    ['a job id that is none', ['receipt', "' OR 1=1--"], /^not-found: /],
    ['a top-up of nobody', ['top-up', 'nobody', '1.00'], /^not-found: /],
  ])('%s is refused in one line, and nothing changes', async (_what, args, expected) => {
    const before = await jobsOf('rich')
    const refused = await callMain(args.map((arg) => (arg === '@' ? file : arg)))
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(expected)
    expect(refused.stderr.trimEnd()).not.toContain('\n')
    const answer = refused.stdout === '' ? null : JSON.parse(refused.stdout)
    const [code = '', ...message] = refused.stderr.trimEnd().split(': ')
    expect(answer).toEqual(args.includes('--json') ? { error: { code, message: message.join(': ') } } : null)
    expect(await jobsOf('rich')).toEqual(before)
  })

  test('bytes that are no UTF-8 are refused instead of guessed', async () => {
    const latin = join(folder.path, 'latin.txt')
    await writeFile(latin, Buffer.from([0x63, 0x61, 0x66, 0xe9]))
    const refused = await run(['quote', latin, '-o', 'rich'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('not UTF-8')
  })

  test('migrate is harmless on a database that is up to date', async () => {
    expect(await run(['migrate'])).toEqual({ code: 0, stdout: 'The database is up to date.\n', stderr: '' })
    expect(JSON.parse((await run(['migrate', '--json'])).stdout)).toEqual({ migrations: [] })
  })
})

describe('how the command line is called', () => {
  test.each([
    [['top-up', 'rich', '-5'], /unknown option|invalid/],
    [['top-up', 'rich', '0'], /above 0/],
    [['top-up', 'rich', '1e3'], /plain decimal/],
    [['top-up', 'rich', '1.00', '--note', 'a\u0007b'], /without control characters/],
    [['quote', 'x', '--max-cost', '0.0000000001'], /9 decimals/],
    [['submit'], /missing required argument/],
    [['submit', 'x', '--agents', 'a,,b'], /single commas/],
    [['conquer'], /unknown command/],
    [['receipt', 'x', '--log-level', 'loud'], /Choose one of fatal/],
  ])('%j is a wrong call: exit code 2 and no effect', async (args, expected) => {
    const before = await balanceOf('rich')
    const { code, stdout, stderr } = await callMain(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(expected)
    expect(await balanceOf('rich')).toEqual(before)
  })

  test.each([
    [['top-up', 'rich', '0', '--json'], /above 0/],
    [['--json', 'conquer'], /^unknown command/],
    [['submit', '--json', '--nonsense'], /^unknown option/],
    [['receipt', 'x', '--json', '--log-level', 'loud'], /Choose one of fatal/],
  ])('%j is a wrong call that is told in JSON, too', async (args, expected) => {
    const { code, stdout, stderr } = await callMain(args)
    expect(code).toBe(2)
    expect(stderr).toMatch(/--help shows/)
    expect(JSON.parse(stdout)).toEqual({ error: { code: 'usage', message: expect.stringMatching(expected) } })
  })

  test('--help teaches by examples, for the program and for each command', async () => {
    const program = await callMain(['--help'])
    expect(program.code).toBe(0)
    for (const name of ['start', 'demo', 'submit', 'quote', 'receipt', 'top-up', 'migrate']) {
      expect(program.stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
      const help = await callMain([name, '--help'])
      expect(help.code).toBe(0)
      expect(help.stdout).toContain(`Usage: tollkeeper ${name}`)
      expect(help.stdout).toMatch(/Examples:\n {2}\S/)
      expect(help.stdout).toContain('--json')
    }
  })

  test('a wrong variable is named, and a stack is shown only to whoever asks for it', async () => {
    const wrong = { DATABASE_URL: 'mysql://somewhere/x' }
    const refused = await runCli(['migrate'], wrong)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/^configuration: DATABASE_URL must be a URL .+\n$/)
    const verbose = await runCli(['migrate'], { ...wrong, LOG_LEVEL: 'debug' })
    expect(verbose.stderr).toMatch(/\n\s+at /)
  })

  test('a server that does not answer is told in one line', async () => {
    const nowhere = { DATABASE_URL: 'postgresql://a:secret-word@127.0.0.1:1/x' }
    for (const args of [['migrate'], ['receipt', UNKNOWN_JOB]]) {
      const refused = await runCli(args, nowhere)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(/^(unavailable|configuration): .*DATABASE_URL.*\n$/)
      expect(refused.stderr).not.toContain('secret-word')
    }
  })
})
