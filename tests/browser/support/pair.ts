// Two networks with a cable between them: an appliance in each, and a browser beside it.
import { execFileSync } from 'node:child_process'
import { expect } from '@playwright/test'
import { makeNamespace, type Namespace } from './namespace.ts'
import type { Appliance } from './appliance.ts'

export interface Side {
  readonly network: Namespace
  readonly address: string
}

/** Makes both; says why where that is not allowed. */
export function makePair(): readonly [Side, Side] | string {
  const addresses = ['10.99.0.1', '10.99.0.2'] as const
  const left = makeNamespace([], 'left')
  if (typeof left === 'string') return left
  const right = makeNamespace([], 'right')
  if (typeof right === 'string') {
    left.close()
    return right
  }
  const sides = [left, right].map((network, at) => ({ network, address: addresses[at]! }))
  left.run('ip', 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable', 'netns', right.name)
  for (const { network, address } of sides) {
    network.run('ip', 'link', 'set', 'cable', 'addrgenmode', 'none')
    network.run('ip', 'address', 'add', `${address}/24`, 'dev', 'cable')
    network.run('ip', 'link', 'set', 'cable', 'up')
  }
  return [sides[0]!, sides[1]!]
}

/** Asks the HTTP API of an appliance from within its network, as its administrator. */
export function asked(side: Side, appliance: Appliance, method: string, path: string, body?: unknown): any {
  const { prefix } = side.network
  const words = [
    '-sS', '-k', '-X', method, '-H', `Authorization: Bearer ${appliance.adminToken}`, '-H', 'Content-Type: application/json',
    ...(body === undefined ? [] : ['-d', JSON.stringify(body)]), `${appliance.url}/api/v1/${path}`,
  ]
  const said = execFileSync(prefix[0]!, [...prefix.slice(1), 'curl', ...words]).toString()
  return said === '' ? null : JSON.parse(said)
}

/** Puts each into the directory of the other; the first one reaches the second. Returns what each is called there. */
export async function acquaint(
  [near, nearBox]: readonly [Side, Appliance], [far, farBox]: readonly [Side, Appliance], names: readonly [string, string],
): Promise<readonly [string, string]> {
  const ours = asked(far, farBox, 'POST', 'users', { name: names[0], kind: 'appliance' })
  const link = `https://${far.address}:${new URL(farBox.url).port}/#u=${ours.token}`
  const theirs = asked(near, nearBox, 'POST', 'users', { name: names[1], kind: 'appliance', link, fingerprint: ours.fingerprint })
  const presence = () => asked(near, nearBox, 'GET', `users/${theirs.id}`).presence
  await expect.poll(presence, { message: `${names[1]} is reached` }).toBe('online')
  return [ours.id, theirs.id]
}
