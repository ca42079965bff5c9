import { Command, InvalidArgumentError } from 'commander'
import { ValidationError } from '../foundation/errors.ts'
import { batchQuoteToJson, quoteToJson } from '../managers/contract-json.ts'
import type { QuoteView } from '../managers/quote-view.ts'
import type { TextList } from '../pipeline/submission.ts'
import { formatAmount } from '../pricing/money.ts'
import { FILE, readText, termsOf, withJobOptions } from './job-options.ts'
import { createProgress } from './progress.ts'
import { batchQuoteLines } from './quote-table.ts'
import { print, printJson, type Session, sessionOf, withTollkeeper } from './session.ts'
import { table } from './table.ts'

export function quoteCommand(): Command {
  return withJobOptions(new Command('quote'))
    .argument('<files...>', `${FILE}; of several texts it says how many fit the balance`, withFile)
    .description('Say what texts would cost at least and at most, without any effect')
    .addHelpText('after', HELP)
    .action(async (files: readonly string[], _options: unknown, command: Command) => {
      const session = sessionOf(command)
      const terms = termsOf(command.opts())
      const [file = '-'] = files
      if (files.length > 1) return quoteAll(session, files, terms)
      const text = await readText(file)
      const view = await withTollkeeper(session.config, ({ service }) => service.quote({ ...terms, text }))
      if (session.json) printJson(quoteToJson(view))
      else printQuote(view)
    })
}

function withFile(file: string, files: readonly string[] = []): readonly string[] {
  if (file === '-' && files.includes('-')) throw new InvalidArgumentError('Standard input can be read once.')
  return [...files, file]
}

async function quoteAll(session: Session, files: readonly string[], terms: Omit<TextList, 'texts'>): Promise<void> {
  const texts: string[] = []
  for (const file of files) texts.push(await readText(file))
  const progress = createProgress(!session.json)
  try {
    const view = await withTollkeeper(session.config, async ({ service }) => {
      progress.at(0, texts.length, 'texts measured')
      return service.quoteAll({ ...terms, texts }, (done) => progress.at(done, texts.length, 'texts measured'))
    })
    progress.end()
    if (session.json) printJson(batchQuoteToJson(view))
    else for (const line of batchQuoteLines(view, files)) print(line)
  } catch (error) {
    throw error instanceof ValidationError ? named(error, files) : error
  } finally {
    progress.end()
  }
}

/** Whoever calls knows a text by its file, not by its place in a list. */
function named({ errors }: ValidationError, files: readonly string[]): ValidationError {
  return new ValidationError(
    errors.map((error) => {
      const file = files[Number(/^\/texts\/(\d+)$/.exec(error.pointer)?.[1])]
      return file === undefined ? error : { ...error, detail: `${file}: ${error.detail}` }
    }),
  )
}

function printQuote(view: QuoteView): void {
  const { stages, currency, inputTokens, available, affordable, warnings } = view
  const rows = [...stages, { ...view, stage: 'total' }].map(({ stage, lower, upper }) => [
    stage,
    formatAmount(lower),
    formatAmount(upper),
  ])
  print(`${inputTokens.toLocaleString('en-US')} input tokens; amounts in ${currency}\n`)
  print(
    table(['stage', { title: 'at least', align: 'decimal' }, { title: 'at most', align: 'decimal' }], rows).join('\n'),
  )
  print(`\n${formatAmount(available)} available: ${affordable ? 'it fits' : 'it would be rejected for balance'}.`)
  for (const { code, detail } of warnings) print(`${code}: ${detail}`)
}

const HELP = `
"At most" is what would be held; a job never costs more. An agent's stage is certain only in its fee and its prompt.

Several texts are quoted as if all were submitted now, in this order: each that fits takes its hold and its included
units, the others are passed over. "later" waits only for holds to close, "no" for money, "fails" would never start.

Examples:
  tollkeeper quote report.txt
  tollkeeper quote report.txt notes.txt minutes/*.txt
  cat report.txt | tollkeeper quote - notes.txt --max-cost 0.05
  tollkeeper quote report.txt --agents summarizer --organization acme --json`
