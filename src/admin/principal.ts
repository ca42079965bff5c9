import type { Request } from 'express'
import { invariant } from '../foundation/invariant.ts'
import type { Principal } from '../foundation/mandate.ts'

const principals = new WeakMap<Request, Principal>()

export function setPrincipal(req: Request, principal: Principal): void {
  principals.set(req, principal)
}

/** Who asks, if he has come through the door yet. */
export function knownPrincipal(req: Request): Principal | undefined {
  return principals.get(req)
}

/** Who asks; whoever asks for it stands behind the door. */
export function principalOf(req: Request): Principal {
  const principal = principals.get(req)
  invariant(principal, 'nobody passes the door without a principal')
  return principal
}
