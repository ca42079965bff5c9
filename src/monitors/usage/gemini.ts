import { disjoint, optional, required, tokensAt, type UsageReading, valueAt } from './reading.ts'

/**
 * `usageMetadata` of Gemini, from Google's AI Studio and from Vertex. `promptTokenCount` includes
 * `cachedContentTokenCount`; `toolUsePromptTokenCount` is further prompt beside it; `candidatesTokenCount` excludes
 * `thoughtsTokenCount`, but for the servers that put the thoughts into it, which `totalTokenCount` tells apart.
 * It is written as proto3 JSON, where a count of 0 is left out, so an absent count is 0 if the total agrees. Prompt and
 * total are never 0 and must be there. A server that gives the cache by modality only has said the same.
 * @see https://github.com/googleapis/js-genai/blob/6e9b35c45e21f0d37179a24d29dca01ebed698e6/src/types.ts
 * @see https://ai.google.dev/api/generate-content#UsageMetadata
 */
export const readGemini: UsageReading = (usage) => {
  const ownPrompt = required(tokensAt(usage, 'promptTokenCount'))
  const cacheRead = tokensAt(usage, 'cachedContentTokenCount') ?? cachedByModality(usage)
  const prompt = ownPrompt + optional(tokensAt(usage, 'toolUsePromptTokenCount'))
  const candidates = optional(tokensAt(usage, 'candidatesTokenCount'))
  const reasoning = optional(tokensAt(usage, 'thoughtsTokenCount'))
  const answer = required(tokensAt(usage, 'totalTokenCount')) - prompt
  const explained = answer === candidates + reasoning || answer === candidates
  // What a tool brought is not in the cache, so it must not hide a cache that is larger than the prompt.
  if (!explained || cacheRead > ownPrompt) return null
  return disjoint({ prompt, cacheRead, cacheWrite: 0, answer, reasoning })
}

function cachedByModality(usage: unknown): number {
  const modalities = valueAt(usage, 'cacheTokensDetails')
  if (modalities === undefined) return 0
  if (!Array.isArray(modalities)) return Number.NaN
  return modalities.reduce<number>((sum, modality) => sum + optional(tokensAt(modality, 'tokenCount')), 0)
}
