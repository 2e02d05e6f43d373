// How the figures of real browsers are taken: one after the other, nothing beside them, no goals asserted.
import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: 'bench',
  testMatch: '*.bench.ts',
  outputDir: 'results',
  workers: 1,
  timeout: 300_000,
  expect: { timeout: 30_000 },
  forbidOnly: true,
  reporter: [['line']],
})
