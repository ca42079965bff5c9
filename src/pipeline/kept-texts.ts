import { type CallEvidence, type KeptText, type StageUsage, withoutTexts } from '../pricing/usage.ts'
import { occurrencesOf } from './occurrences.ts'

/** A text that is stored with the job anyway: the job's own as `text`, a stage's result by the stage's name. */
export interface StoredText {
  readonly of: string
  readonly text: string
}

/** A shorter text is kept as it is: its name is no shorter. */
const REFERRED_CHARACTERS_MIN = 64
/** Of the prompts and answers of one stage, in UTF-16 units beyond what is stored anyway. */
const KEPT_CHARACTERS_MAX = 64 * 1024

/**
 * Makes the evidence of counted calls fit to be stored: what is stored with the job anyway is only named. A stage that
 * would keep more than 64 K characters beyond that keeps none, and its receipt says that it cannot be proved.
 */
export function packUsage(usage: StageUsage, stored: readonly StoredText[]): StageUsage {
  if (usage.kind !== 'agent' || usage.llm.every(({ evidence }) => evidence?.counted === undefined)) return usage
  const longest = stored.filter(({ text }) => text.length >= REFERRED_CHARACTERS_MIN)
  longest.sort((a, b) => b.text.length - a.text.length)
  const llm = usage.llm.map((call) =>
    call.evidence?.counted === undefined ? call : { ...call, evidence: packed(call.evidence, longest) },
  )
  const kept = llm.reduce((sum, { evidence }) => sum + lengthOf(evidence), 0)
  if (kept <= KEPT_CHARACTERS_MAX) return { ...usage, llm }
  return withoutTexts(usage)
}

function packed({ raw, counted }: CallEvidence, stored: readonly StoredText[]): CallEvidence {
  if (!counted) return { raw }
  const pack = (kept: KeptText): KeptText =>
    stored.reduce<KeptText>((parts, text) => parts.flatMap((part) => split(part, text)), kept)
  return { raw, counted: { prompt: pack(counted.prompt), answer: pack(counted.answer) } }
}

/** Every occurrence of a stored text becomes its name. */
function split(part: KeptText[number], { of, text }: StoredText): KeptText {
  if (typeof part !== 'string') return [part]
  const parts: KeptText[number][] = []
  let from = 0
  for (const at of occurrencesOf(text, part)) {
    if (at > from) parts.push(part.slice(from, at))
    parts.push({ of })
    from = at + text.length
  }
  if (from < part.length) parts.push(part.slice(from))
  return parts
}

/** A text that is named weighs about as much as its name. */
const NAME_CHARACTERS = 30

function lengthOf(evidence: CallEvidence | undefined): number {
  const parts = evidence?.counted ? [...evidence.counted.prompt, ...evidence.counted.answer] : []
  return parts.reduce((sum, part) => sum + (typeof part === 'string' ? part.length : NAME_CHARACTERS), 0)
}

/**
 * A kept text as it was.
 * @param stored the texts of the job by name, null where one is gone
 * @returns null where one of them is needed and gone
 */
export function unpack(kept: KeptText, stored: ReadonlyMap<string, string | null>): string | null {
  const parts = kept.map((part) => (typeof part === 'string' ? part : (stored.get(part.of) ?? null)))
  return parts.includes(null) ? null : parts.join('')
}
