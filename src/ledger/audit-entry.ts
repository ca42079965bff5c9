import type { Principal } from '../foundation/mandate.ts'

/** What was done, as the audit log keeps it. */
export interface AuditRecord {
  /** Of what, and what was done to it: `top-up.create`, `member.remove`. */
  readonly action: string
  /** null: of no single organisation. */
  readonly organizationId: string | null
  /** What it was done to: an id, or a path that was asked for. */
  readonly target: string
  /** Both in the shape of the answer that shows it, amounts as strings; null where there is nothing. No customer's text. */
  readonly before: object | null
  readonly after: object | null
}

/** Who asks, and in which request; a `Mandate` is one. null: nobody whom we know. */
export interface Asker {
  readonly principal: Principal | null
  readonly requestId: string | null
}

/** An entry that says more than this is told in parts: UTF-8 bytes it may have, with room for the words around them. */
const PART_BYTES_MAX = 8_192
const TEXT_LENGTH_MAX = 500
const LIST_LENGTH_MAX = 50
const DEPTH_MAX = 6
/** Fields that hold secrets or a customer's words, wherever they stand. */
const LEFT_OUT = new Set(['secret', 'password', 'authorization', 'text', 'texts'])

/**
 * The text of an entry, which is hashed and stored as it stands: JSON, its fields always these, in this order. Long texts and
 * lists are cut with a mark, a part that is still too long is told by its size alone; secrets and texts of customers are
 * left out even where they were given by mistake.
 * @param at epoch milliseconds, by the clock that decided
 */
export function auditEntryText(at: number, { principal, requestId }: Asker, record: AuditRecord): string {
  return JSON.stringify({
    at: new Date(at).toISOString(),
    role: principal?.role ?? 'nobody',
    key_id: principal?.keyId ?? null,
    user_id: principal?.userId ?? null,
    request_id: requestId === null ? null : plain(requestId),
    action: plain(record.action),
    organization_id: record.organizationId,
    target: plain(record.target),
    before: part(record.before),
    after: part(record.after),
  })
}

function part(given: object | null): unknown {
  if (given === null) return null
  const told = bounded(given, 1)
  const size = sizeOf(told)
  return size <= PART_BYTES_MAX ? told : { cut: `${size} bytes` }
}

function bounded(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return plain(value)
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Date) return value.toISOString()
  if (typeof value !== 'object' || value === null) return value
  if (depth > DEPTH_MAX) return '…'
  if (Array.isArray(value)) {
    const told = value.slice(0, LIST_LENGTH_MAX).map((each) => bounded(each, depth + 1))
    return value.length > LIST_LENGTH_MAX ? [...told, `… and ${value.length - LIST_LENGTH_MAX} more`] : told
  }
  const fields = Object.entries(value).map(([name, field]) => {
    return [plain(name), LEFT_OUT.has(name) && field !== null ? 'left out' : bounded(field, depth + 1)] as const
  })
  return Object.fromEntries(fields)
}

/** What PostgreSQL can read out of JSON again: no NUL, no half of a character. */
function plain(text: string): string {
  const whole = text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX)}… (${text.length} characters)` : text
  return whole.replaceAll('\0', '\ufffd').toWellFormed()
}

/** Bytes of its JSON in UTF-8. */
function sizeOf(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).length
}

const encoder = new TextEncoder()
