import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { hashOfSecret, hintOf, newSecret, prefixOf } from '../../src/managers/api-key-secret.ts'

const ROLES = ['admin', 'operator', 'organization'] as const
const OTHER: Readonly<Record<string, string>> = { a: 'b', 0: '1' }

/** Another character of the same alphabet. */
const other = (character: string): string => OTHER[character] ?? (/[0-9]/.test(character) ? '0' : 'a')

describe('a secret', () => {
  it.each([
    ['admin', 'tk_admin_'],
    ['operator', 'tk_operator_'],
    ['organization', 'tk_org_'],
  ] as const)('for an %s begins with %s, and scanners find it by its form', (role, prefix) => {
    expect(prefixOf(role)).toBe(prefix)
    const secret = newSecret(role)
    expect(secret.startsWith(prefix)).toBe(true)
    expect(secret).toMatch(/^tk_(admin|operator|org)_[0-9A-Za-z]{49}$/)
    expect(hintOf(secret)).toBe(secret.slice(-4))
  })

  it('is never the same twice, and uses every character in every random place', () => {
    const secrets = Array.from({ length: 3_000 }, () => newSecret('admin').slice('tk_admin_'.length))
    expect(new Set(secrets).size).toBe(secrets.length)
    // The first of 43 places holds what is left of 256 bits: it has four values less than the others.
    const seen = Array.from({ length: 43 }, (_, place) => new Set(secrets.map((secret) => secret[place])).size)
    expect(seen.slice(1).every((count) => count === 62)).toBe(true)
    expect(seen[0]).toBeGreaterThan(50)
  })

  it.each(ROLES)('for an %s is stored as its SHA-256', (role) => {
    const secret = newSecret(role)
    expect(hashOfSecret(secret)).toEqual(createHash('sha256').update(secret).digest())
  })

  it('with one wrong character anywhere is none', () => {
    const secret = newSecret('organization')
    for (let place = 0; place < secret.length; place += 1) {
      const wrong = secret.slice(0, place) + other(secret[place] ?? '') + secret.slice(place + 1)
      expect(hashOfSecret(wrong), wrong).toBeNull()
    }
  })

  it.each([
    ['cut', (secret: string) => secret.slice(0, -1)],
    ['longer', (secret: string) => `${secret}a`],
    ['in quotes', (secret: string) => `"${secret}"`],
    ['with a line break', (secret: string) => `${secret}\n`],
    ['in capitals', (secret: string) => secret.toUpperCase()],
    ['of another role', (secret: string) => secret.replace('tk_org_', 'tk_admin_')],
    ['empty', () => ''],
    ['of 60,000 characters', (secret: string) => secret.repeat(1_000)],
  ])('that is %s is none', (_what, change) => {
    expect(hashOfSecret(change(newSecret('organization')))).toBeNull()
  })
})
