import { ConflictError } from '../foundation/errors.ts'

/** Why a team cannot go over to a tariff with this limit of members (null: none); null: it can. */
export function seatLimitError(limit: number | null, seatsUsed: number): ConflictError | null {
  if (limit === null || seatsUsed <= limit) return null
  return new ConflictError('seat-limit', `This tariff allows ${limit} members, ${seatsUsed} are active; remove some`)
}
