// How the machine test runs: one guest, one question after the other; the time-outs are those of an emulated machine.
import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: '../machine',
  testMatch: '*.spec.ts',
  outputDir: 'results',
  workers: 1,
  timeout: 600_000,
  expect: { timeout: 120_000 },
  forbidOnly: true,
  reporter: [['list']],
})
