import { chmod, cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

/** What tests of the money code need of the tree; dependencies are linked. */
const COPIED = [
  'src',
  'workers',
  'migrations',
  'test',
  'docs/usage-vectors',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
]

/** A private copy of the tree, so that a mutant meets neither the sources nor another mutant. */
export interface Tree extends AsyncDisposable {
  readonly path: string
  /** @param files by path from the root */
  write(files: ReadonlyMap<string, string>): Promise<void>
}

export async function copyTree(): Promise<Tree> {
  const path = await mkdtemp(join(tmpdir(), 'tollkeeper-mutant-'))
  // PostgreSQL's account must reach it when the tests run as root.
  await chmod(path, 0o755)
  await Promise.all(COPIED.map((name) => cp(join(ROOT, name), join(path, name), { recursive: true })))
  await symlink(join(ROOT, 'node_modules'), join(path, 'node_modules'), 'junction')
  return {
    path,
    async write(files) {
      for (const [name, text] of files) await writeFile(join(path, name), text)
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}
