// Starts the real daemon on free ports with simulated hardware and a state directory of its own.
import { expect, type TestInfo } from '@playwright/test'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import { request } from 'node:https'
import { Readable } from 'node:stream'

/** The daemon to test, as the Makefile built it. */
export const program = process.env.ALCOVE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? '../../target', 'release/alcove')

/** How long the daemon may take to say `ready`, in ms: generous, because machines that build are busy. */
const readyMax = 20_000

export interface Answer {
  readonly status: number
  readonly body: Buffer
  json(): any
}

export interface Appliance {
  /** `https://localhost:PORT`, without a slash at the end. */
  readonly url: string
  /** Opens the page in the room's standing meeting. */
  readonly joinUrl: string
  readonly adminToken: string
  readonly state: string
  readonly process: ChildProcess
  /** From the start of the process to its `ready`, in ms. */
  readonly readyAfter: number
  /** What it has logged so far. */
  log(): string
  /** Asks the HTTP API as the administrator, trusting nothing but the box's own CA. */
  api(method: string, path: string, body?: unknown): Promise<Answer>
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>
}

/** Starts it; behind `prefix`, a command that runs what follows it. */
export async function startAppliance(config = '', prefix: readonly string[] = []): Promise<Appliance> {
  const state = mkdtempSync(join(tmpdir(), 'alcove-test-'))
  const configFile = join(state, 'alcove.toml')
  writeFileSync(configFile, `[http]\nhttps_port = 0\nhttp_port = 0\n[media]\nport = 0\n${config}`)
  return run(state, prefix)
}

/** The power fails, and comes back: the same appliance at the same address. */
export async function powerCut(appliance: Appliance): Promise<Appliance> {
  appliance.process.kill('SIGKILL')
  await once(appliance.process, 'exit')
  const configFile = join(appliance.state, 'alcove.toml')
  const config = readFileSync(configFile, 'utf8')
  writeFileSync(configFile, config.replace(/https_port = \d+/, `https_port = ${new URL(appliance.url).port}`))
  return run(appliance.state, [])
}

async function run(state: string, prefix: readonly string[]): Promise<Appliance> {
  const configFile = join(state, 'alcove.toml')
  const started = performance.now()
  const command = [...prefix, program, 'run', '--simulated', '--state', state, '--config', configFile]
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ALCOVE_LOG: process.env.ALCOVE_LOG ?? 'info' },
  })
  let log = ''
  child.stderr.on('data', (data: Buffer) => { log += data.toString() })
  const ready = await readyLine(child, () => log)
  const readyAfter = performance.now() - started
  const [, url, joinUrl, adminToken] = ready
  const ca = readFileSync(join(state, 'tls/ca.pem'))
  const api = (method: string, path: string, body?: unknown) =>
    ask(`${url}/api/v1/${path}`, method, ca, adminToken, body)
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    rmSync(state, { recursive: true, force: true })
    return child.exitCode
  }
  return { url, joinUrl, adminToken, state, process: child, readyAfter, log: () => log, api, stop }
}

async function readyLine(child: ChildProcess, log: () => string): Promise<string[]> {
  const lines = createInterface({ input: child.stdout! })
  const timer = setTimeout(() => child.kill('SIGKILL'), readyMax)
  try {
    for await (const line of lines) {
      const match = /^ready: (\S+?)\/?\s+join: (\S+)\s+admin token: (\S+)$/.exec(line)
      if (match !== null) return [...match]
    }
  } finally {
    clearTimeout(timer)
  }
  throw new Error(`the daemon ended before it was ready:\n${log()}`)
}

/** Asks over HTTPS, trusting that authority and nothing else. */
export function ask(url: string, method: string, ca: Buffer, token: string, body: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const type = body instanceof Readable ? 'application/octet-stream' : 'application/json'
    // A configuration is changed whatever it was.
    const headers = { authorization: `Bearer ${token}`, 'content-type': type, 'if-match': '*' }
    const asked = request(url, { method, ca, headers }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('end', () => {
        const whole = Buffer.concat(parts)
        resolve({ status: answer.statusCode ?? 0, body: whole, json: () => JSON.parse(whole.toString()) })
      })
    })
    asked.on('error', reject)
    if (body instanceof Readable) body.on('error', reject).pipe(asked)
    else asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** The end of a test: the appliance stops cleanly and has logged no bug of ours; what it logged is shown if the test failed. */
export async function stopCleanly(appliance: Appliance, info: TestInfo): Promise<void> {
  const code = await appliance.stop()
  if (info.status !== info.expectedStatus) console.log(appliance.log())
  expect(code, 'the daemon stops cleanly').toBe(0)
  expect(appliance.log(), 'no bug of ours in the log').not.toMatch(/ERROR|panicked/)
}
