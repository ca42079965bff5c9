import { describe, expect, it } from 'vitest'
import { CONFIG_VARIABLES, readConfig } from '../../src/config/config.ts'
import { ConfigurationError } from '../../src/foundation/errors.ts'

const KEY = 'k'.repeat(32)
const POSTGRES = 'postgres://u:hidden@db:5432/toll'

describe('readConfig', () => {
  it('gives the defaults of the contract on an empty environment', () => {
    expect(readConfig({ PATH: '/bin', HOME: '/root' })).toEqual({
      host: '127.0.0.1',
      port: 5001,
      workerPort: null,
      adminApiKey: undefined,
      role: 'all',
      databaseUrl: undefined,
      databaseOwnerUrl: undefined,
      redisUrl: undefined,
      dataDir: '.data',
      sandbox: true,
      defaultCurrency: 'USD',
      maxTextBytes: 1_048_576,
      maxOutputTokens: 1_024,
      llm: { provider: 'offline', baseUrl: undefined, apiKey: undefined, model: 'offline' },
      agentsModule: undefined,
      workerConcurrency: 8,
      stageTimeoutMs: 120_000,
      holdLeaseMs: 300_000,
      reconcileIntervalMs: 3_000,
      parkedExpiresDays: 30,
      textRetentionDays: 0,
      keepCompleted: 1_000,
      shutdownGraceMs: 10_000,
      rateLimitPerMinute: 0,
      logLevel: 'info',
      failpoint: undefined,
    })
  })

  it('knows exactly the variables of the contract', () => {
    expect([...CONFIG_VARIABLES].sort()).toEqual(
      `ADMIN_API_KEY AGENTS_MODULE DATABASE_OWNER_URL DATABASE_URL DATA_DIR DEFAULT_CURRENCY FAILPOINT HOLD_LEASE_MS HOST
       KEEP_COMPLETED LLM_API_KEY LLM_BASE_URL LLM_MODEL LLM_PROVIDER LOG_LEVEL MAX_OUTPUT_TOKENS MAX_TEXT_BYTES
       PARKED_EXPIRES_DAYS PORT RATE_LIMIT_PER_MINUTE RECONCILE_INTERVAL_MS REDIS_URL ROLE SANDBOX SHUTDOWN_GRACE_MS
       STAGE_TIMEOUT_MS TEXT_RETENTION_DAYS WORKER_CONCURRENCY`.split(/\s+/),
    )
  })

  it('lets the owner connect as the application does unless told otherwise, and seeds no sandbox there', () => {
    const config = readConfig({ DATABASE_URL: POSTGRES })
    expect(config.databaseOwnerUrl).toBe(POSTGRES)
    expect(config.sandbox).toBe(false)
    expect(readConfig({ DATABASE_URL: POSTGRES, DATABASE_OWNER_URL: 'postgresql://o@db/t' }).databaseOwnerUrl).toBe(
      'postgresql://o@db/t',
    )
  })

  it('limits requests as soon as the server is not the open loopback', () => {
    expect(readConfig({ ADMIN_API_KEY: KEY }).rateLimitPerMinute).toBe(6_000)
    expect(readConfig({ ADMIN_API_KEY: KEY, RATE_LIMIT_PER_MINUTE: '0' }).rateLimitPerMinute).toBe(0)
    expect(readConfig({ RATE_LIMIT_PER_MINUTE: '7' }).rateLimitPerMinute).toBe(7)
  })

  it('takes an empty value as unset', () => {
    expect(readConfig({ PORT: '', REDIS_URL: '', DATABASE_URL: '', LLM_MODEL: '' })).toEqual(readConfig({}))
  })

  it.each(['localhost', '127.0.0.1', '127.8.9.10', '::1', '0:0:0:0:0:0:0:1'])(
    'opens loopback %s without a key',
    (HOST) => {
      expect(readConfig({ HOST }).host).toBe(HOST)
    },
  )

  it.each(['0.0.0.0', '::', '10.0.0.5', 'api.example.com', '127.0.0.1.example.com', '::ffff:10.0.0.5'])(
    'opens %s with a key only',
    (HOST) => {
      expect(() => readConfig({ HOST })).toThrow(/HOST .* wider than loopback.*ADMIN_API_KEY/)
      expect(readConfig({ HOST, ADMIN_API_KEY: KEY }).host).toBe(HOST)
    },
  )

  it('reads every variable that is given', () => {
    const config = readConfig({
      HOST: '0.0.0.0',
      PORT: '0',
      ADMIN_API_KEY: KEY,
      ROLE: 'worker',
      REDIS_URL: 'rediss://:p@cache:6380/2',
      DATA_DIR: '/data',
      SANDBOX: 'false',
      DEFAULT_CURRENCY: 'EUR',
      LLM_PROVIDER: 'openai-compatible',
      LLM_BASE_URL: 'https://llm.example.com/v1',
      LLM_API_KEY: 'sk-1',
      LLM_MODEL: 'm-1',
      AGENTS_MODULE: './agents.ts',
      STAGE_TIMEOUT_MS: '500',
      HOLD_LEASE_MS: '501',
      LOG_LEVEL: 'debug',
      FAILPOINT: 'claim.after:kill@2,settle.after:delay=50:0.5',
      NODE_ENV: 'test',
    })
    expect(config).toMatchObject({ host: '0.0.0.0', port: 0, adminApiKey: KEY, role: 'worker', dataDir: '/data' })
    expect(config.workerPort, 'a worker tells its health where PORT says').toBe(0)
    expect(readConfig({ ROLE: 'worker' }).workerPort, 'and nowhere by itself').toBeNull()
    expect(readConfig({ ROLE: 'api', PORT: '8080' })).toMatchObject({ port: 8080, workerPort: null })
    expect(config).toMatchObject({ redisUrl: 'rediss://:p@cache:6380/2', sandbox: false, defaultCurrency: 'EUR' })
    expect(config).toMatchObject({ agentsModule: './agents.ts', stageTimeoutMs: 500, holdLeaseMs: 501 })
    expect(config).toMatchObject({ logLevel: 'debug', failpoint: 'claim.after:kill@2,settle.after:delay=50:0.5' })
    expect(config.llm).toEqual({
      provider: 'openai-compatible',
      baseUrl: 'https://llm.example.com/v1',
      apiKey: 'sk-1',
      model: 'm-1',
    })
  })

  // variables                                                                    the sentence names and explains
  it.each<[NodeJS.ProcessEnv, RegExp]>([
    [{ HOST: '127.0.0.1:80' }, /^HOST must be an IP address or a host name, without a port$/],
    [{ HOST: '300.1.1.1', ADMIN_API_KEY: KEY }, /^HOST must be/],
    [{ PORT: '65536' }, /^PORT must be a whole number from 0 to 65535$/],
    [{ PORT: '-1' }, /^PORT must be/],
    [{ PORT: '5001.0' }, /^PORT must be/],
    [{ PORT: ' 5001' }, /^PORT must be/],
    [{ PORT: '5e3' }, /^PORT must be/],
    [{ ADMIN_API_KEY: 'k'.repeat(31) }, /^ADMIN_API_KEY must have at least 32/],
    [{ ADMIN_API_KEY: `${'k'.repeat(32)} k` }, /^ADMIN_API_KEY must have/],
    [{ ADMIN_API_KEY: '' }, /^ADMIN_API_KEY must have/],
    [{ ROLE: 'admin' }, /^ROLE must be one of all, api, worker$/],
    [{ DATABASE_URL: 'mysql://db/t' }, /^DATABASE_URL must be a URL that starts with postgres:\/\/ or postgresql:\/\//],
    [{ DATABASE_URL: 'db:5432' }, /^DATABASE_URL must be/],
    [{ DATABASE_URL: POSTGRES, DATABASE_OWNER_URL: 'x' }, /^DATABASE_OWNER_URL must be/],
    [{ DATABASE_OWNER_URL: POSTGRES }, /^DATABASE_OWNER_URL needs DATABASE_URL/],
    [{ REDIS_URL: 'http://cache' }, /^REDIS_URL must be/],
    [{ DATA_DIR: 'a\0b' }, /^DATA_DIR must be/],
    [{ SANDBOX: 'yes' }, /^SANDBOX must be true or false$/],
    [{ SANDBOX: 'true', DATABASE_URL: POSTGRES }, /^SANDBOX must be false or unset with DATABASE_URL/],
    [{ DEFAULT_CURRENCY: 'usd' }, /^DEFAULT_CURRENCY must be/],
    [{ MAX_TEXT_BYTES: '0' }, /^MAX_TEXT_BYTES must be/],
    [{ MAX_OUTPUT_TOKENS: '0' }, /^MAX_OUTPUT_TOKENS must be/],
    [{ LLM_PROVIDER: 'other' }, /^LLM_PROVIDER must be one of offline, openai-compatible$/],
    [{ LLM_BASE_URL: 'ftp://x' }, /^LLM_BASE_URL must be/],
    [{ LLM_BASE_URL: 'https://u@llm.example.com/v1' }, /^LLM_BASE_URL must name no user/],
    [{ LLM_BASE_URL: 'https://:p@llm.example.com/v1' }, /^LLM_BASE_URL must name no user, password/],
    [{ LLM_BASE_URL: 'https://llm.example.com/v1#x' }, /^LLM_BASE_URL must name no .*#fragment/],
    [{ LLM_API_KEY: 'sk-1\n' }, /^LLM_API_KEY must be printable ASCII/],
    [{ LLM_API_KEY: 'schlüssel' }, /^LLM_API_KEY must be printable ASCII/],
    [{ LLM_PROVIDER: 'openai-compatible' }, /^LLM_BASE_URL must be set.*; LLM_API_KEY must be set.*; LLM_MODEL must/],
    [{ AGENTS_MODULE: '\0' }, /^AGENTS_MODULE must be/],
    [{ WORKER_CONCURRENCY: '0' }, /^WORKER_CONCURRENCY must be/],
    [{ STAGE_TIMEOUT_MS: '0' }, /^STAGE_TIMEOUT_MS must be/],
    [{ STAGE_TIMEOUT_MS: '300000' }, /^HOLD_LEASE_MS must be more than STAGE_TIMEOUT_MS/],
    [{ HOLD_LEASE_MS: '120000' }, /^HOLD_LEASE_MS must be more than STAGE_TIMEOUT_MS \(120000\)/],
    [{ HOLD_LEASE_MS: '2147483648' }, /^HOLD_LEASE_MS must be a whole number from 1 to 2147483647$/],
    [{ RECONCILE_INTERVAL_MS: '0' }, /^RECONCILE_INTERVAL_MS must be/],
    [{ PARKED_EXPIRES_DAYS: '0' }, /^PARKED_EXPIRES_DAYS must be/],
    [{ TEXT_RETENTION_DAYS: 'never' }, /^TEXT_RETENTION_DAYS must be/],
    [{ KEEP_COMPLETED: '-5' }, /^KEEP_COMPLETED must be/],
    [{ SHUTDOWN_GRACE_MS: '10s' }, /^SHUTDOWN_GRACE_MS must be/],
    [{ RATE_LIMIT_PER_MINUTE: 'off' }, /^RATE_LIMIT_PER_MINUTE must be/],
    [{ LOG_LEVEL: 'verbose' }, /^LOG_LEVEL must be one of/],
    [{ FAILPOINT: 'claim.after:kill' }, /^FAILPOINT must be unset/],
    [{ FAILPOINT: 'claim.after:kill', NODE_ENV: 'production' }, /^FAILPOINT must be unset/],
    [
      { FAILPOINT: 'claim.later:kill', NODE_ENV: 'test' },
      /^FAILPOINT must be .*names are .*claim.after.*"claim.later:kill" is not$/,
    ],
    [{ TOLLKEEPER_PORT: '5001' }, /^TOLLKEEPER_PORT is not a variable that we know; write PORT/],
    [{ TOLLKEEPER_COLOUR: 'red' }, /^TOLLKEEPER_COLOUR is not a variable that we know; remove it$/],
    [{ PORT: 'x', ROLE: 'y', TOLLKEEPER_X: '' }, /^TOLLKEEPER_X is not.*; PORT must.*; ROLE must/],
  ])('refuses to start with %j', (env, sentence) => {
    expect(() => readConfig(env)).toThrow(ConfigurationError)
    expect(() => readConfig(env)).toThrow(sentence)
  })

  it.each(['ADMIN_API_KEY', 'DATABASE_URL', 'REDIS_URL', 'LLM_BASE_URL', 'LLM_API_KEY'])(
    'never repeats a wrong %s',
    (name) => {
      const secret = 'x://user:hidden pass@'
      expect(() => readConfig({ [name]: secret })).toThrow(name)
      expect(() => readConfig({ [name]: secret })).not.toThrow(/hidden/)
    },
  )

  it('changes neither the environment nor the config afterwards', () => {
    const env = Object.freeze({ PORT: '6000', UNRELATED: 'x' })
    const config = readConfig(env)
    expect(Object.isFrozen(config) && Object.isFrozen(config.llm)).toBe(true)
    expect(env).toEqual({ PORT: '6000', UNRELATED: 'x' })
  })
})
