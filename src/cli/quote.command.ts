import { Command } from 'commander'
import { quoteToJson } from '../managers/contract-json.ts'
import { formatAmount } from '../pricing/money.ts'
import { submissionOf, withJobOptions } from './job-options.ts'
import { print, printJson, sessionOf, withTollkeeper } from './session.ts'
import { table } from './table.ts'

export function quoteCommand(): Command {
  return withJobOptions(new Command('quote'))
    .description('Say what a text would cost at least and at most, without any effect')
    .addHelpText('after', HELP)
    .action(async (file: string, _options: unknown, command: Command) => {
      const { json, config } = sessionOf(command)
      const submission = await submissionOf(file, command.opts())
      const view = await withTollkeeper(config, (tollkeeper) => tollkeeper.service.quote(submission))
      if (json) return printJson(quoteToJson(view))
      const { stages, currency, inputTokens, available, affordable, warnings } = view
      const rows = [...stages, { ...view, stage: 'total' }].map(({ stage, lower, upper }) => [
        stage,
        formatAmount(lower),
        formatAmount(upper),
      ])
      print(`${inputTokens.toLocaleString('en-US')} input tokens; amounts in ${currency}\n`)
      print(
        table(['stage', { title: 'at least', align: 'decimal' }, { title: 'at most', align: 'decimal' }], rows).join(
          '\n',
        ),
      )
      print(`\n${formatAmount(available)} available: ${affordable ? 'it fits' : 'it would be rejected for balance'}.`)
      for (const { code, detail } of warnings) print(`${code}: ${detail}`)
    })
}

const HELP = `
"At most" is what would be held; a job never costs more. An agent's stage is certain only in its fee and its prompt.

Examples:
  tollkeeper quote report.txt
  tollkeeper quote report.txt --agents summarizer --organization acme --json`
