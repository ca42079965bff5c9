import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Real texts to measure on, read out of installed packages when they are needed. The lock file says which packages those
 * are, so that each clone reads the same.
 */
const PACKAGES = join(import.meta.dirname, '../../node_modules')

const read = (path: string): string => readFileSync(join(PACKAGES, path), 'utf8')
const filesOf = (...patterns: string[]): string[] => globSync(patterns, { cwd: PACKAGES }).sort()

/** English that people wrote: what packages say of themselves, without their code blocks. */
export function englishProse(): string {
  const pages = filesOf('*/{README,Readme,readme}.md', '@*/*/{README,Readme,readme}.md')
  return pages.map((page) => read(page).replace(/^(`{3,}).*$[\s\S]*?^\1/gm, '')).join('\n\n')
}

/** TypeScript and JavaScript as it was written, not as it is bundled. */
export function sourceCode(): string {
  const sources = filesOf(
    'zod/src/v4/{core,classic}/*.ts',
    'bullmq/dist/esm/classes/*.js',
    '{pg,commander,express}/lib/*.js',
  )
  return sources.map(read).join('\n')
}

/** Chinese, simplified and traditional: the messages of a compiler and of a board, and two pages. */
export function chineseText(): string {
  const catalogues = [
    'typescript/lib/zh-cn/diagnosticMessages.generated.json',
    'typescript/lib/zh-tw/diagnosticMessages.generated.json',
    '@bull-board/ui/dist/static/locales/zh-CN/messages.json',
  ]
  const pages = ['@biomejs/biome/README.zh-CN.md', '@biomejs/biome/README.zh-TW.md']
  return [...catalogues.flatMap((path) => sentencesIn(JSON.parse(read(path)))), ...pages.map(read)].join('\n')
}

/** The texts of a catalogue, which may be nested. */
function sentencesIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(sentencesIn) : []
}
