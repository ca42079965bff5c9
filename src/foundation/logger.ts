import { pino } from 'pino'

/** What the code needs of a logger; pino's levels. */
export type Logger = Pick<ReturnType<typeof pino>, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>

/** Structured logs on stderr, so that a command's own output on stdout stays clean. Secrets are cut by path. */
export function createLogger(level: string): ReturnType<typeof pino> {
  return pino(
    { level, base: null, redact: ['req.headers.authorization', 'req.headers.cookie', '*.password', '*.apiKey'] },
    pino.destination({ dest: 2, sync: true }),
  )
}
