import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkImports, type ImportReport } from './import-rules.ts'

const ROOT = join(import.meta.dirname, '../..')
const RULES = join(ROOT, '.dependency-cruiser.mjs')

/** file | what it imports, `type` when only types | the rule that must refuse it, or null */
const TABLE: readonly (readonly [string, string, string | null])[] = [
  ['src/pricing/upward.ts', '../ledger/target.ts', 'rank-of-pricing'],
  ['src/pricing/sibling.ts', '../tokenizer/target.ts', 'rank-of-pricing'],
  ['src/foundation/upward.ts', '../config/target.ts', 'rank-of-foundation'],
  ['src/models/sibling.ts', '../ledger/target.ts', 'rank-of-models'],
  ['src/managers/sibling.ts', '../queues/target.ts', 'rank-of-managers'],
  ['src/monitors/sibling.ts', '../agents/target.ts', 'rank-of-monitors'],
  ['src/pipeline/upward.ts', '../../workers/target.ts', 'rank-of-pipeline'],
  ['src/admin/sibling.ts', '../cli/target.ts', 'rank-of-admin'],
  ['src/admin/composes.ts', '../composition.ts', 'rank-of-admin'],
  ['src/cli/composes.ts', '../composition.ts', null],
  ['src/cli/starts.ts', '../main.ts', null],
  ['src/cli/enters.ts', '../index.ts', 'rank-of-cli'],
  ['workers/sibling.ts', '../src/admin/target.ts', 'rank-of-workers'],
  ['workers/downward.ts', '../src/pipeline/target.ts', null],
  ['migrations/product.ts', '../src/pricing/target.ts', 'rank-of-migrations'],
  ['src/composition.ts', '../workers/target.ts', null],
  ['src/main.ts', './composition.ts', null],
  ['src/main.ts', './index.ts', 'rank-of-main.ts'],
  ['src/index.ts', './composition.ts', null],
  ['src/ledger/downward.ts', '../pricing/target.ts', null],
  ['src/ledger/own-folder.ts', './target.ts', null],
  ['src/ledger/reads.ts', 'node:fs', 'pure-has-no-builtins'],
  ['src/pricing/hashes.ts', 'node:crypto', 'pure-has-no-builtins'],
  ['src/pricing/requires.ts', 'node:module', 'pure-has-no-builtins'],
  ['src/tokenizer/requires.ts', 'node:module', 'pure-has-no-builtins'],
  ['src/tokenizer/read-vocabulary.ts', 'node:module', null],
  ['src/tokenizer/read-vocabulary.ts', 'node:fs', null],
  ['src/tokenizer/read-vocabulary.ts', 'node:crypto', 'pure-has-no-builtins'],
  ['src/tokenizer/reads.ts', 'node:fs', 'pure-has-no-builtins'],
  ['src/pricing/validates.ts', 'zod', 'pure-has-no-packages'],
  ['src/tokenizer/vocabulary.ts', 'gpt-tokenizer/encoding/o200k_base', null],
  ['src/monitors/vocabulary.ts', 'gpt-tokenizer/encoding/o200k_base', 'vocabulary-only-in-tokenizer'],
  ['src/ledger/logs.ts', '../foundation/logger.ts', 'pure-has-no-effects'],
  ['src/ledger/fails.ts', '../foundation/errors.ts', null],
  ['src/pipeline/stores.ts', '@mikro-orm/core', 'orm-only-below-managers'],
  ['src/managers/stores.ts', '@mikro-orm/core', null],
  ['src/managers/queries.ts', 'pg', 'pg-only-in-database'],
  ['src/database/queries.ts', 'pg', null],
  ['src/queues/connects.ts', 'pg', 'pg-only-in-database'],
  ['src/queues/passes.ts', 'type pg', null],
  ['src/composition.ts', 'type pg', null],
  ['src/managers/passes.ts', 'type pg', 'pg-types-where-pools-are-passed'],
  ['src/pipeline/enqueues.ts', 'bullmq', 'queues-only-in-queues'],
  ['src/queues/enqueues.ts', 'ioredis', null],
  ['workers/processes.ts', 'bullmq', null],
  ['src/admin/board.ts', 'bullmq', null],
  ['src/admin/app.ts', 'express', null],
  ['src/pipeline/serves.ts', 'express', 'http-only-in-admin'],
  ['src/agents/asks.ts', '@ai-sdk/openai-compatible', null],
  ['src/pipeline/asks.ts', '@ai-sdk/openai-compatible', 'model-sdk-only-in-agents'],
  ['src/admin/prompts.ts', 'commander', 'terminal-only-in-cli'],
  ['src/agents/tests.ts', 'fast-check', 'no-dev-dependency'],
  ['src/agents/mistyped.ts', './absent.ts', 'resolvable'],
  ['src/cli/borrows.ts', '../../test/target.ts', 'no-code-in-tests'],
  ['examples/inside.ts', '../src/pricing/target.ts', 'examples-use-the-public-surface'],
  ['examples/outside.ts', '../src/index.ts', null],
  ['src/queues/round.ts', './trip.ts', 'no-cycle'],
]

const TARGETS = [
  ...'pricing tokenizer ledger config queues agents pipeline cli'.split(' ').map((name) => `src/${name}/target.ts`),
  ...['src/admin/target.ts', 'workers/target.ts', 'test/target.ts'],
  ...['src/foundation/errors.ts', 'src/foundation/logger.ts'],
]

describe('the import rules', () => {
  let root = ''
  let report: ImportReport

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'import-rules-'))
    const files = new Map(TARGETS.map((target) => [target, ['export const target = 1']]))
    for (const [file, specifier] of TABLE) {
      files.set(file, [...(files.get(file) ?? []), statement(specifier)])
    }
    files.set('src/newcomer/strange.ts', ['export const strange = 1'])
    files.set('src/queues/trip.ts', ["export * from './round.ts'"])
    for (const file of ['package.json', 'tsconfig.json']) files.set(file, [readFileSync(join(ROOT, file), 'utf8')])
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
    for (const [file, lines] of files) {
      mkdirSync(join(root, dirname(file)), { recursive: true })
      writeFileSync(join(root, file), `${lines.join('\n')}\n`)
    }
    report = await checkImports(root, RULES)
  })

  afterAll(() => rmSync(root, { recursive: true, force: true }))

  test.each(TABLE)('%s importing %s is judged: %s', (file, specifier, rule) => {
    const name = specifier.replace(/^(\.\.?\/)+|^node:|^type /, '').replace(/^(gpt-tokenizer)\/.*/, '$1')
    const broken = report.violations.filter((line) => line.includes(`: ${file} -> `) && line.includes(name))
    expect(broken.map((line) => line.split(':')[0])).toEqual(rule === null ? [] : [rule])
  })

  test('a folder without a rank is reported, and ranked code is not', () => {
    expect(report.unranked).toEqual(['src/newcomer/strange.ts'])
  })

  test('every source file was looked at', () => {
    expect(report.unseen).toEqual([])
    expect(report.cruised).toBe(new Set([...TABLE.map(([file]) => file), ...TARGETS]).size + 2)
  })
})

test('the tree keeps the import rules, and every file of it was looked at', async () => {
  const report = await checkImports(ROOT, RULES)
  expect(report.violations).toEqual([])
  expect(report.unranked).toEqual([])
  expect(report.unseen).toEqual([])
  expect(report.cruised).toBeGreaterThan(10)
})

function statement(specifier: string): string {
  const typeOnly = specifier.startsWith('type ')
  return typeOnly ? `import type * as types from '${specifier.slice(5)}'` : `export * from '${specifier}'`
}
