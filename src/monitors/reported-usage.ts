import { COMPLETION_CLASSES, PROMPT_CLASSES, type TokenClass } from '../pricing/tariff.ts'
import type { CallEvidence, TokenClasses, UsageShape } from '../pricing/usage.ts'
import { readAnthropic } from './usage/anthropic.ts'
import { readGemini } from './usage/gemini.ts'
import { readOpenAiChat } from './usage/openai-chat.ts'
import { readOpenAiCompatible } from './usage/openai-compatible.ts'
import { readOpenAiResponses } from './usage/openai-responses.ts'
import type { UsageReading } from './usage/reading.ts'
import { readTollkeeper } from './usage/tollkeeper.ts'
import { readXai } from './usage/xai.ts'

const READINGS: Readonly<Record<UsageShape, UsageReading>> = {
  tollkeeper: readTollkeeper,
  'openai-chat': readOpenAiChat,
  'openai-responses': readOpenAiResponses,
  anthropic: readAnthropic,
  gemini: readGemini,
  xai: readXai,
  'openai-compatible': readOpenAiCompatible,
}

/** What one call can have used at most, in tokens. */
interface UsageLimits {
  /** Of the three prompt classes together. */
  readonly prompt: number
  /** Of output and reasoning together. */
  readonly answer: number
}

/**
 * What a provider says it used, if it can be believed.
 * @param reported its usage object, as it said it
 * @returns our five disjoint classes, in tokens; null when anything that matters is absent, negative, not an integer,
 *          contradictory or impossible: then the call must be counted
 */
export function readReportedUsage(shape: UsageShape, reported: unknown, limits: UsageLimits): TokenClasses | null {
  const usage = READINGS[shape](reported)
  if (usage === null) return null
  const sum = (names: readonly TokenClass[]) => names.reduce((total, name) => total + (usage[name] ?? 0), 0)
  return sum(PROMPT_CLASSES) <= limits.prompt && sum(COMPLETION_CLASSES) <= limits.answer ? usage : null
}

/** A usage object has some hundred characters; what is longer is not kept. */
const KEPT_CHARACTERS_MAX = 8_192

/** JSON would make null of it, which reads like a figure that is absent; as a word it stays what nobody can believe. */
const asJson = (_key: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isFinite(value) ? String(value) : value

/** What a provider said, if it can be kept with the stage as JSON. */
export function keptUsage(shape: UsageShape, reported: unknown): CallEvidence['raw'] {
  if (reported === undefined || reported === null) return null
  try {
    const json = JSON.stringify(reported, asJson)
    return json === undefined || json.length > KEPT_CHARACTERS_MAX ? null : { shape, usage: JSON.parse(json) }
  } catch {
    return null // bigint, a cycle: nothing that came over a wire
  }
}
