import type { NoteLimit } from '../agents/agent.ts'
import type { StageWork } from '../database/stage-work.ts'
import { INLINE_UNITS_MAX } from '../monitors/counting-pool.ts'
import type { StoredText } from './kept-texts.ts'

/** The agents of a job, and what those made that are done. */
type Results = Pick<StageWork, 'steps' | 'results'>

/** What the agents of one step wrote, in the order in which the job names them. */
function resultsOf(job: Results, step: number): readonly { key: string; text: string }[] {
  return (job.steps[step] ?? []).map((key) => ({ key, text: job.results[`agent.${key}`] ?? '' }))
}

/**
 * What an agent works on: the customer's text, and, from the second step on, what the step before wrote about it. Those
 * texts are cut to what the hold was made for.
 */
export function agentText(job: StageWork, stage: string, notes: NoteLimit): string {
  const step = stepOf(job, stage)
  if (step < 1) return job.text
  const written = resultsOf(job, step - 1).map(({ key, text }) => `## ${key}\n\n${notes.cut(text)}`)
  return [job.text, ...written].join('\n\n')
}

/** The texts that stand in an agent's prompts and answers and are stored anyway, its result being one of them. */
export function storedTexts(job: StageWork, stage: string, result: string): readonly StoredText[] {
  const before = resultsOf(job, stepOf(job, stage) - 1).map(({ key, text }) => ({ of: `agent.${key}`, text }))
  return [{ of: 'text', text: job.text }, ...before, { of: stage, text: result }]
}

const stepOf = (job: StageWork, stage: string): number =>
  job.steps.findIndex((keys) => keys.some((key) => `agent.${key}` === stage))

/** What the customer gets: the last step's texts, as they are if it is one, under headings if there are several. */
export function deliveredText(job: Results): string {
  const results = resultsOf(job, job.steps.length - 1)
  const [only] = results
  if (only && results.length === 1) return only.text
  return results.map(({ key, text }) => `## ${key}\n\n${text}`).join('\n\n')
}

/** Whether a stage does no more than count a text that is counted in line, and everything was read for it. */
export function isShortCount(job: StageWork, stage: string): boolean {
  if (stage.startsWith('agent.') || !isReady(job, stage)) return false
  return (stage === 'input' ? job.text : deliveredText(job)).length <= INLINE_UNITS_MAX
}

/** Whether everything was read that a stage works on: its bound, and what the step before it made. */
export function isReady(job: StageWork, stage: string): boolean {
  if (stage === 'input') return true
  const own = stepOf(job, stage)
  const before = stage === 'output' ? job.steps.at(-1) : job.steps[own - 1]
  return (stage === 'output' || job.bound !== null) && (before ?? []).every((key) => `agent.${key}` in job.results)
}
