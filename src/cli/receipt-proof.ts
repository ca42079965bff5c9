import { styleText } from 'node:util'
import type { Finding } from '../pipeline/recompute/finding.ts'

/** A terminal of 80 characters, whose last one some of them wrap at. */
const WIDTH = 79
const LABEL_WIDTH_MAX = 24
const NAME_WIDTH_MAX = 48
const INDENT_MAX = LABEL_WIDTH_MAX + 6
const MARKS = { proved: '✓', differs: '≠', not_provable: '?' } as const
const COLOURS = { proved: 'green', differs: 'red', not_provable: 'yellow' } as const
/** Of a line that is proved whole, its amount's formula says all; the others are shown where they are not proved. */
const SILENT = new Set<Finding['figure']>(['quantity', 'units', 'rate', 'entry', 'sum'])

/** What a recomputed receipt was made from, stage by stage, and the verdict in its last line. */
export function receiptProof(findings: readonly Finding[]): readonly string[] {
  const stages = Map.groupBy(findings, ({ stage }) => stage)
  const job = stages.get(null) ?? []
  stages.delete(null)
  const parts = [...stages].flatMap(([stage, own]) => [styleText('bold', stage ?? ''), ...rows(own)])
  return [
    styleText('bold', 'made again from what is stored'),
    ...parts,
    styleText('bold', 'sums'),
    ...rows(job),
    '',
    ...hanging('', verdictSentence(findings)).map((line) => styleText('bold', line)),
  ]
}

/** How many figures are proved, and which differ. */
export function verdictSentence(findings: readonly Finding[]): string {
  const of = (verdict: Finding['verdict']) => findings.filter((finding) => finding.verdict === verdict)
  const [differ, open] = [of('differs'), of('not_provable')]
  if (differ.length > 0) {
    const names = differ.map(({ stage, of: what, figure }) => `${stage ?? 'job'} ${what} (${figure})`)
    return `${differ.length} of ${findings.length} figures differ: ${names.join(', ')}`
  }
  if (open.length > 0) {
    const proved = `${findings.length - open.length} of ${findings.length} figures are proved`
    return `nothing differs: ${proved}, ${open.length} cannot be made again (?)`
  }
  return `all ${findings.length} figures are proved, each line rounded half up once`
}

function rows(findings: readonly Finding[]): readonly string[] {
  const shown = findings.filter((finding) => finding.verdict !== 'proved' || !isSilent(finding))
  const width = Math.min(LABEL_WIDTH_MAX, Math.max(0, ...shown.map((finding) => labelOf(finding).length)))
  return shown.flatMap((finding) => {
    const label = `  ${MARKS[finding.verdict]} ${labelOf(finding).padEnd(width)}  `
    const [first = '', ...rest] = hanging(label, sentenceOf(finding))
    return [first.replace(MARKS[finding.verdict], (mark) => styleText(COLOURS[finding.verdict], mark)), ...rest]
  })
}

const isSilent = ({ stage, figure }: Finding): boolean => stage !== null && SILENT.has(figure)

function labelOf(finding: Finding): string {
  const { of } = finding
  const name = of.length > NAME_WIDTH_MAX ? `${of.slice(0, NAME_WIDTH_MAX - 1)}…` : of
  return isSilent(finding) ? `${name} ${finding.figure}` : name
}

function sentenceOf({ figure, verdict, stored, recomputed, how }: Finding): string {
  if (verdict === 'differs') return `stored ${stored}, made again ${recomputed} (${how})`
  if (verdict === 'not_provable') return `${stored}, not provable: ${how}`
  return figure === 'sum' ? `${stored} = ${how}` : how
}

/** A text behind its label, wrapped between words; where the label takes too much room, further lines begin before its end. */
function hanging(label: string, text: string): readonly string[] {
  const indent = ' '.repeat(Math.min(label.length, INDENT_MAX))
  const lines: string[] = []
  let line = label
  let isFresh = true
  for (const word of text.split(' ')) {
    if (!isFresh && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = indent
      isFresh = true
    } else if (isFresh && line === label && label.length + word.length > WIDTH) {
      lines.push(label.trimEnd())
      line = indent
    }
    line = isFresh ? `${line}${word}` : `${line} ${word}`
    isFresh = false
  }
  return [...lines, line]
}
