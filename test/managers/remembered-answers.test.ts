import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { RememberedAnswers } from '../../src/managers/remembered-answers.ts'

const LONG = { ageMs: 60_000, foundMax: 3, missedMax: 2 }

/** Answers a name in capitals, and null to one that begins with a minus. */
function asking(bounds = LONG) {
  const asked: string[] = []
  const answers = new RememberedAnswers(async (name: string) => {
    asked.push(name)
    return name.startsWith('-') ? null : name.toUpperCase()
  }, bounds)
  return { asked, answers }
}

it('what was asked just now is not asked again, found or not', async () => {
  const { asked, answers } = asking()
  for (const name of ['a', '-b', 'a', '-b']) {
    expect(await answers.of(name)).toBe(name.startsWith('-') ? null : name.toUpperCase())
  }
  expect(asked).toEqual(['a', '-b'])
})

it('a question that is under way is shared', async () => {
  const { asked, answers } = asking()
  expect(await Promise.all([answers.of('a'), answers.of('a'), answers.of('a')])).toEqual(['A', 'A', 'A'])
  expect(asked).toEqual(['a'])
})

it('an answer is as old as its question: who comes later than that asks anew, also while the first has no answer', async () => {
  const first = Promise.withResolvers<string>()
  const replies: Promise<string>[] = [first.promise, Promise.resolve('new')]
  let asked = 0
  const answers = new RememberedAnswers(
    (): Promise<string> => replies[asked++] ?? Promise.reject(new Error('unasked')),
    {
      ...LONG,
      ageMs: 20,
    },
  )
  const old = answers.of('a')
  await sleep(40)
  expect(await answers.of('a')).toBe('new')
  first.resolve('old')
  expect(await old).toBe('old')
  expect(await answers.of('a')).toBe('new')
  expect(asked).toBe(2)
})

it('what is forgotten is asked anew, also where its question was under way', async () => {
  const first = Promise.withResolvers<string>()
  const replies: Promise<string>[] = [first.promise, Promise.resolve('new')]
  let asked = 0
  const answers = new RememberedAnswers(() => replies[asked++] ?? Promise.reject(new Error('unasked')), LONG)
  const old = answers.of('a')
  answers.forget()
  first.resolve('old')
  expect(await old).toBe('old')
  expect(await answers.of('a')).toBe('new')
})

it('a question that failed is asked again by the next', async () => {
  let asked = 0
  const answers = new RememberedAnswers(async () => {
    asked += 1
    if (asked === 1) throw new Error('away')
    return 'here'
  }, LONG)
  await expect(answers.of('a')).rejects.toThrow('away')
  expect(await answers.of('a')).toBe('here')
})

it('nonsense pushes out nonsense, and nothing that was found', async () => {
  const { asked, answers } = asking()
  for (const name of ['a', 'b', 'c', '-1', '-2', '-3', '-4']) await answers.of(name)
  asked.length = 0
  for (const name of ['a', 'b', 'c', '-4', '-1']) await answers.of(name)
  expect(asked).toEqual(['-1'])
})

it('of what was found the oldest goes', async () => {
  const { asked, answers } = asking()
  for (const name of ['a', 'b', 'c', 'd']) await answers.of(name)
  asked.length = 0
  for (const name of ['b', 'c', 'd', 'a']) await answers.of(name)
  expect(asked).toEqual(['a'])
})
