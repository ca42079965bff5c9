import { defineConfig } from 'vitest/config'
import { NoSkipsReporter } from './test/house/no-skips.reporter.ts'

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/seed.ts'],
    // Real servers, worker threads and killed processes share the machine with the tests: two files at a time.
    maxWorkers: 2,
    testTimeout: 30_000,
    // A world of twenty processes takes its time to close on a machine that does other things.
    hookTimeout: 120_000,
    reporters: process.env.CI === 'true' ? ['default', new NoSkipsReporter()] : ['default'],
  },
})
