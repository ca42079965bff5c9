import { TOKEN_CLASSES, type TokenClass } from './tariff.ts'

/** Who measured: our tokenizer, or the model's provider. */
export type Source = 'counted' | 'reported'

/** Tokens per class, integers ≥ 0; the classes are disjoint, an absent class is 0. */
export type TokenClasses = Readonly<Partial<Record<TokenClass, number>>>

/** Whose words a provider reports its usage in; `tollkeeper` are our own five classes. */
export const USAGE_SHAPES = [
  'tollkeeper',
  'openai-chat',
  'openai-responses',
  'anthropic',
  'gemini',
  'xai',
  'openai-compatible',
] as const
export type UsageShape = (typeof USAGE_SHAPES)[number]

/** A text of a call, in parts: as it was, or a text that is stored elsewhere with its job. */
export type KeptText = readonly (string | { readonly of: string })[]

/** What a receipt's figures of one call were made from, so that anybody can make them again. */
export interface CallEvidence {
  /** What the provider said, as it said it; null: nothing, or more than is worth keeping. */
  readonly raw: { readonly shape: UsageShape; readonly usage: unknown } | null
  /** Only of a call that was counted: what was counted. */
  readonly counted?: { readonly prompt: KeptText; readonly answer: KeptText }
}

/** One model call. */
export interface LlmUsage {
  readonly model: string
  readonly source: Source
  readonly classes: TokenClasses
  readonly evidence?: CallEvidence
}

/** What a finished stage used, in tokens. */
export type StageUsage =
  | { readonly kind: 'input'; readonly tokens: number }
  | { readonly kind: 'agent'; readonly agent: string; readonly llm: readonly LlmUsage[] }
  | { readonly kind: 'output'; readonly tokens: number }

/** What was used of a feature outside of any job: so many of its own units. */
export interface FeatureUsage {
  readonly kind: 'feature'
  readonly feature: string
  readonly quantity: number
}

/** At most this many calls of one model, with at most these tokens in **each** call. */
export interface LlmBound {
  readonly model: string
  readonly calls: number
  readonly promptTokens: number
  readonly maxOutputTokens: number
}

/** What a stage may use at most; the input's tokens are known exactly. */
export type StageBound =
  | { readonly kind: 'input'; readonly tokens: number }
  | { readonly kind: 'agent'; readonly agent: string; readonly llm: LlmBound | null }
  | { readonly kind: 'output'; readonly maxTokens: number }

/** What was used, without the texts that it was counted in. */
export function withoutTexts(usage: StageUsage): StageUsage {
  if (usage.kind !== 'agent') return usage
  const llm = usage.llm.map(({ evidence, ...call }) => (evidence ? { ...call, evidence: { raw: evidence.raw } } : call))
  return { ...usage, llm }
}

/** The stage's tokens as people are shown them: all classes of all calls summed. */
export function tokensOf(usage: StageUsage): number {
  if (usage.kind !== 'agent') return usage.tokens
  let tokens = 0
  for (const call of usage.llm) for (const tokenClass of TOKEN_CLASSES) tokens += call.classes[tokenClass] ?? 0
  return tokens
}
