import { describe, expect, test } from 'vitest'
import { readFiles, type SourceFile } from './source-files.ts'
import {
  anyType,
  datedNames,
  environmentAccess,
  FUNCTION_LINES_MAX,
  fileLength,
  fileName,
  focusedTests,
  functionLength,
  impureCalls,
  LINES_MAX,
  laterWords,
  machinePaths,
  type TidyRule,
  testNames,
} from './tidy-rules.ts'

const code = readFiles(['{src,workers,migrations,test,bench,examples,bin}/**/*.{ts,js,mjs}', '*.{ts,mjs}', '.*.mjs'])
const texts = readFiles([
  '{docs,bench,examples}/**/*.md',
  '*.{md,json,yml}',
  'Dockerfile',
  '.ci/*',
  'src/**/*.{sql,md}',
])
const inside = (pattern: RegExp): readonly SourceFile[] => code.filter((file) => pattern.test(file.path))
const tests = inside(/\.test\.ts$/)

const lines = (count: number): string => 'x()\n'.repeat(count)
const body = (count: number): string => `{\n${lines(count - 2)}}`
const word = (...halves: string[]): string => halves.join('')

/** rule | the files it holds for | a file that it must refuse | one that it must pass */
const RULES: readonly (readonly [string, TidyRule, readonly SourceFile[], SourceFile, SourceFile])[] = [
  [
    `files have at most ${LINES_MAX} lines`,
    fileLength,
    code,
    sample('src/a.ts', lines(LINES_MAX + 1)),
    sample('src/a.ts', lines(LINES_MAX)),
  ],
  [
    `functions have at most ${FUNCTION_LINES_MAX} lines`,
    functionLength,
    code,
    sample('src/a.ts', `const f = () => ${body(FUNCTION_LINES_MAX + 1)}`),
    sample(
      'src/a.ts',
      `function f() ${body(FUNCTION_LINES_MAX)}\ndescribe('x', () => ${body(FUNCTION_LINES_MAX + 1)})`,
    ),
  ],
  [
    'file names are kebab-case and say what is inside',
    fileName,
    inside(/^(src|workers|migrations|test|bench|examples|bin)\//),
    sample('src/pricing/helpers/a.ts', ''),
    sample('src/pricing/job-stage.model.ts', ''),
  ],
  [
    'nothing is put off to later',
    laterWords,
    [...code, ...texts],
    sample('src/a.ts', `// ${word('TO', 'DO')}: finish`),
    sample('src/a.ts', '// todos are a kind of task'),
  ],
  [
    'no path of one machine stands anywhere',
    machinePaths,
    [...code, ...texts],
    sample('docs/a.md', `cd ${word('/ho', 'me')}/me/project`),
    sample('docs/a.md', `cd ./${word('wo', 'rk')}ers/agent`),
  ],
  [
    'names do not tell their own history',
    datedNames,
    code,
    sample('src/a.ts', 'class BillingV2 {}'),
    sample('src/a.ts', 'class Billing {}'),
  ],
  ['nothing is of type any', anyType, code, sample('src/a.ts', 'const a = b as any'), sample('src/a.ts', '// any')],
  [
    'no test is focused or left out',
    focusedTests,
    tests,
    sample('test/a.test.ts', "describe.skip('x', () => {})"),
    sample('test/a.test.ts', "describe.skipIf(!redis)('x', () => {})"),
  ],
  [
    'the environment is read in the config folder only',
    environmentAccess,
    inside(/^(src\/(?!config\/)|workers\/|migrations\/|examples\/)/),
    sample('src/cli/a.ts', 'const home = process.env.HOME'),
    sample('src/cli/a.ts', 'process.exitCode = 1'),
  ],
  [
    'pure folders ask neither for the time nor for chance',
    impureCalls,
    inside(/^src\/(pricing|tokenizer|ledger)\//),
    sample('src/ledger/a.ts', 'const at = new Date()'),
    sample('src/ledger/a.ts', 'const at = new Date(row.at)'),
  ],
]

describe('the tree is tidy', () => {
  test.each(RULES)('%s', (_name, rule, files, bad, good) => {
    expect(rule(bad), 'the rule refuses its bad sample').toHaveLength(1)
    expect(rule(good), 'the rule passes its good sample').toEqual([])
    expect(files.length, 'there are files to look at').toBeGreaterThan(0)
    expect(files.flatMap((file) => rule(file))).toEqual([])
  })

  test('every test has a name of its own', () => {
    const named = tests.flatMap((file) => testNames(file))
    const places = Map.groupBy(named, ({ name }) => name)
    const twice = [...places].filter(([, uses]) => uses.length > 1)
    expect(twice.map(([name, uses]) => `${name}: ${uses.map(({ at }) => at).join(', ')}`)).toEqual([])
    expect(named.length).toBeGreaterThan(5)
  })

  test('two tests of one name are seen as such', () => {
    const names = testNames(sample('test/a.test.ts', "test('one', f)\nit.each(rows)('one', g)\nexpect('one')"))
    expect(names.map(({ name }) => name)).toEqual(['one', 'one'])
  })
})

function sample(path: string, text: string): SourceFile {
  return { path, text }
}
