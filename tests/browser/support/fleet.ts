// Several networks with a switch between them, a NATS server at the switch, and an appliance in each.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeNamespace, type Namespace } from './namespace.ts'
import type { Side } from './pair.ts'

export interface Fleet {
  readonly sides: readonly Side[]
  /** Where the server is, from each side. */
  readonly nats: string
  close(): Promise<void>
}

/** Makes it; says why where that is not allowed. */
export async function makeFleet(count: number): Promise<Fleet | string> {
  const hub = makeNamespace([], 'hub')
  if (typeof hub === 'string') return hub
  hub.run('ip', 'link', 'add', 'switch', 'type', 'bridge')
  hub.run('ip', 'address', 'add', '10.98.0.254/24', 'dev', 'switch')
  hub.run('ip', 'link', 'set', 'switch', 'up')
  const sides = Array.from({ length: count }, (_, at) => plug(hub, at))
  const store = mkdtempSync(join(tmpdir(), 'alcove-nats-'))
  // Debian has it where only root looks.
  const server = spawn(
    hub.prefix[0]!, [...hub.prefix.slice(1), 'nats-server', '--addr', '10.98.0.254', '--jetstream', '--store_dir', store],
    { stdio: 'ignore', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } },
  )
  const ended = once(server, 'exit')
  const close = async () => {
    server.kill()
    await ended
    rmSync(store, { recursive: true })
    hub.close()
  }
  return { sides, nats: 'nats://10.98.0.254:4222', close }
}

/** A network with a cable to the switch. */
function plug(hub: Namespace, at: number): Side {
  const network = makeNamespace([], `side${at}`)
  if (typeof network === 'string') throw new Error(network)
  const address = `10.98.0.${at + 1}`
  hub.run('ip', 'link', 'add', `port${at}`, 'type', 'veth', 'peer', 'name', 'cable', 'netns', network.name)
  hub.run('ip', 'link', 'set', `port${at}`, 'master', 'switch', 'up')
  network.run('ip', 'link', 'set', 'cable', 'addrgenmode', 'none')
  network.run('ip', 'address', 'add', `${address}/24`, 'dev', 'cable')
  network.run('ip', 'link', 'set', 'cable', 'up')
  return { network, address }
}
