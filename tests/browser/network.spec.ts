// The network breaks under a page: it comes back by itself, and so do the pictures.
import { test, expect, type Browser, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { lay, type Wire } from './support/cable.ts'
import { heardAt, idOf, join, seen, seenIn } from './support/meeting.ts'

const red = [220, 40, 40] as const
const blue = [40, 40, 220] as const

let appliance: Appliance
let browser: Browser

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
// One worker has one media port, which is what the cable is plugged into.
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n[meetings]\naway_seconds = 60\n') })
test.afterEach(async ({}, info) => {
  await stopCleanly(appliance, info)
})

const away = (page: Page) => page.evaluate(() => window.alcove.state().away)
const peer = (page: Page) => page.evaluate(() => window.alcove.state().peer)
const present = (page: Page, id: string) => page.evaluate((id) =>
  window.alcove.state().participants.find((one: any) => one.id === id)?.present, id)

/** Ann on the network, Bob at the end of a cable; both see and hear each other. */
async function annAndBob() {
  const ann = await person(browser, { colour: `rgb(${red.join(' ')})`, tone: 700 })
  const bob = await person(browser, { colour: `rgb(${blue.join(' ')})`, tone: 1_100 })
  const cable = await lay(appliance, bob.context)
  await join(ann.page, appliance.joinUrl, 'Ann')
  await join(bob.page, cable.joinUrl, 'Bob')
  const ids = { ann: await idOf(bob.page, 'Ann'), bob: await idOf(ann.page, 'Bob') }
  const bothSee = async () => {
    await seenIn(ann.page, ids.bob, blue)
    await seen(ann.page, ids.bob)
    await seenIn(bob.page, ids.ann, red)
    await seen(bob.page, ids.ann)
    await heardAt(ann.page, ids.bob, 1_100)
  }
  await bothSee()
  const close = async () => {
    await ann.context.close()
    await bob.context.close()
    await cable.close()
  }
  return { ann, bob, ids, cable, bothSee, close }
}

test('a cable that is pulled and plugged in again', async () => {
  const { ann, bob, ids, cable, bothSee, close } = await annAndBob()
  cable.pull('words', 'media')
  await expect.poll(() => away(bob.page), { message: 'Bob is told that he is cut off' }).toBe(true)
  await expect.poll(() => present(ann.page, ids.bob), { message: 'Ann is told as well' }).toBe(false)
  await expect.poll(() => peer(bob.page), { message: 'media is cut too' }).not.toBe('connected')
  cable.mend()
  await expect.poll(() => away(bob.page), { message: 'the words come back' }).toBe(false)
  await expect.poll(() => present(ann.page, ids.bob)).toBe(true)
  await bothSee()
  expect(await idOf(ann.page, 'Bob'), 'Bob is still the same participant').toBe(ids.bob)
  await close()
})

for (const [wire, what] of [['words', 'the words alone: media goes on'], ['media', 'media alone: the words go on']] as const) {
  test(`a cut of ${what}`, async () => {
    const { bob, cable, bothSee, close } = await annAndBob()
    cable.pull(wire as Wire)
    if (wire === 'words') {
      await expect.poll(() => away(bob.page)).toBe(true)
      await bothSee()
    } else {
      await expect.poll(() => peer(bob.page)).not.toBe('connected')
      expect(await away(bob.page)).toBe(false)
    }
    cable.mend()
    await expect.poll(() => away(bob.page)).toBe(false)
    await bothSee()
    await close()
  })
}
