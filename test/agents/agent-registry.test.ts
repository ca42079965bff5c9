import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import { createAgentRegistry, loadAgentsModule } from '../../src/agents/agent-registry.ts'
import { builtInAgents, DEFAULT_AGENTS, extractor, summarizer } from '../../src/agents/built-in-agents.ts'
import { ConfigurationError } from '../../src/foundation/errors.ts'

const agent = (key: string): Agent => ({ key, bounds: () => null, run: async (text) => ({ text }) })
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/agents/${name}`, import.meta.url))

test('the registry finds agents by key, and only those', () => {
  const registry = createAgentRegistry([...DEFAULT_AGENTS, agent('own-one')])
  expect(registry.keys).toEqual(['extractor', 'summarizer', 'own-one'])
  expect(registry.get('extractor')).toBe(extractor)
  expect(registry.get('summarizer')).toBe(summarizer)
  expect(registry.get('constructor')).toBeUndefined()
  expect(registry.get('')).toBeUndefined()
})

test('the registry says what to do for an agent that could be had, and for no other', () => {
  const { served, withheld } = builtInAgents(true)
  const registry = createAgentRegistry(served, withheld)
  expect(registry.keys).toEqual(['extractor', 'summarizer', 'analyst'])
  expect(registry.get('assistant')).toBeUndefined()
  expect(registry.remedy('assistant')).toMatch(/: set LLM_PROVIDER=openai-compatible, with LLM_BASE_URL/)
  expect(registry.remedy('analyst')).toBeNull()
  expect(registry.remedy('constructor')).toBeNull()
})

test("a platform's own agent may have the key of one that is withheld", () => {
  const { served, withheld } = builtInAgents(true)
  const own = agent('assistant')
  expect(createAgentRegistry([...served, own], withheld).get('assistant')).toBe(own)
})

test.each(['', 'Upper', '9lives', 'with space', 'a'.repeat(33), 'dotted.key', '../up'])(
  'the key "%s" is refused',
  (key) => {
    expect(() => createAgentRegistry([agent(key)])).toThrow(ConfigurationError)
  },
)

test('a key that stands twice is refused by its name', () => {
  expect(() => createAgentRegistry([agent('twin'), agent('twin')])).toThrow('Two agents have the key "twin"')
})

test("a platform's own module is loaded", async () => {
  const agents = await loadAgentsModule(fixture('two-agents.ts'))
  expect(agents.map(({ key }) => key)).toEqual(['shout', 'echo'])
})

test.each([
  ['missing.ts', 'cannot be loaded'],
  ['throws.ts', 'the database of the agent is down'],
  ['no-default.ts', 'must default-export an array'],
  ['no-bounds.ts', 'item 0 needs a key, bounds(text, limits) and run(text, context)'],
])('the agents module %s is refused with what is wrong', async (name, reason) => {
  const loading = loadAgentsModule(fixture(name))
  await expect(loading).rejects.toThrow(ConfigurationError)
  await expect(loading).rejects.toThrow(reason)
})
