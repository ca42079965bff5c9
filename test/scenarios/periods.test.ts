import { describe, it } from 'vitest'
import { change, job, leave, look, member, organization, plan, topUp } from './steps.ts'
import { play, type Row } from './story.ts'

const STORIES: readonly (readonly [title: string, rows: readonly Row[]])[] = [
  [
    'a plan is paid by the first money, and again each month',
    [
      ['2026-01-10T15:30:00Z', plan('Basic', { price_per_month: '99.99', member_price: '19.99' }), 'published'],
      ['2026-01-10T15:30:00Z', organization('acme', 'Basic'), '0.00'],
      ['2026-01-10T15:31:00Z', topUp('acme', '250.00'), '150.01'],
      ['2026-01-10T15:32:00Z', job('acme', { input: 1_000, output: 500 }), '2.00'],
      ['2026-02-09T23:59:59.999Z', look('acme'), 'active 148.01'],
      ['2026-02-10T00:00:00Z', look('acme'), 'active 48.02'],
      ['2026-03-10T00:00:00Z', look('acme'), 'active 48.02'],
      ['2026-03-10T00:00:01Z', topUp('acme', '51.97'), '0.00'],
      ['2026-03-10T00:00:02Z', job('acme', { input: 1 }), 'insufficient'],
    ],
  ],
  [
    'a fee that is not paid: grace, past due, suspended, and back',
    [
      ['2026-01-31', plan('Late', { price_per_month: '30.00', grace_days: 5, suspend_after_days: 20 }), 'published'],
      ['2026-01-31', organization('acme', 'Late'), '0.00'],
      ['2026-01-31', topUp('acme', '32.00'), '2.00'],
      ['2026-02-28', look('acme'), 'active 2.00'],
      ['2026-03-04T23:59:59.999Z', job('acme', { input: 500 }), '0.50'],
      ['2026-03-05', job('acme', { input: 500 }), 'past_due'],
      ['2026-03-05', member('acme', 'u1'), 'pending_payment 0.00'],
      ['2026-03-24T23:59:59.999Z', look('acme'), 'past_due 1.50'],
      ['2026-03-25', look('acme'), 'suspended 1.50'],
      ['2026-07-14', look('acme'), 'suspended 1.50'],
      ['2026-07-14T10:00:00Z', topUp('acme', '28.49'), '29.99'],
      ['2026-07-14T10:00:01Z', topUp('acme', '40.01'), '10.00'],
      ['2026-07-14T10:00:02Z', job('acme', { input: 1_000 }), '1.00'],
      ['2026-08-13T23:59:59.999Z', look('acme'), 'active 9.00'],
    ],
  ],
  [
    'nobody looks for three boundaries: each period is renewed once',
    [
      ['2026-01-31', plan('Monthly', { price_per_month: '10.00', member_price: '1.00' }), 'published'],
      ['2026-01-31', organization('acme', 'Monthly'), '0.00'],
      ['2026-01-31', topUp('acme', '100.00'), '90.00'],
      ['2026-01-31', member('acme', 'u1'), '1.00'],
      ['2026-04-30T12:00:00Z', look('acme'), 'active 56.00'],
      ['2026-04-30T12:00:01Z', look('acme'), 'active 56.00'],
    ],
  ],
  [
    'a leap year: the anchor is the 31st, and comes back after February',
    [
      ['2028-01-31', plan('Leap', { price_per_month: '29.00' }), 'published'],
      ['2028-01-31', organization('acme', 'Leap'), '0.00'],
      ['2028-01-31', topUp('acme', '290.00'), '261.00'],
      ['2028-02-28T23:59:59.999Z', look('acme'), 'active 261.00'],
      ['2028-02-29', look('acme'), 'active 232.00'],
      ['2028-03-30T23:59:59.999Z', look('acme'), 'active 232.00'],
      ['2028-03-31', look('acme'), 'active 203.00'],
      ['2028-10-31', look('acme'), 'active 0.00'],
      ['2029-02-28', look('acme'), 'suspended 0.00'],
    ],
  ],
  [
    'another plan in mid-month: the unused rest of the old one comes back',
    [
      ['2026-04-01', plan('Small', { price_per_month: '30.00', member_price: '3.00' }), 'published'],
      ['2026-04-01', plan('Large', { price_per_month: '90.00', member_price: '6.00' }), 'published'],
      ['2026-04-01', organization('acme', 'Small'), '0.00'],
      ['2026-04-01', topUp('acme', '200.00'), '170.00'],
      ['2026-04-01', member('acme', 'u1'), '3.00'],
      ['2026-04-11', change('acme', { plan: 'Large' }), '93.00'],
      ['2026-04-30', look('acme'), 'active 93.00'],
      ['2026-05-11', look('acme'), 'active 93.00'],
      ['2026-05-18', look('acme'), 'past_due 93.00'],
      ['2026-05-18', topUp('acme', '3.00'), '0.00'],
    ],
  ],
  [
    'seats, not people: thirty joins and leaves in a period are one charge',
    [
      ['2026-04-01', plan('Team', { member_price: '30.00', max_team_members: 2 }), 'published'],
      ['2026-04-01', organization('acme', 'Team'), '0.00'],
      ['2026-04-01', topUp('acme', '50.00'), '50.00'],
      ['2026-04-16', member('acme', 'u1'), '15.00'],
      ...Array.from({ length: 30 }, (_, index): readonly Row[] => [
        ['2026-04-16T01:00:00Z', leave('acme', `u${index + 1}`), 'left'],
        ['2026-04-16T01:00:00Z', member('acme', `u${index + 2}`), '0.00'],
      ]).flat(),
      ['2026-04-21', member('acme', 'second'), '10.00'],
      ['2026-04-21', member('acme', 'third'), 'seat-limit'],
      ['2026-04-21', leave('acme', 'nobody'), 'not-found'],
      ['2026-05-01', look('acme'), 'active 25.00'],
      ['2026-05-01', topUp('acme', '35.00'), '0.00'],
    ],
  ],
]

describe('a story over several periods', () => {
  it.each(STORIES)('%s', async (_title, rows) => {
    await play(rows)
  })
})
