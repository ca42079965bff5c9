import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from './tree.ts'

/** Nothing here takes half of it, on a busy machine either; a call without an answer is a failed test after this. */
const TEST_TIMEOUT_MS = 20_000
const RUN_TIMEOUT_MS = 150_000
/** How many schedules of the batcher are tried: one alone meets few of its ends. */
const SCHEDULES = '300'
/** Their tests need no server, so that none is started for them. */
const PURE =
  /^test\/(ledger|pricing|monitors|mutants|database\/(batcher-(bounds|failures|interleavings)|stored-lines)\.)/
/** A program that does not run proves nothing about the tests; one that runs into a wall of its own does. */
const NO_PROGRAM = /^(SyntaxError|ReferenceError)\b/

interface Failure {
  readonly file: string
  readonly test: string
}

/** What became of some test files: `green`, `red` by a test, or `broken` before any test could say so. */
export type Outcome =
  | { readonly kind: 'green'; readonly tests: number }
  | { readonly kind: 'red'; readonly failure: Failure }
  | { readonly kind: 'broken'; readonly detail: string }

interface Report {
  readonly numPassedTests: number
  readonly success: boolean
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

export const isPure = (file: string): boolean => PURE.test(file)

/** Runs test files of a tree, in one process of their own, up to the first failure. */
export async function runTests(tree: string, files: readonly string[], seed: number): Promise<Outcome> {
  const config = files.every(isPure) ? 'test/mutants/vitest.pure.config.ts' : 'vitest.config.ts'
  const report = join(tree, 'report.json')
  const output = await run(
    [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      ...['--root', tree, '--config', join(tree, config), '--bail', '1', '--maxWorkers', '1'],
      ...['--testTimeout', String(TEST_TIMEOUT_MS), '--reporter', 'json', '--outputFile', report],
      ...files,
    ],
    tree,
    seed,
  )
  const text = await readFile(report, 'utf8').catch(() => null)
  if (text === null) return { kind: 'broken', detail: output.slice(-2_000) }
  return outcomeOf(JSON.parse(text) as Report, tree)
}

function outcomeOf({ success, numPassedTests, testResults }: Report, tree: string): Outcome {
  const failed = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => ({ file: name, test: fullName, message: failureMessages[0] ?? '' })),
  )
  const real = failed.find(({ message }) => !NO_PROGRAM.test(message))
  if (real) return { kind: 'red', failure: { file: real.file.slice(tree.length + 1), test: real.test } }
  if (success && failed.length === 0 && numPassedTests > 0) return { kind: 'green', tests: numPassedTests }
  const detail = [...failed, ...testResults].map(({ message }) => message).find((message) => message !== '')
  return { kind: 'broken', detail: detail ?? 'no test ran' }
}

/** @returns what it wrote */
function run(args: readonly string[], cwd: string, seed: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const env = { ...process.env, SEED: String(seed), RUNS: SCHEDULES, CI: '', VITEST: undefined, NODE_OPTIONS: '' }
  const child = spawn(process.execPath, [...args], { cwd, env, timeout: RUN_TIMEOUT_MS })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  child.on('error', reject)
  child.on('close', (code, signal) => resolve(`${output}\nended with ${signal ?? code}`))
  return promise
}
