// A real TURN server (coturn) on this machine, which a test may stop and start again.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const program = process.env.ALCOVE_TURN_SERVER ?? 'turnserver'

export interface TurnServer {
  readonly port: number
  readonly username: string
  readonly password: string
  stop(): Promise<void>
  start(): Promise<void>
  /** Stops it for good. */
  close(): Promise<void>
}

export async function startTurnServer(): Promise<TurnServer> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'alcove-turn-'))
  const [username, password] = ['alcove', 'a-password-that-no-log-has']
  let server: ChildProcess | undefined
  const start = async () => {
    server = spawn(program, [
      '-n', '--listening-ip', '127.0.0.1', '--relay-ip', '127.0.0.1', '--listening-port', String(port), '--lt-cred-mech',
      '--user', `${username}:${password}`, '--realm', 'alcove.test', '--no-tls', '--no-dtls', '--no-cli',
      '--allow-loopback-peers', '--log-file', 'stdout', '--simple-log', '--verbose',
      '--pidfile', join(folder, 'pid'), '--userdb', join(folder, 'db'),
    ], { stdio: ['ignore', 'pipe', 'inherit'] })
    // Its log must be read, or it stands still; the first line about the listener says that it listens.
    const lines = createInterface({ input: server.stdout! })
    await new Promise<void>((done, fail) => {
      server!.on('exit', (code) => fail(new Error(`the TURN server ended with ${code}`)))
      lines.on('line', (line) => { if (/listener opened on.*UDP|UDP listener opened/.test(line)) done() })
    })
  }
  const stop = async () => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    server.removeAllListeners('exit')
    server.kill('SIGKILL')
    await once(server, 'exit')
  }
  const close = async () => {
    await stop()
    rmSync(folder, { recursive: true })
  }
  await start()
  return { port, username, password, stop, start, close }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  probe.listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
