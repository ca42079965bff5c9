import type { Component, Tariff, TokenClass } from './tariff.ts'

/** Where a class without a price of its own is priced instead. */
const FALLBACK: Readonly<Partial<Record<TokenClass, TokenClass>>> = {
  cache_read: 'input',
  cache_write: 'input',
  reasoning: 'output',
}

/** The price of the input or output meter, or null: billed at zero. */
export function meterComponent(tariff: Tariff, kind: 'input_tokens' | 'output_tokens'): Component | null {
  return tariff.components.find((component) => component.kind === kind) ?? null
}

/** The fee of an agent, or null: it has none. */
export function agentComponent(tariff: Tariff, agent: string): Component | null {
  return tariff.components.find((component) => component.kind === 'agent' && component.agent === agent) ?? null
}

/** The price of a feature, or null: billed at zero. */
export function featureComponent(tariff: Tariff, feature: string): Component | null {
  return tariff.components.find((component) => component.kind === 'feature' && component.feature === feature) ?? null
}

/**
 * The price of one token class of one model, or null. The class decides before the model: a price for this class, the
 * model's own before `*`; only where neither exists the class that it falls back to, again the model's own before `*`.
 */
export function llmComponent(tariff: Tariff, model: string, tokenClass: TokenClass): Component | null {
  const own = llmComponentOfClass(tariff, model, tokenClass)
  const fallback = FALLBACK[tokenClass]
  return own ?? (fallback === undefined ? null : llmComponentOfClass(tariff, model, fallback))
}

function llmComponentOfClass(tariff: Tariff, model: string, tokenClass: TokenClass): Component | null {
  let wildcard: Component | null = null
  for (const component of tariff.components) {
    if (component.kind !== 'llm_tokens' || component.tokenClass !== tokenClass) continue
    if (component.llmModel === model) return component
    if (component.llmModel === '*') wildcard = component
  }
  return wildcard
}
