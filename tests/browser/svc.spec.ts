// VP9 and AV1, whose picture sizes share one flow: seen by everybody, smaller where the way is narrow, made only as large as
// they are watched, and given up where somebody cannot decode them.
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { busy, launch, person, type Person } from './support/browser.ts'
import { lay } from './support/cable.ts'
import { idOf, join, partInColour, received, seen, seenIn } from './support/meeting.ts'

const red = [220, 40, 40] as const
const blue = [40, 40, 220] as const
const css = (colour: readonly number[]) => `rgb(${colour.join(' ')})`
const ann = { colour: css(red), tone: 700 }
const bob = { colour: css(blue), tone: 1_100 }

let appliance: Appliance
let browser: Browser
let people: BrowserContext[] = []

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  await stopCleanly(appliance, info)
})

/** A browser of somebody's own, before it opens anything. */
async function opens(who: Person, ...scripts: (() => void)[]) {
  const opened = await person(browser, who)
  people.push(opened.context)
  for (const script of scripts) await opened.context.addInitScript(script)
  return opened
}

async function comes(who: Person, url: string, name: string, ...scripts: (() => void)[]): Promise<Page> {
  const { page } = await opens(who, ...scripts)
  await join(page, url, name)
  return page
}

/** A meeting without the room; returns its link. */
async function den(): Promise<string> {
  expect((await appliance.api('POST', 'meetings', { name: 'den' })).status).toBe(201)
  const { token } = (await appliance.api('POST', 'meetings/den/tokens', { role: 'speaker' })).json()
  return `/m/den#t=${token}`
}

/** Runs in the page: a browser that knows neither VP9 nor AV1. */
function old() {
  for (const side of [RTCRtpSender, RTCRtpReceiver]) {
    const all = side.getCapabilities.bind(side)
    side.getCapabilities = (kind: string) => {
      const told = all(kind)
      return told && { ...told, codecs: told.codecs.filter(({ mimeType }) => !/vp9|av1/i.test(mimeType)) }
    }
  }
}

/** What a page sends of its camera: in which layers, and how much within two seconds. */
const sent = (page: Page) => page.evaluate(async () => {
  const flows = async () => (await window.alcove.stats())
    .filter((one: any) => one.type === 'outbound-rtp' && one.kind === 'video' && one.rid !== undefined && one.active)
  const bytes = (all: any[]) => all.reduce((sum, one) => sum + one.bytesSent, 0)
  const before = await flows()
  await new Promise((done) => { setTimeout(done, 2_000) })
  const after = await flows()
  return { modes: after.map((one: any) => one.scalabilityMode), kbits: (bytes(after) - bytes(before)) / 250 }
})

/** What the appliance knows of somebody's camera. */
async function camera(meeting: string, name: string) {
  const { participants } = (await appliance.api('GET', `meetings/${meeting}/statistics`)).json()
  const media = participants.find((one: any) => one.name === name).media
  return media.tracks.find((track: any) => track.source === 'camera')
}

for (const [codec, mimeType] of [['vp9', 'video/VP9'], ['av1', 'video/AV1']] as const) test.describe(codec, () => {
  test.beforeEach(async () => {
    // One worker has one media port, which is what a cable is plugged into.
    appliance = await startAppliance(`workers = 1\n[room]\nname = "Aspen"\n[meetings]\ncodec = "${codec}"\n`)
  })

  test('two browsers and the room see each other', async () => {
    const one = await comes(ann, appliance.joinUrl, 'Ann')
    const two = await comes(bob, appliance.joinUrl, 'Bob')
    const [annId, bobId, room] = [await idOf(two, 'Ann'), await idOf(one, 'Bob'), await idOf(one, 'Aspen')]
    await seenIn(one, bobId, blue)
    await seenIn(two, annId, red)
    await seen(one, bobId)
    await seen(two, annId)
    await seen(two, room)
    for (const [page, who] of [[one, bobId], [two, annId]] as const) {
      expect((await received(page, who, 'camera')).codec).toBe(mimeType)
    }
    expect((await received(one, room, 'camera')).codec).toBe('video/H264')
    const layers = async () => (await camera('aspen', 'Ann')).layers.map((layer: any) => layer.height)
    await expect.poll(layers).toEqual([180, 360, 720])
    expect((await camera('aspen', 'Ann')).codec).toBe(codec)
    // Browsers do not write into VP9 and AV1 that what a page has drawn reaches from 0 to 255.
    const shown = async (colour: readonly number[]) =>
      partInColour(one, (await appliance.api('GET', 'display/snapshot.png')).body, colour, 40)
    for (const colour of [red, blue]) await expect.poll(() => shown(colour)).toBeGreaterThan(0.1)
  })

  test('where the way is narrow the picture is smaller, and goes on', async () => {
    test.setTimeout(150_000)
    const link = await den()
    const one = await opens(ann, busy)
    await join(one.page, appliance.url + link, 'Ann')
    const two = await opens(bob)
    const cable = await lay(appliance, two.context)
    await join(two.page, new URL(cable.joinUrl).origin + link, 'Bob')
    const annId = await idOf(two.page, 'Ann')
    const look = async (when: string) => {
      const now = await received(two.page, annId, 'camera')
      console.log(codec, when, now)
      return now
    }
    const wide = async () => {
      const now = await look('wide')
      return now.height === 720 && now.frames > 5
    }
    await expect.poll(wide, { message: 'the largest arrives', timeout: 40_000 }).toBe(true)
    cable.narrow(300_000)
    const smaller = async () => {
      const now = await look('on 300 kbit/s')
      return now.height < 720 && now.height > 0 && now.frames > 3 && now.kbits < 300
    }
    await expect.poll(smaller, { message: 'a smaller one arrives', timeout: 40_000 }).toBe(true)
    for (let nth = 0; nth < 3; nth += 1) {
      const now = await look('still on 300 kbit/s')
      expect(now.frames, 'it is not frozen').toBeGreaterThan(3)
    }
    cable.narrow(Infinity)
    await expect.poll(wide, { message: 'the largest arrives again', timeout: 60_000 }).toBe(true)
    await cable.close()
  })

  test('sizes that nobody watches are not made', async () => {
    test.setTimeout(90_000)
    const link = appliance.url + await den()
    const one = await comes(ann, link, 'Ann', busy)
    const two = await comes(bob, link, 'Bob')
    const annId = await idOf(two, 'Ann')
    await expect.poll(async () => (await received(two, annId, 'camera')).height, { timeout: 30_000 }).toBe(720)
    const all = async () => {
      const now = await sent(one)
      console.log(codec, 'all sizes', now)
      return now.modes.join() === 'L3T3' && now.kbits > 900
    }
    await expect.poll(all, { message: 'all sizes', timeout: 30_000 }).toBe(true)
    await two.setViewportSize({ width: 360, height: 360 })
    const fewer = async () => {
      const now = await sent(one)
      console.log(codec, 'those that are watched', now)
      return now.modes.length === 1 && now.modes[0] !== 'L3T3' && now.kbits < 750
    }
    await expect.poll(fewer, { message: 'fewer sizes', timeout: 30_000 }).toBe(true)
    expect((await received(two, annId, 'camera')).frames).toBeGreaterThan(3)
    await two.setViewportSize({ width: 1280, height: 800 })
    await expect.poll(async () => (await received(two, annId, 'camera')).height, { timeout: 30_000 }).toBe(720)
  })

  test('somebody who knows neither turns everybody to H.264, and back by leaving', async () => {
    test.setTimeout(90_000)
    const link = appliance.url + await den()
    const one = await comes(ann, link, 'Ann')
    const two = await comes(bob, link, 'Bob')
    const annId = await idOf(two, 'Ann')
    const arrives = async () => (await received(two, annId, 'camera')).codec
    await expect.poll(arrives, { timeout: 30_000 }).toBe(mimeType)
    const three = await opens({ colour: css([40, 200, 40]), tone: 500 }, old)
    await join(three.page, link, 'Cyd')
    await seenIn(three.page, annId, red)
    await expect.poll(arrives, { timeout: 30_000 }).toBe('video/H264')
    await seenIn(two, annId, red)
    expect((await sent(one)).modes.every((mode: string) => mode === 'L1T3')).toBe(true)
    await three.context.close()
    people = people.filter((context) => context !== three.context)
    await expect.poll(arrives, { timeout: 40_000 }).toBe(mimeType)
    await seenIn(two, annId, red)
    await seen(two, annId)
  })
})
