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
  { secrets = [], destination = pino.destination({ dest: 2, sync: true }) }: LoggerOptions = {},
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
