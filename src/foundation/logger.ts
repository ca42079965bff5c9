import { type DestinationStream, pino } from 'pino'
import { toLoggedError } from './logged-error.ts'
import { createRedaction } from './redaction.ts'
import { currentRequestId } from './request-context.ts'

/** What the code needs of a logger; pino's levels. */
export type Logger = Pick<ReturnType<typeof pino>, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>

export interface LoggerOptions {
  /** Values that no line may show, besides what gives itself away by its field's name or its form. */
  readonly secrets?: readonly string[]
  readonly destination?: DestinationStream
}

/**
 * Structured logs on stderr, so that a command's own output on stdout stays clean. Secrets and texts are cut here and
 * nowhere else; what is logged on behalf of a request bears its id as `requestId`.
 */
export function createLogger(
  level: string,
  { secrets = [], destination = standardError() }: LoggerOptions = {},
): ReturnType<typeof pino> {
  return pino(
    {
      level,
      base: null,
      serializers: { err: toLoggedError },
      // A new object each time: pino merges the line's own fields into it.
      mixin: () => {
        const requestId = currentRequestId()
        return requestId === undefined ? {} : { requestId }
      },
      hooks: { streamWrite: createRedaction(secrets) },
    },
    destination,
  )
}

let shared: DestinationStream | undefined

function standardError(): DestinationStream {
  shared ??= gathered(pino.destination({ dest: 2, sync: true }))
  return shared
}

/** Lines of so many characters are written at once, whatever else comes. */
const GATHERED_MAX = 65_536

/**
 * Writes the lines of one turn of the event loop together: each write is a system call, and a rush of answers ends in one
 * turn. Nothing waits longer than that, and what a process says before it ends by itself is written.
 */
function gathered(destination: DestinationStream): DestinationStream {
  let lines = ''
  const write = (): void => {
    const text = lines
    lines = ''
    if (text !== '') destination.write(text)
  }
  process.on('exit', write)
  return {
    write(line) {
      if (lines === '') setImmediate(write)
      lines += line
      if (lines.length >= GATHERED_MAX) write()
    },
  }
}
