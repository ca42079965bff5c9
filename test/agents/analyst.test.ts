import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { analyst } from '../../src/agents/built-in-agents.ts'
import { askedIn } from '../../src/agents/offline-question.ts'
import { rank } from '../../src/agents/offline-ranking.ts'
import { measure, readabilityOf, syllablesOf } from '../../src/agents/offline-readability.ts'
import { sentencesOf } from '../../src/agents/offline-reader.ts'
import { agentRunner } from './agent-run.ts'

vi.setConfig({ testTimeout: 45_000 }) // loading the vocabulary is slow on a busy machine

const runner = agentRunner()
afterAll(() => runner.close())

const report = readFileSync(new URL('../fixtures/texts/harbour-ferry.txt', import.meta.url), 'utf8')
const analysis = async (text: string, maxTokens?: number): Promise<string[]> =>
  (await runner.run(analyst, text, maxTokens)).text.split('\n')

describe('where the questions of a text are', () => {
  const MATERIAL = 'The pump is old. It feeds the field.'
  test.each<[name: string, text: string, questions: string[], material?: string]>([
    ['a line before the text', `How old is it?\n${MATERIAL}`, ['How old is it?']],
    ['a paragraph before it', `\n\nHow old is it?\n\n${MATERIAL}\n`, ['How old is it?']],
    ['a line behind it', `${MATERIAL}\nHow old is it?\n`, ['How old is it?']],
    ['on both sides, in this order', `Who?\n${MATERIAL}\n\nWhy?\nWhere?`, ['Who?', 'Why?', 'Where?']],
    ['two in one line', `Who pays? How much?\n${MATERIAL}`, ['Who pays?', 'How much?']],
    ['over two lines', `Who of them all\nwould pay?\n${MATERIAL}`, ['Who of them all would pay?']],
    ['over two lines at the end', `${MATERIAL}\nWho of them all\nwould pay?`, ['Who of them all would pay?']],
    ['with the mark of a list', `1. Who pays?\n- How much?\n\n${MATERIAL}`, ['Who pays?', 'How much?']],
    ['with a label, whatever it says', `Question: the age of the pump\n${MATERIAL}`, ['the age of the pump']],
    ['with a label at the end', `${MATERIAL}\nquestion: its age.`, ['its age.']],
    [
      'with an abbreviation',
      `What does Dr. Lee say of 3.5 litres?\n${MATERIAL}`,
      ['What does Dr. Lee say of 3.5 litres?'],
    ],
    ['in Chinese', `泵有多旧？谁付钱？\n${MATERIAL}`, ['泵有多旧？', '谁付钱？']],
    ['in Arabic', `كم عمر المضخة؟\n${MATERIAL}`, ['كم عمر المضخة؟']],
    ['not inside a paragraph', `We asked them. Who pays?\n${MATERIAL}`, [], `We asked them. Who pays?\n${MATERIAL}`],
    [
      'not at the end of one',
      `It is old. We ask who\nshould pay for it?`,
      [],
      `It is old. We ask who\nshould pay for it?`,
    ],
    ['not in the middle', `A pump.\n\nWho pays?\n\n${MATERIAL}`, [], `A pump.\n\nWho pays?\n\n${MATERIAL}`],
    ['not by marks alone', `???\n${MATERIAL}`, [], `???\n${MATERIAL}`],
    [
      'not longer than 500 characters',
      `${'why '.repeat(130)}?\n${MATERIAL}`,
      [],
      `${'why '.repeat(130)}?\n${MATERIAL}`,
    ],
    ['nothing else is a text without material', 'Who pays?', ['Who pays?'], ''],
  ])('%s', (_name, text, questions, material = MATERIAL) => {
    expect(askedIn(text)).toEqual({ questions, more: false, material })
  })

  test('five at most, and it says that there are more', () => {
    const many = Array.from({ length: 8 }, (_, at) => `Who is number ${at}?`)
    const { questions, more } = askedIn(`${many.join('\n')}\n\n${MATERIAL}`)
    expect(questions).toEqual(many.slice(0, 5))
    expect(more).toBe(true)
  })
})

test('BM25 is what its formula gives', () => {
  const documents = [['pump', 'old'], ['pump', 'pump', 'field', 'wide'], ['rain']]
  // idf(pump) = ln(1 + 1.5 / 2.5) and idf(old) = ln(1 + 2.5 / 1.5); the mean length is 7 / 3.
  const [pump, old] = [Math.log(1.6), Math.log(8 / 3)]
  const norm = (length: number) => 1.2 * (0.25 + 0.75 * (length / (7 / 3)))
  const [first, second, ...others] = rank(['pump', 'old'], documents)
  expect(first).toMatchObject({ index: 0, share: 1 })
  expect(first?.score).toBeCloseTo(((pump + old) * 2.2) / (1 + norm(2)), 12)
  expect(second).toMatchObject({ index: 1, share: pump / (pump + old) })
  expect(second?.score).toBeCloseTo((pump * 2 * 2.2) / (2 + norm(4)), 12)
  expect(others).toEqual([])
})

test('a query of absent words finds nothing, and ties keep the order of the documents', () => {
  expect(rank(['snow'], [['rain'], ['wind']])).toEqual([])
  expect(rank(['rain'], [])).toEqual([])
  expect(rank(['rain'], [['rain'], ['rain']]).map(({ index }) => index)).toEqual([0, 1])
})

test('each question is answered by sentences of the text, the best first', async () => {
  const lines = await analysis(`What does a new electric ferry cost?\nHow many people work on it?\n\n${report}`)
  expect(lines[0]).toBe('Question: What does a new electric ferry cost?')
  expect(lines[1]).toMatch(
    /^1\. "A new electric ferry of the size of the Marianne costs \$6\.4 million\." \(100% of the question, BM25 \d+\.\d\d\)$/,
  )
  const quotes = lines.flatMap((line) => /^\d\. "(.*)" \(/.exec(line)?.[1] ?? [])
  expect(quotes.length).toBeGreaterThan(1)
  for (const quote of quotes) expect(report).toContain(quote)
  const scores = lines.flatMap((line) =>
    line.startsWith('Question: How') ? ['next'] : (/BM25 ([\d.]+)/.exec(line)?.[1] ?? []),
  )
  const ofFirst = scores.slice(0, scores.indexOf('next')).map(Number)
  expect(ofFirst).toEqual(ofFirst.toSorted((a, b) => b - a))
})

test('a question finds another form of its words', async () => {
  const text =
    'What did passengers think?\n\nThe deck is level. A passenger thought that it was quiet. The pier is wet.'
  expect((await analysis(text))[1]).toMatch(/^1\. "A passenger thought that it was quiet\."/)
})

test('a question that the text does not answer is told so, with what is missing', async () => {
  const lines = await analysis(
    `What is the capital of France?\nWho is the mayor of Eastpoint?\nWho is it?\n\n${report}`,
  )
  expect(lines.slice(0, 6)).toEqual([
    'Question: What is the capital of France?',
    'Nothing in the text answers this: no sentence has a word of it.',
    'Question: Who is the mayor of Eastpoint?',
    expect.stringMatching(
      /^Nothing in the text answers this: the nearest sentence holds [1-3]\d% of the question, 40% are needed\.$/,
    ),
    'Question: Who is it?',
    "It has no word to look for: ask in the text's own words.",
  ])
})

test('a question is never answered by a question or a heading', async () => {
  const text = 'What does it cost?\n\nThe cost\n\nIt costs a lot.\n\nWhat does the pump cost the town?\n\nNobody knows.'
  expect((await analysis(text)).filter((line) => /^\d\. /.test(line))).toEqual([
    expect.stringContaining('"It costs a lot."'),
  ])
})

test('without a question it says how to ask, and gives the passage that stands for most', async () => {
  const lines = await analysis(report)
  expect(lines[0]).toMatch(/^No question was found; put each on a line of its own/)
  const [, passage = ''] = /^Key passage: "(.*)"$/.exec(lines[1] ?? '') ?? []
  expect(passage.length).toBeGreaterThan(40)
  expect(report).toContain(passage)
  expect(lines[2]).toMatch(/^Sentiment: /)
})

test('sentiment is counted by sentence, with the clearest of each side', async () => {
  const text = 'The crew is happy and loves the boat. The smoke is horrible. The pier has two steps. This is not good.'
  const lines = await analysis(text)
  expect(lines.slice(2, 5)).toEqual([
    expect.stringMatching(/^Sentiment: \S.* over 4 sentences \(1 positive, 2 negative and 1 neutral\)$/),
    expect.stringMatching(/^Most positive: "The crew is happy and loves the boat\." \(\+0\.\d\d\)$/),
    expect.stringMatching(/^Most negative: "(This is not good|The smoke is horrible)\." \(-\d\.\d\d\)$/),
  ])
})

test('what the formulas do not apply to, they are not applied to', async () => {
  const german =
    'Die neue Fähre kostet sechs Millionen Euro und fährt zwischen Hafen und Markt. Der Rat stimmt bald zu.'
  expect((await analysis(german)).slice(-2)).toEqual([
    'Sentiment: not told, the lexicon knows English only',
    expect.stringMatching(/^Readability: LIX \d+ /),
  ])
  expect((await analysis('今天天气很好。我们去公园。')).slice(-2)).toEqual([
    'Sentiment: not told, the lexicon knows English only',
    'Readability: the formulas do not apply to the script of this text',
  ])
  expect((await analysis('12 + 30 = 42')).at(-1)).toBe('Readability: does not apply, the text has no words')
})

test('readability is what the formulas give', () => {
  const text = 'The cat sat on the mat. The cat was a very happy animal.'
  const measures = measure([...sentencesOf(text)])
  expect(measures).toMatchObject({
    words: 13,
    sentences: 2,
    alphabetic: true,
    english: true,
    syllables: 17,
    longWords: 0,
  })
  // 206.835 - 1.015 × 6.5 - 84.6 × 17 ÷ 13, 0.39 × 6.5 + 11.8 × 17 ÷ 13 - 15.59, and 6.5 + 0
  expect(readabilityOf(measures)).toBe(
    'Readability: Flesch reading ease 90 (easy), Flesch-Kincaid grade 2.4, LIX 7 (very easy); 13 words in 2 sentences; ' +
      'fewer than 100 words say little',
  )
})

test('syllables come out as in a dictionary for nine words of ten', () => {
  const words: Record<string, number> = {
    ...{
      the: 1,
      cat: 1,
      table: 2,
      maintenance: 3,
      passenger: 3,
      ferry: 2,
      electric: 3,
      engine: 2,
      engines: 2,
      price: 1,
    },
    ...{ prices: 2, charged: 1, started: 2, jumped: 1, horses: 2, goes: 1, people: 2, idea: 3, area: 3, quiet: 2 },
    ...{
      station: 2,
      million: 2,
      social: 2,
      various: 3,
      science: 2,
      create: 2,
      created: 3,
      being: 2,
      money: 2,
      capacity: 4,
    },
    ...{
      recommend: 3,
      experience: 4,
      battery: 3,
      voltage: 2,
      connection: 3,
      release: 2,
      whole: 1,
      apple: 2,
      little: 2,
    },
    ...{
      queue: 1,
      question: 2,
      serious: 3,
      courageous: 3,
      created2: 3,
      manual: 3,
      usual: 3,
      build: 1,
      fruit: 1,
      naïve: 2,
    },
  }
  const wrong = Object.entries(words).filter(([word, count]) => syllablesOf(word) !== count)
  expect(wrong.length / Object.keys(words).length, wrong.join('; ')).toBeLessThanOrEqual(0.1)
})

test.each([40, 80, 150])('in %i tokens the answers come first and whole lines are left out', async (limit) => {
  const text = `What does a new electric ferry cost?\n\n${report}`
  const [all, few] = [await analysis(text), await analysis(text, limit)]
  expect(few[0]).toMatch(/^Question: What does/)
  if (limit >= 80) for (const line of few) expect(all).toContain(line)
  expect(few.length).toBeLessThan(all.length)
})

test('the same text gives the same answer, byte for byte', async () => {
  const text = `What does it cost?\n\n${report}`
  expect(await analysis(text)).toEqual(await analysis(text))
})
