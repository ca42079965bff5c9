import { join } from 'node:path'
import { checkImports } from './import-rules.ts'

// The part of `npm run check` that looks at who imports whom.
const root = join(import.meta.dirname, '../..')
const report = await checkImports(root, join(root, '.dependency-cruiser.mjs'))
const findings = [
  ...report.violations,
  ...report.unseen.map((source) => `not looked at: ${source}`),
  ...report.unranked.map((source) => `has no rank: ${source}`),
  ...(report.cruised === 0 ? ['nothing was looked at'] : []),
]
for (const finding of findings) console.error(finding)
console.log(`import rules: ${report.cruised} files looked at, ${findings.length} findings`)
process.exitCode = findings.length === 0 ? 0 : 1
