// The service worker in a real browser: a push shows who rings while no page is open, and a click on that opens the page, ringing.
import { test, expect, type Browser, type BrowserContext, type CDPSession, type Page, type Worker } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'

/** What of a service worker's own world is used here. */
interface WorkerWorld {
  readonly registration: { getNotifications(): Promise<{ title: string, body: string, tag: string, silent: boolean }[]> }
  readonly clients: { openWindow(url: string): Promise<unknown> }
  readonly ExtendableEvent: { prototype: { waitUntil(promise: Promise<unknown>): void } }
  readonly NotificationEvent: new (type: string, init: { notification: unknown }) => Event
  dispatchEvent(event: Event): void
}

let appliance: Appliance
let browser: Browser
let people: BrowserContext[] = []

// Browsers take a service worker only from a server that they trust, and this one is as new as the test.
test.beforeAll(async () => { browser = await launch(undefined, ['--ignore-certificate-errors']) })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n') })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  await stopCleanly(appliance, info)
})

/** Somebody of the directory, who is signed in and may be notified. */
async function signIn(name: string): Promise<{ id: string, page: Page }> {
  const { id, token } = (await appliance.api('POST', 'users', { name })).json()
  const { context, page } = await person(browser, { colour: 'rgb(40 40 220)', tone: 700 })
  people.push(context)
  await context.grantPermissions(['notifications', 'camera', 'microphone'])
  await page.goto(`${appliance.url}/#u=${token}`)
  await expect(page.getByTestId('calls-home')).toBeVisible()
  return { id, page }
}

/** The worker of a page that is signed in, and how the browser's push service wakes it. */
async function workerOf(page: Page): Promise<{ worker: Worker, push: (message: object) => Promise<void> }> {
  const browser: CDPSession = await page.context().newCDPSession(page)
  const ids: string[] = []
  browser.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
    ids.push(...registrations.map((one) => one.registrationId))
  })
  await browser.send('ServiceWorker.enable')
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => true))
  await expect.poll(() => ids.length).toBeGreaterThan(0)
  const worker = page.context().serviceWorkers()[0]!
  const push = async (message: object) => {
    await browser.send('ServiceWorker.deliverPushMessage', { origin: appliance.url, registrationId: ids[0]!, data: JSON.stringify(message) })
  }
  return { worker, push }
}

const shown = (worker: Worker) => worker.evaluate(async () => {
  const all = await (self as unknown as WorkerWorld).registration.getNotifications()
  return all.map(({ title, body, tag }) => ({ title, body, tag }))
})

/**
 * The person clicks on what is shown; returns the address that the worker opens. Only a click by hand lets a worker open
 * windows, and only the browser's own events can be waited for: the window is opened by whoever has called this.
 */
const click = (worker: Worker) => worker.evaluate(async () => {
  const world = self as unknown as WorkerWorld
  let opened = ''
  let work: Promise<unknown> = Promise.resolve()
  world.clients.openWindow = async (url) => { opened = url }
  world.ExtendableEvent.prototype.waitUntil = (promise) => { work = promise }
  const [notification] = await world.registration.getNotifications()
  world.dispatchEvent(new world.NotificationEvent('notificationclick', { notification }))
  await work
  return opened
})

test('a push wakes a notification while no page is open, and a click on it opens the page, which rings', async () => {
  const [ann, ben] = [await signIn('Ann'), await signIn('Ben')]
  const { worker, push } = await workerOf(ben.page)
  await ben.page.goto('about:blank')
  await expect(ann.page.getByTestId(`user-${ben.id}`)).toHaveAttribute('data-presence', 'offline', { timeout: 30_000 })
  await ann.page.getByTestId(`video-${ben.id}`).click()
  await expect(ann.page.getByTestId('outgoing')).toContainText('being notified')
  const [call] = (await appliance.api('GET', 'calls')).json().calls

  await push({ what: 'ring', call: call.id, from: 'Ann', media: 'video', missed: false })
  await expect.poll(() => shown(worker)).toEqual([{ title: 'Ann', body: 'Incoming video call', tag: call.id }])
  const address = await click(worker)
  expect(await shown(worker), 'what was clicked is gone').toEqual([])
  const page = await ben.page.context().newPage()
  await page.goto(new URL(address, appliance.url).href)
  await expect(page.getByTestId('ringing').getByRole('heading')).toHaveText('Ann')
  await page.getByTestId('accept').click()
  await expect(page.getByTestId('meeting')).toBeVisible()
  await expect(ann.page.getByTestId('meeting')).toBeVisible()
})

test('what rings no more is told in the place of what rang; a page that is looked at rings by itself', async () => {
  const ben = await signIn('Ben')
  const { worker, push } = await workerOf(ben.page)
  const ring = { what: 'ring', call: 'c9', from: 'Ann', media: 'audio', missed: false }
  await push(ring)
  await ben.page.goto('about:blank')
  await push({ ...ring, call: 'c10' })
  await expect.poll(() => shown(worker)).toEqual([{ title: 'Ann', body: 'Incoming call', tag: 'c10' }])
  await push({ ...ring, call: 'c10', what: 'over', missed: true })
  await expect.poll(() => shown(worker)).toEqual([{ title: 'Ann', body: 'Missed call', tag: 'c10' }])
  await push({ ...ring, call: 'c11' })
  await push({ ...ring, call: 'c11', what: 'over' })
  await expect.poll(async () => (await shown(worker)).find((one) => one.tag === 'c11')?.body).toBe('Answered or declined elsewhere')
})
