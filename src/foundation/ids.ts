import { randomUUID } from 'node:crypto'

/** `organization_id` and `user_id` (contract.md). */
export const ACCOUNT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
/** A tariff component's key. */
export const COMPONENT_KEY = /^[a-z0-9][a-z0-9._-]{0,63}$/
/** An agent's key; short enough that `agent.<key>` and queue-job ids stay readable. */
export const AGENT_KEY = /^[a-z][a-z0-9-]{0,31}$/
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

let lastMilliseconds = 0
let counter = 0

/**
 * A UUID version 7 (RFC 9562): ids of one process sort by creation, which keeps B-tree inserts local and lets
 * "oldest first" break ties by id. A 12-bit counter orders the ids of one millisecond.
 */
export function newId(): string {
  const now = Date.now()
  if (now > lastMilliseconds) {
    lastMilliseconds = now
    counter = 0
  } else if (++counter > 0xfff) {
    lastMilliseconds += 1
    counter = 0
  }
  const time = lastMilliseconds.toString(16).padStart(12, '0')
  const sequence = (0x7000 | counter).toString(16)
  // Variant and random bits of a version 4: Node draws those in bulk; bytes for each id were a tenth of a settle's time.
  return `${time.slice(0, 8)}-${time.slice(8)}-${sequence}-${randomUUID().slice(19)}`
}

/** What 48 bits of milliseconds can say. */
const LAST_TIME = 2 ** 48 - 1

/** The first id that can be made in a millisecond (RFC 9562, version 7). @param at epoch milliseconds */
export function firstId(at: number): string {
  return idAt(at, '0')
}

/** The last id of a millisecond. */
export function lastId(at: number): string {
  return idAt(at, 'f')
}

/** @param rest the digit that fills it up */
function idAt(at: number, rest: '0' | 'f'): string {
  const time = Math.min(Math.max(at, 0), LAST_TIME)
  const digits = time.toString(16).padStart(12, '0').padEnd(32, rest)
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
