// A meeting between the room and two real browsers, on real media.
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person, type Person } from './support/browser.ts'
import { heardAt, idOf, join, look, partInColour, seen, seenIn } from './support/meeting.ts'

const red = [220, 40, 40] as const
const blue = [40, 40, 220] as const
const css = (colour: readonly number[]) => `rgb(${colour.join(' ')})`

const ann = { colour: css(red), tone: 700 }
const bob = { colour: css(blue), tone: 1_100 }

let appliance: Appliance
let browser: Browser
let people: BrowserContext[] = []

/** Somebody opens a browser of their own and joins. */
async function comes(who: Person, url: string, name: string): Promise<Page> {
  const { context, page } = await person(browser, who)
  people.push(context)
  await join(page, url, name)
  return page
}

/** Ann and Bob join the room's standing meeting. */
async function annAndBob() {
  const one = await comes(ann, appliance.joinUrl, 'Ann')
  const two = await comes(bob, appliance.joinUrl, 'Bob')
  return { one, two, annId: await idOf(two, 'Ann'), bobId: await idOf(one, 'Bob') }
}

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  await stopCleanly(appliance, info)
})

/** How the people of a meeting are carried: nobody is to notice. */
const carried = {
  'on one media worker': 'workers = 1',
  'each on a media worker of their own': 'workers = 2\npeople_per_worker = 1',
}

for (const [how, media] of Object.entries(carried)) test.describe(how, () => {
  test.beforeEach(async () => { appliance = await startAppliance(`${media}\n[room]\nname = "Aspen"\n`) })

  test('two browsers and the room see and hear each other', async () => {
    const { one, two, annId, bobId } = await annAndBob()
    const room = await idOf(one, 'Aspen')
    await test.step('pictures', async () => {
      await seen(one, room)
      await seen(two, room)
      await seenIn(one, bobId, blue)
      await seenIn(two, annId, red)
      await seen(one, bobId)
    })
    await test.step('sound', async () => {
      await heardAt(one, bobId, bob.tone)
      await heardAt(two, annId, ann.tone)
    })
    await test.step('nothing is lost or frozen on a quiet network', async () => {
      const stats: any[] = await one.evaluate(() => window.alcove.stats())
      const received = stats.filter((one) => one.type === 'inbound-rtp' && one.packetsReceived > 0)
      expect(received.length).toBeGreaterThanOrEqual(3)
      for (const flow of received) expect(flow.packetsLost).toBeLessThanOrEqual(flow.packetsReceived * 0.01)
    })
    await test.step('the room shows both, in their colours', async () => {
      const shown = async (colour: readonly number[]) =>
        partInColour(one, (await appliance.api('GET', 'display/snapshot.png')).body, colour)
      for (const colour of [red, blue]) await expect.poll(() => shown(colour)).toBeGreaterThan(0.1)
    })
  })

  test('muting, unmuting, and the camera off', async () => {
    const { one, two, bobId } = await annAndBob()
    await seenIn(one, bobId, blue)
    const muted = (source: string) => one.evaluate(([id, source]) =>
      window.alcove.state().participants.find((one: any) => one.id === id)
        ?.tracks.find((track: any) => track.source === source)?.muted ?? null, [bobId, source] as const)

    await two.keyboard.press('m')
    await expect.poll(() => muted('microphone')).toBe(true)
    await two.keyboard.press('m')
    await expect.poll(() => muted('microphone')).toBe(false)
    await heardAt(one, bobId, bob.tone)

    await two.keyboard.press('v')
    await expect.poll(async () => look(one, bobId)).toBeNull()
    await two.keyboard.press('v')
    await seenIn(one, bobId, blue)
  })

  test('what nobody watches is not sent, and comes as soon as somebody does', async () => {
    await appliance.api('POST', 'meetings', { name: 'den' })
    const { token } = (await appliance.api('POST', 'meetings/den/tokens', { role: 'speaker' })).json()
    const url = `${appliance.url}/m/den#t=${token}`
    const one = await comes(ann, url, 'Ann')
    const sent = async () => {
      const stats: any[] = await one.evaluate(() => window.alcove.stats())
      const flows = stats.filter((flow) => flow.type === 'outbound-rtp' && flow.kind === 'video')
      return flows.reduce((bytes, flow) => bytes + flow.bytesSent, 0)
    }
    const rate = async () => {
      const before = await sent()
      await one.evaluate(() => new Promise((done) => setTimeout(done, 500)))
      return (await sent()) - before
    }
    await expect.poll(rate, { timeout: 15_000, message: 'nobody watches Ann' }).toBe(0)
    const two = await comes(bob, url, 'Bob')
    await seenIn(two, await idOf(two, 'Ann'), red)
    await expect.poll(rate, { message: 'Bob does' }).toBeGreaterThan(1_000)
  })

  test('a shared screen is seen, and its end too', async () => {
    const { one, two, bobId } = await annAndBob()
    await seenIn(one, bobId, blue)
    await two.keyboard.press('s')
    await seenIn(one, bobId, blue, 'screen')
    await two.keyboard.press('s')
    await expect.poll(async () => look(one, bobId, 'screen')).toBeNull()
  })

  test('a reloaded page comes back by itself, and nobody is there twice', async () => {
    const { one, two, annId, bobId } = await annAndBob()
    await seenIn(one, bobId, blue)

    await two.reload()
    await expect(two.getByTestId('meeting')).toBeVisible()
    await seenIn(two, annId, red)
    await expect.poll(() => idOf(one, 'Bob')).not.toBe(bobId)
    await seenIn(one, await idOf(one, 'Bob'), blue)
  })

  test('a host ends the meeting for all', async () => {
    const created = await appliance.api('POST', 'meetings', { name: 'standup', mode: 'video' })
    expect(created.status).toBe(201)
    const { host_url: hostUrl, join_url: joinUrl } = created.json()
    expect((await appliance.api('POST', 'commands/join', { meeting: 'standup' })).status).toBeLessThan(300)
    const one = await comes(ann, hostUrl, 'Ann')
    const two = await comes(bob, joinUrl, 'Bob')
    await seen(one, await idOf(one, 'Aspen'))

    await one.getByTestId('leave').click()
    await one.getByTestId('end').click()
    await expect(two.getByTestId('over')).toBeVisible()
    await expect(one.getByTestId('over')).toBeVisible()
    await expect.poll(async () => (await appliance.api('GET', 'meetings/standup')).status).toBe(404)
    expect((await appliance.api('POST', 'meetings', { name: 'standup', mode: 'audio' })).status, 'the name is free').toBe(201)
  })
})
