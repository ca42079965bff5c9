import { describe, expect, it } from 'vitest'
import { Doubts } from '../../src/database/money/doubts.ts'

/** Right and wrong guesses, and after them whether the rows are read: + right, - wrong. */
const STORIES = [
  { notes: '', isRead: false, why: 'nobody said anything' },
  { notes: '+++', isRead: false, why: 'nothing was ever wrong' },
  { notes: '-', isRead: true, why: 'others work there, too' },
  { notes: '-+', isRead: true, why: 'once may be chance' },
  { notes: '-++', isRead: false, why: 'unchanged twice in a row' },
  { notes: '-+-+', isRead: true, why: 'not in a row' },
  { notes: '---++', isRead: false, why: 'what was read and had changed counts once' },
  { notes: '-++-++', isRead: true, why: 'wrong again: twice as long' },
  { notes: '-++-++++', isRead: false, why: 'four in a row' },
  { notes: '-++-++++-+++++++', isRead: true, why: 'wrong a third time: eight' },
  { notes: '-++-++++-++++++++', isRead: false, why: 'eight in a row' },
  { notes: '-++-++++++++-++', isRead: true, why: 'four right guesses halve the four' },
  { notes: '-++-++++++++-++++', isRead: false, why: 'from two to four' },
  { notes: '-++++-++', isRead: false, why: 'two right guesses forget the first doubt' },
] as const

describe('doubts about organisations that others work for, too', () => {
  it.each(STORIES)('after "$notes" it is read: $isRead ($why)', ({ notes, isRead }) => {
    const doubts = new Doubts()
    for (const note of notes) doubts.note('a', note === '+')
    expect(doubts.about('a')).toBe(isRead)
    expect(doubts.about('b'), 'of the others nothing was said').toBe(false)
  })

  it('no organisation is read for ever', () => {
    const doubts = new Doubts()
    let reads = 0
    for (let wrong = 0; wrong < 20; wrong += 1) {
      doubts.note('a', false)
      for (reads = 0; doubts.about('a'); reads += 1) doubts.note('a', true)
    }
    expect(reads).toBe(256)
  })

  it('those that nothing was said of for longest are let go', () => {
    const doubts = new Doubts()
    for (let index = 0; index < 10_000; index += 1) doubts.note(`${index}`, false)
    doubts.note('0', false)
    doubts.note('one more', false)
    expect(['0', '1', '2', 'one more'].map((id) => doubts.about(id))).toEqual([true, false, true, true])
  })
})
