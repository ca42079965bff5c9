import { createHash } from 'node:crypto'
import { canonicalJson } from '../foundation/canonical-json.ts'
import type { Tariff } from '../pricing/tariff.ts'

/**
 * What a tariff version says, as a fingerprint: SHA-256 in hex of its terms, currency and components in their order,
 * without its ids, number and times. Two versions of one hash charge and promise the same.
 */
export function contentHash({ planId: _plan, versionId: _id, version: _number, ...content }: Tariff): string {
  return createHash('sha256').update(canonicalJson(content)).digest('hex')
}
