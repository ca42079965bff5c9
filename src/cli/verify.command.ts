import { Command } from 'commander'
import { TollkeeperError } from '../foundation/errors.ts'
import { CHAINED } from '../ledger/audit-chain.ts'
import type { Violation } from '../ledger/audit-findings.ts'
import type { VerifyProgress } from '../managers/verify.manager.ts'
import { type VerifyReport, verifyToJson } from '../managers/verify-report.ts'
import { createProgress, type Progress } from './progress.ts'
import { print, printJson, sessionOf, withTollkeeper } from './session.ts'

interface Options {
  readonly organization?: string
  readonly freeze: boolean
}

export function verifyCommand(): Command {
  return new Command('verify')
    .description('Prove that the books balance: recompute everything that was charged, held and counted, and compare')
    .option('-o, --organization <id>', 'only this one')
    .option('--freeze', 'freeze the spending of organisations whose books do not balance', false)
    .addHelpText('after', HELP)
    .action(async (_options: unknown, command: Command) => {
      const { json, config } = sessionOf(command, 'fatal')
      const { organization: organizationId, freeze } = command.opts<Options>()
      const progress = createProgress(!json)
      try {
        const report = await withTollkeeper(config, ({ verifier }) =>
          verifier.verify({ organizationId, freeze, onProgress: (step) => show(progress, step) }),
        )
        progress.end()
        if (json) printJson(verifyToJson(report))
        else printReport(report)
        if (!report.ok) throw unbalanced(report)
      } finally {
        progress.end()
      }
    })
}

function show(progress: Progress, { organizationId, entriesDone, entriesTotal, done }: VerifyProgress): void {
  progress.at(entriesDone, Math.max(entriesDone, entriesTotal), `ledger entries  ${organizationId}`)
  if (!done) return
  const verdict = done.violations === 0 ? 'ok' : `${done.violations} violations`
  progress.line(`${organizationId}  ${done.entries} entries  ${verdict}`)
}

function printReport({ violations, warnings, frozen, organizations, entries, auditLog }: VerifyReport): void {
  for (const found of violations) print(`violation  ${sentenceOf(found)}`)
  for (const found of warnings) print(`warning    ${sentenceOf(found)}`)
  for (const organizationId of frozen) print(`frozen     ${organizationId}`)
  if (auditLog) print(`audit log  ${auditLog.seq} entries, the last with hash ${auditLog.hash}`)
  const verdict = violations.length === 0 ? 'every figure agrees' : `${violations.length} violations`
  print(`${organizations} organisations, ${entries} entries: ${verdict}`)
}

function sentenceOf({ organizationId, invariant, detail }: Violation): string {
  return `${organizationId ?? (invariant === CHAINED ? 'audit log' : 'ledger')}  invariant ${invariant}: ${detail}`
}

function unbalanced({ violations, frozen }: VerifyReport): TollkeeperError {
  if (violations.every(({ invariant }) => invariant === CHAINED)) {
    const todo = 'the books balance; compare the audit log with a backup, and find out who can change tables'
    return new TollkeeperError('not-verified', 500, `${violations.length} violations of the audit log; ${todo}`)
  }
  const todo = frozen.length > 0 ? 'their spending is frozen' : 'run again with --freeze to stop their spending'
  return new TollkeeperError('not-verified', 500, `${violations.length} violations; ${todo} until the cause is found`)
}

const HELP = `
It only reads, in one consistent snapshot per organisation, while everything else runs on. Exit code 1 means that a
safety invariant is broken; a warning is about what stands still, and changes no exit code. Who keeps the hash of the audit
log's last entry somewhere else can prove later that it only grew.

Examples:
  tollkeeper verify
  tollkeeper verify --organization acme --freeze
  tollkeeper verify --json`
