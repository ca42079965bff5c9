import { afterAll, describe, expect, test, vi } from 'vitest'
import { builtInAgents } from '../../src/agents/built-in-agents.ts'
import { analyse } from '../../src/agents/offline-analysis.ts'
import { extract } from '../../src/agents/offline-extraction.ts'
import { summarize } from '../../src/agents/offline-summary.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import { agentRunner } from './agent-run.ts'
import { HOSTILE_TEXTS } from './hostile-texts.ts'

vi.setConfig({ testTimeout: 60_000 }) // an agent has 20 s, and loading the vocabulary is slow on a busy machine

const AGENTS = builtInAgents(true).served
/** What they do, in their order. */
const WORKS = [extract, summarize, analyse]
const LIMIT = 200
const HALF_MAX = 16_384
const runner = agentRunner(2)
afterAll(() => runner.close())

describe.each(HOSTILE_TEXTS)('%s', (_name, length, make) => {
  test('each agent answers in time, in well-formed text, within its tokens, and a part of it the same again', async () => {
    const text = make(length)
    expect(text.isWellFormed()).toBe(true)
    await Promise.all(
      AGENTS.map(async (agent) => {
        const answer = await runner.run(agent, text, LIMIT)
        expect(answer.text).not.toBe('')
        expect(answer.text.isWellFormed()).toBe(true)
        expect(answer.text).not.toContain('\0')
        expect(o200kBase.count(answer.text)).toBeLessThanOrEqual(LIMIT)
        expect(answer.usage).toMatchObject([{ source: 'reported', classes: { output: o200kBase.count(answer.text) } }])
      }),
    )
    const part = make(length >> 6)
    const answers = await Promise.all(AGENTS.map((agent) => runner.run(agent, part, LIMIT)))
    const again = WORKS.map((work) => work(part, LIMIT, o200kBase))
    expect(answers.map((answer) => answer.text)).toEqual(again) // whatever each thread has read before
  })
})

/** Of this thread alone, so that a busy machine does not show. */
function cpuMs(work: () => unknown): number {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

const TRIES = 15

/**
 * By the best try of each: what else a thread does meanwhile (it compiles, it collects garbage, it shares its core) only
 * adds, and work that grows with the square needs four times as long in its best try, too.
 */
function staysLinear(work: () => unknown, double: () => unknown): boolean {
  let [single, doubled] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let tried = 0; tried < TRIES; tried += 1) {
    doubled = Math.min(doubled, cpuMs(double))
    single = Math.min(single, cpuMs(work))
    if (doubled < 2.5 * Math.max(5, single)) return true
  }
  return false
}

test.each(HOSTILE_TEXTS)('twice as much of %s takes less than 2.5 times the work', (_name, length, make) => {
  const half = Math.min(HALF_MAX, length >> 1)
  const [short, long] = [make(half), make(2 * half)]
  for (const work of WORKS) {
    const linear = staysLinear(
      () => work(short, LIMIT, o200kBase),
      () => work(long, LIMIT, o200kBase),
    )
    expect(linear, work.name).toBe(true)
  }
})
