import { defineConfig } from 'vitest/config'

/** For tests of pure code, which most mutants are: without the PostgreSQL that the other suites start first. */
export default defineConfig({
  test: { environment: 'node', setupFiles: ['test/support/seed.ts'] },
})
