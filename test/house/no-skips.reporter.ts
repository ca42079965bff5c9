import type { Reporter, TestModule } from 'vitest/node'

/**
 * Fails the run when a test was left out. CI has every server and browser that a suite may need, so that a skip there
 * is a suite that silently proves nothing.
 */
export class NoSkipsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')])
    if (skipped.length === 0) return
    console.error(`${skipped.length} tests were skipped, and CI allows none:`)
    for (const test of skipped) console.error(`  ${test.module.relativeModuleId}: ${test.fullName}`)
    process.exitCode = 1
  }
}
