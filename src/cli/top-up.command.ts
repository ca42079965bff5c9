import { Command, InvalidArgumentError } from 'commander'
import { newId } from '../foundation/ids.ts'
import { fundingToJson } from '../managers/contract-json.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'
import { toAmount } from './job-options.ts'
import { print, printJson, sessionOf, withTollkeeper } from './session.ts'

/** As the HTTP door has it: text for people, without what is invisible. */
const LABEL = /^(?=.*\S)[^\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]{1,200}$/u

export function topUpCommand(): Command {
  return new Command('top-up')
    .description('Put money into an organisation; pending seats and parked jobs that fit now go on, oldest first')
    .argument('<organization>', "the organisation's id")
    .argument('<amount>', 'a plain decimal above 0, such as 10.00', toPositive)
    .option('-r, --reference <text>', 'one payment per reference: the same call again changes nothing', toLabel)
    .option('-n, --note <text>', 'for people', toLabel)
    .addHelpText('after', HELP)
    .action(async (organizationId: string, amount: Nano, _options: unknown, command: Command) => {
      const { json, config } = sessionOf(command)
      const { reference = `cli-${newId()}`, note = null } = command.opts()
      const funding = await withTollkeeper(config, ({ balances }) =>
        balances.topUp(organizationId, { amount, reference, note }),
      )
      if (json) return printJson(fundingToJson(funding))
      const { balance, currency, resumedJobs, activatedMembers, replayed } = funding
      print(`${formatAmount(funding.amount)} ${currency} ${replayed ? 'were put in before' : 'put in'} (${reference}).`)
      print(`${organizationId} had ${formatAmount(balance.available)} ${currency} available right after it.`)
      for (const jobId of resumedJobs) print(`resumed ${jobId}`)
      for (const member of activatedMembers) print(`activated ${member}`)
    })
}

function toPositive(text: string): Nano {
  const amount = toAmount(text)
  if (amount === 0n) throw new InvalidArgumentError('Give an amount above 0.')
  return amount
}

function toLabel(text: string): string {
  if (!text.isWellFormed() || !LABEL.test(text)) {
    throw new InvalidArgumentError('Give 1 to 200 characters without control characters.')
  }
  return text
}

const HELP = `
Examples:
  tollkeeper top-up org-id 10.00
  tollkeeper top-up acme 250.00 --reference invoice-17 --note "paid by bank"`
