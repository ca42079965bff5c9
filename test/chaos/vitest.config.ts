import { defineConfig } from 'vitest/config'
import { NoSkipsReporter } from '../house/no-skips.reporter.ts'
import { CaseReporter } from './case.reporter.ts'
import { SEED } from './seed.ts'

/** The whole matrix of faults (`npm run test:chaos`); a quick part of it runs with all other tests. */
export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/chaos/*.chaos.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // The cases' own processes do the work, and most of a case's time is waiting for locks and claims to end.
    maxWorkers: 2,
    maxConcurrency: 3,
    hookTimeout: 60_000,
    env: { SEED },
    reporters: ['minimal', new CaseReporter(), ...(process.env.CI === 'true' ? [new NoSkipsReporter()] : [])],
  },
})
