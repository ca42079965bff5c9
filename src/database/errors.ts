import { ConflictError, type TollkeeperError, UnavailableError, ValidationError } from '../foundation/errors.ts'
import { errorCode, isTransient } from './retry.ts'

/** What a broken constraint means to a caller. Every other one is a bug of ours and stays as it is. */
const BY_CONSTRAINT: Readonly<Record<string, () => TollkeeperError>> = {
  organizations_pkey: () => new ConflictError('already-exists', 'This organisation exists already; choose another id'),
  jobs_submit_key_unique: () => new ConflictError('already-exists', 'A job with this key exists already'),
  idempotency_keys_pkey: () =>
    new ConflictError(
      'idempotency-in-progress',
      'A request with this key is being answered; send it again in a second',
    ),
  tariff_components_key_unique: () =>
    ValidationError.of('/key', 'duplicate-key', 'A component with this key exists already; PATCH it or choose another'),
  tariff_versions_one_draft: () =>
    new ConflictError('stale-version', 'Somebody else opened a draft of this plan just now; read it and try again'),
  tariff_versions_number_unique: () =>
    new ConflictError('stale-version', 'Somebody else changed this plan just now; read it and try again'),
  organization_balances_never_below_limit: () =>
    ValidationError.of('/overdraft_limit', 'invalid-value', 'The balance is already below this limit; top up first'),
}

function constraintOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { constraint } = error as { constraint?: unknown }
  if (typeof constraint === 'string') return constraint
  return error.cause === undefined ? undefined : constraintOf(error.cause)
}

/** The one place where what PostgreSQL says becomes what a caller understands. */
export function translateDatabaseError(error: unknown): unknown {
  const known = BY_CONSTRAINT[constraintOf(error) ?? '']
  if (known) return known()
  if (isTransient(error)) {
    return new UnavailableError(`The database does not answer (${errorCode(error) ?? 'connection lost'}); try again`, {
      cause: error,
    })
  }
  return error
}
