import { type Mutant, mutantsOf } from './mutant.ts'

/** Who may come in, as whom, and about whom they may ask. */
export const KEY_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/admin/access/isolation.ts',
    ['admin/access'],
    [
      {
        name: 'key-reaches-another-organisation',
        why: 'a customer reads and spends what is another one’s',
        find: 'if (given !== own) throw new ForeignOrganizationError(given)',
        replace: '',
      },
      {
        name: 'key-of-a-member-sees-the-others',
        why: 'a member reads the texts of all others',
        find: 'principal.userId !== null && principal.userId !== userId',
        replace: 'principal.userId === null && userId === null',
      },
      {
        name: 'key-of-a-member-spends-for-another',
        why: 'a member’s limit is passed by naming somebody else',
        find: 'given === null || given === own) return given ?? own',
        replace: 'given === null || given !== own) return given ?? own',
      },
    ],
  ),
  ...mutantsOf(
    'src/admin/access/allows.ts',
    ['admin/access'],
    [
      {
        name: 'operators-may-spend',
        why: 'whoever watches the board hands jobs in on a customer’s account',
        find: `(scope === 'tenant' && READING.has(method))`,
        replace: `scope === 'tenant'`,
      },
      {
        name: 'members-go-where-nothing-is-said',
        why: 'a route that forgot members shows one the account of all',
        find: `(userId === null || members !== undefined)`,
        replace: 'true',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/find-api-keys.sql',
    ['managers/api-keys'],
    [
      {
        name: 'revoked-key-works',
        why: 'a stolen key can never be stopped',
        find: ' and k.revoked_at is null',
        replace: '',
      },
      {
        name: 'rotated-key-lives-on',
        why: 'the old key outlives its overlap for ever',
        find: 'coalesce(least(k.expires_at, k.retires_at), ',
        replace: 'coalesce(k.expires_at, ',
      },
      {
        name: 'key-outlives-its-membership',
        why: 'whoever was removed comes back with the old key as soon as that person is added again',
        find: ` and m.operation = k.membership`,
        replace: '',
      },
      {
        name: 'key-works-before-the-seat-is-paid',
        why: 'a seat that nobody paid is used',
        find: `m.state = 'active' and `,
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/api-key.manager.ts',
    ['managers/api-keys'],
    [
      {
        name: 'rotation-without-a-lock',
        why: 'two rotations at once leave three keys alive, one of which nobody knows of',
        find: '{ lockMode: LockMode.PESSIMISTIC_WRITE }',
        replace: '{}',
      },
      {
        name: 'line-of-three-keys',
        why: 'keys that nobody watches pile up',
        find: 'if (other && living.length >= LIVING_MAX)',
        replace: 'if (other && living.length > LIVING_MAX)',
      },
      {
        name: 'key-of-another-owner',
        why: 'an admin’s key is revoked as if it were an organisation’s',
        find: 'em.findOne(ApiKey, { id, organizationId: owner })',
        replace: 'em.findOne(ApiKey, { id })',
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/remembered-answers.ts',
    ['managers/remembered-answers'],
    [
      {
        name: 'key-remembered-for-ever',
        why: 'a revoked key works on in every process that missed the notice',
        find: 'performance.now() - known.at < this.#bounds.ageMs',
        replace: 'known.at > 0',
      },
      {
        name: 'key-remembered-as-of-its-answer',
        why: 'a slow look-up keeps a revoked key alive as long as it was slow',
        find: 'this.#missed !== missed || missed.get(name) !== asked',
        replace: 'this.#missed === undefined',
      },
    ],
  ),
  ...mutantsOf(
    'src/admin/access/door.ts',
    ['admin/api-keys'],
    [
      {
        name: 'open-door-knows-no-keys',
        why: 'on the open loopback a key for one organisation, or a revoked one, does everything',
        find: 'shown === null && expected === null ? OPEN',
        replace: 'expected === null ? OPEN',
      },
    ],
  ),
]
