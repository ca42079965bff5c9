import { readdirSync, readFileSync } from 'node:fs'
import { join, matchesGlob } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { isIgnored, ROOT } from './source-files.ts'

const readJson = (path: string): unknown => JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
const Versions = z.record(z.string(), z.string())
const Manifest = z.looseObject({
  scripts: Versions,
  dependencies: Versions,
  devDependencies: Versions,
  optionalDependencies: Versions,
  allowScripts: z.record(z.string(), z.boolean()),
})
const Locked = z.looseObject({
  version: z.string().optional(),
  resolved: z.string().optional(),
  hasInstallScript: z.boolean().optional(),
  optionalDependencies: Versions.optional(),
})
const Lock = z.looseObject({ packages: z.record(z.string(), Locked) })
const Minimums = z.record(z.string(), z.object({ minimum: z.string(), why: z.string().min(10) }))

const manifest = Manifest.parse(readJson('package.json'))
const installed = Object.entries(Lock.parse(readJson('package-lock.json')).packages)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => ({ name: path.split('node_modules/').at(-1) ?? '', ...entry }))

const TOP_LEVEL = [
  ...['src', 'workers', 'migrations', 'test', 'bin', 'bench', 'docs', 'examples'],
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'docker-compose.yml', 'Dockerfile'],
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'LICENSE'],
  ...['biome.json', 'knip.json', 'vitest.config.ts', '.dependency-cruiser.mjs', '.ci'],
  ...['.dockerignore', '.editorconfig', '.gitattributes', '.gitignore', '.npmrc', '.nvmrc'],
]

/** @returns below 0 when `a` is the older one; pre-releases count as their release */
function compareVersions(a: string, b: string): number {
  const numbers = (version: string): number[] => (version.split('-')[0] ?? '').split('.').map(Number)
  const [left, right] = [numbers(a), numbers(b)]
  const index = left.findIndex((part, position) => part !== right[position])
  return index === -1 ? 0 : (left[index] ?? 0) - (right[index] ?? 0)
}

describe('what the project consists of and stands on', () => {
  test('the top level holds what it may, and nothing else', () => {
    const entries = readdirSync(ROOT).filter((name) => !isIgnored(name))
    expect(entries.filter((name) => !TOP_LEVEL.includes(name))).toEqual([])
  })

  test('no package in the lock file is older than its known minimum', () => {
    const minimums = Object.entries(Minimums.parse(readJson('test/house/minimum-versions.json')))
    for (const [pattern, { minimum, why }] of minimums) {
      const matching = installed.filter(({ name }) => matchesGlob(name, pattern))
      expect(matching.length, `${pattern} is still in use`).toBeGreaterThan(0)
      const old = matching.filter(({ version }) => compareVersions(version ?? '0', minimum) < 0)
      expect(old.map(({ name, version }) => `${name} ${version} is below ${minimum}: ${why}`)).toEqual([])
    }
    expect(compareVersions('7.1.10', '7.1.9')).toBeGreaterThan(0)
    expect(compareVersions('6.14.0', '6.14.1')).toBeLessThan(0)
  })

  test('our own dependencies are named by exact versions', () => {
    const { dependencies, devDependencies, optionalDependencies } = manifest
    const named = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
    expect(named.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
  })

  test('the lock file names no host, and every platform of an optional package that it lists', () => {
    expect(installed.filter(({ resolved }) => resolved !== undefined).map(({ name }) => name)).toEqual([])
    const names = new Set(installed.map(({ name }) => name))
    const wanted = installed.flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}))
    expect(wanted.filter((name) => !names.has(name))).toEqual([])
    expect(Object.keys(manifest.optionalDependencies).filter((name) => !names.has(name))).toEqual([])
  })

  test('every install script has been judged', () => {
    const scripted = installed.filter(({ hasInstallScript }) => hasInstallScript === true).map(({ name }) => name)
    expect(scripted.filter((name) => !(name in manifest.allowScripts))).toEqual([])
    expect(manifest.allowScripts['msgpackr-extract']).toBe(false)
  })
})
