import { type Mutant, mutantsOf } from './mutant.ts'

/** What money is put in or taken for: top-ups, adjustments, their keys, seats. */
export const FUNDING_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/funding.ts',
    ['ledger/funding'],
    [
      {
        name: 'top-up-replay-pays',
        why: 'a top-up that is sent again puts money in again',
        find: 'if (known) return replay(known, call, null)',
        replace: '',
      },
      {
        name: 'reference-conflict-ignored',
        why: 'another amount under a used reference is answered as if it had been paid',
        find: 'entry.amount !== amount || !entry.details',
        replace: '!entry.details',
      },
      {
        name: 'reference-direction-ignored',
        why: 'a debit under the reference of a credit is answered as if it had been made',
        find: '|| entry.details.direction !== direction',
        replace: '',
      },
      {
        name: 'top-up-wakes-nobody',
        why: 'a rejected job stays where it is although it is paid for',
        find: "wake(book, { organizationId: organization.id, jobId: null, scope: 'all', after: null })",
        replace: '{ resumed: [], members: [] }',
      },
      {
        name: 'adjustment-below-the-limit',
        why: 'a correction by hand overdraws a balance',
        find: "direction === 'debit' && amount > book.spendable(organization)",
        replace: "direction === 'debit' && amount > organization.available + organization.held",
      },
      {
        name: 'adjustment-the-wrong-way',
        why: 'a credit is taken and a debit is given',
        find: "direction === 'credit' ? (",
        replace: "direction === 'debit' ? (",
      },
      {
        name: 'top-up-beyond-the-column',
        why: 'a balance overflows',
        find: 'if (organization.available + amount > NANO_MAX)',
        replace: 'if (amount > NANO_MAX)',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/keys.ts',
    ['ledger/states', 'ledger/funding'],
    [
      {
        name: 'key-of-a-charge-without-class',
        why: 'two classes of one component cannot both be charged',
        find: 'charge: (job: string, stage: string, component: string, tokenClass: string | null) =>',
        replace: 'charge: (job: string, stage: string, component: string, _: unknown, tokenClass = null) =>',
      },
      {
        name: 'key-of-a-top-up-for-everybody',
        why: 'two organisations cannot use the same reference',
        find: 'topUp: (organization: string, reference: string) =>',
        replace: "topUp: (_: string, reference: string, organization = '') =>",
      },
      {
        name: 'key-of-a-hold-without-generation',
        why: 'a resumed job cannot take its new hold',
        find: 'hold: (job: string, generation: number) =>',
        replace: 'hold: (job: string, _: number, generation = 1) =>',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/seat.ts',
    ['ledger/seat'],
    [
      {
        name: 'seat-charged-twice',
        why: 'a member who is added again pays again',
        find: "known && known.state !== 'removed'",
        replace: "known && known.state === 'pending_payment'",
      },
      {
        name: 'seat-limit-off-by-one',
        why: 'one member more than the tariff allows',
        find: 'taken >= limit',
        replace: 'taken > limit',
      },
      {
        name: 'seat-limit-forgets-the-waiting',
        why: 'members wait for seats that can never come',
        find: 'organization.seatsUsed + book.team.pending(organization.id).length',
        replace: 'organization.seatsUsed',
      },
      {
        name: 'seat-limit-forgotten-by-the-wake',
        why: 'a top-up seats more members than the tariff allows',
        find: 'organization.seatsUsed >= limit',
        replace: 'organization.seatsUsed > limit',
      },
      {
        name: 'seat-sold-twice',
        why: 'a seat that is paid and free is paid again',
        find: 'const paid = organization.seatsPaid > organization.seatsUsed',
        replace: 'const paid = organization.seatsPaid > organization.seatsUsed + 99',
      },
      {
        name: 'seat-never-becomes-paid',
        why: 'the next member pays for the same seat',
        find: 'if (!paid) organization.seatsPaid += 1',
        replace: '',
      },
      {
        name: 'seat-stays-used',
        why: 'who leaves still takes a seat',
        find: 'organization.seatsUsed -= 1',
        replace: '',
      },
      {
        name: 'seat-for-the-frozen',
        why: 'an organisation that was frozen by an alarm goes on spending on seats',
        find: "|| organization.status !== 'active'",
        replace: '',
      },
      {
        name: 'seat-on-credit',
        why: 'a seat is given without the money for it',
        find: 'if (fee > spendable ||',
        replace: 'if (fee > spendable + 99n ||',
      },
    ],
  ),
]
