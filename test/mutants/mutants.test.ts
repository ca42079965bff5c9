import { existsSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { MUTANTS } from './catalogue.ts'
import { type Mutant, mutate } from './mutant.ts'
import { runTests } from './test-run.ts'
import { copyTree, ROOT } from './tree.ts'

/** The whole hunt takes minutes and is `npm run test:mutants`; what makes it worth running is checked here. */
describe('the list of mutants', () => {
  it('gives each a name of its own', () => {
    const names = MUTANTS.map(({ name }) => name)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
    expect(names.length).toBeGreaterThan(100)
  })

  it('finds the place of each, exactly once, and the tests that kill it', () => {
    const stale = MUTANTS.flatMap((mutant) => {
      try {
        mutate(ROOT, mutant)
        return mutant.killers
          .filter((file) => !existsSync(join(ROOT, file)))
          .map((file) => `${mutant.name}: no ${file}`)
      } catch (error) {
        return [String(error)]
      }
    })
    expect(stale).toEqual([])
  })

  it('makes another program of the source, not a broken one', () => {
    const broken = MUTANTS.filter(({ files }) => files[0]?.endsWith('.ts')).flatMap((mutant) =>
      [...mutate(ROOT, mutant)].flatMap(([path, text]) => {
        const { diagnostics = [] } = ts.transpileModule(text, { fileName: path, reportDiagnostics: true })
        return diagnostics.map(
          ({ messageText }) => `${mutant.name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
        )
      }),
    )
    expect(broken).toEqual([])
  })
})

describe('a mutant', () => {
  const sample: Mutant = {
    name: 'sample',
    why: 'it rounds',
    files: ['src/pricing/money.ts'],
    find: '2n * numerator + denominator, ',
    replace: '2n * numerator + denominator - 1n, ',
    killers: ['test/pricing/money.test.ts'],
  }
  async function outcomeOf(mutant: Mutant): Promise<unknown> {
    await using tree = await copyTree()
    await tree.write(mutate(ROOT, mutant))
    return await runTests(tree.path, mutant.killers, 1)
  }

  it('is killed by a test that fails, which is named', async () => {
    const failure = { file: 'test/pricing/money.test.ts', test: expect.stringMatching(/^dividing rounds/) }
    expect(await outcomeOf(sample)).toEqual({ kind: 'red', failure })
  })

  it('survives where every test passes', async () => {
    const harmless = { ...sample, replace: 'denominator + 2n * numerator, ' }
    expect(await outcomeOf(harmless)).toEqual({ kind: 'green', tests: expect.any(Number) })
  })

  it.each([
    ['cannot be read', '2n * * denominator, '],
    ['names what is not there', '2n * nobody + denominator, '],
  ])('is not killed by a program that %s', async (_what, replace) => {
    expect(await outcomeOf({ ...sample, replace })).toEqual({ kind: 'broken', detail: expect.any(String) })
  })

  it('is stale where its text is gone, or stands twice', () => {
    expect(() => mutate(ROOT, { ...sample, find: 'no such text' })).toThrow(
      'sample is stale: src/pricing/money.ts has 0',
    )
    expect(() => mutate(ROOT, { ...sample, find: 'numerator' })).toThrow(/is stale: .* has \d+ times "numerator"/)
  })
})
