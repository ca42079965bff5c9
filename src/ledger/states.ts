import { invariant } from '../foundation/invariant.ts'

export type JobState = 'queued' | 'processing' | 'charged' | 'rejected_for_balance' | 'failed' | 'cancelled'
export type StageState = 'waiting' | 'running' | 'charged' | 'reversed'

/** Legal moves of a job. Final states have none: a final job is never run again. */
const JOB_MOVES: Readonly<Record<JobState, readonly JobState[]>> = {
  queued: ['processing', 'rejected_for_balance', 'failed', 'cancelled'],
  processing: ['charged', 'rejected_for_balance', 'failed', 'cancelled'],
  rejected_for_balance: ['processing', 'failed', 'cancelled'],
  charged: [],
  failed: [],
  cancelled: [],
}

/** Legal moves of a stage. A running one goes back to waiting when its job is parked or its claim is given back. */
const STAGE_MOVES: Readonly<Record<StageState, readonly StageState[]>> = {
  waiting: ['running', 'charged'],
  running: ['running', 'waiting', 'charged'],
  charged: ['reversed'],
  reversed: [],
}

export function isFinal(state: JobState): boolean {
  return JOB_MOVES[state].length === 0
}

/** Whether a job was refused money at a stage and waits for its other running stages to end, to be parked then. */
export function isStopping(job: { readonly state: JobState; readonly rejection: object | null }): boolean {
  return job.state === 'processing' && job.rejection !== null
}

export function moveJob(job: { state: JobState }, to: JobState): void {
  invariant(JOB_MOVES[job.state].includes(to), `a job never goes from ${job.state} to ${to}`)
  job.state = to
}

export function moveStage(stage: { state: StageState }, to: StageState): void {
  invariant(STAGE_MOVES[stage.state].includes(to), `a stage never goes from ${stage.state} to ${to}`)
  stage.state = to
}
