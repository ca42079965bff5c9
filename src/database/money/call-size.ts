import { type Call, PARKED_PER_WAKE } from '../../ledger/calls.ts'
import type { StageUsage } from '../../pricing/usage.ts'

/** What a call weighs beside its texts: ids, keys, figures, and the rows that it brings along. */
const CALL_BYTES = 500
/** A stage's bound, a model's usage or a delivery that was seen, as JSON. */
const ITEM_BYTES = 250

/** An answer and an entry of the audit log, which are made with the verdict. */
const SLIP_BYTES = 3_000

/**
 * What a call carries through memory and the connection, in bytes, near enough to bound both: its result and note are
 * measured, the rest is estimated from how many items it has.
 */
export function bytesOf(call: Call): number {
  return call.slip ? SLIP_BYTES + bytesWithoutSlip(call) : bytesWithoutSlip(call)
}

function bytesWithoutSlip(call: Call): number {
  if (call.kind === 'settle') {
    return CALL_BYTES + usageBytes(call.usage) + usageBytes(call.lost ?? null) + textBytes(call.result)
  }
  if (call.kind === 'let_go') return CALL_BYTES + usageBytes(call.usage)
  if (call.kind === 'admit') return CALL_BYTES + ITEM_BYTES * call.bounds.length
  if (call.kind === 'redeliver') return CALL_BYTES + ITEM_BYTES * call.seen.length
  if (call.kind === 'top_up' || call.kind === 'adjust') return CALL_BYTES + textBytes(call.note)
  if (call.kind === 'fail' || call.kind === 'reverse') return CALL_BYTES + textBytes(call.failure.detail)
  return CALL_BYTES
}

/** A text that is only named. */
const NAME_BYTES = 30

/** Whether a call walks over its organisation's parked jobs, and so locks up to PARKED_PER_WAKE of them. */
export function walks(call: Call): boolean {
  return call.kind === 'top_up' || call.kind === 'adjust' || (call.kind === 'wake' && call.jobId === null)
}

/** How many jobs a walk may lock; every other call locks one. */
export const WALK_ROWS = PARKED_PER_WAKE

/** Texts that were counted are stored with their calls; most are only named there. */
function usageBytes(usage: StageUsage | null): number {
  if (usage?.kind !== 'agent') return 0
  let bytes = ITEM_BYTES * usage.llm.length
  for (const { evidence } of usage.llm) {
    if (!evidence?.counted) continue
    for (const part of [...evidence.counted.prompt, ...evidence.counted.answer]) {
      bytes += typeof part === 'string' ? textBytes(part) : NAME_BYTES
    }
  }
  return bytes
}

function textBytes(text: string | null): number {
  return text === null ? 0 : Buffer.byteLength(text)
}
