import { Command } from 'commander'
import { TollkeeperError } from '../foundation/errors.ts'
import { receiptToJson } from '../managers/contract-json.ts'
import type { Recomputation } from '../pipeline/recompute/recompute.ts'
import { receiptProof, verdictSentence } from './receipt-proof.ts'
import { receiptTable } from './receipt-table.ts'
import { print, printJson, sessionOf, withTollkeeper } from './session.ts'

export function receiptCommand(): Command {
  return new Command('receipt')
    .description('Show what a job cost and why, line by line; in every state of the job')
    .argument('<job>', "the job's id")
    .option('--recompute', 'make every figure again from stored texts and raw usage, and compare', false)
    .addHelpText('after', HELP)
    .action(async (jobId: string, _options: unknown, command: Command) => {
      const { json, config } = sessionOf(command)
      if (command.opts<{ recompute: boolean }>().recompute) {
        const recomputation = await withTollkeeper(config, ({ recompute }) => recompute(jobId))
        if (json) printJson(toJson(recomputation))
        else print([...receiptTable(recomputation.receipt), '', ...receiptProof(recomputation.findings)].join('\n'))
        if (!recomputation.ok) throw differing(recomputation)
        return
      }
      const receipt = await withTollkeeper(config, ({ jobs, em }) => jobs.receipt(em(), jobId))
      if (json) printJson(receiptToJson(receipt))
      else print(receiptTable(receipt).join('\n'))
    })
}

function toJson({ receipt, ok, findings }: Recomputation) {
  return { receipt: receiptToJson(receipt), recomputed: { ok, findings } }
}

function differing({ findings }: Recomputation): TollkeeperError {
  const todo = 'run tollkeeper verify, and look who changed what is stored'
  return new TollkeeperError('receipt-differs', 500, `${verdictSentence(findings)}; ${todo}`)
}

const HELP = `
--recompute asks nobody: tokens are counted again in the stored texts and read again from what providers reported,
lines are priced again by the job's tariff version, and sums and ledger entries are compared with them.
  ✓ proved    ≠ differs (exit code 1)    ? what it was made from is not stored: the reason stands behind it
A line is rounded half up, once, to 9 decimals.

Examples:
  tollkeeper receipt 019aaa03-1d2c-7000-8a0e-5a1f2b3c4d5e
  tollkeeper receipt 019aaa03-1d2c-7000-8a0e-5a1f2b3c4d5e --recompute
  tollkeeper receipt 019aaa03-1d2c-7000-8a0e-5a1f2b3c4d5e --recompute --json`
