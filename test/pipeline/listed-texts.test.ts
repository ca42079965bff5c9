import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { measureInOrder, normalizeTexts } from '../../src/pipeline/listed-texts.ts'

const LIMIT = 100
const texts = (count: number) => Array.from({ length: count }, (_, index) => `text ${index}`)

async function gather<T>(values: AsyncIterable<T>): Promise<T[]> {
  const gathered: T[] = []
  for await (const value of values) gathered.push(value)
  return gathered
}

describe('the texts of a list', () => {
  it('are judged like the text of a job, and every one that is none is named', async () => {
    const bad = ['good', '', 'a\u0000b', 'x'.repeat(LIMIT), 'x'.repeat(LIMIT + 1), '\ud800', '\ufeff']
    await expect(normalizeTexts(bad, LIMIT)).rejects.toMatchObject({
      code: 'validation',
      errors: [1, 2, 4, 5, 6].map((index) => ({ pointer: `/texts/${index}`, code: 'invalid-text' })),
    })
    expect(await normalizeTexts(['\ufeffgood', ' '], LIMIT)).toEqual(['good', ' '])
  })

  it('are from one to a thousand', async () => {
    for (const count of [0, 1_001]) {
      await expect(normalizeTexts(texts(count), LIMIT)).rejects.toMatchObject({
        errors: [{ pointer: '/texts', code: 'invalid-value' }],
      })
    }
    expect(await normalizeTexts(texts(1_000), LIMIT)).toHaveLength(1_000)
  })

  it('are measured a few at once, and given in their order', async () => {
    let running = 0
    let most = 0
    const told: number[] = []
    const measure = async (text: string) => {
      running += 1
      most = Math.max(most, running)
      await sleep(text.length % 3)
      running -= 1
      return `${text} measured`
    }
    const measured = measureInOrder(texts(40), measure, (done) => told.push(done))
    expect(await gather(measured)).toEqual(texts(40).map((text) => `${text} measured`))
    expect(most).toBeLessThan(40)
    expect(told).toEqual(texts(40).map((_, index) => index + 1))
  })

  it('leave the event loop a turn between any two that are counted on it', async () => {
    let turns = 0
    let isDone = false
    const count = () => {
      turns += 1
      if (!isDone) setImmediate(count)
    }
    setImmediate(count)
    const seen = await gather(
      measureInOrder(
        texts(50),
        async () => turns,
        () => undefined,
      ),
    )
    isDone = true
    for (const [index, turn] of seen.entries()) if (index > 0) expect(turn).toBeGreaterThan(seen[index - 1] ?? 0)
  })

  it('fail with the first that cannot be measured; what ran ahead of it is no unheard error', async () => {
    const told: number[] = []
    const measure = async (text: string) => {
      if (text !== 'text 0') throw new Error(`${text} cannot be measured`)
      return text
    }
    const failing = gather(measureInOrder(texts(10), measure, (done) => told.push(done)))
    await expect(failing).rejects.toThrow('text 1 cannot be measured')
    await sleep(5)
    expect(told).toEqual([1])
  })
})
