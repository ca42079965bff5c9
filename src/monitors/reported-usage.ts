import type { TokenClass } from '../pricing/tariff.ts'
import type { CallEvidence, TokenClasses, UsageShape } from '../pricing/usage.ts'

const PROMPT_CLASSES: readonly TokenClass[] = ['input', 'cache_read', 'cache_write']
const ANSWER_CLASSES: readonly TokenClass[] = ['output', 'reasoning']
const KNOWN_CLASSES: ReadonlySet<string> = new Set([...PROMPT_CLASSES, ...ANSWER_CLASSES])

/** What one call can have used at most, in tokens. */
interface UsageLimits {
  /** Of the three prompt classes together. */
  readonly prompt: number
  /** Of output and reasoning together. */
  readonly answer: number
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * What a provider says it used, if it can be believed.
 * @param reported our five disjoint classes, in tokens; `input` and `output` must be there (0 is 0), the others may be
 *        missing where the provider has no such class. A field that we do not know makes the whole report unusable: it
 *        may hold tokens that nobody would price.
 * @returns null when anything is absent, negative, not an integer or impossible: then the call must be counted
 */
export function readReportedUsage(shape: UsageShape, reported: unknown, limits: UsageLimits): TokenClasses | null {
  if (shape !== 'tollkeeper' || !isRecord(reported)) return null
  const classes = Object.entries(reported)
  if (!classes.every(([name, tokens]) => KNOWN_CLASSES.has(name) && isCount(tokens))) return null
  if (!Object.hasOwn(reported, 'input') || !Object.hasOwn(reported, 'output')) return null
  const usage: TokenClasses = Object.fromEntries(classes)
  const sum = (names: readonly TokenClass[]) => names.reduce((total, name) => total + (usage[name] ?? 0), 0)
  return sum(PROMPT_CLASSES) <= limits.prompt && sum(ANSWER_CLASSES) <= limits.answer ? usage : null
}

/** A usage object has some hundred characters; what is longer is not kept. */
const KEPT_CHARACTERS_MAX = 8_192

/** What a provider said, if it can be kept with the stage as JSON. */
export function keptUsage(shape: UsageShape, reported: unknown): CallEvidence['raw'] {
  if (reported === undefined || reported === null) return null
  try {
    const json = JSON.stringify(reported)
    return json === undefined || json.length > KEPT_CHARACTERS_MAX ? null : { shape, usage: JSON.parse(json) }
  } catch {
    return null // bigint, a cycle: nothing that came over a wire
  }
}
