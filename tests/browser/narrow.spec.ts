// Narrow ways: a screen stays sharp, and pictures have fewer frames before there is nothing.
import { test, expect, type Browser, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { busy, launch, person } from './support/browser.ts'
import { lay } from './support/cable.ts'
import { idOf, join, received, seen } from './support/meeting.ts'

let appliance: Appliance
let browser: Browser

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
// One worker has one media port, which is what the cable is plugged into.
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n') })
test.afterEach(async ({}, info) => {
  await stopCleanly(appliance, info)
})

/** Ann and Bob in a meeting of their own; one of them at the end of a cable. */
async function annAndBob(atCable: 'Ann' | 'Bob', camera?: () => void) {
  expect((await appliance.api('POST', 'meetings', { name: 'den' })).status).toBe(201)
  const { token } = (await appliance.api('POST', 'meetings/den/tokens', { role: 'speaker' })).json()
  const ann = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  if (camera !== undefined) await ann.context.addInitScript(camera)
  const bob = await person(browser, { colour: 'rgb(40 40 220)', tone: 1_100 })
  const cable = await lay(appliance, atCable === 'Ann' ? ann.context : bob.context)
  const near = `${appliance.url}/m/den#t=${token}`
  const far = `${new URL(cable.joinUrl).origin}/m/den#t=${token}`
  await join(ann.page, atCable === 'Ann' ? far : near, 'Ann')
  await join(bob.page, atCable === 'Bob' ? far : near, 'Bob')
  const annId = await idOf(bob.page, 'Ann')
  const close = async () => {
    await ann.context.close()
    await bob.context.close()
    await cable.close()
  }
  return { ann: ann.page, bob: bob.page, annId, cable, close }
}

test('a screen keeps its resolution when its way becomes narrow', async () => {
  const { ann, bob, annId, cable, close } = await annAndBob('Ann')
  await ann.keyboard.press('s')
  await expect.poll(async () => (await seen(bob, annId, 'screen')).height, { timeout: 20_000 }).toBe(720)
  cable.narrow(500_000)
  const sent = () => ann.evaluate(async () => {
    const stats: any[] = await window.alcove.stats()
    const flows = stats.filter((one) => one.type === 'outbound-rtp' && one.kind === 'video' && one.rid === undefined)
    return flows.map((one) => ({ height: one.frameHeight, target: one.targetBitrate }))[0]
  })
  await expect.poll(async () => (await sent()).target, { message: 'Ann has noticed', timeout: 30_000 }).toBeLessThan(500_000)
  for (let look = 0; look < 5; look += 1) {
    const now = await received(bob, annId, 'screen')
    console.log('screen on 500 kbit/s', now, await sent())
    expect(now.height).toBe(720)
    expect((await sent()).height).toBe(720)
  }
  await seen(bob, annId, 'screen')
  await close()
})

test('on a narrow way a picture has fewer frames, and all of them again when it is wide', async () => {
  test.setTimeout(150_000)
  const { bob, annId, cable, close } = await annAndBob('Bob', busy)
  let whole = 0
  const wide = async () => {
    const now = await received(bob, annId, 'camera')
    whole = now.frames
    return now.height === 720 && now.frames > 15
  }
  await expect.poll(wide, { message: 'everything arrives', timeout: 40_000 }).toBe(true)
  cable.narrow(600_000)
  const fewer = async () => {
    const now = await received(bob, annId, 'camera')
    console.log('camera on 600 kbit/s', now, 'before', whole)
    return now.frames > whole / 5 && now.frames < whole * 0.7
  }
  await expect.poll(fewer, { message: 'fewer frames', timeout: 40_000 }).toBe(true)
  cable.narrow(Infinity)
  await expect.poll(wide, { message: 'everything arrives again', timeout: 60_000 }).toBe(true)
  await close()
})
