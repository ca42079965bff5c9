/** Who asks, as a door has found out. */
export interface Principal {
  /**
   * `open`: whoever is on this machine, where no key is asked for; `system`: this program itself, from its command line or
   * as a library; the others: what a key is for.
   */
  readonly role: 'open' | 'system' | 'admin' | 'operator' | 'organization'
  /** The key that was shown; null for ADMIN_API_KEY, the open door and the system. */
  readonly keyId: string | null
  /** The one organisation that a key of role `organization` is for, else null. */
  readonly organizationId: string | null
  /** The one member of it that the key acts for, or null: for all of it. */
  readonly userId: string | null
}

/** On whose word something is changed, once under its key, for real or only to see. */
export interface Mandate {
  readonly principal: Principal
  /** Of the HTTP request, else null. */
  readonly requestId: string | null
  /** What the client calls this request, and a hash of all that it says: the same name must mean the same. */
  readonly idempotency: { readonly key: string; readonly hash: string } | null
  /** Decided like any other, and rolled back. */
  readonly dryRun: boolean
}

/** This program's own word. */
export const SYSTEM: Mandate = {
  principal: { role: 'system', keyId: null, organizationId: null, userId: null },
  requestId: null,
  idempotency: null,
  dryRun: false,
}
