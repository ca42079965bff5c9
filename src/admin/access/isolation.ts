import { ForbiddenError, NotFoundError } from '../../foundation/errors.ts'
import type { Principal } from '../../foundation/mandate.ts'

/** Whose something is. */
interface Owned {
  readonly organizationId: string
  readonly userId: string | null
}

/** Somebody asked for what is another organisation's. Outside it is missing, to the byte; inside it is worth a note. */
export class ForeignOrganizationError extends NotFoundError {
  readonly organizationId: string

  constructor(organizationId: string) {
    super()
    this.organizationId = organizationId
  }
}

/**
 * The organisation that a request is about. This and {@link requireOwn} are the one place that keeps organisations apart;
 * PostgreSQL's row-level security stands behind it.
 * @param given what the request names, or null
 * @returns the own one for a key of an organisation; for the others what was given
 * @throws ForeignOrganizationError for another one, whether or not there is such
 */
export function organizationFor({ organizationId: own }: Principal, given: string | null): string | null {
  if (own === null || given === null) return given ?? own
  if (given !== own) throw new ForeignOrganizationError(given)
  return own
}

/** @throws NotFoundError for what is another organisation's, or another member's to a key for one member */
export function requireOwn(principal: Principal, { organizationId, userId }: Owned): void {
  organizationFor(principal, organizationId)
  if (principal.userId !== null && principal.userId !== userId) throw new NotFoundError()
}

/** The one member whose part a request may see; null: all of it. */
export function memberSeenBy(principal: Principal): string | null {
  return principal.userId
}

/**
 * In whose name a job is handed in.
 * @param given what the request names, or null
 * @throws ForbiddenError where a key for one member names another
 */
export function memberFor({ userId: own }: Principal, given: string | null): string | null {
  if (own === null || given === null || given === own) return given ?? own
  throw new ForbiddenError('forbidden', `This key acts for the member ${own} alone; leave user_id out, or give ${own}`)
}
