import { expect, test } from 'vitest'
import type { Tool } from '../../src/agents/agent.ts'
import type { LlmAnswer, LlmMessage } from '../../src/agents/llm-provider.ts'
import { generateWithTools } from '../../src/agents/tool-loop.ts'

const { signal } = new AbortController()
const dice: Tool = {
  ...{ name: 'dice', description: 'Rolls dice.', parameters: { type: 'object' } },
  run: (input) => `rolled ${JSON.stringify(input)}`,
}
const wants = (...calls: readonly (readonly [name: string, input: string])[]): LlmAnswer => ({
  text: '',
  toolCalls: calls.map(([name, input], index) => ({ id: `c${index}`, name, input })),
  usage: null,
})
const says = (text: string): LlmAnswer => ({ text, toolCalls: [], usage: null })

function script(answers: readonly LlmAnswer[]) {
  const heard: (readonly LlmMessage[])[] = []
  const call = async ({ messages }: { messages: readonly LlmMessage[] }): Promise<LlmAnswer> => {
    heard.push(messages)
    return answers[heard.length - 1] ?? wants(['dice', '{}'])
  }
  return { heard, call }
}

test('each round is one call, with all that was said before', async () => {
  const { heard, call } = script([wants(['dice', '{"sides":6}'], ['dice', '']), says('You rolled.')])
  await expect(generateWithTools({ system: 's', prompt: 'roll', tools: [dice] }, call, signal)).resolves.toEqual({
    text: 'You rolled.',
  })
  expect(heard.map(({ length }) => length)).toEqual([1, 4])
  expect(heard[1]?.slice(2)).toEqual([
    { role: 'tool', callId: 'c0', name: 'dice', text: 'rolled {"sides":6}' },
    { role: 'tool', callId: 'c1', name: 'dice', text: 'rolled {}' },
  ])
})

test('what goes wrong with a tool is told to the model', async () => {
  const broken: Tool = { ...dice, name: 'broken', run: () => Promise.reject(new Error('no network')) }
  const asked = wants(['broken', '{}'], ['dice', '{"si'], ['coin', '{}'])
  const { heard, call } = script([asked, says('Sorry.')])
  await generateWithTools({ system: 's', prompt: 'roll', tools: [dice, broken] }, call, signal)
  expect(heard[1]?.slice(2).map(({ text }) => text)).toEqual([
    'The tool failed: no network',
    expect.stringContaining('The tool failed: '),
    'There is no tool "coin".',
  ])
})

test('a model that asks for tools for ever ends', async () => {
  const { heard, call } = script([])
  const answer = generateWithTools({ system: 's', prompt: 'roll', tools: [dice] }, call, signal)
  await expect(answer).rejects.toMatchObject({ code: 'provider-error', retryable: false })
  expect(heard).toHaveLength(32)
})

test('after an abort no tool runs and no round follows', async () => {
  const stop = new AbortController()
  const { heard, call } = script([wants(['dice', '{}'], ['dice', '{}']), says('never')])
  let rolls = 0
  const run = (): string => {
    rolls += 1
    stop.abort(new Error('cancelled'))
    return 'rolled'
  }
  const last: Tool = { ...dice, run }
  const answer = generateWithTools({ system: 's', prompt: 'roll', tools: [last] }, call, stop.signal)
  await expect(answer).rejects.toThrow('cancelled')
  expect([heard.length, rolls]).toEqual([1, 1])
})
