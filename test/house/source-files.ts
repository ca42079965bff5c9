import { globSync, readFileSync } from 'node:fs'
import { basename, join, matchesGlob } from 'node:path'
import ts from 'typescript'

export const ROOT = join(import.meta.dirname, '../..')

/** One file of the tree; `path` is relative to the root, with forward slashes. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

const IGNORED = ['.git', ...ignoredByGit()]

function ignoredByGit(): readonly string[] {
  const lines = readFileSync(join(ROOT, '.gitignore'), 'utf8').split('\n')
  return lines.map((line) => line.trim().replace(/\/$/, '')).filter((line) => line !== '' && !line.startsWith('#'))
}

/** Whether git passes over a file or folder of this name. */
export function isIgnored(path: string): boolean {
  return IGNORED.some((pattern) => matchesGlob(basename(path), pattern))
}

/** Paths of all files that match, without what git ignores; sorted. */
function listFiles(patterns: readonly string[]): readonly string[] {
  return globSync([...patterns], { cwd: ROOT, exclude: isIgnored }).toSorted()
}

export function readFiles(patterns: readonly string[]): readonly SourceFile[] {
  return listFiles(patterns).map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

/** The syntax tree with parents set; plain JavaScript is read in the same way. */
export function parse(file: SourceFile): ts.SourceFile {
  return ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true)
}

/** Calls `visit` for the node and everything below it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => walk(child, visit))
}

/** `path:line`, as editors open it. */
export function place(node: ts.Node): string {
  const source = node.getSourceFile()
  return `${source.fileName}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}

/** Lines that a node takes, the first and last included. */
export function lineCount(node: ts.Node): number {
  const source = node.getSourceFile()
  const line = (position: number): number => source.getLineAndCharacterOfPosition(position).line
  return line(node.getEnd()) - line(node.getStart()) + 1
}
