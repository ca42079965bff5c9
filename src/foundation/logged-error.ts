/** An error's message may carry a page of HTML or a statement with its values; nobody reads that to its end. */
const MESSAGE_MAX = 1_000
const STACK_LINES_MAX = 20
const CAUSES_MAX = 5

/** What an error is known by. Everything else on it may be a customer's: rows, statements, headers, bodies. */
const KNOWN_BY = [
  'code',
  'status',
  'severity',
  'schema',
  'table',
  'column',
  'constraint',
  'routine',
  'syscall',
] as const

export interface LoggedError {
  readonly type: string
  readonly message: string
  readonly stack?: string
  readonly cause?: LoggedError
  readonly [known: string]: unknown
}

/** An error as the log has it: what it is known by, where it was thrown, and its causes. */
export function toLoggedError(thrown: unknown): LoggedError {
  return logged(thrown, CAUSES_MAX)
}

function logged(thrown: unknown, causes: number): LoggedError {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: cut(wordsOf(thrown)) }
  const known = KNOWN_BY.flatMap((name) => {
    const value: unknown = Reflect.get(thrown, name)
    return typeof value === 'string' || typeof value === 'number' ? [[name, value] as const] : []
  })
  const message = cut(String(thrown.message))
  const cause = thrown.cause === undefined || causes === 0 ? {} : { cause: logged(thrown.cause, causes - 1) }
  const own = { type: thrown.name, message, ...Object.fromEntries(known) }
  return { ...own, ...placesOf(thrown), ...cause }
}

/** A thrown object has no words that are safe to show. */
function wordsOf(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null ? 'an object was thrown that is no error' : String(thrown)
}

/** Only the lines that name places: the first ones repeat the message. */
function placesOf({ stack }: Error): { stack?: string } {
  const places = (stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return places.length > 0 ? { stack: places.slice(0, STACK_LINES_MAX).join('\n') } : {}
}

function cut(text: string): string {
  return text.length > MESSAGE_MAX ? `${text.slice(0, MESSAGE_MAX)}…` : text
}
