import { describe, expect, test } from 'vitest'
import { type Access, allows, requireAllowed } from '../../src/admin/access/allows.ts'
import {
  ForeignOrganizationError,
  memberFor,
  memberSeenBy,
  organizationFor,
  requireOwn,
} from '../../src/admin/access/isolation.ts'
import { ForbiddenError, NotFoundError } from '../../src/foundation/errors.ts'
import type { Principal } from '../../src/foundation/mandate.ts'

const NOBODY = { keyId: null, organizationId: null, userId: null }
const ACME = { role: 'organization', keyId: 'k', organizationId: 'acme', userId: null } as const
const PRINCIPALS: Readonly<Record<string, Principal>> = {
  open: { role: 'open', ...NOBODY },
  system: { role: 'system', ...NOBODY },
  admin: { role: 'admin', ...NOBODY, keyId: 'k' },
  operator: { role: 'operator', ...NOBODY, keyId: 'k' },
  acme: ACME,
  ann: { ...ACME, userId: 'ann' },
}
const principal = (name: string): Principal => PRINCIPALS[name] ?? expect.fail(name)

const [LOOKS, CHANGES] = [
  ['GET', 'HEAD'],
  ['POST', 'PATCH', 'PUT', 'DELETE'],
]
const LOOK_ALONE = 'looks'

/** a route's terms | who may do anything there | who may only look; everybody else may do nothing */
const TABLE: readonly (readonly [Access, string, string])[] = [
  [{ scope: 'public' }, 'open system admin operator acme ann', ''],
  [{ scope: 'tenant', members: 'own' }, 'open system admin acme ann', 'operator'],
  [{ scope: 'tenant', members: 'all' }, 'open system admin acme ann', 'operator'],
  [{ scope: 'tenant' }, 'open system admin acme', 'operator'],
  [{ scope: 'operator' }, 'open system admin operator', ''],
  [{ scope: 'operator', members: 'all' }, 'open system admin operator', ''],
  [{ scope: 'admin' }, 'open system admin', ''],
  [{ scope: 'admin', members: 'own' }, 'open system admin', ''],
]

const CASES = TABLE.flatMap(([access, all, lookers]) =>
  Object.keys(PRINCIPALS).map((who) => {
    const does = all.split(' ').includes(who) ? 'anything' : lookers.split(' ').includes(who) ? LOOK_ALONE : 'nothing'
    return [who, does, JSON.stringify(access), access] as const
  }),
)

describe('allowed is what a route says, and nothing else', () => {
  test.each(CASES)('%s does %s on a route of %s', (who, does, _terms, access) => {
    for (const method of LOOKS ?? []) expect(allows(principal(who), access, method), method).toBe(does !== 'nothing')
    for (const method of CHANGES ?? []) expect(allows(principal(who), access, method), method).toBe(does === 'anything')
  })

  test('the table has every role and every scope', () => {
    expect(CASES).toHaveLength(48)
    expect(new Set(TABLE.map(([{ scope }]) => scope))).toEqual(new Set(['public', 'tenant', 'operator', 'admin']))
  })

  test.each([
    ['acme', { scope: 'admin' }, /one organisation; use a key for admins/],
    ['acme', { scope: 'operator' }, /one organisation; use a key for operators/],
    ['ann', { scope: 'tenant' }, /member ann alone; use a key for the whole organisation/],
    ['ann', { scope: 'admin' }, /one organisation; use a key for admins/],
    ['operator', { scope: 'admin' }, /use a key for admins/],
  ] as const)('a refusal of %s on %j says which key would do', (who, access, sentence) => {
    const refused = (): void => requireAllowed(principal(who), access, 'POST')
    expect(refused).toThrow(ForbiddenError)
    expect(refused).toThrow(sentence)
  })
})

describe('whom a request is about', () => {
  test.each([
    ['open', null, null],
    ['open', 'acme', 'acme'],
    ['system', 'acme', 'acme'],
    ['admin', null, null],
    ['admin', 'other', 'other'],
    ['operator', 'other', 'other'],
    ['acme', null, 'acme'],
    ['acme', 'acme', 'acme'],
    ['ann', null, 'acme'],
    ['ann', 'acme', 'acme'],
  ])('%s that names %s is about %s', (who, given, about) => {
    expect(organizationFor(principal(who), given)).toBe(about)
  })

  test.each([
    ['acme', 'other'],
    ['acme', 'ACME'],
    ['acme', 'acme '],
    ['acme', ''],
    ['ann', 'other'],
  ])('%s that names "%s" hears that nothing is there, in the words of any missing thing', (who, given) => {
    const asked = (): unknown => organizationFor(principal(who), given)
    expect(asked).toThrow(ForeignOrganizationError)
    const thrown = caught(asked)
    const { code, status, message } = new NotFoundError()
    expect(thrown).toMatchObject({ code, status, message, organizationId: given })
  })

  const JOBS = [
    ['acme', 'ann'],
    ['acme', 'bob'],
    ['acme', null],
    ['other', 'ann'],
    ['other', null],
  ] as const

  test.each([
    ['open', 'yes yes yes yes yes'],
    ['admin', 'yes yes yes yes yes'],
    ['operator', 'yes yes yes yes yes'],
    ['acme', 'yes yes yes no no'],
    ['ann', 'yes no no no no'],
  ])('%s sees jobs of acme/ann, acme/bob, acme, other/ann, other: %s', (who, sees) => {
    const seen = JOBS.map(([organizationId, userId]) => {
      const thrown = caught(() => requireOwn(principal(who), { organizationId, userId }))
      if (thrown !== undefined)
        expect(thrown).toMatchObject({ code: 'not-found', message: new NotFoundError().message })
      return thrown === undefined ? 'yes' : 'no'
    })
    expect(seen.join(' ')).toBe(sees)
    expect(memberSeenBy(principal(who))).toBe(who === 'ann' ? 'ann' : null)
  })

  test.each([
    ['acme', null, null],
    ['acme', 'bob', 'bob'],
    ['admin', 'bob', 'bob'],
    ['ann', null, 'ann'],
    ['ann', 'ann', 'ann'],
  ])('%s hands a job in for %s as one of %s', (who, given, user) => {
    expect(memberFor(principal(who), given)).toBe(user)
  })

  test('a key for one member hands nothing in for another', () => {
    expect(caught(() => memberFor(principal('ann'), 'bob'))).toMatchObject({ code: 'forbidden', status: 403 })
  })
})

function caught(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
