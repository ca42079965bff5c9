import { currentStage } from '../ledger/delivery.ts'
import { isFinal, type JobState } from '../ledger/states.ts'
import type { JobHistory } from '../managers/job-history.ts'
import type { JobView, StageView } from '../managers/job-view.ts'
import type { Nano } from '../pricing/money.ts'

/** How far a job had come: holds taken, stages settled (bit n: the n-th of its stages), and its state. */
export interface Place {
  readonly generation: number
  readonly settled: bigint
  readonly state: JobState
}

/** A job as it was at a place, or is. */
export interface Moment {
  readonly place: Place
  readonly job: JobView
}

const PLACE = /^(\d{1,9})\.([0-9a-f]{1,20})\.(queued|processing|charged|rejected_for_balance|failed|cancelled)$/

/** A place as a text that tells any process where to go on. */
export function placeToText({ generation, settled, state }: Place): string {
  return `${generation}.${settled.toString(16)}.${state}`
}

/** @returns null for what is none */
export function placeFromText(text: string): Place | null {
  const [, generation, settled, state] = PLACE.exec(text) ?? []
  if (generation === undefined || settled === undefined) return null
  return { generation: Number(generation), settled: BigInt(`0x${settled}`), state: state as JobState }
}

/** Where a job is now. */
function placeOf({ view, generation }: JobHistory): Place {
  const settled = view.stages.reduce((bits, stage, index) => (isSettled(stage) ? bits | bit(index) : bits), 0n)
  return { generation, settled, state: view.state }
}

/**
 * All that happened to a job behind a place, in its order, up to now: each settled stage, each resume, and the state that
 * it is in. It is derived from rows that stay, so that whoever comes back hears the same, whichever process he asks. A
 * rejection is told while it stands; what is told once it is over is its resume.
 * @param after null, or a place that is none of this job's: only the present is told
 */
export function momentsSince(history: JobHistory, after: Place | null): readonly Moment[] {
  const now = placeOf(history)
  const present = { place: now, job: history.view }
  if (after === null || !isReached(after, now)) return [present]
  const moments = changesBetween(history, after, now).map((place) => ({ place, job: viewAt(history, place) }))
  const last = moments.at(-1)
  if (last && (isSame(last.place, now) || endedWith(history, last.place))) return [...moments.slice(0, -1), present]
  return isSame(after, now) ? [] : [...moments, present]
}

const bit = (index: number): bigint => 1n << BigInt(index)

/** A reversed stage was settled, and its line of the timeline stays. */
function isSettled({ finishedAt }: StageView): boolean {
  return finishedAt !== null
}

/** Whether a job that is at `now` can have been at `place`. */
function isReached(place: Place, now: Place): boolean {
  if (isFinal(place.state)) return isSame(place, now)
  return place.generation <= now.generation && (place.settled & ~now.settled) === 0n
}

function isSame(one: Place, other: Place): boolean {
  return placeToText(one) === placeToText(other)
}

interface Change {
  readonly at: number
  /** A hold, or the place of a stage in its job. */
  readonly generation: number | null
  readonly index: number
}

/** The first hold comes with the charge of the input and is no change of its own. */
function changesBetween({ view, holds }: JobHistory, after: Place, now: Place): readonly Place[] {
  const resumes = holds.flatMap(({ generation, at }): Change[] => {
    return generation > after.generation && generation <= now.generation ? [{ at, generation, index: -1 }] : []
  })
  const settles = view.stages.flatMap(({ finishedAt }, index): Change[] => {
    return finishedAt !== null && (after.settled & bit(index)) === 0n
      ? [{ at: finishedAt.getTime(), generation: null, index }]
      : []
  })
  const changes = [...resumes, ...settles].sort((a, b) => a.at - b.at || a.index - b.index)
  const places: Place[] = []
  let { generation, settled } = after
  for (const change of changes) {
    generation = change.generation ?? generation
    if (change.index >= 0) settled |= bit(change.index)
    if (change.generation !== 1) places.push({ generation, settled, state: 'processing' })
  }
  return places
}

/** The settle of the last stage ends a job of the pipeline in the same transaction: that is one change. */
function endedWith({ view }: JobHistory, { settled }: Place): boolean {
  if (view.state !== 'charged' || settled !== bit(view.stages.length) - 1n) return false
  const last = Math.max(...view.stages.map(({ finishedAt }) => finishedAt?.getTime() ?? 0))
  return view.finishedAt?.getTime() === last
}

/** The job as it was when it had come so far, while it was processed. */
function viewAt(history: JobHistory, { generation, settled }: Place): JobView {
  const { view } = history
  const stages = view.stages.map((stage, index): StageView => {
    if ((settled & bit(index)) !== 0n) return { ...stage, state: 'charged' }
    return { ...stage, state: 'waiting', tokens: 0, charged: 0n, result: null, finishedAt: null }
  })
  return {
    ...view,
    state: 'processing',
    stage: currentStage(stages),
    held: heldAt(history, stages, generation),
    charged: stages.reduce((sum, { charged }) => sum + charged, 0n),
    stages,
    rejection: null,
    failure: null,
    result: null,
    finishedAt: null,
  }
}

/** What was left of the hold: all holds and extensions until then, less what these stages were charged and was released. */
function heldAt({ holds, moves }: JobHistory, stages: readonly StageView[], generation: number): Nano {
  const settled = stages.filter(({ state }) => state === 'charged')
  const opened = holds.find((hold) => hold.generation === generation)?.at ?? 0
  const at = Math.max(opened, ...settled.map(({ finishedAt }) => finishedAt?.getTime() ?? 0))
  return moves.reduce((sum, move) => {
    if (move.kind === 'hold') return (move.generation ?? 0) <= generation ? sum + move.amount : sum
    if (move.kind === 'release') return (move.generation ?? 0) < generation ? sum - move.amount : sum
    if (move.kind === 'extend') return move.at <= at ? sum + move.amount : sum
    return settled.some(({ stage }) => stage === move.stage) ? sum - move.amount : sum
  }, 0n)
}
