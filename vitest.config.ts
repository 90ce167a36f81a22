import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    // Two cores: more workers than that only makes timing tests of other files starve.
    maxWorkers: 2,
    reporters: ['default', './test/summary-reporter.ts'],
  },
})
