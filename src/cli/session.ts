import { constants } from 'node:os'
import type { Command } from 'commander'
import { compose, type Tollkeeper } from '../composition.ts'
import { type Config, configFromEnvironment } from '../config/config.ts'

/** What every command takes, whatever it does. */
export interface Session {
  readonly json: boolean
  readonly config: Config
}

/** @param logLevel where neither --log-level nor LOG_LEVEL is given: a short command's own words are enough */
export function sessionOf(command: Command, logLevel: Config['logLevel'] = 'warn'): Session {
  const { json, logLevel: given } = command.optsWithGlobals<{ json: boolean; logLevel?: Config['logLevel'] }>()
  return { json, config: { ...configFromEnvironment(), logLevel: given ?? logLevel } }
}

/**
 * Composes everything in this process, works with it, and closes it: also when the work fails, and at Ctrl-C, since an
 * embedded PostgreSQL that we started would run on.
 */
export async function withTollkeeper<T>(config: Config, work: (tollkeeper: Tollkeeper) => Promise<T>): Promise<T> {
  const opening = compose({ config })
  const stop = (signal: NodeJS.Signals): void => {
    const code = 128 + constants.signals[signal]
    const close = async (): Promise<void> => (await opening).close()
    void close().finally(() => process.exit(code))
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    const tollkeeper = await opening
    try {
      return await work(tollkeeper)
    } finally {
      await tollkeeper.close()
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

/** One process answers one call, with one JSON value: whether it was given already. */
const answer = { isGiven: false }

/** A new call begins. */
export function expectAnswer(): void {
  answer.isGiven = false
}

/** What `--json` says of a failure, unless the command gave its answer before it failed: a parked job, a report. */
export function printJsonError(code: string, message: string): void {
  if (!answer.isGiven) printJson({ error: { code, message } })
}

export function printJson(value: unknown): void {
  answer.isGiven = true
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
