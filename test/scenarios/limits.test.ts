import { describe, it } from 'vitest'
import {
  alerts,
  archive,
  change,
  job,
  leave,
  limit,
  look,
  member,
  organization,
  plan,
  threshold,
  topUp,
} from './steps.ts'
import { play, type Row } from './story.ts'

const PAGE = { key: 'page', kind: 'feature', feature: 'page', price: '0.10' }
const TIERED = { key: 'in', kind: 'input_tokens', model: 'graduated' }
const GAP = [
  { up_to: 10, price: '1.00' },
  { up_to: 5, price: '0.50' },
  { up_to: null, price: '0.10' },
]

const STORIES: readonly (readonly [title: string, rows: readonly Row[]])[] = [
  [
    "a member's limit is of a period, and is no money",
    [
      ['2026-01-10', plan('Team', { max_team_members: 3 }), 'published'],
      ['2026-01-10', organization('acme', 'Team'), '0.00'],
      ['2026-01-10', topUp('acme', '20.00'), '20.00'],
      ['2026-01-10', member('acme', 'ann', { spending_limit: '3.00' }), '0.00'],
      ['2026-01-10', member('acme', 'olga', { role: 'owner' }), '0.00'],
      ['2026-01-11', job('acme', { input: 2_000, user: 'ann' }), '2.00'],
      ['2026-01-12', job('acme', { input: 1_001, user: 'ann' }), 'member_limit'],
      ['2026-01-12', job('acme', { input: 1_001, user: 'olga' }), '1.001'],
      ['2026-01-12', job('acme', { input: 1, user: 'nobody' }), 'not-a-member'],
      ['2026-01-13', limit('acme', 'ann', '3.001'), '3.001'],
      ['2026-01-13', job('acme', { input: 1_001, user: 'ann' }), '1.001'],
      ['2026-01-13', job('acme', { input: 1, user: 'ann' }), 'member_limit'],
      ['2026-01-14', leave('acme', 'ann'), 'left'],
      ['2026-01-14', member('acme', 'ann'), '0.00'],
      ['2026-01-14', leave('acme', 'olga'), 'last-owner'],
      ['2026-02-10', limit('acme', 'ann', '1.00'), '1.00'],
      ['2026-02-10', job('acme', { input: 1_000, user: 'ann' }), '1.00'],
      ['2026-02-10', limit('acme', 'nobody', '1.00'), 'not-found'],
      ['2026-02-10', limit('acme', 'ann', '-1'), 'invalid-amount /spending_limit'],
      ['2026-02-10', look('acme'), 'active 14.998'],
    ],
  ],
  [
    'a balance that flaps around a threshold is one alert, and a renewal may raise the next',
    [
      ['2026-01-31', plan('Monthly', { price_per_month: '3.00' }), 'published'],
      ['2026-01-31', organization('acme', 'Monthly'), '0.00'],
      ['2026-01-31', topUp('acme', '13.00'), '10.00'],
      ['2026-01-31', threshold('acme', { below: '5.00', clear_at: '6.00' }), 'armed'],
      ['2026-01-31', threshold('acme', { below: '5.00' }), 'already-exists'],
      ['2026-01-31', threshold('acme', { below: '5.00', clear_at: '5.00' }), 'invalid-value /clear_at'],
      ['2026-02-01', job('acme', { input: 5_000 }), '5.00'],
      ['2026-02-01', alerts('acme'), 'none'],
      ['2026-02-02', job('acme', { input: 500 }), '0.50'],
      ['2026-02-02', alerts('acme'), 'raised at 4.50'],
      ['2026-02-03', topUp('acme', '1.00'), '5.50'],
      ['2026-02-03', job('acme', { input: 700 }), '0.70'],
      ['2026-02-03', alerts('acme'), 'raised at 4.50'],
      ['2026-02-04', topUp('acme', '2.00'), '6.80'],
      ['2026-02-04', alerts('acme'), 'cleared at 4.50'],
      ['2026-02-28', look('acme'), 'active 3.80'],
      ['2026-02-28', alerts('acme'), 'raised at 3.80, cleared at 4.50'],
    ],
  ],
  [
    'what cannot be sold says so, and nothing moves',
    [
      ['2026-01-10', plan('Draft', { publish: false }), 'draft'],
      ['2026-01-10', plan('Euros', { currency: 'EUR' }), 'published'],
      ['2026-01-10', plan('Sold', { price_per_month: '1.00' }), 'published'],
      ['2026-01-10', plan('Twice', { components: [PAGE, PAGE] }), 'duplicate-key /components/1/key'],
      [
        '2026-01-10',
        plan('Gap', { components: [{ ...TIERED, tiers: GAP }] }),
        'invalid-tiers /components/0/tiers/1/up_to',
      ],
      ['2026-01-10', organization('acme', 'Draft'), 'tariff-not-published'],
      ['2026-01-10', organization('acme', 'Euros'), 'currency-mismatch'],
      ['2026-01-10', organization('acme', 'Sold'), '0.00'],
      ['2026-01-10', organization('acme', 'Sold'), 'already-exists'],
      ['2026-01-10', topUp('acme', '1.50'), '0.50'],
      ['2026-01-10', archive('Sold'), 'archived'],
      ['2026-01-11', organization('late', 'Sold'), 'tariff-not-published'],
      ['2026-01-11', change('acme', { plan: 'Draft' }), 'tariff-not-published'],
      ['2026-01-11', change('acme', { tariff_id: null }), '0.50'],
      ['2026-01-11', member('acme', 'ann'), 'no-tariff'],
      ['2026-01-11', job('acme', { input: 1 }), 'no-tariff'],
      ['2026-02-10', look('acme'), 'active 0.50'],
    ],
  ],
]

describe('a story of limits', () => {
  it.each(STORIES)('%s', async (_title, rows) => {
    await play(rows)
  })
})
