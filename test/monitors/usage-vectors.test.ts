import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readReportedUsage } from '../../src/monitors/reported-usage.ts'
import { TOKEN_CLASSES, type TokenClass } from '../../src/pricing/tariff.ts'
import { USAGE_SHAPES, type UsageShape } from '../../src/pricing/usage.ts'

interface UsageVector {
  readonly name: string
  readonly source?: string
  readonly usage: unknown
  readonly limits?: { readonly prompt: number; readonly answer: number }
  readonly expected: Readonly<Record<TokenClass, number>> | null
  readonly why: string
}

interface VectorFile {
  readonly shape: UsageShape
  readonly source: readonly string[]
  readonly vectors: readonly UsageVector[]
}

const FOLDER = join(import.meta.dirname, '../../docs/usage-vectors')
const UNLIMITED = { prompt: Number.MAX_SAFE_INTEGER, answer: Number.MAX_SAFE_INTEGER }
const NOTHING: Readonly<Record<TokenClass, number>> = {
  input: 0,
  cache_read: 0,
  cache_write: 0,
  output: 0,
  reasoning: 0,
}

const files = USAGE_SHAPES.map((shape): VectorFile => JSON.parse(readFileSync(join(FOLDER, `${shape}.json`), 'utf8')))

/** With absent classes as 0. */
function classesOf({ shape }: VectorFile, { usage, limits = UNLIMITED }: UsageVector) {
  const classes = readReportedUsage(shape, usage, limits)
  return classes && { ...NOTHING, ...classes }
}

describe.each(files)('the published vectors of $shape', (file) => {
  test.each(file.vectors.map((vector) => [vector.name, vector] as const))('%s', (_name, vector) => {
    const before = structuredClone(vector.usage)
    expect(classesOf(file, vector), vector.why).toEqual(vector.expected)
    expect(vector.usage).toEqual(before)
  })

  test('what is refused for its limits alone is believed without them', () => {
    const limited = file.vectors.filter(({ limits }) => limits !== undefined)
    expect(limited.length).toBeGreaterThan(0)
    for (const { limits: _limits, ...vector } of limited) expect(classesOf(file, vector), vector.name).not.toBeNull()
  })

  test('they have names of their own, five classes and a reason each, believed ones and others', () => {
    const names = file.vectors.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(file.vectors.every(({ why }) => why.length > 0)).toBe(true)
    const believed = file.vectors.flatMap(({ expected }) => expected ?? [])
    for (const classes of believed) expect(Object.keys(classes)).toEqual([...TOKEN_CLASSES])
    expect(believed.length).toBeGreaterThanOrEqual(4)
    expect(file.vectors.length - believed.length).toBeGreaterThanOrEqual(8)
  })
})

test.each(files.filter(({ shape }) => shape !== 'tollkeeper'))('$shape was recorded, and says where', (file) => {
  const sources = [...file.source, ...file.vectors.flatMap(({ source }) => source ?? [])]
  expect(sources.filter((source) => !URL.canParse(source) || !source.startsWith('https://'))).toEqual([])
  expect(file.source.length).toBeGreaterThan(0)
  expect(file.vectors.filter(({ source }) => source !== undefined).length).toBeGreaterThanOrEqual(8)
})

test('there is a file for each shape, and none besides', () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'))
  expect(names.sort()).toEqual(USAGE_SHAPES.map((shape) => `${shape}.json`).sort())
  expect(files.map(({ shape }) => shape)).toEqual([...USAGE_SHAPES])
})
