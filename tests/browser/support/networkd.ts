// A machine whose network systemd-networkd sees to, in a namespace of its own: with a system bus, files of networkd, and
// what systemd would start when the daemon asks for another address.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { watch, type FSWatcher } from 'node:fs'
import { promisify } from 'node:util'
import { expect } from '@playwright/test'
import { program } from './appliance.ts'
import type { Namespace } from './namespace.ts'

const execute = promisify(execFile)

export interface Machine {
  /** What a command is to be prefixed with to run on it. */
  readonly prefix: readonly string[]
  /** Runs a command on it; what it printed. */
  run(...command: string[]): Promise<string>
  /** Takes its addresses away, and starts networkd anew, as a start of the machine does. */
  restart(): Promise<void>
  /** What every start for the daemon's wish has ended with: nothing, or why it failed. */
  readonly outcomes: readonly string[]
  close(): Promise<void>
}

/** Its network as its administrator has set it up, on the card `cable`. */
const own = (address: string) => `[Match]\nName=cable\n\n[Network]\nAddress=${address}\nLinkLocalAddressing=no\n`

/** Nothing of this machine is written to; networkd takes a read-only /sys for a container's, in which no udev runs. */
const setUp = (address: string) => [
  'set -e', 'mount --make-rprivate /', 'mount -o remount,ro,bind /sys', 'mount -t tmpfs tmpfs /run',
  'mkdir -p /run/dbus /run/systemd/netif /run/alcove /run/alcove-network /etc/systemd/network',
  'mount -t tmpfs tmpfs /etc/systemd/network',
  `printf '${own(address).replaceAll('\n', '\\n')}' > /etc/systemd/network/80-machine.network`,
  'echo set up', 'exec sleep infinity',
].join('; ')

/** systemd gives alcove-network.service as much: root, and no capability. */
const service = [
  'setpriv', '--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all', '--no-new-privs', program, 'network', 'apply',
]

/** Starts it with that address, and with networkd unless it is to have none. */
export async function startMachine(network: Namespace, address: string, { networkd = true } = {}): Promise<Machine> {
  const inside = [...network.prefix, 'unshare', '--mount', 'sh', '-c', setUp(address)]
  const holder = spawn(inside[0]!, inside.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  const prefix = ['nsenter', '--target', `${holder.pid}`, '--mount', '--net', 'env', 'RUNTIME_DIRECTORY=/run/alcove']
  const run = async (...command: string[]) => (await execute(prefix[0]!, [...prefix.slice(1), ...command])).stdout
  const started = (...command: string[]) => spawn(prefix[0]!, [...prefix.slice(1), ...command], { stdio: 'ignore' })
  const bus = started('dbus-daemon', '--system', '--nofork', '--nopidfile')
  await expect.poll(() => run('busctl', 'list').then(() => true, () => false), { message: 'there is a bus' }).toBe(true)
  const startNetworkd = () => started('/lib/systemd/systemd-networkd')
  let programs = networkd ? [startNetworkd()] : []
  if (!networkd) await run('ip', 'address', 'add', address, 'dev', 'cable')
  await expect.poll(() => run('ip', 'address', 'show', 'cable'), { message: 'it has its address' }).toContain(address)

  // What alcove-network.path does, one start after another.
  const outcomes: string[] = []
  let last = Promise.resolve()
  const start = () => run(...service).then(() => { outcomes.push('') }, (why: { stderr?: string }) => { outcomes.push(why.stderr ?? `${why}`) })
  const watched: FSWatcher = watch(`/proc/${holder.pid}/root/run/alcove`, (_, file) => {
    if (file === 'network') last = last.then(start)
  })
  const restart = async () => {
    await end(...programs)
    await run('ip', 'address', 'flush', 'dev', 'cable')
    programs = [startNetworkd()]
  }
  const close = async () => {
    watched.close()
    await last
    await end(...programs, bus, holder)
  }
  return { prefix, run, restart, outcomes, close }
}

async function end(...programs: ChildProcess[]): Promise<void> {
  for (const program of programs) {
    const ended = once(program, 'exit')
    program.kill('SIGKILL')
    await ended
  }
}
