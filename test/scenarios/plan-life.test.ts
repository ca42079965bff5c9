import { describe, it } from 'vitest'
import { archive, change, job, look, member, moveTo, organization, plan, topUp } from './steps.ts'
import { play, type Row } from './story.ts'

/** A month of 31 days from 10 January: a seat of 3.10 costs 0.10 a day. */
const BASIC = { price_per_month: '10.00', member_price: '3.10' }
const DEARER = { price_per_month: '15.00', member_price: '6.20' }

const BEGIN: readonly Row[] = [
  ['2026-01-10', plan('Basic', BASIC), 'published'],
  ['2026-01-10', organization('acme', 'Basic'), '0.00'],
  ['2026-01-10', topUp('acme', '100.00'), '90.00'],
]

const STORIES: readonly (readonly [title: string, rows: readonly Row[]])[] = [
  [
    'a dearer version for the next period: until then everything costs what it did',
    [
      ...BEGIN,
      ['2026-01-20', moveTo('Basic', { ...DEARER, input: '2.00' }, 'next_period'), '1 moved, 0 left'],
      ['2026-01-26', member('acme', 'u1'), '1.50'],
      ['2026-02-09T23:59:59.999Z', job('acme', { input: 1_000 }), '1.00'],
      ['2026-02-10', look('acme'), 'active 66.30'],
      ['2026-02-10', job('acme', { input: 1_000 }), '2.00'],
      ['2026-03-10', look('acme'), 'active 43.10'],
    ],
  ],
  [
    'a dearer version now: jobs cost more at once, the month and its seats from the renewal on',
    [
      ...BEGIN,
      ['2026-01-20', moveTo('Basic', { ...DEARER, input: '2.00' }, 'now'), '1 moved, 0 left'],
      ['2026-01-20', job('acme', { input: 1_000 }), '2.00'],
      ['2026-01-26', member('acme', 'u1'), '1.50'],
      ['2026-02-10', look('acme'), 'active 65.30'],
      ['2026-02-15', member('acme', 'u2'), '5.092857143'],
      ['2026-03-10', look('acme'), 'active 32.807142857'],
    ],
  ],
  [
    'whoever leaves the plan gets back what the seats cost, not what they cost now',
    [
      ['2026-01-10', plan('Seats', { member_price: '3.10' }), 'published'],
      ['2026-01-10', plan('Free'), 'published'],
      ['2026-01-10', organization('acme', 'Seats'), '0.00'],
      ['2026-01-10', topUp('acme', '100.00'), '100.00'],
      ['2026-01-10', member('acme', 'u1'), '3.10'],
      ['2026-01-15', moveTo('Seats', { member_price: '6.20' }, 'now'), '1 moved, 0 left'],
      ['2026-01-26', change('acme', { plan: 'Free' }), '98.40'],
    ],
  ],
  [
    'a team that is too large stays where it is, and renews there',
    [
      ...BEGIN,
      ['2026-01-10', member('acme', 'u1'), '3.10'],
      ['2026-01-10', member('acme', 'u2'), '3.10'],
      ['2026-01-20', moveTo('Basic', { ...DEARER, max_team_members: 1 }, 'next_period'), '0 moved, 1 left: seat-limit'],
      ['2026-02-10', look('acme'), 'active 67.60'],
    ],
  ],
  [
    'a team that grows after it was told to go stays, too',
    [
      ...BEGIN,
      ['2026-01-20', moveTo('Basic', { ...DEARER, max_team_members: 1 }, 'next_period'), '1 moved, 0 left'],
      ['2026-01-26', member('acme', 'u1'), '1.50'],
      ['2026-01-26', member('acme', 'u2'), '1.50'],
      ['2026-02-10', look('acme'), 'active 70.80'],
    ],
  ],
  [
    'nobody looked for a boundary when the move was ordered: that month still costs what it did',
    [
      ...BEGIN,
      ['2026-02-12', moveTo('Basic', DEARER, 'now'), '1 moved, 0 left'],
      ['2026-02-12', look('acme'), 'active 80.00'],
      ['2026-03-10', look('acme'), 'active 65.00'],
    ],
  ],
  [
    'a move for the next period that is ordered after a boundary waits for the next one',
    [
      ...BEGIN,
      ['2026-02-12', moveTo('Basic', DEARER, 'next_period'), '1 moved, 0 left'],
      ['2026-03-09', look('acme'), 'active 80.00'],
      ['2026-03-10', look('acme'), 'active 65.00'],
    ],
  ],
  [
    'a plan that is archived while it is in use renews as before, also to what was chosen, and takes nobody new',
    [
      ...BEGIN,
      ['2026-01-20', moveTo('Basic', DEARER, 'next_period'), '1 moved, 0 left'],
      ['2026-01-21', archive('Basic'), 'archived'],
      ['2026-01-21', organization('late', 'Basic'), 'tariff-not-published'],
      ['2026-01-21', moveTo('Basic', {}, 'now'), 'tariff-not-published'],
      ['2026-02-10', look('acme'), 'active 75.00'],
      ['2026-03-10', look('acme'), 'active 60.00'],
      ['2026-03-10', change('acme', { tariff_version: 1 }), 'tariff-not-published'],
    ],
  ],
]

describe('a plan that changes under its organisations', () => {
  it.each(STORIES)('%s', async (_title, rows) => {
    await play(rows)
  })
})
