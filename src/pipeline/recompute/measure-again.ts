import { isRecord } from '../../foundation/record.ts'
import type { EvidentStage, ReceiptEvidence } from '../../managers/receipt-evidence.ts'
import { readReportedUsage } from '../../monitors/reported-usage.ts'
import { TOKEN_CLASSES } from '../../pricing/tariff.ts'
import type { KeptText, LlmUsage, StageUsage, TokenClasses } from '../../pricing/usage.ts'
import { unpack } from '../kept-texts.ts'
import { deliveredText } from '../stage-text.ts'
import { type About, compare, type Finding, notProvable } from './finding.ts'
import { isShape } from './stored-usage.ts'

/** Counts with the canonical tokenizer, off the event loop where a text is long. */
export interface TextMeter {
  readonly tokenizer: { readonly id: string; readonly version: string }
  count(text: string): Promise<number>
}

const NO_EVIDENCE = 'settled before evidence was kept'
const OWN_TEXT = "an own job: its platform's own worker measured, and no text is stored"
const OWN_CALL = "an own job: its platform's own worker measured the call and gave no evidence"
const FORGOTTEN = 'the text was deleted after TEXT_RETENTION_DAYS'
const LOST = 'the text is not stored, although the job is not final'
const NOT_KEPT = 'the texts that were counted were too long to be kept'
const TOO_LONG = 'what the provider reported was too long to be kept'

const whole = (count: number): string => count.toLocaleString('en-US')

/** Measures again what a settled stage was charged for: its text, or each of its model calls. */
export async function measureAgain(
  evidence: ReceiptEvidence,
  stage: EvidentStage,
  usage: StageUsage,
  meter: TextMeter,
): Promise<readonly Finding[]> {
  if (usage.kind === 'agent') {
    return Promise.all(usage.llm.map((call, index) => measureCall(evidence, stage, call, index + 1, meter)))
  }
  const about = { stage: stage.stage, of: 'text', figure: 'tokens' } as const
  const stored = String(usage.tokens)
  if (evidence.runner === 'own') return [notProvable(about, stored, OWN_TEXT)]
  const by = `by ${nameOf(meter)}`
  if (usage.kind === 'input') {
    if (evidence.text === null) return [notProvable(about, stored, noText(evidence))]
    const tokens = await meter.count(evidence.text)
    return [compare(about, stored, String(tokens), `${whole(tokens)} tokens counted in the stored text ${by}`)]
  }
  const delivered = deliveredText({ steps: evidence.steps, results: resultsOf(evidence) })
  const tokens = await meter.count(delivered)
  return [
    compare(about, stored, String(tokens), `${whole(tokens)} tokens counted in the delivered text ${by}`),
    compare(
      { ...about, of: 'result', figure: 'result' },
      stage.result === delivered ? 'as delivered' : 'another text',
      'as delivered',
      "the results of the last step's agents, joined",
    ),
  ]
}

const nameOf = ({ tokenizer }: TextMeter): string => `${tokenizer.id} ${tokenizer.version}`
const noText = ({ receipt }: ReceiptEvidence): string => (receipt.final ? FORGOTTEN : LOST)

function resultsOf({ stages }: ReceiptEvidence): Readonly<Record<string, string>> {
  return Object.fromEntries(stages.flatMap(({ stage, result }) => (result === null ? [] : [[stage, result]])))
}

async function measureCall(
  evidence: ReceiptEvidence,
  stage: EvidentStage,
  call: LlmUsage,
  number: number,
  meter: TextMeter,
): Promise<Finding> {
  const about: About = { stage: stage.stage, of: `call ${number}`, figure: 'tokens' }
  const stored = measured(call.source, call.classes)
  if (!isRecord(call.evidence)) {
    return notProvable(about, stored, evidence.runner === 'own' ? OWN_CALL : NO_EVIDENCE)
  }
  if (call.source === 'reported') return readAgain(about, stored, call, limitsOf(evidence, stage))
  const kept = call.evidence.counted
  if (!isRecord(kept)) return notProvable(about, stored, evidence.runner === 'own' ? OWN_TEXT : NOT_KEPT)
  const [prompt, answer] = [keptText(evidence, kept.prompt), keptText(evidence, kept.answer)]
  if ('missing' in prompt) return notProvable(about, stored, prompt.missing)
  if ('missing' in answer) return notProvable(about, stored, answer.missing)
  const [input, output] = [await meter.count(prompt.text), await meter.count(answer.text)]
  // A prompt's limit is its tokens or its bytes, by its provider: within the smaller one a report was to be believed.
  const reported = reportedOf(call, { prompt: input, answer: limitsOf(evidence, stage).answer })
  if (reported) {
    return compare(about, stored, measured('reported', reported), `${call.model} reported what can be believed`)
  }
  const classes = { input, output }
  const how = `${shown(classes)} counted in the kept prompt and answer by ${nameOf(meter)}`
  return compare(about, stored, measured('counted', classes), how)
}

interface Limits {
  readonly prompt: number
  readonly answer: number
}

/** What one call could have used at most: what it was held for. What an own job's calls could is its platform's word. */
function limitsOf({ runner }: ReceiptEvidence, { bound }: EvidentStage): Limits {
  const llm = runner === 'pipeline' && bound?.kind === 'agent' ? bound.llm : null
  if (llm) return { prompt: llm.promptTokens, answer: llm.maxOutputTokens }
  return { prompt: Number.MAX_SAFE_INTEGER, answer: Number.MAX_SAFE_INTEGER }
}

function readAgain(about: About, stored: string, call: LlmUsage, limits: Limits): Finding {
  if (!isRecord(call.evidence?.raw)) return notProvable(about, stored, TOO_LONG)
  const classes = reportedOf(call, limits)
  if (classes) {
    const how = `${shown(classes)} as ${call.model} reported (${call.evidence.raw.shape})`
    return compare(about, stored, measured('reported', classes), how)
  }
  const most = `${whole(limits.prompt)} tokens of prompt and ${whole(limits.answer)} of answer`
  const how = `the kept report cannot be read, or says more than a call was held for (${most})`
  return compare(about, stored, 'no usable report', how)
}

function reportedOf({ evidence }: LlmUsage, limits: Limits): TokenClasses | null {
  const raw = evidence?.raw
  return isRecord(raw) && isShape(raw.shape) ? readReportedUsage(raw.shape, raw.usage, limits) : null
}

/** A text of a call, put together again from its parts; or why it cannot be. */
function keptText(evidence: ReceiptEvidence, kept: unknown): { readonly text: string } | { readonly missing: string } {
  if (!isKept(kept)) return { missing: 'the kept text cannot be read' }
  const stored = new Map(evidence.stages.map(({ stage, result }) => [stage, result] as const)).set(
    'text',
    evidence.text,
  )
  const text = unpack(kept, stored)
  if (text !== null) return { text }
  const gone = kept.flatMap((part) =>
    typeof part === 'string' || (stored.get(part.of) ?? null) !== null ? [] : [part.of],
  )
  return { missing: gone.includes('text') ? noText(evidence) : `the result of ${gone.join(', ')} is not stored` }
}

function isKept(kept: unknown): kept is KeptText {
  return (
    Array.isArray(kept) &&
    kept.every((part) => typeof part === 'string' || (isRecord(part) && typeof part.of === 'string'))
  )
}

/** Who said so, and the tokens by class, as they are compared. */
function measured(source: string, classes: TokenClasses): string {
  const used = TOKEN_CLASSES.flatMap((name) => (classes[name] ? [`${name} ${classes[name]}`] : []))
  return `${source}: ${used.join(', ') || 'no tokens'}`
}

function shown(classes: TokenClasses): string {
  const used = TOKEN_CLASSES.flatMap((name) => (classes[name] ? [`${whole(classes[name])} ${name}`] : []))
  return used.join(', ') || 'no tokens'
}
