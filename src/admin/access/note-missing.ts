import type { Request } from 'express'
import type { NotFoundError } from '../../foundation/errors.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { knownPrincipal } from '../principal.ts'
import { ForeignOrganizationError } from './isolation.ts'

const PATH_LENGTH_MAX = 200
/** What a path of ours is made of: words, ids and numbers. Whatever else stands there, such as a key, is not for the log. */
const OWN_PART = /^(v1|[a-z]{1,20}(-[a-z]{1,20})?|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{1,9}|)$/i

/**
 * Writes down what keys of organisations asked for and did not get: somebody else's id, or one that does not exist, which are
 * not told apart outside. What admins mistype is nobody's business.
 */
export function noteMissing({ auditLog }: Pick<AdminDependencies, 'auditLog'>) {
  return (error: NotFoundError, req: Request): void => {
    const principal = knownPrincipal(req)
    if (principal?.role !== 'organization') return
    const isForeign = error instanceof ForeignOrganizationError
    const record = {
      action: isForeign ? 'access.foreign' : 'access.missing',
      organizationId: isForeign ? error.organizationId : principal.organizationId,
      target: `${req.method} ${ownPath(req.baseUrl + req.path)}`.slice(0, PATH_LENGTH_MAX),
      before: null,
      after: null,
    }
    void auditLog.note({ principal, requestId: String(req.id) }, record)
  }
}

function ownPath(path: string): string {
  return path
    .split('/')
    .map((part) => (OWN_PART.test(part) ? part : '[cut]'))
    .join('/')
}
