import type { Request } from 'express'
import type { NotFoundError } from '../../foundation/errors.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { knownPrincipal } from '../principal.ts'
import { ForeignOrganizationError } from './isolation.ts'

const PATH_LENGTH_MAX = 200

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
      target: `${req.method} ${req.baseUrl}${req.path}`.slice(0, PATH_LENGTH_MAX),
      before: null,
      after: null,
    }
    void auditLog.note({ principal, requestId: String(req.id) }, record)
  }
}
