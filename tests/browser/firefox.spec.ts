// Firefox has no H.264 of its own: when it comes, the meeting's codec changes under everybody, and back when it has left.
import { test, expect, type Browser, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { startFirefox, type Firefox } from './support/firefox.ts'
import { heardAt, idOf, join, seen, seenIn } from './support/meeting.ts'

const red = [220, 40, 40] as const
const green = [40, 180, 60] as const

let appliance: Appliance
let browser: Browser
let fox: Firefox

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => {
  appliance = await startAppliance('[room]\nname = "Aspen"\n')
  fox = await startFirefox({ colour: `rgb(${green.join(' ')})`, tone: 900 })
})
test.afterEach(async ({}, info) => {
  await fox.close()
  await stopCleanly(appliance, info)
})

/** The codec in which a page receives the camera of a participant. */
const codecOf = (page: Page, id: string) => page.evaluate(async (id) => {
  const { mid } = window.alcove.slots().find((one: any) => one.participant === id && one.source === 'camera') ?? {}
  const stats: any[] = await window.alcove.stats()
  const flow = stats.find((one) => one.type === 'inbound-rtp' && one.kind === 'video' && one.mid === mid)
  return stats.find((one) => one.id === flow?.codecId)?.mimeType ?? null
}, id)

/** Joins as a person would, without Playwright's help. */
async function joinWithFox(name: string) {
  await fox.open(appliance.joinUrl)
  const ready = `document.querySelector('[data-testid="join"]') !== null`
  await expect.poll(() => fox.evaluate(ready), { message: 'the lobby is there' }).toBe(true)
  await fox.evaluate(`{
    const field = document.querySelector('[data-testid="name"]')
    field.value = ${JSON.stringify(name)}
    field.dispatchEvent(new Event('input', { bubbles: true }))
  }`)
  await fox.evaluate(`document.querySelector('[data-testid="join"]').click()`)
  await expect.poll(() => fox.evaluate('window.alcove.state().phase'), { message: 'Firefox is in' }).toBe('meeting')
}

/** Waits until Firefox sees a participant: a fresh time code, and about that colour if one is given. */
async function foxSees(name: string, colour?: readonly number[]) {
  const expression = `{
    const id = window.alcove.state().participants.find((one) => one.name === ${JSON.stringify(name)})?.id
    const video = id && window.alcove.video(id)
    JSON.stringify(video ? window.probe.look(video) : null)
  }`
  await expect.poll(async () => {
    const found = JSON.parse(await fox.evaluate(expression))
    if (found === null || found.age === null || Math.abs(found.age) > 2_000) return found
    return colour === undefined || colour.every((value, at) => Math.abs(value - found.colour[at]) < 48)
  }, { message: `Firefox sees ${name}` }).toBe(true)
}

test('Firefox meets Chromium and the room, and the codec changes and changes back', async () => {
  const ann = await person(browser, { colour: `rgb(${red.join(' ')})`, tone: 700 })
  await join(ann.page, appliance.joinUrl, 'Ann')
  const room = await idOf(ann.page, 'Aspen')
  await seen(ann.page, room)
  await expect.poll(() => codecOf(ann.page, room)).toBe('video/H264')

  await joinWithFox('Fox')
  const foxId = await idOf(ann.page, 'Fox')
  await test.step('all see and hear each other in VP8', async () => {
    await foxSees('Aspen')
    await foxSees('Ann', red)
    await seenIn(ann.page, foxId, green)
    await heardAt(ann.page, foxId, 900)
    await expect.poll(() => codecOf(ann.page, room)).toBe('video/VP8')
    await seen(ann.page, room)
  })
  await test.step('what Firefox does not tell of the age of pictures is said to be missing', async () => {
    const missing = (name: string) => `JSON.stringify(window.alcove.pictures()?.find((one) => one.track.participant ===
      window.alcove.state().participants.find((one) => one.name === '${name}')?.id)?.delay ?? null)`
    await fox.evaluate(`document.querySelector('[data-testid="quality"]').click()`)
    await ann.page.getByTestId('quality').click()
    await expect.poll(async () => JSON.parse(await fox.evaluate(missing('Ann')))?.missing).toBe('browser')
    await expect.poll(async () => JSON.parse(await ann.page.evaluate(missing('Fox')))).toMatchObject({ totalMs: null, missing: 'sender' })
    await expect(ann.page.getByTestId(`sight-${foxId}`)).toContainText('The sender does not tell')
  })
  await test.step('H.264 again when Firefox has left', async () => {
    await fox.evaluate(`document.querySelector('[data-testid="leave"]').click()`)
    await expect.poll(() => codecOf(ann.page, room)).toBe('video/H264')
    await seen(ann.page, room)
  })
  await ann.context.close()
})
