import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { apiBench } from './api/api.bench.ts'
import { chargeBench } from './charge/charge.bench.ts'
import { pipelineBench } from './pipeline/pipeline.bench.ts'
import { type Bench, toJson, toMarkdown, toTable } from './report.ts'
import { tokensBench } from './tokens/tokens.bench.ts'

// `npm run bench -- <charge|pipeline|tokens|api> [--quick] [--json] [--record]`: measures, checks the books, and only then speaks.
const BENCHES: Readonly<Record<string, Bench>> = {
  charge: chargeBench,
  pipeline: pipelineBench,
  tokens: tokensBench,
  api: apiBench,
}
const RESULTS = join(import.meta.dirname, 'RESULTS.md')
const USAGE = `usage: npm run bench -- <${Object.keys(BENCHES).join('|')}> [--quick] [--json] [--record]
  --quick   at most 40 s: no kill series, no large ledger, fewer fuzzed texts
  --json    one JSON object, on the last line
  --record  adds the result to bench/RESULTS.md`

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error)
  process.exitCode = 1
}

async function main(): Promise<number> {
  const given = readArguments()
  if (given === undefined) return 2
  const { name, bench, quick, json, record } = given
  const started = performance.now()
  const progress = (line: string): void => {
    process.stderr.write(`${((performance.now() - started) / 1_000).toFixed(1).padStart(6)} s  ${line}\n`)
  }
  const result = await bench({ quick, progress })
  if (result.violations.length > 0) {
    for (const violation of result.violations) console.error(`violation: ${violation}`)
    console.error('The books do not balance, so this run has no figure.')
  } else {
    if (record) {
      const head = existsSync(RESULTS) ? '' : '# Results of the benchmarks\n\n'
      appendFileSync(RESULTS, `${head}${toMarkdown(name, quick, result, new Date())}\n`)
    }
    if (!json) console.log(toTable(result))
  }
  if (json) console.log(JSON.stringify(toJson(name, quick, result)))
  return result.violations.length > 0 ? 1 : 0
}

function readArguments() {
  const flag = { type: 'boolean', default: false } as const
  try {
    const { values, positionals } = parseArgs({
      options: { quick: flag, json: flag, record: flag },
      allowPositionals: true,
    })
    const [name = '', ...more] = positionals
    const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined
    if (bench !== undefined && more.length === 0) return { name, bench, ...values }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
  }
  console.error(USAGE)
  return undefined
}
