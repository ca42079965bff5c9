import type { Call } from '../../src/ledger/calls.ts'
import type { StageRow } from '../../src/ledger/facts.ts'
import { businessKey } from '../../src/ledger/keys.ts'

/** One walk over parked jobs that a batch asks for: which one, or the page behind a cursor. */
export interface Page {
  readonly organizationId: string
  readonly jobId: string | null
  readonly fitting: boolean
  readonly after: { readonly parkedAt: number; readonly id: string } | null
}

/** The walks over parked jobs that a call asks for. */
export function pagesOf(call: Call): readonly Page[] {
  const { organizationId } = call
  if (call.kind === 'wake')
    return [
      {
        organizationId,
        jobId: call.jobId,
        fitting: call.jobId === null && call.scope === 'fitting',
        after: call.after,
      },
    ]
  if (call.kind === 'top_up' || call.kind === 'adjust')
    return [{ organizationId, jobId: null, fitting: false, after: null }]
  return []
}

/** Of a stage only what a call may need is read: its lines to answer or to reverse them, never its text or usage. */
export function readOf(row: StageRow, calls: readonly Call[]): StageRow {
  const needed = calls.some((call) => {
    if (call.kind === 'fail' || call.kind === 'reverse' || call.kind === 'extend' || call.kind === 'wake') {
      return call.jobId === row.jobId
    }
    if (call.kind === 'settle') return call.jobId === row.jobId && call.stage === row.stage
    return call.kind === 'admit' && call.jobId === row.jobId && row.stage === 'input'
  })
  const lines = row.state === 'charged' && needed ? row.lines : undefined
  return { ...row, usage: undefined, lines, result: undefined }
}

/** The keys whose entries a call may meet. */
export function keysOf(call: Call): readonly string[] {
  if (call.kind === 'top_up') return [businessKey.topUp(call.organizationId, call.reference)]
  if (call.kind === 'adjust') return [businessKey.adjustment(call.organizationId, call.reference)]
  if (call.kind === 'extend') return [businessKey.extend(call.jobId, call.stage, call.call)]
  return []
}
