import pg from 'pg'
import { TENANT_ROLE } from './roles.ts'

/** Whose rows are seen: an organisation's, and of them, where a key acts for one member, that member's. */
export interface Tenant {
  readonly organizationId: string
  /** null: all of the organisation. */
  readonly userId: string | null
}

/**
 * What makes a transaction a tenant's, in one statement; it ends with the transaction, whatever becomes of it. A setting of
 * an earlier transaction cannot stay, since both are set each time.
 */
export function asTenant({ organizationId, userId }: Tenant): string {
  const local = (name: string, value: string): string => `set_config('${name}', ${pg.escapeLiteral(value)}, true)`
  const settings = [
    local('role', TENANT_ROLE),
    local('tollkeeper.organization_id', organizationId),
    local('tollkeeper.user_id', userId ?? ''),
  ]
  return `select ${settings.join(', ')}`
}
