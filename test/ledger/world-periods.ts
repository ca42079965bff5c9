import { expect } from 'vitest'
import { businessKey } from '../../src/ledger/keys.ts'
import type { World } from './world.ts'

/** Periods follow each other without a gap, in time and in the ledger, and what was paid for them stands in it. */
export function expectPeriods(world: World, organizationId: string): void {
  const organization = world.organization(organizationId)
  const periods = world.periodsOf(organizationId)
  const ledger = world.ledger(organizationId)
  const running = periods.at(-1)
  expect(running).toMatchObject({ number: organization.periodNumber, closing: null, closedAt: null })
  expect([running?.start, running?.end]).toEqual([organization.periodStart, organization.periodEnd])
  for (const [index, period] of periods.entries()) {
    const { number, opening, planFee, seatFee, credit, paidAt } = period
    const before = ledger[opening.seq - 1]
    expect(number).toBe(index + 1)
    expect(opening).toEqual({
      seq: before?.seq ?? 0,
      available: before?.availableAfter ?? 0n,
      held: before?.heldAfter ?? 0n,
    })
    if (index > 0) expect(periods[index - 1]).toMatchObject({ end: period.start, closing: opening })
    const paid = (key: string): bigint => world.entries.get(key)?.amount ?? 0n
    const isPaid = paidAt !== null
    expect(paid(businessKey.planFee(organizationId, number))).toBe(isPaid ? planFee : 0n)
    expect(paid(businessKey.periodSeats(organizationId, number))).toBe(isPaid ? seatFee : 0n)
    expect(paid(businessKey.unusedFee(organizationId, number - 1))).toBe(isPaid ? credit : 0n)
  }
  const owed = periods.find(({ paidAt }) => paidAt === null)
  expect(organization.dueSince).toBe(owed?.dueAt ?? null)
}
