// A phone in the room: it scans the screen, and controls the room until the meeting is over; or a panel, for good.
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import jsqr from 'jsqr'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { join } from './support/meeting.ts'

let appliance: Appliance
let browser: Browser
let people: BrowserContext[] = []

async function opens(phone: boolean): Promise<Page> {
  const viewport = phone ? { width: 390, height: 844 } : { width: 1280, height: 800 }
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700, phone, viewport })
  people.push(context)
  return page
}

/** What the code on the room's screen says, seen by a camera before it. */
async function scanned(page: Page): Promise<URL> {
  let text = ''
  await expect.poll(async () => {
    const shot = await appliance.api('GET', 'display/snapshot.png')
    if (shot.status !== 200) return ''
    const { grey, width, height } = await page.evaluate(async (encoded) => {
      const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0))
      const picture = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
      const paint = new OffscreenCanvas(picture.width, picture.height).getContext('2d')!
      paint.drawImage(picture, 0, 0)
      const { data, width, height } = paint.getImageData(0, 0, picture.width, picture.height)
      let grey = ''
      for (let at = 1; at < data.length; at += 4) grey += String.fromCharCode(data[at]!)
      return { grey: btoa(grey), width, height }
    }, shot.body.toString('base64'))
    const colours = new Uint8ClampedArray(width * height * 4)
    Buffer.from(grey, 'base64').forEach((value, at) => colours.fill(value, at * 4, at * 4 + 4))
    text = jsqr.default(colours, width, height)?.data ?? ''
    return text
  }, 'the code can be read').toContain('/m/')
  return new URL(text)
}

const here = (url: URL | string) => {
  const { pathname, hash } = new URL(url)
  return appliance.url + pathname + hash
}
const room = async () => (await appliance.api('GET', 'room')).json()

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n[room]\nname = "Aspen"\n') })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  await stopCleanly(appliance, info)
})

test('who scans the screen controls the room, until its meeting is over', async ({}, info) => {
  const phone = await opens(true)
  const code = await scanned(phone)
  await phone.goto(here(code))
  await expect(phone.getByTestId('in-room')).toBeVisible()
  expect(phone.url(), 'whoever is handed this address does not control the room').not.toContain('c=')
  await info.attach('lobby', { body: await phone.screenshot(), contentType: 'image/png' })
  await phone.getByTestId('control-room').click()
  await expect(phone.getByTestId('room-state')).toHaveText('In no meeting')
  await info.attach('outside', { body: await phone.screenshot(), contentType: 'image/png' })
  await phone.getByTestId('join-standing').click()
  await expect(phone.getByTestId('room-state')).toContainText('Alone in the meeting aspen')
  const bob = await opens(false)
  await join(bob, appliance.joinUrl, 'Bob')
  await expect(phone.getByTestId('room-state')).toContainText('with Bob')
  await phone.getByTestId('room-microphone').click()
  await expect.poll(async () => (await room()).microphone_on).toBe(false)
  await expect(phone.getByTestId('room-microphone')).toHaveAttribute('data-on', 'false')
  await phone.getByTestId('room-microphone').click()
  await expect.poll(async () => (await room()).microphone_on, 'who is in the room may unmute it').toBe(true)
  await phone.getByTestId('room-camera').click()
  await expect.poll(async () => (await room()).camera_on).toBe(false)
  await phone.getByTestId('volume').fill('35')
  await expect.poll(async () => (await room()).volume_percent).toBe(35)
  await phone.getByTestId('arrange-speaker').check()
  await expect.poll(async () => (await room()).arrangement).toBe('speaker')
  await info.attach('inside', { body: await phone.screenshot({ fullPage: true }), contentType: 'image/png' })
  await phone.getByTestId('room-leave').click()
  await expect(phone.getByTestId('control-lost')).toBeVisible()
  await phone.goto(`${appliance.url}/room`)
  await expect(phone.getByTestId('control-lost')).toBeVisible()
})

test('a panel that an administrator let in is told of calls, answers them, and calls', async () => {
  const { control_url: controlUrl, id } = (await appliance.api('POST', 'room/controllers', { name: 'Panel' })).json()
  const panel = await opens(true)
  await panel.goto(here(controlUrl))
  await expect(panel.getByTestId('control')).toBeVisible()
  const ann = await opens(false)
  await ann.goto(here((await appliance.api('POST', 'users', { name: 'Ann' })).json().sign_in_url))
  await ann.getByTestId('video-u1').click()
  await expect(panel.getByTestId('room-call')).toContainText('Ann')
  await panel.getByTestId('accept').click()
  await expect(ann.getByTestId('meeting')).toBeVisible()
  await panel.getByTestId('hang-up').click()
  await expect(ann.getByTestId('outcome')).toHaveAttribute('data-end', 'finished')
  await panel.getByTestId('audio-u2').click()
  await expect(ann.getByTestId('ringing')).toContainText('Aspen')
  await expect(panel.getByTestId('room-call')).toContainText('Ann')
  await panel.getByTestId('hang-up').click()
  await expect(ann.getByTestId('ringing')).toBeHidden()
  await appliance.api('DELETE', `room/controllers/${id}`)
  await expect(panel.getByTestId('control-lost'), 'with its next question, at most 25 seconds later').toBeVisible({ timeout: 30_000 })
})
