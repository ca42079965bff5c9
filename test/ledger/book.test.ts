import { describe, expect, it } from 'vitest'
import { Book } from '../../src/ledger/book.ts'
import { ORG, worldOf } from './world-fixtures.ts'

/** The last guard below every rule: what it refuses no rule asks for, so it is asked here. */
describe('the book of a batch', () => {
  function bookOf(money: { available: bigint; overdraft?: bigint }) {
    const world = worldOf(money)
    const wake = { kind: 'wake', organizationId: ORG, jobId: null, scope: 'all', after: null } as const
    const book = new Book(structuredClone(world.facts([wake])), world.tariffs)
    return { book, organization: book.organization(ORG) }
  }
  const hold = (amount: bigint, key = 'hold:j:1') =>
    ({ kind: 'hold', debit: 'available', credit: 'held', amount, key }) as const

  it('moves money down to the overdraft limit, and refuses one unit more', () => {
    const { book, organization } = bookOf({ available: 100n, overdraft: 10n })
    expect(book.post(organization, hold(110n))).toMatchObject({ availableAfter: -10n, heldAfter: 110n, seq: 2 })
    expect(() => book.post(organization, hold(1n, 'hold:k:1'))).toThrow('keeps the balance above its limit')
  })

  it('takes no more out of held than is in it', () => {
    const { book, organization } = bookOf({ available: 100n })
    book.post(organization, hold(60n))
    const charge = { kind: 'charge', debit: 'held', credit: 'revenue' } as const
    expect(book.post(organization, { ...charge, amount: 60n, key: 'charge:j:a' })).toMatchObject({ heldAfter: 0n })
    const tooMuch = () => book.post(organization, { ...charge, amount: 1n, key: 'charge:j:b' })
    expect(tooMuch).toThrow('takes no more than what is held')
  })

  it('writes a key once', () => {
    const { book, organization } = bookOf({ available: 100n })
    const first = book.post(organization, hold(1n))
    expect(() => book.post(organization, hold(1n))).toThrow('is written once')
    expect(organization).toMatchObject({ available: 99n, held: 1n, seq: first.seq })
    expect(book.writes().entries).toEqual([first])
  })

  it.each([0n, -1n])('writes no entry of %d', (amount) => {
    const { book, organization } = bookOf({ available: 100n })
    expect(() => book.post(organization, hold(amount))).toThrow('an entry moves more than nothing')
    expect(organization).toMatchObject({ available: 100n, held: 0n, seq: 1 })
    expect(book.writes().entries).toEqual([])
  })
})
