import type { Agent } from './agent.ts'
import {
  ANALYSIS_INSTRUCTION,
  ASSISTANT_INSTRUCTION,
  EXTRACTION_INSTRUCTION,
  SUMMARY_INSTRUCTION,
} from './instructions.ts'
import { singleCallAgent } from './single-call.agent.ts'

/** Lists key terms, dates, times, durations, money, percentages, e-mail addresses and links. */
export const extractor: Agent = singleCallAgent('extractor', EXTRACTION_INSTRUCTION)

/** Says in a few sentences what the text says. */
export const summarizer: Agent = singleCallAgent('summarizer', SUMMARY_INSTRUCTION)

/**
 * Answers questions about a text with quotes from it, and says how it sounds and how hard it is to read.
 *
 * The questions stand in the text itself, at its very beginning or end, before or behind everything else: a line that
 * asks nothing but questions (`How long is the trip? Who pays?`, which may go on over further lines), or a line that
 * begins with `Question:`. Up to five are answered. Everything else is the material. In a later step of a job the notes
 * of the agents before stand at the end, so ask at the beginning there.
 */
export const analyst: Agent = singleCallAgent('analyst', ANALYSIS_INSTRUCTION)

/** Does what the text asks for: answers, drafts, rewrites. It needs a model that understands. */
export const assistant: Agent = singleCallAgent('assistant', ASSISTANT_INSTRUCTION)

/** The agents of a job that names none, in one parallel step. */
export const DEFAULT_AGENTS: readonly Agent[] = [extractor, summarizer]

/** What works with any model, the offline one too. */
const OFFLINE_AGENTS: readonly Agent[] = [...DEFAULT_AGENTS, analyst]

/**
 * The agents that this project brings.
 * @param offline whether the offline model answers: it cannot follow what a text asks for
 * @returns what is served, and of the others what to do to have them
 */
export function builtInAgents(offline: boolean): {
  readonly served: readonly Agent[]
  readonly withheld: ReadonlyMap<string, string>
} {
  if (!offline) return { served: [...OFFLINE_AGENTS, assistant], withheld: new Map() }
  const remedy =
    'The offline model cannot follow what a text asks for: set LLM_PROVIDER=openai-compatible, with LLM_BASE_URL, ' +
    'LLM_API_KEY and LLM_MODEL'
  return { served: OFFLINE_AGENTS, withheld: new Map([[assistant.key, remedy]]) }
}
