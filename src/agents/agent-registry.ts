import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigurationError } from '../foundation/errors.ts'
import { AGENT_KEY } from '../foundation/ids.ts'
import type { Agent } from './agent.ts'

/** The agents of this process by key; a job stores keys only. */
export interface AgentRegistry {
  readonly keys: readonly string[]
  get(key: string): Agent | undefined
  /** @returns what to do to have an agent that this process could have; null for any other key */
  remedy(key: string): string | null
}

/**
 * @param withheld keys of agents that this process could have, with what to do to have them
 * @throws ConfigurationError for a key that is malformed or stands twice
 */
export function createAgentRegistry(
  agents: readonly Agent[],
  withheld: ReadonlyMap<string, string> = new Map(),
): AgentRegistry {
  const byKey = new Map<string, Agent>()
  for (const agent of agents) {
    if (!AGENT_KEY.test(agent.key)) {
      throw new ConfigurationError(`The agent key ${JSON.stringify(agent.key)} must match ${AGENT_KEY.source}`)
    }
    if (byKey.has(agent.key)) throw new ConfigurationError(`Two agents have the key "${agent.key}"; rename one`)
    byKey.set(agent.key, agent)
  }
  return {
    keys: [...byKey.keys()],
    get: (key) => byKey.get(key),
    remedy: (key) => withheld.get(key) ?? null,
  }
}

/**
 * Loads a platform's own agents.
 * @param path of a module that default-exports an array of agents (AGENTS_MODULE), from the working directory
 * @throws ConfigurationError that says what is wrong with it
 */
export async function loadAgentsModule(path: string): Promise<readonly Agent[]> {
  let loaded: { default?: unknown }
  try {
    loaded = await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigurationError(`AGENTS_MODULE ${path} cannot be loaded: ${reason}`)
  }
  const agents = loaded.default
  if (!Array.isArray(agents))
    throw new ConfigurationError(`AGENTS_MODULE ${path} must default-export an array of agents`)
  agents.forEach((agent: unknown, index) => {
    if (!isAgent(agent)) {
      throw new ConfigurationError(
        `AGENTS_MODULE ${path}: item ${index} needs a key, bounds(text, limits) and run(text, context)`,
      )
    }
  })
  createAgentRegistry(agents)
  return agents
}

function isAgent(value: unknown): value is Agent {
  if (typeof value !== 'object' || value === null) return false
  const { key, bounds, run } = value as Partial<Record<keyof Agent, unknown>>
  return typeof key === 'string' && typeof bounds === 'function' && typeof run === 'function'
}
