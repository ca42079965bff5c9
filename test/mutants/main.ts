import { parseArgs } from 'node:util'
import { MUTANTS } from './catalogue.ts'
import { type Mutant, mutate } from './mutant.ts'
import { isPure, type Outcome, runTests } from './test-run.ts'
import { copyTree, ROOT } from './tree.ts'

/** Two cores are what a build machine has for sure. */
const AT_A_TIME = 2
const NAME_WIDTH = 38

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    list: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    jobs: { type: 'string', default: String(AT_A_TIME) },
  },
})
const seed = Number(options.seed)
const jobs = Math.min(AT_A_TIME, Math.max(1, Number(options.jobs)))
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(jobs)) throw new Error('--seed and --jobs take an integer')
const chosen = MUTANTS.filter(({ name }) => options.only?.some((part) => name.includes(part)) ?? true)
if (chosen.length === 0) throw new Error('no mutant has such a name; --list shows them')

if (options.list) {
  for (const { name, why, files } of chosen) console.log(`${name.padEnd(NAME_WIDTH)} ${why} (${files.join(', ')})`)
} else {
  process.exitCode = (await hunt()) ? 0 : 1
}

/** @returns whether every mutant was killed */
async function hunt(): Promise<boolean> {
  console.log(`${chosen.length} mutants of the money code, seed ${seed} (again with --seed ${seed})`)
  const startedAt = performance.now()
  if (!(await isGreen())) return false
  const left: string[] = []
  // The slow ones first, so that none of them is left over at the end.
  const queue = chosen.toSorted((a, b) => Number(a.killers.every(isPure)) - Number(b.killers.every(isPure)))
  const hunters = Array.from({ length: jobs }, async () => {
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      const began = performance.now()
      const { isKilled, said } = await judge(mutant)
      if (!isKilled) left.push(mutant.name)
      console.log(`${mutant.name.padEnd(NAME_WIDTH)} ${secondsSince(began).padStart(5)} s  ${said}`)
    }
  })
  await Promise.all(hunters)
  const killed = chosen.length - left.length
  console.log(`${killed} of ${chosen.length} mutants are killed, in ${secondsSince(startedAt)} s with seed ${seed}`)
  if (left.length > 0) console.log(`Not killed: ${left.join(', ')}`)
  return left.length === 0
}

/** A mutant's death proves something only where its tests pass without it. */
async function isGreen(): Promise<boolean> {
  const killers = [...new Set(chosen.flatMap((mutant) => mutant.killers))]
  const groups = [killers.filter(isPure), killers.filter((file) => !isPure(file))].filter((files) => files.length > 0)
  for (const files of groups) {
    await using tree = await copyTree()
    const outcome = await runTests(tree.path, files, seed)
    if (outcome.kind === 'green') {
      console.log(`without a mutant ${outcome.tests} tests of ${files.length} files pass`)
    } else {
      console.log(`Without any mutant the tests do not pass: ${saying(outcome)}`)
      return false
    }
  }
  return true
}

async function judge(mutant: Mutant): Promise<{ isKilled: boolean; said: string }> {
  try {
    const edited = mutate(ROOT, mutant)
    await using tree = await copyTree()
    await tree.write(edited)
    const outcome = await runTests(tree.path, mutant.killers, seed)
    return { isKilled: outcome.kind === 'red', said: saying(outcome, mutant) }
  } catch (error) {
    return { isKilled: false, said: `ERROR ${error instanceof Error ? error.message : String(error)}` }
  }
}

function saying(outcome: Outcome, mutant?: Mutant): string {
  switch (outcome.kind) {
    case 'red':
      return `${outcome.failure.file} › ${outcome.failure.test}`
    case 'green':
      return `SURVIVED ${mutant?.killers.join(', ')}: ${mutant?.why}`
    case 'broken':
      return `BROKEN, no test could say anything: ${outcome.detail}`
  }
}

function secondsSince(began: number): string {
  return ((performance.now() - began) / 1_000).toFixed(1)
}
