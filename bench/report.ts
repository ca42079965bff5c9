import { type FigureKey, GOALS, type Goal } from './goals.ts'
import { describeCommit, describeMachine } from './machine.ts'

/** One figure of a run: a ratio of something measured to its reference, or a plain measure where the key has a unit. */
export interface Figure {
  readonly key: FigureKey
  readonly what: string
  /** Both with their units, as they are shown. */
  readonly measured: string
  readonly reference: string
  readonly value: number
}

export interface BenchResult {
  readonly figures: readonly Figure[]
  /** What else the run saw, by name, with the unit last in the name. */
  readonly details: Readonly<Record<string, number | string>>
  /** What is wrong with the books at the end of the run: then there are no figures. */
  readonly violations: readonly string[]
}

export interface BenchOptions {
  readonly quick: boolean
  /** Says what goes on; never on standard output, whose last line is the result. */
  progress(line: string): void
}

export type Bench = (options: BenchOptions) => Promise<BenchResult>

/** 18,400 for large numbers, three significant digits for small ones. */
export function shown(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}

function verdictOn(value: number, { reach, moonshot, smaller }: Goal): string {
  const meets = (goal: number): boolean => (smaller ? value <= goal : value >= goal)
  if (meets(moonshot)) return 'moonshot'
  return meets(reach) ? 'reached' : 'missed'
}

const HEAD = ['figure', 'measured', 'reference', 'ratio', 'goal', 'moonshot', 'verdict']

function rowsOf(figures: readonly Figure[]): string[][] {
  return figures.map(({ key, what, measured, reference, value }) => {
    const goal: Goal = GOALS[key]
    const sign = goal.smaller ? '≤' : '≥'
    const goals = [`${sign} ${shown(goal.reach)}`, `${sign} ${shown(goal.moonshot)}`]
    return [`${key}: ${what}`, measured, reference, shown(value), ...goals, verdictOn(value, goal)]
  })
}

/** For people: one line per figure, then what else was seen. */
export function toTable({ figures, details }: BenchResult): string {
  const rows = [HEAD, ...rowsOf(figures)]
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const more = Object.entries(details).map(
    ([name, value]) => `  ${name}: ${typeof value === 'number' ? shown(value) : value}`,
  )
  return [...lines, '', 'also seen', ...more].join('\n')
}

/** For programs: one object; every figure stands under its key. No figure where the books have a violation. */
export function toJson(bench: string, quick: boolean, result: BenchResult): Record<string, unknown> {
  const { figures, details, violations } = result
  const head = { bench, quick, ok: violations.length === 0, commit: describeCommit(), machine: describeMachine() }
  if (violations.length > 0) return { ...head, violations }
  const values = Object.fromEntries(figures.map(({ key, value }) => [key, Number(value.toPrecision(4))]))
  return { ...head, ...values, details }
}

/** A section of RESULTS.md. */
export function toMarkdown(bench: string, quick: boolean, result: BenchResult, date: Date): string {
  const { cores, cpu, memory_gib: memory, platform, node } = describeMachine()
  const cells = (row: readonly string[]): string => `| ${row.join(' | ')} |`
  return [
    `## ${bench}${quick ? ' --quick' : ''}, ${date.toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${describeCommit()}`,
    '',
    `${cores} cores of ${cpu}, ${memory} GiB, ${platform}, Node ${node}.`,
    '',
    cells(HEAD),
    cells(HEAD.map(() => '---')),
    ...rowsOf(result.figures).map(cells),
    '',
    ...Object.entries(result.details).map(
      ([name, value]) => `- ${name}: ${typeof value === 'number' ? shown(value) : value}`,
    ),
    '',
  ].join('\n')
}
