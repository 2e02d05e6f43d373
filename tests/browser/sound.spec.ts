// Sound on bad networks: copies of what was said fill the holes that loss tears, and silence is not sent.
import { test, expect, type Browser, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { lay } from './support/cable.ts'
import { heardAt, idOf, join } from './support/meeting.ts'

/** How much of the media is lost each way. */
const LOST = 0.1
/** How long it is listened to, in ms. */
const LISTENED = 20_000

let appliance: Appliance
let browser: Browser

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
// One worker has one media port, which is what the cable is plugged into.
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n') })
test.afterEach(async ({}, info) => {
  await stopCleanly(appliance, info)
})

/** Runs in the page: as if the browser had never heard of copies. */
function withoutCopies() {
  for (const side of [RTCRtpSender, RTCRtpReceiver]) {
    const capabilities = side.getCapabilities
    side.getCapabilities = (kind) => {
      const all = capabilities.call(side, kind)
      return all && { ...all, codecs: all.codecs.filter((codec) => codec.mimeType !== 'audio/red') }
    }
  }
}

/** Waits inside the page; what is measured takes its time. */
const wait = (page: Page, ms: number) => page.evaluate((ms) => new Promise((done) => { setTimeout(done, ms) }), ms)

/** The figures of somebody's sound as a page receives it, or of the page's own. */
const sound = (page: Page, participant?: string) => page.evaluate(async (id) => {
  const slot = window.alcove.slots().find((one: any) => one.kind === 'audio' && one.participant === id)
  const stats: any[] = await window.alcove.stats()
  const flow = stats.find((one) => one.kind === 'audio'
    && (id === undefined ? one.type === 'outbound-rtp' && one.packetsSent > 0 : one.type === 'inbound-rtp' && one.mid === slot?.mid))
  return flow
}, participant)

/** What Bob hears of Ann, both at the end of a bad line: the share that was made up, and the bytes of a packet. */
async function madeUp(hasCopies: boolean): Promise<{ share: number, bytes: number }> {
  const people = await Promise.all([700, 1_100].map((tone) => person(browser, { colour: 'red', tone })))
  const cables = await Promise.all(people.map(({ context }) => lay(appliance, context)))
  if (!hasCopies) for (const { context } of people) await context.addInitScript(withoutCopies)
  const [ann, bob] = people.map(({ page }) => page)
  await join(ann!, cables[0]!.joinUrl, 'Ann')
  await join(bob!, cables[1]!.joinUrl, 'Bob')
  const annId = await idOf(bob!, 'Ann')
  await heardAt(bob!, annId, 700)
  cables.forEach((cable) => cable.lose(LOST))
  const before = await sound(bob!, annId)
  await wait(bob!, LISTENED)
  const after = await sound(bob!, annId)
  cables.forEach((cable) => cable.lose(0))
  // Whose page is closed is away for a while, and the next Ann is to be the only one.
  for (const { page } of people) await page.getByTestId('leave').click()
  for (const { context } of people) await context.close()
  for (const cable of cables) await cable.close()
  const grown = (figure: string) => after[figure] - before[figure]
  return {
    share: grown('concealedSamples') / grown('totalSamplesReceived'),
    bytes: grown('bytesReceived') / grown('packetsReceived'),
  }
}

test('at 10 % loss each way, copies leave a fraction of the holes', async () => {
  const without = await madeUp(false)
  const withCopies = await madeUp(true)
  console.log('without copies', without, 'with copies', withCopies)
  // Browsers name what is inside: that the copies are there shows in the size.
  expect(withCopies.bytes).toBeGreaterThan(without.bytes * 1.5)
  expect(without.share).toBeGreaterThan(0.05)
  expect(withCopies.share).toBeLessThan(without.share / 2)
})

test('a microphone that hears nothing sends next to nothing, and speech comes at once', async () => {
  const ann = await person(browser, { colour: 'red', tone: 700 })
  const bob = await person(browser, { colour: 'blue', tone: 1_100 })
  await join(ann.page, appliance.joinUrl, 'Ann')
  await join(bob.page, appliance.joinUrl, 'Bob')
  const annId = await idOf(bob.page, 'Ann')
  await heardAt(bob.page, annId, 700)
  const rate = async () => {
    const before = await sound(ann.page)
    await wait(ann.page, 2_000)
    const after = await sound(ann.page)
    return (after.packetsSent - before.packetsSent) / ((after.timestamp - before.timestamp) / 1_000)
  }
  expect(await rate(), 'packets in a second of speech').toBeGreaterThan(45)
  await ann.page.evaluate(() => window.probe.speak(false))
  await expect.poll(rate, { message: 'packets in a second of silence' }).toBeLessThan(10)
  const heard = (page: Page) => page.evaluate(() => window.alcove.state().heard)
  await expect.poll(() => heard(bob.page), { message: 'Ann is told silent' }).not.toContain(annId)
  await ann.page.evaluate(() => window.probe.speak(true))
  await heardAt(bob.page, annId, 700)
  await expect.poll(() => heard(bob.page), { message: 'and speaking again' }).toContain(annId)
  await ann.context.close()
  await bob.context.close()
})
