// Programs that are not our code publish by WHIP and play by WHEP, and meet a browser.
import { test, expect, type Browser } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { heardAt, idOf, join, look, seenIn } from './support/meeting.ts'
import { startPeer } from './support/peer.ts'

const green = [40, 200, 60] as const
const blue = [40, 40, 220] as const

let appliance: Appliance
let browser: Browser

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance() })
test.afterEach(async ({}, info) => {
  await stopCleanly(appliance, info)
})

/** A meeting with one person in a browser, blue and humming at 1100 Hz, and a token for programs. */
async function studio() {
  expect((await appliance.api('POST', 'meetings', { name: 'studio' })).status).toBe(201)
  const token: string = (await appliance.api('POST', 'meetings/studio/tokens', { role: 'speaker' })).json().token
  const bob = await person(browser, { colour: `rgb(${blue.join(' ')})`, tone: 1_100 })
  await join(bob.page, `${appliance.url}/m/studio#t=${token}`, 'Bob')
  return { bob, token }
}

test('a WHIP publisher is seen and heard in a browser, and gone when it stops', async () => {
  const { bob, token } = await studio()
  const publisher = startPeer('publish', `${appliance.url}/whip/studio?name=Camera`, token, ...green.map(String), '700')
  const id = await idOf(bob.page, 'Camera')
  await seenIn(bob.page, id, green)
  await heardAt(bob.page, id, 700)
  const code = publisher.end()
  expect(await publisher.says('deleted'), 'DELETE is answered').toBe(200)
  await expect.poll(() => look(bob.page, id)).toBeNull()
  expect(await code).toBe(0)
  await bob.context.close()
})

test('a WHEP player sees and hears a browser', async () => {
  const { bob, token } = await studio()
  await expect.poll(async () => (await appliance.api('GET', 'meetings/studio/participants')).json()
    .participants[0].tracks.length, { message: 'Bob sends' }).toBe(2)
  const player = startPeer('play', `${appliance.url}/whep/studio?name=Player`, token)
  const seen: number[] = await player.says('seen')
  blue.forEach((value, at) => expect(Math.abs(seen[at]! - value), `${seen} is blue`).toBeLessThan(48))
  expect(Math.abs(await player.says('heard_hz') - 1_100)).toBeLessThan(33)
  expect(await player.says('deleted'), 'DELETE is answered').toBe(200)
  expect(await player.end()).toBe(0)
  await bob.context.close()
})
