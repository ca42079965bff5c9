import { describe, expect, it } from 'vitest'
import { businessKey } from '../../src/ledger/keys.ts'
import { isFinal, type JobState, moveJob, moveStage, type StageState } from '../../src/ledger/states.ts'

const JOB_STATES = ['queued', 'processing', 'rejected_for_balance', 'charged', 'failed', 'cancelled'] as const
const STAGE_STATES = ['waiting', 'running', 'charged', 'reversed'] as const

/** One row per state, one column per state that a row may go to: x is legal. */
const JOB_TABLE: Readonly<Record<JobState, string>> = {
  //                    queued processing rejected charged failed cancelled
  queued: '             .      x          x        .       x      x',
  processing: '         .      .          x        x       x      x',
  rejected_for_balance: '.     x          .        .       x      x',
  charged: '            .      .          .        .       .      .',
  failed: '             .      .          .        .       .      .',
  cancelled: '          .      .          .        .       .      .',
}
const STAGE_TABLE: Readonly<Record<StageState, string>> = {
  //        waiting running charged reversed
  waiting: ' .       x       x       .',
  running: ' x       x       x       .',
  charged: ' .       .       .       x',
  reversed: '.       .       .       .',
}

const marks = (row: string): readonly boolean[] => row.split(/\s+/).flatMap((mark) => (mark ? [mark === 'x'] : []))

describe('a state', () => {
  const jobMoves = JOB_STATES.flatMap((from) =>
    marks(JOB_TABLE[from]).map((legal, index) => ({ from, to: JOB_STATES[index] ?? from, legal })),
  )
  it.each(jobMoves)('lets a job go from $from to $to: $legal', ({ from, to, legal }) => {
    const job = { state: from as JobState }
    if (legal) moveJob(job, to)
    else expect(() => moveJob(job, to)).toThrow(`a job never goes from ${from} to ${to}`)
    expect(job.state).toBe(legal ? to : from)
  })

  const stageMoves = STAGE_STATES.flatMap((from) =>
    marks(STAGE_TABLE[from]).map((legal, index) => ({ from, to: STAGE_STATES[index] ?? from, legal })),
  )
  it.each(stageMoves)('lets a stage go from $from to $to: $legal', ({ from, to, legal }) => {
    const stage = { state: from as StageState }
    if (legal) moveStage(stage, to)
    else expect(() => moveStage(stage, to)).toThrow(`a stage never goes from ${from} to ${to}`)
    expect(stage.state).toBe(legal ? to : from)
  })

  it('covers every pair of states in these tables', () => {
    expect([jobMoves.length, stageMoves.length]).toEqual([36, 16])
  })

  it('is final where a job is never run again', () => {
    expect(JOB_STATES.filter(isFinal)).toEqual(['charged', 'failed', 'cancelled'])
  })
})

describe('a business key', () => {
  it.each([
    [businessKey.hold('j1', 2), 'hold:j1:2'],
    [businessKey.release('j1', 2), 'release:j1:2'],
    [businessKey.charge('j1', 'agent.a', 'llm-out', 'output'), 'charge:j1:agent.a:llm-out:output'],
    [businessKey.charge('j1', 'input', 'input', null), 'charge:j1:input:input:-'],
    [businessKey.writeOff('j1', 'agent.a', 'llm-out', 'output'), 'write_off:j1:agent.a:llm-out:output'],
    [businessKey.writeOff('j1', 'output', 'out', null), 'write_off:j1:output:out:-'],
    [businessKey.reversal(businessKey.charge('j1', 'input', 'input', null)), 'reversal:charge:j1:input:input:-'],
    [businessKey.topUp('acme', 'invoice-17'), 'top_up:acme:invoice-17'],
    [businessKey.adjustment('acme', 'invoice-17'), 'adjustment:acme:invoice-17'],
    [businessKey.seat('acme', 'op-1'), 'seat:acme:op-1'],
  ])('names what the money was moved for, never an attempt: %s', (key, expected) => {
    expect(key).toBe(expected)
  })
})
