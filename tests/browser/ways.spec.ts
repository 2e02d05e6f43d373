// Ways through networks that let little pass.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as inFolder } from 'node:path'
import { test, expect, type Browser, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { letPass, wayOf } from './support/firewall.ts'
import { heardAt, idOf, join, look, seen, seenIn } from './support/meeting.ts'
import { makeNamespace, type Namespace } from './support/namespace.ts'
import { startTurnServer, type TurnServer } from './support/turn.ts'

const red = [220, 40, 40] as const
const blue = [40, 40, 220] as const

let appliance: Appliance
let browser: Browser
let network: Namespace | undefined

/** Starts both; in a network of their own if it has addresses. */
async function start(addresses: readonly string[] = [], config = '') {
  const made = addresses.length === 0 ? undefined : makeNamespace(addresses)
  test.skip(typeof made === 'string', String(made))
  network = made as Namespace | undefined
  appliance = await startAppliance(`workers = 2\n${config}`, network?.prefix)
  browser = await launch(network?.wrap)
}

test.afterEach(async ({}, info) => {
  if (info.status === 'skipped') return
  await browser.close()
  try {
    await stopCleanly(appliance, info)
  } finally {
    network?.close()
  }
})

/** Ann on an open network, Bob behind a firewall that lets only such candidates pass: both see and hear each other. */
async function annAndBob(candidate: RegExp, joinUrl = appliance.joinUrl) {
  const ann = await person(browser, { colour: `rgb(${red.join(' ')})`, tone: 700 })
  const bob = await person(browser, { colour: `rgb(${blue.join(' ')})`, tone: 1_100 })
  await letPass(bob.context, candidate)
  await join(ann.page, joinUrl, 'Ann')
  await join(bob.page, joinUrl, 'Bob')
  const ids = { ann: await idOf(bob.page, 'Ann'), bob: await idOf(ann.page, 'Bob') }
  const bothSee = async () => {
    await seenIn(ann.page, ids.bob, blue)
    await seen(ann.page, ids.bob)
    await seenIn(bob.page, ids.ann, red)
    await seen(bob.page, ids.ann)
    await heardAt(ann.page, ids.bob, 1_100)
    await heardAt(bob.page, ids.ann, 700)
  }
  await bothSee()
  const close = async () => {
    await ann.context.close()
    await bob.context.close()
  }
  return { ann: ann.page, bob: bob.page, bothSee, close }
}

/** The port of the page, which is also one of media. */
const pagePort = () => Number(new URL(appliance.url).port)

test('where UDP is blocked, pictures and sound go over TCP, both ways', async () => {
  await start()
  const { ann, bob, close } = await annAndBob(/ tcp .* tcptype passive/)
  expect((await wayOf(ann))?.protocol, 'UDP is preferred where it passes').toBe('udp')
  expect((await wayOf(bob))?.protocol).toBe('tcp')
  await close()
})

test('where only the port of the page passes, pictures and sound go through it', async () => {
  await start()
  const { bob, close } = await annAndBob(new RegExp(` tcp \\d+ \\S+ ${pagePort()} .* tcptype passive`))
  expect(await wayOf(bob)).toMatchObject({ protocol: 'tcp', port: pagePort() })
  await close()
})

/** How old the pictures of a participant are that a page shows, in ms, looked at for a while; none while nothing is seen. */
async function agesOf(page: Page, id: string, looks: number): Promise<number[]> {
  const ages: number[] = []
  for (let count = 0; count < looks; count++) {
    await page.evaluate(() => new Promise((done) => setTimeout(done, 250)))
    const age = (await look(page, id))?.age
    if (age !== undefined && age !== null) ages.push(age)
  }
  return ages
}

test('a narrow way over TCP makes pictures small rather than late', async () => {
  await start(['10.9.0.1/24'])
  const port = Number(/media arrives at 10\.9\.0\.1:(\d+)/.exec(appliance.log())![1])
  // What the appliance sends over TCP from this port passes at 1 Mbit/s, behind a queue of 200 ms.
  const tc = (...words: string[]) => network!.run('tc', ...words)
  network!.run('ip', 'link', 'set', 'lo', 'mtu', '1400', 'gso_max_segs', '1')
  tc('qdisc', 'add', 'dev', 'lo', 'root', 'handle', '1:', 'htb', 'default', '10')
  tc('class', 'add', 'dev', 'lo', 'parent', '1:', 'classid', '1:10', 'htb', 'rate', '10gbit')
  tc('class', 'add', 'dev', 'lo', 'parent', '1:', 'classid', '1:20', 'htb', 'rate', '1mbit', 'burst', '3k', 'cburst', '3k')
  tc('qdisc', 'add', 'dev', 'lo', 'parent', '1:20', 'bfifo', 'limit', '25000')
  tc('filter', 'add', 'dev', 'lo', 'parent', '1:', 'protocol', 'ip', 'u32', 'match', 'ip', 'protocol', '6', '0xff',
    'match', 'ip', 'sport', String(port), '0xffff', 'flowid', '1:20')
  // One that was there before would take the page's first load for one across a change of networks, and stop it.
  await browser.close()
  browser = await launch(network!.wrap)
  const { bob, close } = await annAndBob(new RegExp(` tcp \\d+ \\S+ ${port} .* tcptype passive`))
  const ages = await agesOf(bob, await idOf(bob, 'room'), 40)
  const carried = /class htb 1:20 .*\n Sent (\d+) bytes/.exec(tc('-s', 'class', 'show', 'dev', 'lo'))
  expect(Number(carried![1]), 'it went the narrow way').toBeGreaterThan(200_000)
  ages.sort((one, other) => one - other)
  const most = ages[Math.floor(ages.length * 0.9)]
  console.log(`the room's picture was ${ages[0]} to ${ages.at(-1)} ms old, nine of ten times at most ${most} ms, in ${ages.length} looks`)
  expect(ages.length, 'of 40').toBeGreaterThan(30)
  // A queue that stands shows in every look; a machine that is busy, in some.
  expect(most, 'ms').toBeLessThan(1_000)
  await close()
})

test('where there is nothing but IPv6, everything works', async () => {
  test.skip(!existsSync('/proc/net/if_inet6'), 'this machine has no IPv6')
  await start(['fd00:a1c0::1/64'])
  expect(network!.run('ip', '-4', 'address'), 'there is no IPv4 address').toBe('')
  const { ann, bob, close } = await annAndBob(/./, appliance.joinUrl.replace('//localhost:', '//[::1]:'))
  for (const page of [ann, bob]) expect((await wayOf(page))?.address).toMatch(/^\[?[0-9a-f:]+\]?$/)
  const invited = await ann.evaluate(async (token) => {
    const wanted = { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } }
    const answer = await fetch('/api/v1/meetings', { ...wanted, body: JSON.stringify({ name: 'six' }) })
    return (await answer.json()).join_url
  }, appliance.adminToken)
  expect(invited, 'guests are invited by an address that they reach').toContain('//[fd00:a1c0::1]:')
  await close()
})

test.describe('with a TURN server', () => {
  let turn: TurnServer
  let folder: string

  test.beforeEach(async () => {
    turn = await startTurnServer()
    folder = mkdtempSync(inFolder(tmpdir(), 'alcove-turn-'))
  })
  test.afterEach(async () => {
    expect(appliance.log(), 'the password is in no log').not.toContain(turn.password)
    await turn.close()
    rmSync(folder, { recursive: true })
  })

  /** The appliance uses it, with this password. */
  async function startWithTurn(password: string) {
    const file = inFolder(folder, 'password')
    writeFileSync(file, `${password}\n`)
    await start([], `[turn]\nserver = "turn:127.0.0.1:${turn.port}"\nusername = "${turn.username}"\npassword_file = "${file}"\n`)
  }

  const troubles = async (): Promise<string> => (await appliance.api('GET', 'status')).json().troubles.join('\n')

  test('a guest who reaches nothing but the relay is in the meeting, and again after the server was restarted', async () => {
    test.setTimeout(120_000)
    await startWithTurn(turn.password)
    await expect.poll(() => appliance.log(), { message: 'both workers have an address there' })
      .toMatch(/relayed through[^]*relayed through/)
    const { ann, bob, bothSee, close } = await annAndBob(/ typ relay/)
    expect((await wayOf(ann))?.type, 'the relay is the last resort').toBe('host')
    expect(await wayOf(bob)).toMatchObject({ type: 'relay', protocol: 'udp' })
    const before = (await wayOf(bob))!.port
    await turn.stop()
    await expect.poll(troubles, { timeout: 30_000 }).toContain(`the TURN server 127.0.0.1:${turn.port} does not answer`)
    await turn.start()
    await expect.poll(async () => (await wayOf(bob))?.port, { timeout: 60_000, message: 'another address' }).not.toBe(before)
    await bothSee()
    expect(await wayOf(bob)).toMatchObject({ type: 'relay' })
    await expect.poll(troubles).toBe('')
    await close()
  })

  test('a wrong password is told, and does not disturb the others', async () => {
    await startWithTurn('a wrong one')
    await expect.poll(troubles).toContain('refuses the user name or the password (401)')
    const { close } = await annAndBob(/ typ host/)
    expect(appliance.log()).not.toContain('a wrong one')
    await close()
  })
})
