// The API by its own description: a foreign program reads openapi.json, makes up requests good and bad, and compares the answers.
import { execFile } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test, expect } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'

const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
const schemathesis = join(cache, 'alcove/peers/bin/schemathesis')

let appliance: Appliance
test.beforeEach(async () => { appliance = await startAppliance() })
test.afterEach(async ({}, info) => { await stopCleanly(appliance, info) })

test('nothing that the description allows, or forbids, is answered otherwise than it says', async () => {
  test.slow()
  const { stdout } = await promisify(execFile)(schemathesis, [
    'run', `${appliance.url}/api/v1/openapi.json`, '--url', appliance.url,
    '--tls-verify', join(appliance.state, 'tls/ca.pem'), '-H', `Authorization: Bearer ${appliance.adminToken}`,
    '--checks', 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance',
    '--phases', 'examples,coverage,fuzzing', '--max-examples', '10', '--generation-deterministic', '--no-color',
    // Who forgets the token, or guesses, is let wait; that has tests of its own, and so have WebSockets, WHIP, and what is
    // told without an end.
    '--generation-with-security-parameters=false', '--exclude-path-regex', 'whip|whep|/ws$|room/pair|/claim$|sign-in|/events$|/logs$',
  ], { cwd: appliance.state, maxBuffer: 64 * 1024 * 1024 }).catch((failed: { stdout: string }) => failed)
  const tried = /(\d+) generated, (\d+) passed/.exec(stdout)
  expect(Number(tried?.[1] ?? 0), stdout).toBeGreaterThan(1_000)
  expect(tried?.[2], stdout).toBe(tried?.[1])
  expect(stdout, 'no answer was a 429').not.toContain('Rate limited')
})
