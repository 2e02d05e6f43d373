// A network of its own on this machine, in which a test may do what it likes to addresses and bandwidth.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Namespace {
  /** What it is called on this machine. */
  readonly name: string
  /** What a command is to be prefixed with to run in there. */
  readonly prefix: readonly string[]
  /** A program that runs the given one in there with its arguments. */
  wrap(program: string): string
  /** Runs a command in there. */
  run(...command: string[]): string
  close(): void
}

/**
 * Makes one with a loopback and a network card that leads nowhere; says why where that is not allowed. Without addresses
 * of IPv4 the loopback has none either.
 */
export function makeNamespace(addresses: readonly string[], which = ''): Namespace | string {
  const name = `alcove-${process.pid}${which}`
  const ip = (...words: string[]) => execFileSync('ip', words, { stdio: ['ignore', 'pipe', 'pipe'] }).toString()
  try {
    ip('netns', 'add', name)
  } catch (error) {
    return `this user may not make network namespaces: ${String(error).trim()}`
  }
  const prefix = ['ip', 'netns', 'exec', name]
  const folder = mkdtempSync(join(tmpdir(), 'alcove-network-'))
  const run = (...command: string[]) => ip('netns', 'exec', name, ...command)
  const wrap = (program: string) => {
    const wrapper = join(folder, 'inside')
    writeFileSync(wrapper, `#!/bin/sh\nexec ${prefix.join(' ')} ${program} "$@"\n`)
    chmodSync(wrapper, 0o755)
    return wrapper
  }
  const close = () => {
    ip('netns', 'delete', name)
    rmSync(folder, { recursive: true })
  }
  run('ip', 'link', 'add', 'card', 'type', 'veth', 'peer', 'name', 'nowhere')
  // Without addresses of their own making: these become valid a while later, and a browser stops its loads at each change.
  for (const device of ['card', 'nowhere']) run('ip', 'link', 'set', device, 'addrgenmode', 'none')
  for (const device of ['lo', 'card', 'nowhere']) run('ip', 'link', 'set', device, 'up')
  if (addresses.length > 0 && addresses.every((address) => address.includes(':'))) run('ip', '-4', 'address', 'flush', 'dev', 'lo')
  for (const address of addresses) run('ip', 'address', 'add', address, 'dev', 'card', ...(address.includes(':') ? ['nodad'] : []))
  return { name, prefix, wrap, run, close }
}
