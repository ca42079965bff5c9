import type { Reporter, TestCase } from 'vitest/node'
import { SEED } from './seed.ts'

/** One line per case, as it ends: verdict, seconds, backend and fault, seed and what was drawn from it. */
export class CaseReporter implements Reporter {
  onInit(): void {
    console.log(`chaos: SEED=${SEED} repeats this run`)
  }

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result()
    if (state === 'skipped' || state === 'pending') return
    const verdict = state === 'passed' ? 'ok  ' : 'FAIL'
    const seconds = ((test.diagnostic()?.duration ?? 0) / 1_000).toFixed(1).padStart(6)
    const { chaos = '' } = test.meta()
    console.log(`${verdict} ${seconds} s  ${test.name}  (${chaos})`)
  }
}
