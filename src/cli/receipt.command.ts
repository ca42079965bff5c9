import { Command } from 'commander'
import { receiptToJson } from '../managers/contract-json.ts'
import { receiptTable } from './receipt-table.ts'
import { print, printJson, sessionOf, withTollkeeper } from './session.ts'

export function receiptCommand(): Command {
  return new Command('receipt')
    .description('Show what a job cost and why, line by line; in every state of the job')
    .argument('<job>', "the job's id")
    .addHelpText('after', HELP)
    .action(async (jobId: string, _options: unknown, command: Command) => {
      const { json, config } = sessionOf(command)
      const receipt = await withTollkeeper(config, ({ jobs, em }) => jobs.receipt(em(), jobId))
      if (json) printJson(receiptToJson(receipt))
      else print(receiptTable(receipt).join('\n'))
    })
}

const HELP = `
Examples:
  tollkeeper receipt 019aaa03-1d2c-7000-8a0e-5a1f2b3c4d5e
  tollkeeper receipt 019aaa03-1d2c-7000-8a0e-5a1f2b3c4d5e --json`
