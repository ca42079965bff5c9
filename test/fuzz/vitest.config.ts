import { defineConfig } from 'vitest/config'

/** All of the fuzzing (`npm run test:fuzz`); a quick part of it runs with all other tests. */
export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/fuzz/*.fuzz.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 1_200_000,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
})
