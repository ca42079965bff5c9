import { spawnSync } from 'node:child_process'
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

// `npm run build`: makes dist/ the complete package that is published (`npm pack ./dist`). Node strips no types below
// node_modules, so a package has to carry JavaScript; the repository itself runs from source.
const ROOT = join(import.meta.dirname, '..')
/** Tests name a folder of their own, so that they do not take the user's dist/ away. */
const OUT = join(ROOT, process.argv[2] ?? 'dist')

/** What the code reads beside itself; the ORM's snapshot only serves whoever writes the next migration. */
const ASSETS = ['{src,workers,migrations}/**/*', 'bin/*.js', 'examples/**/*.{txt,md}', 'docs/usage-vectors/*']
const NOT_ASSETS = ['**/*.ts', '{src,workers,migrations}/**/*.md', '**/.*']
const DOCUMENTS = ['README.md', 'CHANGELOG.md', 'LICENSE']

rmSync(OUT, { recursive: true, force: true })
if (compile()) {
  copyAssets()
  writeFileSync(join(OUT, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`)
  console.log(`built ${OUT}`)
} else {
  rmSync(OUT, { recursive: true, force: true })
  process.exitCode = 1
}

/** @returns false when the compiler found errors, which it has printed */
function compile(): boolean {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const args = [tsc, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', OUT]
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status === 0
}

function copyAssets(): void {
  const entries = globSync([...ASSETS, ...DOCUMENTS], { cwd: ROOT, exclude: [...NOT_ASSETS], withFileTypes: true })
  for (const entry of entries.filter((found) => found.isFile())) {
    const source = join(entry.parentPath, entry.name)
    const target = join(OUT, relative(ROOT, source))
    mkdirSync(dirname(target), { recursive: true })
    copyFileSync(source, target)
  }
}

/** The repository's manifest without what only the repository needs, and pointing at JavaScript. */
function manifest(): Record<string, unknown> {
  const source = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const { name, version, description, license, type, engines, bin, dependencies, optionalDependencies } = source
  const entry = { types: './src/index.d.ts', default: './src/index.js' }
  const common = { name, version, description, license, type, engines, bin }
  const exports = { ...source.exports, '.': entry }
  return { ...common, exports, imports: { '#tollkeeper': entry }, dependencies, optionalDependencies }
}
