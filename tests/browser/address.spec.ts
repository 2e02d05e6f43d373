// The address of the machine: a static one that cuts it off is taken back by itself, one that is confirmed stays.
import { test, expect } from '@playwright/test'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { startMachine, type Machine } from './support/networkd.ts'
import { makePair, type Side } from './support/pair.ts'

/** What the machine has from its administrator, and what nobody expects it to have. */
const before = '10.99.0.1'
const after = '10.98.0.1'

let sides: readonly [Side, Side] | undefined
let machine: Machine | undefined
let box: Appliance | undefined

test.afterEach(async ({}, info) => {
  if (info.status !== info.expectedStatus) console.log(machine?.outcomes)
  try {
    if (box !== undefined) await stopCleanly(box, info)
  } finally {
    await machine?.close()
    for (const { network } of sides ?? []) network.close()
    sides = machine = box = undefined
  }
})

/** An appliance on a machine, and a network on the other end of the cable, with a foot in both of its networks. */
async function open(options = {}): Promise<void> {
  const made = makePair()
  test.skip(typeof made === 'string', String(made))
  sides = made as readonly [Side, Side]
  const [near, far] = sides
  // It is networkd that gives the machine its address.
  near.network.run('ip', 'address', 'flush', 'dev', 'cable')
  far.network.run('ip', 'address', 'add', '10.98.0.2/24', 'dev', 'cable')
  machine = await startMachine(near.network, `${before}/24`, options)
  box = await startAppliance('', machine.prefix)
}

/** Asks the appliance from the other end of the cable; null when it is not reached there. */
function ask(at: string, method: string, path: string, body?: unknown): any {
  const { port } = new URL(box!.url)
  const words = [
    ...sides![1].network.prefix.slice(1), 'curl', '-sSk', '--max-time', '2', '-X', method, '-H', `Authorization: Bearer ${box!.adminToken}`,
    '-H', 'Content-Type: application/json', '-H', 'If-Match: *', '-d', body === undefined ? '' : JSON.stringify(body),
    `https://${at}:${port}/api/v1/${path}`,
  ]
  try {
    const said = execFileSync('ip', words, { stdio: ['ignore', 'pipe', 'ignore'] }).toString()
    return said === '' ? {} : JSON.parse(said)
  } catch {
    return null
  }
}

/** Whether whoever trusts the authority of the box, and nothing else, is served there. */
function isTrusted(at: string): boolean {
  const url = `https://${at}:${new URL(box!.url).port}/readyz`
  try {
    execFileSync('ip', [...sides![1].network.prefix.slice(1), 'curl', '-sSf', '--cacert', join(box!.state, 'tls/ca.pem'), url], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const reached = (at: string) => ask(at, 'GET', 'config') !== null
/** With nobody's word of it, the address may be gone before the answer. */
const change = (at: string, query: string, network: object | null) => ask(at, 'PATCH', `config${query}`, { network })
const condition = (at: string, kind: string) =>
  ask(at, 'GET', 'status')?.conditions.find((one: { type: string }) => one.type === kind)
const addresses = async () => (await machine!.run('ip', '-4', '-o', 'address', 'show', 'cable')).match(/\d+\.\d+\.\d+\.\d+(?=\/)/g)

test('a static address that cuts the box off is taken back by itself, and one that is confirmed outlives the daemon', async () => {
  await open()
  expect(reached(before)).toBe(true)

  const began = performance.now()
  change(before, '?confirmWithin=8', { interface: 'cable', address: `${after}/24` })
  await expect.poll(addresses, { message: 'the machine has taken the address' }).toEqual([after])
  expect(reached(before), 'whoever has changed it is cut off').toBe(false)
  expect(ask(after, 'GET', 'config'), 'it waits to be confirmed').toMatchObject({ confirm_within_s: 8 })
  await expect.poll(() => reached(before), { message: 'it comes back by itself', timeout: 20_000 }).toBe(true)
  console.log(`  reached again ${((performance.now() - began) / 1000).toFixed(1)} s after an address was set for 8 s`)
  expect(await addresses()).toEqual([before])
  expect(ask(before, 'GET', 'config').taken_back).toContain('nobody confirmed it within 8 seconds')
  expect(ask(before, 'GET', 'config').config.network.address).toBeUndefined()

  change(before, '?confirmWithin=60', { interface: 'cable', address: `${after}/24`, gateway: '10.98.0.2' })
  await expect.poll(() => reached(after), { message: 'it is reached at the new address' }).toBe(true)
  await expect.poll(() => condition(after, 'NetworkOnline')).toMatchObject({ status: 'True', reason: 'Addressed' })
  const { generation } = ask(after, 'GET', 'config')
  expect(ask(after, 'POST', 'config/confirm', { generation })).not.toBeNull()
  expect(ask(after, 'GET', 'config').confirm_within_s ?? null, 'nothing waits any more').toBeNull()
  expect(await machine!.run('ip', 'route', 'show', 'default')).toContain('via 10.98.0.2')
  await expect.poll(() => isTrusted(after), { message: 'the certificate follows', timeout: 20_000 }).toBe(true)
  expect(await box!.stop()).toBe(0)
  box = undefined
  await machine!.restart()
  await expect.poll(addresses, { message: 'the machine comes back with it, without the daemon' }).toEqual([after])
})

test('what the machine cannot do is said, and its network stays as it is', async () => {
  await open()
  change(before, '?confirmWithin=0', { interface: 'nocard', address: `${after}/24` })
  await expect.poll(() => condition(before, 'NetworkOnline')).toMatchObject({ status: 'False', reason: 'NotAsConfigured' })
  expect(condition(before, 'NetworkOnline').message).toContain('there is no network card nocard')
  expect(await addresses()).toEqual([before])
  change(before, '?confirmWithin=0', null)
  await expect.poll(() => condition(before, 'NetworkOnline')).toMatchObject({ status: 'True' })
})

test('without networkd the machine is left alone, and it is said where its address is set', async () => {
  await open({ networkd: false })
  change(before, '?confirmWithin=0', { interface: 'cable', address: `${after}/24` })
  await expect.poll(() => condition(before, 'NetworkOnline')).toMatchObject({ status: 'False', reason: 'NotAsConfigured' })
  expect(condition(before, 'NetworkOnline').message).toContain('systemd-networkd does not run here')
  expect(await machine!.run('ls', '/etc/systemd/network')).toBe('80-machine.network\n')
  expect(await addresses()).toEqual([before])
})

test('what is asked for is not believed: a file that is none of ours changes nothing', async () => {
  await open()
  const forged = 'address = "10.98.0.1/24"\\ninterface = "cable\\\\n[Network]\\\\nDHCP=yes"\\n'
  await machine!.run('sh', '-c', `printf '${forged}' > /run/alcove/network`)
  await expect.poll(() => machine!.outcomes.at(-1)).toContain('network.interface: it is no name of a network card')
  await machine!.run('sh', '-c', 'ln -sf /etc/shadow /run/alcove/network')
  await expect.poll(() => machine!.outcomes.at(-1)).toContain('the wish cannot be read')
  expect(machine!.outcomes.join(), 'nothing of it is repeated').not.toContain('root:')
  expect(await machine!.run('ls', '/etc/systemd/network')).toBe('80-machine.network\n')
})
