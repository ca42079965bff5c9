import { isRecord } from '../../foundation/record.ts'
import { isCount } from '../../monitors/usage/reading.ts'
import { TOKEN_CLASSES } from '../../pricing/tariff.ts'
import { type LlmUsage, type StageUsage, USAGE_SHAPES, type UsageShape } from '../../pricing/usage.ts'

/** The usage of a settled stage as it is stored, or null where somebody changed it into what is none of this stage. */
export function usageFrom(stage: string, stored: unknown): StageUsage | null {
  if (!isRecord(stored)) return null
  const { kind, tokens, agent, llm } = stored
  if (stage === 'input' || stage === 'output') return kind === stage && isCount(tokens) ? { kind: stage, tokens } : null
  if (kind !== 'agent' || typeof agent !== 'string' || !Array.isArray(llm) || !llm.every(isCall)) return null
  return { kind, agent, llm }
}

function isCall(call: unknown): call is LlmUsage {
  if (!isRecord(call) || typeof call.model !== 'string' || !isRecord(call.classes)) return false
  const isKnown = ([name, tokens]: [string, unknown]) => TOKEN_CLASSES.some((own) => own === name) && isCount(tokens)
  return (call.source === 'reported' || call.source === 'counted') && Object.entries(call.classes).every(isKnown)
}

/** Whether a stored shape is one that we can read. */
export const isShape = (shape: unknown): shape is UsageShape => USAGE_SHAPES.some((known) => known === shape)
