import { o200kBase } from '../tokenizer/o200k-base.ts'
import { ANALYSIS_INSTRUCTION, EXTRACTION_INSTRUCTION } from './instructions.ts'
import { type LlmAnswer, type LlmRequest, promptText } from './llm-provider.ts'
import { analyse } from './offline-analysis.ts'
import { extract } from './offline-extraction.ts'
import { summarize } from './offline-summary.ts'

/** A request as it travels to the thread. */
export type OfflineRequest = Omit<LlmRequest, 'signal' | 'tools'>

const WORK = new Map([
  [EXTRACTION_INSTRUCTION, extract],
  [ANALYSIS_INSTRUCTION, analyse],
])

/** Answers by the instruction: an extract or an analysis when it is asked for, else a summary. Pure and deterministic. */
export function answerOffline({ system, messages, maxOutputTokens }: OfflineRequest): LlmAnswer {
  const answer = WORK.get(system) ?? summarize
  const text = answer(messages.map(({ text }) => text).join('\n\n'), maxOutputTokens, o200kBase)
  const usage = { input: o200kBase.count(promptText({ system, messages })), output: o200kBase.count(text) }
  return { text, toolCalls: [], usage }
}
