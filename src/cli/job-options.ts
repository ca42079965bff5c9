import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { TollkeeperError, ValidationError } from '../foundation/errors.ts'
import type { Submission } from '../pipeline/submission.ts'
import { type Nano, parseAmount } from '../pricing/money.ts'

interface JobOptions {
  readonly organization: string
  readonly user?: string
  readonly agents?: readonly string[]
  readonly maxCost?: Nano
}

/** How a command's text is given. */
export const FILE = 'the text, in UTF-8; - reads standard input'

/** The options that say what a job is, for whoever submits or quotes one. */
export function withJobOptions(command: Command): Command {
  return command
    .option('-o, --organization <id>', 'who pays', 'org-id')
    .option('-u, --user <id>', 'the member for whom it runs; checked to be active')
    .addOption(
      new Option('-a, --agents <keys>', 'agents of one parallel step, such as extractor,analyst').argParser(toKeys),
    )
    .addOption(new Option('--max-cost <amount>', 'the most that the job may cost, such as 0.05').argParser(toAmount))
}

/** A job as the options say it, without its text. */
export function termsOf(options: JobOptions): Omit<Submission, 'text'> {
  const { organization: organizationId, user: userId = null, agents = null, maxCost = null } = options
  return { organizationId, userId, agents, maxCost }
}

/** The text of a file, or of standard input for `-`. @throws TollkeeperError `not-found`, ValidationError `invalid-text` */
export async function readText(file: string): Promise<string> {
  return toText(file, await readInput(file))
}

/** An amount as people write it; a mistake is a wrong call, not a failed one. */
export function toAmount(text: string): Nano {
  try {
    return parseAmount(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? `${error.message}.` : '')
  }
}

function toKeys(text: string): readonly string[] {
  const keys = text.split(',').map((key) => key.trim())
  if (keys.includes('')) throw new InvalidArgumentError('Separate the keys by single commas.')
  return keys
}

async function readInput(file: string): Promise<Buffer> {
  if (file === '-') return buffer(process.stdin)
  try {
    return await readFile(file)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new TollkeeperError('not-found', 404, `${file} cannot be read (${reason}); name a text file, or - for stdin`)
  }
}

/** A byte order mark stays: what a job's text is, is decided at the one door of all texts. */
function toText(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    const what = file === '-' ? 'The text on standard input' : file
    throw ValidationError.of('/text', 'invalid-text', `${what} is not UTF-8; convert it first`)
  }
}
