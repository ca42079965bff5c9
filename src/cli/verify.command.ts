import { Command } from 'commander'
import { TollkeeperError } from '../foundation/errors.ts'
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

function printReport({ violations, warnings, frozen, organizations, entries }: VerifyReport): void {
  for (const { organizationId, invariant, detail } of violations) {
    print(`violation  ${organizationId ?? 'ledger'}  invariant ${invariant}: ${detail}`)
  }
  for (const { organizationId, invariant, detail } of warnings) {
    print(`warning    ${organizationId ?? 'ledger'}  invariant ${invariant}: ${detail}`)
  }
  for (const organizationId of frozen) print(`frozen     ${organizationId}`)
  const verdict = violations.length === 0 ? 'every figure agrees' : `${violations.length} violations`
  print(`${organizations} organisations, ${entries} entries: ${verdict}`)
}

function unbalanced({ violations, frozen }: VerifyReport): TollkeeperError {
  const todo = frozen.length > 0 ? 'their spending is frozen' : 'run again with --freeze to stop their spending'
  return new TollkeeperError('not-verified', 500, `${violations.length} violations; ${todo} until the cause is found`)
}

const HELP = `
It only reads, in one consistent snapshot per organisation, while everything else runs on. Exit code 1 means that a
safety invariant is broken; a warning is about what stands still, and changes no exit code.

Examples:
  tollkeeper verify
  tollkeeper verify --organization acme --freeze
  tollkeeper verify --json`
