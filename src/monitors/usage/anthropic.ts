import { believable, optional, required, tokensAt, type UsageReading, valueAt } from './reading.ts'

/** What one turn of the model took; Anthropic's three kinds of input are disjoint. */
interface Turn {
  readonly input: number
  readonly cacheRead: number
  readonly cacheWrite: number
  readonly output: number
}

/** Turns of the model that was asked. Others (an adviser, a fallback) are another model's and have another price. */
const OWN_TURNS: readonly unknown[] = ['message', 'compaction']

/**
 * `usage` of Anthropic's messages. `input_tokens` **excludes** `cache_creation_input_tokens` and
 * `cache_read_input_tokens`, either of which may be null; `cache_creation` splits the first of them by lifetime and adds
 * nothing. `output_tokens` includes thinking, of which `output_tokens_details.thinking_tokens` says how much.
 * `server_tool_use` counts requests, not tokens. Where `iterations` are listed, they are the whole: the figures above
 * them leave out what compaction took.
 * @see https://github.com/anthropics/anthropic-sdk-typescript/blob/bfa9197f0182084941052be9752c948638421601/src/resources/messages/messages.ts
 * @see https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export const readAnthropic: UsageReading = (usage) => {
  const stated = turnOf(usage)
  const { input, cacheRead, cacheWrite, output } = sumOfIterations(usage, stated) ?? stated
  const reasoning = optional(tokensAt(usage, 'output_tokens_details', 'thinking_tokens'))
  return believable({ input, cache_read: cacheRead, cache_write: cacheWrite, output: output - reasoning, reasoning })
}

function turnOf(usage: unknown): Turn {
  const cacheWrite = optional(tokensAt(usage, 'cache_creation_input_tokens'))
  const byLifetime = ['ephemeral_5m_input_tokens', 'ephemeral_1h_input_tokens'].map((lifetime) =>
    tokensAt(usage, 'cache_creation', lifetime),
  )
  const written = byLifetime.reduce<number>((sum, tokens) => sum + optional(tokens), 0)
  const contradicts = byLifetime.some((tokens) => tokens !== undefined) && written !== cacheWrite
  return {
    input: required(tokensAt(usage, 'input_tokens')),
    cacheRead: optional(tokensAt(usage, 'cache_read_input_tokens')),
    cacheWrite: contradicts ? Number.NaN : cacheWrite,
    output: required(tokensAt(usage, 'output_tokens')),
  }
}

/** @returns null where no iterations are listed; NaN where they say less than the figures above them, or another model's */
function sumOfIterations(usage: unknown, stated: Turn): Turn | null {
  const iterations = valueAt(usage, 'iterations')
  if (iterations === undefined || (Array.isArray(iterations) && iterations.length === 0)) return null
  const known = Array.isArray(iterations) && iterations.every((turn) => OWN_TURNS.includes(valueAt(turn, 'type')))
  const turns = known ? iterations.map(turnOf) : []
  const sum = (field: keyof Turn) => {
    const tokens = turns.reduce((total, turn) => total + turn[field], 0)
    return turns.length > 0 && tokens >= stated[field] ? tokens : Number.NaN
  }
  return { input: sum('input'), cacheRead: sum('cacheRead'), cacheWrite: sum('cacheWrite'), output: sum('output') }
}
