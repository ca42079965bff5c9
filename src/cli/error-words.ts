import { TollkeeperError } from '../foundation/errors.ts'

/** Refusals of servers that we connect to: the system's codes and PostgreSQL's. */
const UNREACHABLE = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'EHOSTUNREACH', '28P01', '3D000'])

/** An error as one line for a terminal: its code, and what happened or what to do. */
export function inWords(error: unknown): string {
  if (error instanceof TollkeeperError) return line(error.code, error.message)
  const code = codeOf(error)
  const message = error instanceof Error && error.message !== '' ? error.message : code || String(error)
  if (code === 'EADDRINUSE') return line('configuration', `${message}; stop what listens there, or set another PORT`)
  if (UNREACHABLE.has(code)) return line('unavailable', `${message}; check DATABASE_URL and REDIS_URL`)
  return line('internal', message)
}

/** Several addresses that refuse are one error of many, which has a code of its own only sometimes. */
function codeOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown }
  if (typeof code === 'string') return code
  return error instanceof AggregateError ? codeOf(error.errors[0] ?? {}) : ''
}

function line(code: string, message: string): string {
  return `${code}: ${message.replaceAll(/\s*\n\s*/g, ' ')}`
}
