import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { cruise, type ICruiseResult } from 'dependency-cruiser'
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options'

const FOLDERS = ['src', 'workers', 'migrations', 'test', 'bench', 'examples', 'bin']
const CODE_FOLDERS = ['src', 'workers', 'migrations']

export interface ImportReport {
  /** One line per broken rule: `rule: from -> to`. */
  readonly violations: readonly string[]
  /** Source files that exist but were not looked at: a rule over them would be green without meaning. */
  readonly unseen: readonly string[]
  /** Code outside the folders that have a rank: no rule holds for it. */
  readonly unranked: readonly string[]
  /** Number of our own source files that were looked at. */
  readonly cruised: number
}

/**
 * Checks the import rules of `.dependency-cruiser.mjs` over the tree at `root`.
 * @throws when the rules themselves cannot be read
 */
export async function checkImports(root: string, rulesFile: string): Promise<ImportReport> {
  const options = await extractDepcruiseOptions(rulesFile)
  const tsConfig = { fileName: join(root, 'tsconfig.json') }
  const folders = FOLDERS.filter((folder) => existsSync(join(root, folder)))
  const { output } = await cruise(folders, { ...options, baseDir: root, tsConfig })
  if (typeof output === 'string') throw new Error('dependency-cruiser gave a text instead of its findings')
  return readReport(root, output)
}

function readReport(root: string, result: ICruiseResult): ImportReport {
  const seen = new Set(result.modules.map((module) => module.source))
  const sources = globSync(
    FOLDERS.map((folder) => `${folder}/**/*.ts`),
    { cwd: root },
  )
  const ranked = (result.summary.ruleSetUsed?.forbidden ?? [])
    .filter((rule) => rule.name?.startsWith('rank-of-'))
    .map((rule) => new RegExp(String(rule.from?.path)))
  const code = sources.filter((source) => CODE_FOLDERS.some((folder) => source.startsWith(`${folder}/`)))
  return {
    violations: result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
    unseen: sources.filter((source) => !seen.has(source)),
    unranked: code.filter((source) => !ranked.some((place) => place.test(source))),
    cruised: sources.filter((source) => seen.has(source)).length,
  }
}
