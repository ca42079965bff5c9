import { styleText } from 'node:util'
import type { JobView, StageView } from '../managers/job-view.ts'
import type { JobWatcher } from '../pipeline/job-watcher.ts'
import { formatAmount } from '../pricing/money.ts'
import type { Progress } from './progress.ts'

/** Room for `agent.` and a key of usual length. */
const STAGE_WIDTH = 18
const TOKENS_WIDTH = 7

/** Shows each stage with its tokens and charge as it is charged. @returns the job when `done` says so */
export async function followJob(
  watcher: JobWatcher,
  jobId: string,
  done: (job: JobView) => boolean,
  progress: Progress,
): Promise<JobView> {
  const shown = new Set<string>()
  let last: JobView | undefined
  try {
    for await (const job of watcher.watch(jobId, done)) {
      last = job
      const charged = job.stages.filter(({ state }) => state === 'charged')
      for (const stage of charged) {
        if (shown.has(stage.stage)) continue
        shown.add(stage.stage)
        progress.line(stageLine(stage, job.currency))
      }
      progress.at(charged.length, job.stages.length, whatRuns(job))
    }
  } finally {
    progress.end()
  }
  if (last === undefined) throw new Error(`nothing was seen of job ${jobId}`)
  return last
}

function stageLine({ stage, tokens, charged }: StageView, currency: string): string {
  const count = tokens.toLocaleString('en-US').padStart(TOKENS_WIDTH)
  const amount = `${formatAmount(charged)} ${currency}`
  return `${stage.padEnd(STAGE_WIDTH)}${count} tokens   charged ${styleText('green', amount)}`
}

function whatRuns({ state, stages }: JobView): string {
  if (state !== 'processing') return state
  const running = stages.filter((stage) => stage.state === 'running').map(({ stage }) => stage)
  return running.length > 0 ? running.join(', ') : 'on its way to the next stage'
}
