import ts from 'typescript'
import { lineCount, parse, place, type SourceFile, walk } from './source-files.ts'

// Written in two halves: this file is searched, too.
const LATER = new RegExp(`\\b(${['TO|DO', 'FIX|ME', 'XX|X'].map((word) => word.replace('|', '')).join('|')})\\b`)
const MACHINE_PATH = new RegExp(
  `(?<![\\w.~-])/(${['wo|rk', 'ro|ot', 'ho|me', 'Us|ers'].map((word) => word.replace('|', '')).join('|')})/`,
)
const VAGUE_NAME = /(^|[/.-])(utils?|helpers?|common|misc)([/.-]|$)/
const DATED_NAME = /(V2|Legacy)$/
const KEBAB_FILE = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*$/
const MIGRATION_FILE = /^Migration\d{14}_[a-z0-9_]+\.ts$/
const RUNNERS = new Set(['test', 'it', 'describe'])
const SUITE = /^describe\b/
const ONLY_FROM_TABLE = /^(%[a-z#]|\$\w+)$/

export const LINES_MAX = 300
export const FUNCTION_LINES_MAX = 70

/** Each rule returns its findings as `place: what`; none is the good answer. */
export type TidyRule = (file: SourceFile) => readonly string[]

export const fileLength: TidyRule = (file) => {
  if (file.path.startsWith('migrations/')) return []
  const lines = file.text.replace(/\n$/, '').split('\n').length
  return lines > LINES_MAX ? [`${file.path}: ${lines} lines`] : []
}

export const functionLength: TidyRule = (file) =>
  find(file, (node) => {
    if (!ts.isFunctionLike(node) || isSuiteBody(node)) return undefined
    if (file.path.startsWith('migrations/')) return undefined
    const lines = lineCount(node)
    return lines > FUNCTION_LINES_MAX ? `a function of ${lines} lines` : undefined
  })

/** The body of a `describe` is a list of tests, not a function that somebody follows. */
function isSuiteBody(node: ts.Node): boolean {
  return ts.isCallExpression(node.parent) && SUITE.test(node.parent.expression.getText())
}

export const fileName: TidyRule = ({ path }) => {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (VAGUE_NAME.test(path)) return [`${path}: a name that says nothing about what is inside`]
  if (path.startsWith('migrations/') && MIGRATION_FILE.test(name)) return []
  return KEBAB_FILE.test(name) ? [] : [`${path}: not kebab-case`]
}

export const laterWords: TidyRule = (file) => linesWith(file, LATER, 'work that is put off')

export const machinePaths: TidyRule = (file) => linesWith(file, MACHINE_PATH, 'a path of one machine')

export const datedNames: TidyRule = (file) =>
  find(file, (node) => (ts.isIdentifier(node) && DATED_NAME.test(node.text) ? `the name ${node.text}` : undefined))

export const anyType: TidyRule = (file) =>
  find(file, (node) => (node.kind === ts.SyntaxKind.AnyKeyword ? 'the type any' : undefined))

/** `skipIf` stays allowed: a suite may need a server that the machine lacks. */
export const focusedTests: TidyRule = (file) =>
  find(file, (node) => {
    if (!ts.isPropertyAccessExpression(node) || !['only', 'skip', 'todo'].includes(node.name.text)) return undefined
    return RUNNERS.has(node.expression.getText().split('.')[0] ?? '') ? `.${node.name.text}` : undefined
  })

export const environmentAccess: TidyRule = (file) =>
  find(file, (node) => {
    if (ts.isPropertyAccessExpression(node) && /^(globalThis\.)?process\.env$/.test(node.getText()))
      return 'process.env'
    if (!ts.isImportDeclaration(node) || !/^'(node:)?process'$/.test(node.moduleSpecifier.getText())) return undefined
    return /\benv\b/.test(node.importClause?.getText() ?? '') ? 'env of node:process' : undefined
  })

/** Time and randomness, which a pure function is given and never asks for. */
export const impureCalls: TidyRule = (file) =>
  find(file, (node) => {
    if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0) {
      return 'new Date()'
    }
    if (!ts.isPropertyAccessExpression(node)) return undefined
    const text = node.getText()
    return /^(Date\.now|performance\.now|Math\.random|process\.hrtime)$/.test(text) ? text : undefined
  })

/** The name of every test with its place; one that comes from a variable, a template or a table's row is not judged. */
export function testNames(file: SourceFile): readonly { readonly name: string; readonly at: string }[] {
  const names: { name: string; at: string }[] = []
  walk(parse(file), (node) => {
    if (!ts.isCallExpression(node)) return
    const [first] = node.arguments
    if (first === undefined || !ts.isStringLiteralLike(first)) return
    const isTest = /^(test|it)\b/.test(node.expression.getText())
    if (isTest && !ONLY_FROM_TABLE.test(first.text)) names.push({ name: first.text, at: place(node) })
  })
  return names
}

function find(file: SourceFile, judge: (node: ts.Node) => string | undefined): readonly string[] {
  const found: string[] = []
  walk(parse(file), (node) => {
    const finding = judge(node)
    if (finding !== undefined) found.push(`${place(node)}: ${finding}`)
  })
  return found
}

function linesWith(file: SourceFile, pattern: RegExp, what: string): readonly string[] {
  return file.text
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [`${file.path}:${index + 1}: ${what}`] : []))
}
