import { type Mutant, mutantsOf } from './mutant.ts'

/** Fees that time brings: forgotten, charged twice, or by the wrong moment. */
export const RENEWAL_MUTANTS: readonly Mutant[] = mutantsOf(
  'src/ledger/renewal.ts',
  ['ledger/renewal'],
  [
    {
      name: 'renewal-skips-missed-periods',
      why: 'months in which nobody looked are never paid',
      find: 'while (book.now >= organization.periodEnd) {',
      replace: 'if (book.now >= organization.periodEnd) {',
    },
    {
      name: 'renewal-early-by-a-millisecond',
      why: 'a fee is taken before its period begins',
      find: 'while (book.now >= organization.periodEnd) {',
      replace: 'while (book.now >= organization.periodEnd - 86_400_000) {',
    },
    {
      name: 'renewal-charges-the-suspended',
      why: 'who is shut out owes more with each month',
      find: "owes = organization.status !== 'suspended'",
      replace: 'owes = true',
    },
    {
      name: 'arrears-in-parts',
      why: 'a fee is paid with money that does not cover it',
      find: 'if (period.planFee + period.seatFee > book.spendable(organization) + period.credit) break',
      replace: 'if (period.planFee > book.spendable(organization) + period.credit) break',
    },
    {
      name: 'arrears-of-the-frozen',
      why: 'money moves while the books do not balance',
      find: "if (organization.dueSince === null || organization.status === 'frozen') return",
      replace: 'if (organization.dueSince === null) return',
    },
    {
      name: 'arrears-never-forgiven',
      why: 'who has paid everything stays shut out',
      find: 'if (!oldest) return true',
      replace: 'if (!oldest) return false',
    },
    {
      name: 'grace-without-end',
      why: 'nobody is ever past due',
      find: 'if (statusUntil === null || at < statusUntil) return',
      replace: 'if (statusUntil === null || at < statusUntil + 86_400_000) return',
    },
    {
      name: 'seats-renewed-for-nothing',
      why: 'occupied seats cost nothing from the second month on',
      find: 'const seatFee = owes ?',
      replace: 'const seatFee = !owes ?',
    },
    {
      name: 'unused-rest-kept',
      why: 'a customer pays for the same days twice',
      find: 'if (period.paidAt !== null) return planRest + seatRest',
      replace: 'if (period.paidAt !== null) return 0n',
    },
    {
      name: 'outgrown-tariff-taken',
      why: 'more members are active than the tariff allows',
      find: 'if (maxTeamMembers === null || organization.seatsUsed <= maxTeamMembers) {',
      replace: 'if (maxTeamMembers === null || organization.seatsUsed >= 0) {',
    },
    {
      name: 'period-closes-behind-its-fees',
      why: "the next period's fee stands in the statement of the last one",
      find: 'seq: organization.seq, available',
      replace: 'seq: organization.seq + 1, available',
    },
  ],
)
