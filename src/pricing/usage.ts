import { TOKEN_CLASSES, type TokenClass } from './tariff.ts'

/** Who measured: our tokenizer, or the model's provider. */
export type Source = 'counted' | 'reported'

/** One model call: tokens per class, integers ≥ 0; the classes are disjoint, an absent class is 0. */
export interface LlmUsage {
  readonly model: string
  readonly source: Source
  readonly classes: Readonly<Partial<Record<TokenClass, number>>>
}

/** What a finished stage used, in tokens. */
export type StageUsage =
  | { readonly kind: 'input'; readonly tokens: number }
  | { readonly kind: 'agent'; readonly agent: string; readonly llm: readonly LlmUsage[] }
  | { readonly kind: 'output'; readonly tokens: number }

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

/** The stage's tokens as people are shown them: all classes of all calls summed. */
export function tokensOf(usage: StageUsage): number {
  if (usage.kind !== 'agent') return usage.tokens
  let tokens = 0
  for (const call of usage.llm) for (const tokenClass of TOKEN_CLASSES) tokens += call.classes[tokenClass] ?? 0
  return tokens
}
