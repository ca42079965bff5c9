import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One deliberate defect of the money code, and the tests that must notice it. */
export interface Mutant {
  readonly name: string
  /** What would go wrong with somebody's money. */
  readonly why: string
  /** Paths from the root; the same edit is made in each. */
  readonly files: readonly string[]
  /** Stands exactly once in each of the files. */
  readonly find: string
  readonly replace: string
  /** Paths from the root of the test files, one of which must fail. */
  readonly killers: readonly string[]
}

/** A mutant as the lists write it: its file stands above it, its killers are short for `test/<killer>.test.ts`. */
type Defect = Omit<Mutant, 'files' | 'killers'> & { readonly killers?: readonly string[] }

/** The mutants of one file, or of one text that stands in several, with the test files that kill most of them. */
export function mutantsOf(
  files: string | readonly string[],
  killers: readonly string[],
  defects: readonly Defect[],
): readonly Mutant[] {
  return defects.map((defect) => ({
    ...defect,
    files: typeof files === 'string' ? [files] : files,
    killers: (defect.killers ?? killers).map((killer) => `test/${killer}.test.ts`),
  }))
}

/** The files of a tree as the mutant makes them, by path. @throws Error where the text to find is not there just once */
export function mutate(root: string, { name, files, find, replace }: Mutant): ReadonlyMap<string, string> {
  return new Map(
    files.map((path) => {
      const text = readFileSync(join(root, path), 'utf8')
      const found = text.split(find).length - 1
      if (found !== 1) throw new Error(`${name} is stale: ${path} has ${found} times ${JSON.stringify(find)}`)
      return [path, text.replace(find, () => replace)]
    }),
  )
}
