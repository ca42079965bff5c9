import type { Agent } from './agent.ts'
import { EXTRACTION_INSTRUCTION, SUMMARY_INSTRUCTION } from './instructions.ts'
import { singleCallAgent } from './single-call.agent.ts'

/** Lists key terms, dates, times, durations, money, percentages, e-mail addresses and links. */
export const extractor: Agent = singleCallAgent('extractor', EXTRACTION_INSTRUCTION)

/** Says in a few sentences what the text says. */
export const summarizer: Agent = singleCallAgent('summarizer', SUMMARY_INSTRUCTION)

/** The agents of a job that names none, in one parallel step. */
export const DEFAULT_AGENTS: readonly Agent[] = [extractor, summarizer]
