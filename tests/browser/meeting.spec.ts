// A meeting between the room and two real browsers, on real media.
import { test, expect, type Browser } from '@playwright/test'
import { startAppliance, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { heardAt, idOf, join, look, seen, seenIn } from './support/meeting.ts'

const red = [220, 40, 40] as const
const blue = [40, 40, 220] as const
const css = (colour: readonly number[]) => `rgb(${colour.join(' ')})`

let appliance: Appliance
let browser: Browser

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance('[room]\nname = "Aspen"\n') })
test.afterEach(async ({}, info) => {
  const code = await appliance.stop()
  if (info.status !== info.expectedStatus) console.log(appliance.log())
  expect(code, 'the daemon stops cleanly').toBe(0)
  expect(appliance.log(), 'no bug of ours in the log').not.toMatch(/ERROR|panicked/)
})

const ann = { colour: css(red), tone: 700 }
const bob = { colour: css(blue), tone: 1_100 }

test('two browsers and the room see and hear each other', async () => {
  const one = await person(browser, ann)
  const two = await person(browser, bob)
  await join(one.page, appliance.joinUrl, 'Ann')
  await join(two.page, appliance.joinUrl, 'Bob')

  const [room, annId, bobId] = [await idOf(one.page, 'Aspen'), await idOf(two.page, 'Ann'), await idOf(one.page, 'Bob')]
  await test.step('pictures', async () => {
    await seen(one.page, room)
    await seen(two.page, room)
    await seenIn(one.page, bobId, blue)
    await seenIn(two.page, annId, red)
    await seen(one.page, bobId)
  })
  await test.step('sound', async () => {
    await heardAt(one.page, bobId, bob.tone)
    await heardAt(two.page, annId, ann.tone)
  })
  await test.step('nothing is lost or frozen on a quiet network', async () => {
    const stats: any[] = await one.page.evaluate(() => window.alcove.stats())
    const received = stats.filter((one) => one.type === 'inbound-rtp' && one.packetsReceived > 0)
    expect(received.length).toBeGreaterThanOrEqual(3)
    for (const flow of received) expect(flow.packetsLost).toBeLessThanOrEqual(flow.packetsReceived * 0.01)
  })
  await test.step('the room shows both', async () => {
    const shot = await appliance.api('GET', 'display/snapshot.png')
    expect(shot.status).toBe(200)
    expect(shot.body.subarray(1, 4).toString()).toBe('PNG')
  })
  await one.context.close()
  await two.context.close()
})

test('muting, unmuting, and the camera off', async () => {
  const one = await person(browser, ann)
  const two = await person(browser, bob)
  await join(one.page, appliance.joinUrl, 'Ann')
  await join(two.page, appliance.joinUrl, 'Bob')
  const bobId = await idOf(one.page, 'Bob')
  await seenIn(one.page, bobId, blue)
  const muted = (source: string) => one.page.evaluate(([id, source]) =>
    window.alcove.state().participants.find((one: any) => one.id === id)
      ?.tracks.find((track: any) => track.source === source)?.muted ?? null, [bobId, source] as const)

  await two.page.keyboard.press('m')
  await expect.poll(() => muted('microphone')).toBe(true)
  await two.page.keyboard.press('m')
  await expect.poll(() => muted('microphone')).toBe(false)
  await heardAt(one.page, bobId, bob.tone)

  await two.page.keyboard.press('v')
  await expect.poll(async () => look(one.page, bobId)).toBeNull()
  await two.page.keyboard.press('v')
  await seenIn(one.page, bobId, blue)
  await one.context.close()
  await two.context.close()
})

test('a shared screen is seen, and its end too', async () => {
  const one = await person(browser, ann)
  const two = await person(browser, bob)
  await join(one.page, appliance.joinUrl, 'Ann')
  await join(two.page, appliance.joinUrl, 'Bob')
  const bobId = await idOf(one.page, 'Bob')
  await seenIn(one.page, bobId, blue)
  await two.page.keyboard.press('s')
  await seenIn(one.page, bobId, blue, 'screen')
  await two.page.keyboard.press('s')
  await expect.poll(async () => look(one.page, bobId, 'screen')).toBeNull()
  await one.context.close()
  await two.context.close()
})

test('a reloaded page comes back', async () => {
  const one = await person(browser, ann)
  const two = await person(browser, bob)
  await join(one.page, appliance.joinUrl, 'Ann')
  await join(two.page, appliance.joinUrl, 'Bob')
  await seenIn(one.page, await idOf(one.page, 'Bob'), blue)

  await two.page.reload()
  await two.page.getByTestId('join').click()
  await expect(two.page.getByTestId('meeting')).toBeVisible()
  await seenIn(two.page, await idOf(two.page, 'Ann'), red)
  await one.context.close()
  await two.context.close()
})

test('a host ends the meeting for all', async () => {
  const created = await appliance.api('POST', 'meetings', { name: 'standup', mode: 'video' })
  expect(created.status).toBe(201)
  const { host_url: hostUrl, join_url: joinUrl } = created.json()
  expect((await appliance.api('POST', 'commands/join', { meeting: 'standup' })).status).toBeLessThan(300)
  const one = await person(browser, ann)
  const two = await person(browser, bob)
  await join(one.page, hostUrl, 'Ann')
  await join(two.page, joinUrl, 'Bob')
  await seen(one.page, await idOf(one.page, 'Aspen'))

  await one.page.getByTestId('leave').click()
  await one.page.getByTestId('end').click()
  await expect(two.page.getByTestId('over')).toBeVisible()
  await expect(one.page.getByTestId('over')).toBeVisible()
  await expect.poll(async () => (await appliance.api('GET', 'meetings/standup')).status).toBe(404)
  expect((await appliance.api('POST', 'meetings', { name: 'standup', mode: 'audio' })).status, 'the name is free').toBe(201)
  await one.context.close()
  await two.context.close()
})
