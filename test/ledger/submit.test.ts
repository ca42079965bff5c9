import { describe, expect, it } from 'vitest'
import { judgeSubmission, judgeSubmissions, type SubmitFacts, type SubmitTerms } from '../../src/ledger/submit.ts'

const TERMS: SubmitTerms = { id: 'new', organizationId: 'acme', userId: null, key: null, hash: null }
const FACTS: SubmitFacts = { organization: { currency: 'EUR', hasTariff: true }, member: null, known: null }
const KEYED: SubmitTerms = { ...TERMS, key: 'k', hash: 'h' }
const EARLIER = { jobId: 'earlier', hash: 'h' }

describe('a job that somebody wants stored', () => {
  it.each<[string, Partial<SubmitTerms>, Partial<SubmitFacts>, object]>([
    ['may be', {}, {}, { kind: 'new', currency: 'EUR' }],
    ['may be, for an active member', { userId: 'ann' }, { member: 'active' }, { kind: 'new', currency: 'EUR' }],
    ['needs an organisation', {}, { organization: null }, { code: 'not-found', status: 404 }],
    ['needs a tariff', {}, { organization: { currency: 'EUR', hasTariff: false } }, { code: 'no-tariff', status: 409 }],
    ['needs a member who is one', { userId: 'ann' }, {}, { code: 'not-a-member', status: 403 }],
    [
      '… and whose seat is paid',
      { userId: 'ann' },
      { member: 'pending_payment' },
      { code: 'not-a-member', status: 403 },
    ],
    ['… and who was not removed', { userId: 'ann' }, { member: 'removed' }, { code: 'not-a-member', status: 403 }],
    ['is the one of its key', KEYED, { known: EARLIER }, { kind: 'known', jobId: 'earlier' }],
    [
      'is not another one’s',
      KEYED,
      { known: { ...EARLIER, hash: 'x' } },
      { code: 'idempotency-mismatch', status: 422 },
    ],
    [
      'is known to its key even where a new one would be refused',
      { ...KEYED, userId: 'ann' },
      { known: EARLIER, organization: { currency: 'EUR', hasTariff: false } },
      { kind: 'known', jobId: 'earlier' },
    ],
  ])('%s', (_what, terms, facts, judged) => {
    expect(judgeSubmission({ ...TERMS, ...terms }, { ...FACTS, ...facts })).toMatchObject(judged)
  })

  it('says of a seat that is not paid another thing than of nobody', () => {
    const terms = { ...TERMS, userId: 'ann' }
    const sentences = [null, 'pending_payment'].map((member) => String(judgeSubmission(terms, { ...FACTS, member })))
    expect(sentences[0]).toContain('ann is not a member of acme')
    expect(sentences[1]).toContain('ann has a seat that is not paid yet')
  })
})

describe('jobs that are judged together', () => {
  it('know what those before them are about to store, by organisation and key, and only that', () => {
    const asked = [
      { ...KEYED, id: 'a', facts: { ...FACTS, organization: null } },
      { ...KEYED, id: 'b', facts: FACTS },
      { ...KEYED, id: 'c', facts: FACTS },
      { ...KEYED, id: 'd', hash: 'other', facts: FACTS },
      { ...KEYED, id: 'e', organizationId: 'rival', facts: FACTS },
      { ...TERMS, id: 'f', facts: FACTS },
      { ...TERMS, id: 'g', facts: FACTS },
    ]
    expect(judgeSubmissions(asked)).toMatchObject([
      { code: 'not-found' },
      { kind: 'new' },
      { kind: 'known', jobId: 'b' },
      { code: 'idempotency-mismatch' },
      { kind: 'new' },
      { kind: 'new' },
      { kind: 'new' },
    ])
  })
})
