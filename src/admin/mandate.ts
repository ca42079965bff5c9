import type { Request } from 'express'
import { ValidationError } from '../foundation/errors.ts'
import type { Mandate, Principal } from '../foundation/mandate.ts'
import { requestHash } from '../managers/idempotency.manager.ts'
import type { RouteTerms } from './route.ts'

/** Visible ASCII and blanks, as a header carries it. */
const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,200}$/

/** On whose word a request changes something, and on which terms. @throws ValidationError */
export function mandateOf(req: Request, terms: RouteTerms, principal: Principal, dryRun: boolean): Mandate {
  const key = terms.idempotent ? idempotencyKeyOf(req) : null
  return {
    principal,
    requestId: String(req.id),
    idempotency: key === null ? null : { key, hash: requestHash(req.method, req.baseUrl + req.path, req.body) },
    dryRun,
  }
}

/** The header Idempotency-Key, or null. */
function idempotencyKeyOf(req: Request): string | null {
  const text = req.get('Idempotency-Key')
  if (text === undefined) return null
  if (IDEMPOTENCY_KEY.test(text)) return text
  throw ValidationError.of('', 'invalid-value', 'Give Idempotency-Key 1 to 200 visible ASCII characters')
}
