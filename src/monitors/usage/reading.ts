import { isRecord } from '../../foundation/record.ts'
import { TOKEN_CLASSES, type TokenClass } from '../../pricing/tariff.ts'
import type { TokenClasses } from '../../pricing/usage.ts'

/**
 * Says one provider's usage object in our five disjoint classes. Pure; knows nothing of the call.
 * @returns tokens per class, integers ≥ 0; null where a figure that matters is absent, is no count of tokens, or
 *          contradicts another one. Nothing is guessed: the call is then counted.
 */
export type UsageReading = (usage: unknown) => TokenClasses | null

/** A number of tokens: an integer from 0 on that a JavaScript number holds exactly. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** What stands at a place of a usage object; undefined where it, or what should hold it, is absent or null. */
export function valueAt(usage: unknown, ...place: readonly string[]): unknown {
  let value = usage
  for (const name of place) {
    if (value === undefined || value === null) return undefined
    if (!isRecord(value)) return Number.NaN
    value = Object.hasOwn(value, name) ? value[name] : undefined
  }
  return value ?? undefined
}

/**
 * The tokens at a place of a usage object: undefined where nothing stands there, NaN where it is no count. NaN goes
 * through every sum and comparison, so that no reading can make tokens of it.
 */
export function tokensAt(usage: unknown, ...place: readonly string[]): number | undefined {
  const value = valueAt(usage, ...place)
  if (value === undefined) return undefined
  return isCount(value) ? value : Number.NaN
}

/** Tokens without which a usage object says nothing. */
export const required = (tokens: number | undefined): number => tokens ?? Number.NaN

/** Tokens of a kind that a provider leaves out where there are none. */
export const optional = (tokens: number | undefined): number => tokens ?? 0

/** Figures as most providers give them: the cache is a part of the prompt, reasoning is a part of the answer. */
interface InclusiveFigures {
  readonly prompt: number
  readonly cacheRead: number
  readonly cacheWrite: number
  readonly answer: number
  readonly reasoning: number
}

/** Takes the parts out of their sums; null where a part is larger than its sum, or anything is no count. */
export function disjoint({ prompt, cacheRead, cacheWrite, answer, reasoning }: InclusiveFigures): TokenClasses | null {
  return believable({
    input: prompt - cacheRead - cacheWrite,
    cache_read: cacheRead,
    cache_write: cacheWrite,
    output: answer - reasoning,
    reasoning,
  })
}

/** Classes that are disjoint as they are; null where one of them is no count. */
export function believable(classes: Readonly<Record<TokenClass, number>>): TokenClasses | null {
  return TOKEN_CLASSES.every((tokenClass) => isCount(classes[tokenClass])) ? classes : null
}
