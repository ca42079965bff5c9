import { type Bench, type BenchOptions, type BenchResult, type Figure, shown } from '../report.ts'
import { measureLoopLag } from './loop-lag.ts'
import { countMismatches } from './mismatches.ts'
import { measureSpeeds, realTexts, type Speeds } from './speed.ts'
import { measureFirstCount, measureRandomLetters, measureWorstCases } from './worst-case.ts'

/** How much a run does; `quick` ends within 40 s on two cores, its start included. */
const QUICK = { speedRounds: 7, speedCharacters: 400_000, worstRounds: 3, fuzzedTexts: 20_000, lagSeconds: 4 }
const FULL = { speedRounds: 15, speedCharacters: 2_000_000, worstRounds: 9, fuzzedTexts: 100_000, lagSeconds: 20 }

/** How fast and how exact tokens are counted, against tiktoken, and what a worker feels of it. No database is needed. */
export const tokensBench: Bench = async (options) => {
  const texts = realTexts(scaleOf(options).speedCharacters)
  const results = [
    measureRealTexts(texts, options),
    measureWorst(options),
    measureExactness(options),
    await measureLag(Object.values(texts), options),
  ]
  return {
    figures: results.flatMap(({ figures }) => figures),
    details: Object.assign({}, ...results.map(({ details }) => details)),
    violations: [],
  }
}

type Part = Pick<BenchResult, 'figures' | 'details'>

const scaleOf = ({ quick }: BenchOptions) => (quick ? QUICK : FULL)
const megabytes = (perSecond: number): string => `${shown(perSecond)} MB/s`

const WHAT = {
  prose: 'English prose, by o200k_base',
  code: 'TypeScript and JavaScript, by o200k_base',
  chinese: 'Chinese, by o200k_base',
} as const

/** The figures are those of the canonical encoding; the other one's stand beside them. */
function measureRealTexts(texts: ReturnType<typeof realTexts>, options: BenchOptions): Part {
  const details: Record<string, number> = {}
  const keys = Object.keys(WHAT) as (keyof typeof WHAT)[]
  const figures = keys.map((key): Figure => {
    const speedsBy = (encoding: 'o200k_base' | 'cl100k_base'): Speeds =>
      measureSpeeds(encoding, texts[key], scaleOf(options).speedRounds)
    const canonical = speedsBy('o200k_base')
    const second = speedsBy('cl100k_base')
    options.progress(key)
    details[`${key}_bytes`] = Buffer.byteLength(texts[key])
    details[`${key}_by_cl100k_base`] = second.ours / second.tiktoken
    details[`${key}_by_cl100k_base_megabytes_per_second`] = second.ours
    return {
      key,
      what: WHAT[key],
      measured: megabytes(canonical.ours),
      reference: `${megabytes(canonical.tiktoken)} by tiktoken`,
      value: canonical.ours / canonical.tiktoken,
    }
  })
  return { figures, details }
}

function measureWorst(options: BenchOptions): Part {
  const { worstRounds } = scaleOf(options)
  const texts = measureWorstCases(worstRounds)
  const letters = measureRandomLetters(worstRounds)
  options.progress('texts without a break')
  const slowest = texts.reduce((worst, each) => (each.seconds > worst.seconds ? each : worst))
  const steepest = texts.reduce((worst, each) => (each.growth > worst.growth ? each : worst))
  const milliseconds = (seconds: number): string => `${shown(seconds * 1_000)} ms`
  return {
    figures: [
      {
        key: 'worst_case_seconds',
        what: `1 MB without a break, the slowest: ${slowest.what}`,
        measured: milliseconds(slowest.seconds),
        reference: '-',
        value: slowest.seconds,
      },
      {
        key: 'doubling',
        what: `2 MB of the same, the steepest: ${steepest.what}`,
        measured: milliseconds(steepest.secondsOfTwice),
        reference: `${milliseconds(steepest.seconds)} for 1 MB`,
        value: steepest.growth,
      },
    ],
    details: {
      ...Object.fromEntries(texts.map(({ what, seconds }) => [`${what.replaceAll(/\W+/g, '_')}_seconds`, seconds])),
      random_letters_seconds: letters,
    },
  }
}

function measureExactness(options: BenchOptions): Part {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const { texts, found, example } = countMismatches(seed, scaleOf(options).fuzzedTexts)
  options.progress(`fuzzed texts, seed ${seed}`)
  return {
    figures: [
      {
        key: 'mismatches',
        what: `of ${shown(texts)} fuzzed texts, in both encodings`,
        measured: shown(found),
        reference: 'tiktoken',
        value: found,
      },
    ],
    details: { mismatches_seed: String(seed), ...(example !== undefined && { mismatches_example: example }) },
  }
}

async function measureLag(texts: readonly string[], options: BenchOptions): Promise<Part> {
  const firstCount = await measureFirstCount()
  const lag = await measureLoopLag(texts, scaleOf(options).lagSeconds)
  options.progress('event loop')
  return {
    figures: [
      {
        key: 'loop_lag_p99_ms',
        what: 'a process that measures texts of 1 MB',
        measured: `${shown(lag.p99Ms)} ms p99`,
        reference: `${shown(lag.idleP99Ms)} ms p99 of an idle one`,
        value: lag.p99Ms,
      },
    ],
    details: {
      loop_lag_highest_ms: lag.highestMs,
      loop_lag_texts: lag.texts,
      first_count_in_a_new_thread_seconds: firstCount,
    },
  }
}
