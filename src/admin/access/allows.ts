import { ForbiddenError } from '../../foundation/errors.ts'
import type { Principal } from '../../foundation/mandate.ts'
import type { RouteTerms } from '../route.ts'

const READING = new Set(['GET', 'HEAD'])

/** What of a route decides who may use it. */
export type Access = Pick<RouteTerms, 'scope' | 'members'>

/**
 * Who may use a route, by what it says of itself; about whom is another question. An operator looks at everything that
 * tenants see and changes none of it. A key for one member goes where a route says what such a key may do there.
 * @param method of HTTP, in capitals
 */
export function allows({ role, userId }: Principal, { scope, members }: Access, method: string): boolean {
  if (scope === 'public') return true
  switch (role) {
    case 'open':
    case 'system':
    case 'admin':
      return true
    case 'operator':
      return scope === 'operator' || (scope === 'tenant' && READING.has(method))
    case 'organization':
      return scope === 'tenant' && (userId === null || members !== undefined)
  }
}

/** @throws ForbiddenError that says which key would do */
export function requireAllowed(principal: Principal, access: Access, method: string): void {
  if (!allows(principal, access, method)) throw new ForbiddenError('forbidden', refusalOf(principal, access))
}

function refusalOf({ role, userId }: Principal, { scope }: Access): string {
  if (role === 'operator') return 'A key for operators looks at this at most; use a key for admins'
  if (userId !== null && scope === 'tenant') {
    return `This key acts for the member ${userId} alone; use a key for the whole organisation`
  }
  return `This key is for one organisation; use a key for ${scope}s`
}
