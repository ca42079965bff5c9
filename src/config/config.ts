import { z } from 'zod'
import { ConfigurationError } from '../foundation/errors.ts'
import {
  adminApiKey,
  currency,
  failpoints,
  flag,
  host,
  integer,
  integerFrom,
  isLoopback,
  milliseconds,
  modelKey,
  modelUrl,
  oneOf,
  path,
  urlOf,
} from './config-fields.ts'

const POSTGRES = ['postgres:', 'postgresql:']
const DAYS_MAX = 36_500
const DEFAULT_PORT = 5001

const variables = z.object({
  HOST: host,
  PORT: integerFrom(0, 65_535).optional(),
  ADMIN_API_KEY: adminApiKey.optional(),
  ROLE: oneOf(['all', 'api', 'worker']).default('all'),
  DATABASE_URL: urlOf(POSTGRES).optional(),
  DATABASE_OWNER_URL: urlOf(POSTGRES).optional(),
  REDIS_URL: urlOf(['redis:', 'rediss:']).optional(),
  DATA_DIR: path.default('.data'),
  SANDBOX: flag.optional(),
  DEFAULT_CURRENCY: currency,
  // The HTTP body limit is six times this; 64 MiB keeps that body within one JavaScript string.
  MAX_TEXT_BYTES: integer(1_048_576, 1, 67_108_864),
  MAX_OUTPUT_TOKENS: integer(1_024, 1, 10_000_000),
  LLM_PROVIDER: oneOf(['offline', 'openai-compatible']).default('offline'),
  LLM_BASE_URL: modelUrl.optional(),
  LLM_API_KEY: modelKey.optional(),
  LLM_MODEL: z.string().optional(),
  AGENTS_MODULE: path.optional(),
  WORKER_CONCURRENCY: integer(8, 1, 1_000),
  STAGE_TIMEOUT_MS: milliseconds(120_000, 1),
  HOLD_LEASE_MS: milliseconds(300_000, 1),
  RECONCILE_INTERVAL_MS: milliseconds(3_000, 10),
  PARKED_EXPIRES_DAYS: integer(30, 1, DAYS_MAX),
  TEXT_RETENTION_DAYS: integer(0, 0, DAYS_MAX),
  KEEP_COMPLETED: integer(1_000, 0, 1_000_000),
  SHUTDOWN_GRACE_MS: milliseconds(10_000, 0),
  RATE_LIMIT_PER_MINUTE: integerFrom(0, 1_000_000_000).optional(),
  LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  FAILPOINT: failpoints.optional(),
})

type Variables = z.infer<typeof variables>

/** The name of every variable that we read, in the order of contract.md. */
export const CONFIG_VARIABLES: readonly string[] = Object.keys(variables.shape)

export interface LlmConfig {
  readonly provider: 'offline' | 'openai-compatible'
  readonly baseUrl: string | undefined
  readonly apiKey: string | undefined
  readonly model: string
}

/** What one process runs with. `…Ms` are milliseconds, `…Days` days, `…Bytes` UTF-8 bytes; paths are as given. */
export interface Config {
  readonly host: string
  /** 0 asks the system for any free port. */
  readonly port: number
  /** Where a process that only works tells its health and metrics, if PORT says so: several may share a machine. */
  readonly workerPort: number | null
  /** `undefined`: open, which {@link readConfig} allows on loopback only. */
  readonly adminApiKey: string | undefined
  readonly role: 'all' | 'api' | 'worker'
  /** `undefined`: the embedded PostgreSQL under `dataDir`. */
  readonly databaseUrl: string | undefined
  /** `databaseUrl` unless given; `undefined` with the embedded PostgreSQL. */
  readonly databaseOwnerUrl: string | undefined
  /** `undefined`: BullMQ on PostgreSQL. */
  readonly redisUrl: string | undefined
  readonly dataDir: string
  readonly sandbox: boolean
  readonly defaultCurrency: string
  readonly maxTextBytes: number
  readonly maxOutputTokens: number
  readonly llm: LlmConfig
  readonly agentsModule: string | undefined
  readonly workerConcurrency: number
  readonly stageTimeoutMs: number
  readonly holdLeaseMs: number
  readonly reconcileIntervalMs: number
  readonly parkedExpiresDays: number
  /** 0 keeps texts for ever. */
  readonly textRetentionDays: number
  readonly keepCompleted: number
  readonly shutdownGraceMs: number
  /** Requests per key and minute; 0 is off. */
  readonly rateLimitPerMinute: number
  readonly logLevel: Variables['LOG_LEVEL']
  /** Where this process hurts itself; only ever set with NODE_ENV=test. */
  readonly failpoint: string | undefined
}

/**
 * Reads and checks all settings. Pure over `env`.
 * @throws ConfigurationError that names every wrong variable and says what it should be; secrets are not repeated
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const given = givenVariables(env)
  const parsed = variables.safeParse(given)
  const complaints = foreignNames(env)
  if (!parsed.success) {
    for (const issue of parsed.error.issues) complaints.push(`${issue.path.join('.')} ${issue.message}`)
  } else {
    complaints.push(...contradictions(parsed.data, env))
  }
  if (!parsed.success || complaints.length > 0) throw new ConfigurationError([...new Set(complaints)].join('; '))
  return toConfig(parsed.data)
}

/** The settings of this process; the one place that reads `process.env`. */
export function configFromEnvironment(): Config {
  return readConfig(process.env)
}

/**
 * An empty value counts as unset, since compose files and shells cannot pass "nothing" in another way. ADMIN_API_KEY
 * is the exception: a secret that got lost on its way must never open the server, so its empty value stays and fails.
 */
function givenVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const given: Record<string, string> = {}
  for (const name of CONFIG_VARIABLES) {
    const value = env[name]
    if (value !== undefined && (value !== '' || name === 'ADMIN_API_KEY')) given[name] = value
  }
  return given
}

function foreignNames(env: NodeJS.ProcessEnv): string[] {
  return Object.keys(env)
    .filter((name) => /^TOLLKEEPER_/i.test(name))
    .map((name) => {
      const meant = name.slice('TOLLKEEPER_'.length).toUpperCase()
      const hint = CONFIG_VARIABLES.includes(meant) ? `; write ${meant}, our names have no prefix` : '; remove it'
      return `${name} is not a variable that we know${hint}`
    })
}

function contradictions(read: Variables, env: NodeJS.ProcessEnv): string[] {
  const found: string[] = []
  if (read.HOLD_LEASE_MS <= read.STAGE_TIMEOUT_MS) {
    found.push(`HOLD_LEASE_MS must be more than STAGE_TIMEOUT_MS (${read.STAGE_TIMEOUT_MS}), or holds end under work`)
  }
  if (!isLoopback(read.HOST) && read.ADMIN_API_KEY === undefined) {
    found.push(`HOST ${read.HOST} is wider than loopback: set ADMIN_API_KEY, or bind HOST to 127.0.0.1`)
  }
  if (read.DATABASE_OWNER_URL !== undefined && read.DATABASE_URL === undefined) {
    found.push('DATABASE_OWNER_URL needs DATABASE_URL beside it')
  }
  if (read.SANDBOX === true && read.DATABASE_URL !== undefined) {
    found.push('SANDBOX must be false or unset with DATABASE_URL: it would put invented money into your database')
  }
  if (read.LLM_PROVIDER === 'openai-compatible') {
    for (const name of ['LLM_BASE_URL', 'LLM_API_KEY', 'LLM_MODEL'] as const) {
      if (read[name] === undefined) found.push(`${name} must be set with LLM_PROVIDER=openai-compatible`)
    }
  }
  if (read.FAILPOINT !== undefined && env.NODE_ENV !== 'test') {
    found.push('FAILPOINT must be unset: it kills the process, and is for NODE_ENV=test only')
  }
  return found
}

function toConfig(read: Variables): Config {
  const embedded = read.DATABASE_URL === undefined
  const open = read.ADMIN_API_KEY === undefined
  return Object.freeze({
    host: read.HOST,
    port: read.PORT ?? DEFAULT_PORT,
    workerPort: read.ROLE === 'worker' ? (read.PORT ?? null) : null,
    adminApiKey: read.ADMIN_API_KEY,
    role: read.ROLE,
    databaseUrl: read.DATABASE_URL,
    databaseOwnerUrl: read.DATABASE_OWNER_URL ?? read.DATABASE_URL,
    redisUrl: read.REDIS_URL,
    dataDir: read.DATA_DIR,
    sandbox: read.SANDBOX ?? embedded,
    defaultCurrency: read.DEFAULT_CURRENCY,
    maxTextBytes: read.MAX_TEXT_BYTES,
    maxOutputTokens: read.MAX_OUTPUT_TOKENS,
    llm: Object.freeze({
      provider: read.LLM_PROVIDER,
      baseUrl: read.LLM_BASE_URL,
      apiKey: read.LLM_API_KEY,
      model: read.LLM_MODEL ?? 'offline',
    }),
    agentsModule: read.AGENTS_MODULE,
    workerConcurrency: read.WORKER_CONCURRENCY,
    stageTimeoutMs: read.STAGE_TIMEOUT_MS,
    holdLeaseMs: read.HOLD_LEASE_MS,
    reconcileIntervalMs: read.RECONCILE_INTERVAL_MS,
    parkedExpiresDays: read.PARKED_EXPIRES_DAYS,
    textRetentionDays: read.TEXT_RETENTION_DAYS,
    keepCompleted: read.KEEP_COMPLETED,
    shutdownGraceMs: read.SHUTDOWN_GRACE_MS,
    rateLimitPerMinute: read.RATE_LIMIT_PER_MINUTE ?? (open ? 0 : 6_000),
    logLevel: read.LOG_LEVEL,
    failpoint: read.FAILPOINT,
  })
}
