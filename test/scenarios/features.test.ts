import { describe, it } from 'vitest'
import { leave, look, member, organization, plan, topUp } from './steps.ts'
import { play, type Row, type Step } from './story.ts'

/** Charges a feature over HTTP. Comes to what it cost and what is left, to the reason of a 402, or to the code. */
function feature(id: string, name: string, quantity: number, key: string, user: string | null = null): Step {
  return {
    says: `${quantity} of ${name} for ${id} under ${key}${user === null ? '' : ` by ${user}`}`,
    async play({ ask }) {
      const charge = { organization_id: id, feature: name, quantity, key, user_id: user }
      const { status, body } = await ask('/api/v1/feature-charges', { body: charge })
      if (status >= 400) return String(body.reason ?? body.code)
      const { available } = body.balance as { available: string }
      const [warning] = body.warnings as readonly { code: string }[]
      const told = `${String(body.charged)} of ${available}${warning ? ` ${warning.code}` : ''}`
      return status === 200 ? `again ${told}` : told
    },
  }
}

const PAGES = [{ key: 'pages', kind: 'feature', feature: 'ocr-page', price: '0.10', included: 3 }]
const TIERS = [
  { up_to: 10, price: '1.00' },
  { up_to: null, price: '0.50' },
]
const RATES = [
  { key: 'scans', kind: 'feature', feature: 'scan', model: 'volume', tiers: TIERS },
  { key: 'searches', kind: 'feature', feature: 'search', model: 'graduated', tiers: TIERS },
  { key: 'boxes', kind: 'feature', feature: 'box', model: 'package', price: '2.00', per: 10 },
  { key: 'reports', kind: 'feature', feature: 'report', model: 'flat', price: '0.75' },
]

const STORIES: readonly (readonly [title: string, rows: readonly Row[]])[] = [
  [
    'free pages begin anew with each period; the fee of the month is owed first, and paid first',
    [
      ['2026-01-15', plan('Pages', { price_per_month: '5.00', components: PAGES }), 'published'],
      ['2026-01-15', organization('acme', 'Pages'), '0.00'],
      ['2026-01-15', feature('acme', 'ocr-page', 5, 'a'), 'insufficient'],
      ['2026-01-15', topUp('acme', '10.00'), '5.00'],
      ['2026-01-15', feature('acme', 'ocr-page', 5, 'a'), '0.20 of 4.80'],
      ['2026-01-16', feature('acme', 'ocr-page', 5, 'a'), 'again 0.20 of 4.80'],
      ['2026-01-16', feature('acme', 'ocr-page', 6, 'a'), 'reference-conflict'],
      ['2026-02-14T23:59:59.999Z', feature('acme', 'ocr-page', 1, 'b'), '0.10 of 4.70'],
      ['2026-02-15', feature('acme', 'ocr-page', 3, 'c'), '0.00 of 4.70'],
      ['2026-02-21T23:59:59.999Z', feature('acme', 'ocr-page', 1, 'd'), '0.10 of 4.60'],
      ['2026-02-22', feature('acme', 'ocr-page', 1, 'e'), 'past_due'],
      ['2026-02-22', feature('acme', 'ocr-page', 5, 'a'), 'again 0.20 of 4.80'],
      ['2026-02-23', topUp('acme', '1.00'), '0.60'],
      ['2026-02-23', feature('acme', 'ocr-page', 1, 'e'), '0.10 of 0.50'],
      ['2026-02-23', feature('acme', 'ocr-page', 6, 'f'), 'insufficient'],
      ['2026-02-23', feature('acme', 'ocr-page', 5, 'f'), '0.50 of 0.00'],
    ],
  ],
  [
    'tiers, packages and flat prices by the counters of the period, over boundaries that nobody looked at',
    [
      ['2026-01-31', plan('Rates', { components: RATES }), 'published'],
      ['2026-01-31', organization('acme', 'Rates'), '0.00'],
      ['2026-01-31', topUp('acme', '100.00'), '100.00'],
      ['2026-01-31', feature('acme', 'scan', 10, 's1'), '10.00 of 90.00'],
      ['2026-02-01', feature('acme', 'scan', 1, 's2'), '0.50 of 89.50'],
      ['2026-02-01', feature('acme', 'search', 12, 'q1'), '11.00 of 78.50'],
      ['2026-02-01', feature('acme', 'box', 1, 'b1'), '2.00 of 76.50'],
      ['2026-02-01', feature('acme', 'box', 9, 'b2'), '0.00 of 76.50'],
      ['2026-02-01', feature('acme', 'box', 1, 'b3'), '2.00 of 74.50'],
      ['2026-02-01', feature('acme', 'report', 30, 'r1'), '0.75 of 73.75'],
      ['2026-04-30T12:00:00Z', feature('acme', 'scan', 2, 's3'), '2.00 of 71.75'],
      ['2026-04-30T12:00:00Z', feature('acme', 'box', 1, 'b4'), '2.00 of 69.75'],
      ['2026-04-30T12:00:00Z', feature('acme', 'scan', 10, 's1'), 'again 10.00 of 90.00'],
      ['2026-04-30T12:00:01Z', feature('acme', 'sacn', 1, 's4'), '0.00 of 69.75 unpriced-meter'],
      ['2026-04-30T12:00:01Z', look('acme'), 'active 69.75'],
    ],
  ],
  [
    'on behalf of a member, who has a paid seat or charges nothing',
    [
      ['2026-04-01', plan('Team', { member_price: '3.00', components: PAGES }), 'published'],
      ['2026-04-01', organization('acme', 'Team'), '0.00'],
      ['2026-04-01', feature('acme', 'ocr-page', 1, 'a', 'u1'), 'not-a-member'],
      ['2026-04-01', member('acme', 'u1'), 'pending_payment 3.00'],
      ['2026-04-01', feature('acme', 'ocr-page', 1, 'a', 'u1'), 'not-a-member'],
      ['2026-04-01', topUp('acme', '3.50'), '0.50'],
      ['2026-04-01', feature('acme', 'ocr-page', 4, 'a', 'u1'), '0.10 of 0.40'],
      ['2026-04-01', feature('acme', 'ocr-page', 4, 'a'), 'reference-conflict'],
      ['2026-04-02', leave('acme', 'u1'), 'left'],
      ['2026-04-02', feature('acme', 'ocr-page', 1, 'b', 'u1'), 'not-a-member'],
      ['2026-04-02', feature('acme', 'ocr-page', 4, 'a', 'u1'), 'again 0.10 of 0.40'],
      ['2026-04-02', feature('nobody', 'ocr-page', 1, 'a'), 'not-found'],
    ],
  ],
]

describe('a story of features over several periods', () => {
  it.each(STORIES)('%s', async (_title, rows) => {
    await play(rows)
  })
})
