import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from './source-files.ts'

const FOLDER = `dist/test-${process.pid}`
const OUT = join(ROOT, FOLDER)
const MANIFEST_FIELDS =
  'name version description license type engines bin exports imports dependencies optionalDependencies'
const CONSUMER = `import { BilledInformationPipeline, connect } from 'tollkeeper'
export async function use(): Promise<string> {
  await using billing = await connect()
  const pipeline = new BilledInformationPipeline(billing, 'org-id', 'user-id')
  const result = await pipeline.process('Sample input data')
  return result.text
}
`

function node(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args], { cwd: ROOT, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

describe('the package that is published', () => {
  beforeAll(() => {
    const built = node('bin/build.ts', FOLDER)
    expect(built.status, built.output).toBe(0)
  })
  afterAll(() => rmSync(OUT, { recursive: true, force: true }))

  test('every target that its manifest names exists', () => {
    const manifest = JSON.parse(readFileSync(join(OUT, 'package.json'), 'utf8'))
    expect(Object.keys(manifest)).toEqual(MANIFEST_FIELDS.split(' '))
    const entries = [manifest.bin, manifest.exports['.'], manifest.imports['#tollkeeper']]
    const targets = entries.flatMap((entry) => Object.values<string>(entry))
    expect(targets).toHaveLength(5)
    expect(targets.filter((target) => !existsSync(join(OUT, target)))).toEqual([])
  })

  test('it carries every asset, and JavaScript for every source file', () => {
    const inRoot = (pattern: string): readonly string[] => globSync(pattern, { cwd: ROOT })
    const scripts = inRoot('{src,workers,migrations}/**/*.ts').map((source) => source.replace(/\.ts$/, '.js'))
    const assets = inRoot('{{src,workers,migrations}/**,docs/usage-vectors}/*.{sql,json,css,html,txt}').filter(
      (path) => !path.includes('/.'),
    )
    const expected = [...scripts, ...assets, 'bin/tollkeeper.js', 'README.md', 'LICENSE']
    expect(expected.filter((path) => !existsSync(join(OUT, path)))).toEqual([])
    expect(scripts.length).toBeGreaterThan(20)
  })

  test('its command starts from JavaScript', () => {
    const { status, output } = node(join(OUT, 'bin/tollkeeper.js'), '--help')
    expect({ status, output }).toMatchObject({ status: 0, output: expect.stringContaining('demo') })
  })

  test("the library's example type-checks against its declarations", () => {
    writeFileSync(join(OUT, 'consumer.ts'), CONSUMER)
    writeFileSync(join(OUT, 'tsconfig.json'), JSON.stringify(consumerConfig()))
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
    expect(node(tsc, '-p', join(OUT, 'tsconfig.json'))).toEqual({ status: 0, output: '' })
  })
})

function consumerConfig(): object {
  const compilerOptions = { module: 'nodenext', target: 'esnext', strict: true, noEmit: true, types: ['node'] }
  return { compilerOptions: { ...compilerOptions, skipLibCheck: true }, files: ['consumer.ts'] }
}
