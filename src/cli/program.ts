import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { demoCommand } from './demo.command.ts'
import { inWords } from './error-words.ts'
import { migrateCommand } from './migrate.command.ts'
import { quoteCommand } from './quote.command.ts'
import { receiptCommand } from './receipt.command.ts'
import { expectAnswer, printJsonError } from './session.ts'
import { startCommand } from './start.command.ts'
import { submitCommand } from './submit.command.ts'
import { topUpCommand } from './top-up.command.ts'
import { verifyCommand } from './verify.command.ts'

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']
/** From here on an error is shown with the place that it comes from. */
const VERBOSE = new Set(['debug', 'trace'])
const USAGE = 2

/**
 * Runs one command.
 * @param argv what was typed behind the program's name
 * @returns the exit code: 0 done; 1 it did not work, with `code: what to do` on stderr; 2 it was called wrongly. With
 *          --json stdout has one JSON value in each case, `{"error":{"code","message"}}` where there is no other answer
 */
export async function main(argv: readonly string[]): Promise<number> {
  const program = createProgram()
  expectAnswer()
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0
      if (wantsJson(argv)) printJsonError('usage', error.message.replace(/^error: /, ''))
      return USAGE
    }
    const words = inWords(error)
    process.stderr.write(`${words}\n`)
    const [code = '', ...message] = words.split(': ')
    if (wantsJson(argv)) printJsonError(code, message.join(': '))
    if (VERBOSE.has(program.opts().logLevel) && error instanceof Error) process.stderr.write(`${error.stack}\n`)
    return 1
  }
}

/** Read from what was typed: a call that cannot be parsed has no options yet. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end < 0 ? argv.length : end).includes('--json')
}

function createProgram(): Command {
  const program = new Command('tollkeeper')
    .description('Prepaid, token-based billing for multi-agent AI platforms.')
    .option('--json', 'answer with one JSON value on stdout, in the shapes of the HTTP API', false)
    .addOption(
      new Option('--log-level <level>', `what is logged on stderr: ${LEVELS.join(', ')}`)
        .env('LOG_LEVEL')
        .argParser(toLevel),
    )
    .helpCommand(false)
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride()
    .addHelpText('after', HELP)
  program.configureHelp({ showGlobalOptions: true })
  const commands = [
    startCommand(),
    demoCommand(),
    submitCommand(),
    quoteCommand(),
    receiptCommand(),
    topUpCommand(),
    verifyCommand(),
    migrateCommand(),
  ]
  for (const command of commands) program.addCommand(command.copyInheritedSettings(program))
  return program
}

/** Empty counts as unset, as it does for every variable. */
function toLevel(text: string): string | undefined {
  if (text === '') return undefined
  if (!LEVELS.includes(text)) throw new InvalidArgumentError(`Choose one of ${LEVELS.join(', ')}.`)
  return text
}

const HELP = `
Without settings everything runs from the folder .data: a PostgreSQL of its own, the queue inside it, and a sandbox
with the organisation org-id. DATABASE_URL and REDIS_URL name real servers (docs/operations.md).

Examples:
  tollkeeper demo                          see a job charged, one rejected, and its resume
  tollkeeper start                         API and board on http://127.0.0.1:5001
  tollkeeper submit report.txt --wait      process a text and print result and receipt
  tollkeeper top-up org-id 10.00           put money in; parked jobs that fit now go on`
