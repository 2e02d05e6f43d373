// Pages that come back: loaded anew in a call or a meeting, and after the power failed under a call.
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { powerCut, startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { heardAt, idOf, seen, seenIn } from './support/meeting.ts'

const looks = {
  Ann: { colour: [220, 40, 40], tone: 700 },
  Ben: { colour: [40, 40, 220], tone: 1_100 },
} as const

type Name = keyof typeof looks

let appliance: Appliance
let browser: Browser
let people: BrowserContext[] = []
let ids: Record<Name, string>

async function open(name: Name, url: string): Promise<Page> {
  const { colour, tone } = looks[name]
  const { context, page } = await person(browser, { colour: `rgb(${colour.join(' ')})`, tone })
  people.push(context)
  await page.goto(url)
  return page
}

async function signIn(name: Name): Promise<Page> {
  const created = (await appliance.api('POST', 'users', { name })).json()
  ids = { ...ids, [name]: created.id }
  const page = await open(name, `${appliance.url}/#u=${created.token}`)
  await expect(page.getByTestId('calls-home')).toBeVisible()
  return page
}

/** Both are in a call of video. */
async function talk(): Promise<readonly [ann: Page, ben: Page]> {
  const [ann, ben] = [await signIn('Ann'), await signIn('Ben')]
  await ann.getByTestId(`video-${ids.Ben}`).click()
  await ben.getByTestId('accept').click()
  await meets(ann, 'Ben')
  await meets(ben, 'Ann')
  return [ann, ben]
}

async function meets(page: Page, name: Name): Promise<void> {
  await expect(page.getByTestId('meeting')).toBeVisible()
  const id = await idOf(page, name)
  await seenIn(page, id, looks[name].colour)
  await seen(page, id)
  await heardAt(page, id, looks[name].tone)
}

const ends = async () => (await appliance.api('GET', 'calls')).json().records.map((one: { end: string }) => one.end)

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n') })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  await stopCleanly(appliance, info)
})

test('whoever loads the page anew in a call is in it again, muted as before', async () => {
  const [ann, ben] = await talk()
  const before = await idOf(ben, 'Ann')
  await ann.getByTestId('microphone').click()
  await ann.reload()
  await meets(ann, 'Ben')
  await expect(ann.getByTestId('microphone')).toHaveAttribute('aria-pressed', 'false')
  await expect.poll(() => idOf(ben, 'Ann'), 'one Ann, and a new one').not.toBe(before)
  await seenIn(ben, await idOf(ben, 'Ann'), looks.Ann.colour)
  expect((await ben.evaluate(() => window.alcove.state().participants)).length, 'nobody is there twice').toBe(2)
  await ann.getByTestId('microphone').click()
  await ben.reload()
  await meets(ben, 'Ann')
  expect(await ends(), 'it is still the one call').toEqual([])
  await ann.getByTestId('leave').click()
  await expect(ben.getByTestId('outcome')).toHaveAttribute('data-end', 'finished')
})

test('whoever closes the page in a call has hung up', async () => {
  const [ann, ben] = await talk()
  await ann.close({ runBeforeUnload: true })
  await expect(ben.getByTestId('outcome')).toHaveAttribute('data-end', 'finished', { timeout: 30_000 })
})

test('a call goes on when the power fails and comes back', async () => {
  const [ann, ben] = await talk()
  const [call] = (await appliance.api('GET', 'calls')).json().calls
  const before = [await idOf(ann, 'Ben'), await idOf(ben, 'Ann')]
  appliance = await powerCut(appliance)
  // Until the pages are back they show the meeting as it was.
  await expect.poll(() => idOf(ann, 'Ben'), { timeout: 30_000 }).not.toBe(before[0])
  await expect.poll(() => idOf(ben, 'Ann'), { timeout: 30_000 }).not.toBe(before[1])
  await meets(ann, 'Ben')
  await meets(ben, 'Ann')
  const [after] = (await appliance.api('GET', 'calls')).json().calls
  expect(after.id, 'it is the same call').toBe(call.id)
  expect(await ends()).toEqual([])
  await ben.getByTestId('leave').click()
  await expect(ann.getByTestId('outcome')).toHaveAttribute('data-end', 'finished')
  await expect(ann.getByTestId(`user-${ids.Ben}`)).toHaveAttribute('data-presence', 'online')
  expect(await ends()).toEqual(['finished'])
})

test('what rings when the power fails stops ringing, and both are told', async () => {
  const [ann, ben] = [await signIn('Ann'), await signIn('Ben')]
  await ann.getByTestId(`video-${ids.Ben}`).click()
  await expect(ben.getByTestId('ringing')).toBeVisible()
  appliance = await powerCut(appliance)
  await expect(ann.getByTestId('outgoing')).toBeHidden()
  await expect(ann.getByTestId('outcome')).toHaveAttribute('data-end', 'lost')
  await expect(ben.getByTestId('ringing')).toBeHidden()
  await expect(ben.getByTestId('missed')).toHaveText('1 missed')
  expect(await ends()).toEqual(['lost'])
})

test('whoever loads the page anew in a meeting goes straight in, past lobby and lock; who closes it for longer does not', async () => {
  await appliance.api('POST', 'meetings', { name: 'den', mode: 'video', password: 'sesame' })
  const token = async (role: string) => (await appliance.api('POST', 'meetings/den/tokens', { role })).json().token
  const enter = async (name: Name, role: string) => {
    const page = await open(name, `${appliance.url}/m/den#t=${await token(role)}`)
    await page.getByTestId('name').fill(name)
    await page.getByTestId('join').click()
    await page.getByTestId('password').fill('sesame')
    await page.getByTestId('join').click()
    await expect(page.getByTestId('meeting')).toBeVisible()
    return page
  }
  const [ann, ben] = [await enter('Ann', 'host'), await enter('Ben', 'speaker')]
  await appliance.api('POST', 'meetings/den/commands', { lobby: { on: true } })
  await appliance.api('POST', 'meetings/den/commands', { lock: { locked: true } })
  await ben.getByTestId('camera').click()
  await ben.reload()
  await expect(ben.getByTestId('meeting')).toBeVisible()
  await expect(ben.getByTestId('camera')).toHaveAttribute('aria-pressed', 'false')
  await heardAt(ann, await idOf(ann, 'Ben'), looks.Ben.tone)
  const kept = await ben.evaluate(() => sessionStorage.getItem('alcove.stay'))
  expect(kept, 'the password lies nowhere').toBeNull()
  await ben.goto('about:blank')
  await expect.poll(() => ann.evaluate(() => window.alcove.state().participants.length), { timeout: 30_000 }).toBe(1)
  await ben.goBack()
  await expect(ben.getByTestId('lobby')).toBeVisible()
})
