/**
 * The business key of a ledger entry: what the money was moved for, never which attempt moved it. A second try of the
 * same thing meets the UNIQUE constraint instead of the customer's balance.
 */
export const businessKey = {
  hold: (job: string, generation: number) => `hold:${job}:${generation}`,
  extend: (job: string, stage: string, call: number) => `extend:${job}:${stage}:${call}`,
  charge: (job: string, stage: string, component: string, tokenClass: string | null) =>
    `charge:${job}:${stage}:${component}:${tokenClass ?? '-'}`,
  writeOff: (job: string, stage: string, component: string, tokenClass: string | null) =>
    `write_off:${job}:${stage}:${component}:${tokenClass ?? '-'}`,
  release: (job: string, generation: number) => `release:${job}:${generation}`,
  reversal: (charge: string) => `reversal:${charge}`,
  topUp: (organization: string, reference: string) => `top_up:${organization}:${reference}`,
  adjustment: (organization: string, reference: string) => `adjustment:${organization}:${reference}`,
  planFee: (organization: string, period: number) => `plan_fee:${organization}:${period}`,
  /** What was paid for a period and not used of it. */
  unusedFee: (organization: string, period: number) => `reversal:plan_fee:${organization}:${period}`,
  periodSeats: (organization: string, period: number) => `seat:${organization}:period-${period}`,
  feature: (organization: string, key: string) => `feature:${organization}:${key}`,
  seat: (organization: string, operation: string) => `seat:${organization}:${operation}`,
} as const
