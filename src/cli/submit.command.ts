import { Command } from 'commander'
import type { Tollkeeper } from '../composition.ts'
import { isFinal } from '../ledger/states.ts'
import { jobToJson, receiptToJson } from '../managers/contract-json.ts'
import type { JobView } from '../managers/job-view.ts'
import { JobCancelled, JobFailed, RejectedForBalance } from '../pipeline/outcome-errors.ts'
import { formatAmount } from '../pricing/money.ts'
import { followJob } from './follow-job.ts'
import { FILE, readText, termsOf, withJobOptions } from './job-options.ts'
import { createProgress } from './progress.ts'
import { receiptTable } from './receipt-table.ts'
import { print, printJson, sessionOf, withTollkeeper } from './session.ts'

export function submitCommand(): Command {
  return withJobOptions(new Command('submit'))
    .argument('<file>', FILE)
    .description('Hand in a text as a job of an organisation')
    .option('-k, --key <key>', 'one job per organisation and key: the same call again gives the same job')
    .option('-w, --wait', 'follow the job to its end, and print its result and receipt', false)
    .option('--no-workers', 'with --wait: leave the work to processes that run already')
    .addHelpText('after', HELP)
    .action(async (file: string, _options: unknown, command: Command) => {
      const { json, config } = sessionOf(command)
      const options = command.opts()
      const submission = { ...termsOf(command.opts()), text: await readText(file), key: options.key ?? null }
      await withTollkeeper(config, async (tollkeeper) => {
        if (options.wait && options.workers) await tollkeeper.startWorkers()
        const job = await tollkeeper.service.submit(submission)
        if (options.wait) return finish(tollkeeper, job.id, json)
        if (json) return printJson(jobToJson(job))
        print(`Job ${job.id} is ${job.state}.`)
        print(`A worker takes it from here (tollkeeper start); then: tollkeeper receipt ${job.id}`)
      })
    })
}

/** @throws RejectedForBalance, JobFailed, JobCancelled; with --json the job is printed in any case */
async function finish(tollkeeper: Tollkeeper, jobId: string, json: boolean): Promise<void> {
  const rests = ({ state }: JobView): boolean => isFinal(state) || state === 'rejected_for_balance'
  const job = await followJob(tollkeeper.watcher, jobId, rests, createProgress(!json))
  const receipt = await tollkeeper.jobs.receipt(tollkeeper.em(), jobId)
  if (json) printJson({ ...jobToJson(job), receipt: receiptToJson(receipt) })
  if (job.state === 'rejected_for_balance' && job.rejection) throw new RejectedForBalance(job, job.rejection)
  if (job.state === 'cancelled') throw new JobCancelled(job)
  if (job.state !== 'charged') throw new JobFailed(job)
  if (json) return
  print(`\n${job.result?.text ?? ''}\n`)
  print(receiptTable(receipt).join('\n'))
  const { available, currency } = await tollkeeper.balances.balance(tollkeeper.em(), job.organizationId)
  print(`\n${formatAmount(available)} ${currency} are left to ${job.organizationId}.`)
}

const HELP = `
Without --wait the job is stored and this command ends; a running server (tollkeeper start) works on it. With --wait
this process works, too. A job that the organisation cannot pay for is parked, exit code 1, and resumes by itself after
a top-up.

Examples:
  tollkeeper submit report.txt --wait
  tollkeeper submit report.txt --agents summarizer --max-cost 0.01 --wait
  cat report.txt | tollkeeper submit - --organization acme --user ada --key report-17 --json`
