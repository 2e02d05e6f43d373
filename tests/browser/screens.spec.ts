// What people see: the screenshots of the README, taken in a living meeting. `npm run screenshots` keeps them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join as path } from 'node:path'
import { test, expect, type Browser, type Page } from '@playwright/test'
import { startAppliance, type Appliance } from './support/appliance.ts'
import { launch, person, type Person } from './support/browser.ts'
import { idOf, join, look } from './support/meeting.ts'

/** Where they are kept; a test run without it only looks whether they can be taken. */
const kept = process.env.ALCOVE_SCREENSHOTS
/** What the repository takes, in bytes. */
const sizeMax = 400_000

let appliance: Appliance
let browser: Browser

// Four cameras at once are much for a machine that builds.
test.setTimeout(180_000)

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance('[room]\nname = "Aspen"\n') })
test.afterEach(async () => { expect(await appliance.stop()).toBe(0) })

const looks = [
  { name: '', locale: 'en-GB', colorScheme: 'light' },
  { name: '-dark', locale: 'en-GB', colorScheme: 'dark' },
  { name: '-zh', locale: 'zh-CN', colorScheme: 'light' },
] as const

function keep(name: string, png: Buffer) {
  expect(png.length, `${name} is small enough to keep`).toBeLessThan(sizeMax)
  if (kept === undefined) return
  mkdirSync(kept, { recursive: true })
  writeFileSync(path(kept, `${name}.png`), png)
}

/** Nothing may be wider than the window, and nothing that can be pressed may lie outside of it. */
async function fits(page: Page) {
  const beyond = await page.evaluate(() => {
    const { clientWidth: width } = document.documentElement
    const wide = document.documentElement.scrollWidth > width ? ['the page'] : []
    const buttons = [...document.querySelectorAll('button, a, input, select')].filter((one) => {
      const { left, right, width: own } = one.getBoundingClientRect()
      return own > 0 && (left < -1 || right > width + 1)
    })
    return [...wide, ...buttons.map((one) => one.outerHTML.slice(0, 80))]
  })
  expect(beyond, 'everything fits the width').toEqual([])
}

/** How somebody looks: wall, clothes, skin, hair. */
type Portrait = readonly [wall: string, clothes: string, skin: string, hair: string]

/** Runs in the page: the camera shows a drawn person instead of a colour; only those who speak are heard. */
function portrait({ drawn: [wall, clothes, skin, hair], speaks }: { drawn: Portrait, speaks: boolean }) {
  const painted = navigator.mediaDevices.getUserMedia
  const camera = () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 })
    const paint = canvas.getContext('2d')!
    const oval = (colour: string, x: number, y: number, wide: number, high: number, from = 0) => {
      paint.fillStyle = colour
      paint.beginPath()
      paint.ellipse(x, y, wide, high, 0, from, Math.PI * 2)
      paint.fill()
    }
    let turn = 0
    setInterval(() => {
      const sway = Math.sin(turn++ / 30) * 8
      const light = paint.createLinearGradient(0, 0, 1280, 720)
      light.addColorStop(0, '#fff')
      light.addColorStop(0.7, wall)
      paint.fillStyle = light
      paint.fillRect(0, 0, 1280, 720)
      oval(clothes, 640 + sway / 2, 790, 330, 300)
      paint.fillStyle = skin
      paint.fillRect(590 + sway, 430, 100, 110)
      oval(hair, 640 + sway, 300, 165, 195)
      oval(skin, 640 + sway, 335, 135, 165)
      oval(hair, 640 + sway, 235, 140, 80, Math.PI)
      for (const eye of [-52, 52]) oval('#2a2320', 640 + sway + eye, 330, 12, turn % 120 < 4 ? 2 : 14)
      paint.strokeStyle = '#7a3b34'
      paint.lineWidth = 7
      paint.lineCap = 'round'
      paint.beginPath()
      paint.arc(640 + sway, 385, 48, Math.PI * 0.2, Math.PI * 0.8)
      paint.stroke()
    }, 1000 / 30)
    return canvas.captureStream(30).getVideoTracks()[0]!
  }
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const silence = () => new AudioContext().createMediaStreamDestination().stream
    const found = speaks ? await painted({ ...wanted, video: false }) : wanted?.audio ? silence() : new MediaStream()
    if (wanted?.video) found.addTrack(camera())
    return found
  }
}

/** Waits until something of a participant's camera is shown. */
async function shown(page: Page, name: string) {
  const id = await idOf(page, name)
  await expect.poll(async () => (await look(page, id))?.width ?? 0, { message: `${name} is shown`, timeout: 40_000 }).toBeGreaterThan(0)
}

/** Opens what tells how the connection is, from the list of people, and waits until it tells the age of a picture. */
async function connection(page: Page) {
  await page.getByTestId('people').click()
  await page.getByTestId(`connection-of-${await idOf(page, 'Bob')}`).click()
  const ages = page.getByTestId('delay-total')
  await expect(ages.filter({ hasText: /^\d+/ }).first()).toBeVisible({ timeout: 60_000 })
  await fits(page)
  await page.getByTestId('connection').getByRole('group').focus()
  await page.keyboard.press('Home')
}

for (const { name, locale, colorScheme } of looks) {
  test(`lobby, meeting, phone and the room's screen${name === '' ? '' : ` (${name.slice(1)})`}`, async () => {
    const guest = async (drawn: Portrait, speaks: boolean, more: Partial<Person> = {}) => {
      const made = await person(browser, { colour: '#000', tone: 300, locale, colorScheme, ...more })
      await made.context.addInitScript(portrait, { drawn, speaks })
      return made
    }
    const ann = await guest(['#c98f6b', '#8c3f2b', '#e8bd9c', '#5b3322'], false)
    const bob = await guest(['#7fa3b5', '#274b61', '#b98660', '#1f1a17'], true)
    const phone = { phone: true, viewport: { width: 390, height: 844 } }
    const chen = await guest(['#9fb58a', '#d8d2c4', '#f0cda8', '#26201d'], false, phone)
    await ann.page.goto(appliance.joinUrl)
    await ann.page.getByTestId('name').fill('Ann')
    await expect(ann.page.locator('video').first()).toBeVisible()
    await fits(ann.page)
    keep(`lobby${name}`, await ann.page.screenshot())

    await join(bob.page, appliance.joinUrl, 'Bob')
    await join(chen.page, appliance.joinUrl, '陈晨')
    await join(ann.page, appliance.joinUrl, 'Ann')
    for (const page of [ann.page, chen.page]) {
      for (const other of ['Aspen', 'Bob']) await shown(page, other)
    }
    // On a busy machine the last wishes wait for bandwidth; a picture for the README has everybody.
    if (kept !== undefined) {
      await shown(ann.page, '陈晨')
      await shown(chen.page, 'Ann')
    }
    // What has just happened is told for a while, and then no longer.
    await expect(chen.page.getByText(/Ann/)).toHaveCount(1, { timeout: 20_000 })
    await ann.page.mouse.move(640, 400)
    await fits(ann.page)
    keep(`meeting${name}`, await ann.page.screenshot())
    await fits(chen.page)
    keep(`phone${name}`, await chen.page.screenshot())
    for (const page of [chen.page, ann.page]) await connection(page)
    keep(`connection${name}`, await ann.page.screenshot())
    await expect.poll(async () => (await appliance.api('GET', 'display/snapshot.png')).status).toBe(200)
    if (name === '') keep('room', (await appliance.api('GET', 'display/snapshot.png')).body)
    for (const one of [ann, bob, chen]) await one.context.close()
  })
}
