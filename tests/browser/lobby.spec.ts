// Who waits in front of a meeting, and who lets them in: real pages.
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { heardAt, idOf, join, seen, seenIn } from './support/meeting.ts'

const blue = [40, 40, 220] as const
const bobsTone = 1_100

let appliance: Appliance
let browser: Browser
let people: BrowserContext[] = []

async function opens(colour: string, tone: number): Promise<Page> {
  const { context, page } = await person(browser, { colour, tone })
  people.push(context)
  return page
}

const annOpens = () => opens('rgb(220 40 40)', 700)
const bobOpens = () => opens(`rgb(${blue.join(' ')})`, bobsTone)

/** Makes a meeting; its links. */
async function make(fields: object): Promise<{ host: string, join: string }> {
  const created = (await appliance.api('POST', 'meetings', { name: 'den', ...fields })).json()
  return { host: created.host_url, join: created.join_url }
}

async function knock(page: Page, url: string, name: string): Promise<void> {
  await page.goto(url)
  await page.getByTestId('name').fill(name)
  await page.getByTestId('join').click()
  await expect(page.getByTestId('waiting')).toBeVisible()
}

async function bobIsThere(ann: Page): Promise<string> {
  const id = await idOf(ann, 'Bob')
  await seenIn(ann, id, blue)
  await seen(ann, id)
  await heardAt(ann, id, bobsTone)
  return id
}

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n') })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  await stopCleanly(appliance, info)
})

test('who waits is let in, seen and heard, sent back, and declined', async () => {
  const links = await make({ lobby: true })
  const [ann, bob] = [await annOpens(), await bobOpens()]
  await join(ann, links.host, 'Ann')
  await knock(bob, links.join, 'Bob')
  await expect(bob.getByTestId('waiting')).toHaveAttribute('data-until', 'admission')
  await expect(ann.getByTestId('knock')).toContainText('Bob waits to be let in')
  // Longer than any answer may take: waiting is no fault of the network.
  await bob.waitForFunction((since) => performance.now() - since > 8_000, await bob.evaluate(() => performance.now()))
  await ann.getByTestId('admit').click()
  await expect(bob.getByTestId('meeting')).toBeVisible()
  await expect(ann.getByTestId('knock')).toBeHidden()
  const id = await bobIsThere(ann)

  await ann.getByTestId('people').click()
  await ann.getByTestId(`menu-of-${id}`).click()
  await ann.getByTestId('do-send-back').click()
  await expect(bob.getByTestId('waiting')).toBeVisible()
  await ann.getByTestId('guests').getByTestId('admit').click()
  await expect(bob.getByTestId('meeting')).toBeVisible()
  const again = await bobIsThere(ann)

  await ann.getByTestId(`menu-of-${again}`).click()
  await ann.getByTestId('do-send-back').click()
  await ann.getByTestId('guests').getByTestId('deny').click()
  await expect(bob.getByTestId('refusal')).toContainText('A host did not let you in')
  await expect(bob.getByTestId('join'), 'may ask again').toBeEnabled()
})

test('who gives up waiting is not waited for, and a meeting begins with its host', async () => {
  const links = await make({ wait_for_host: true })
  const [ann, bob] = [await annOpens(), await bobOpens()]
  await knock(bob, links.join, 'Bob')
  await expect(bob.getByTestId('waiting')).toHaveAttribute('data-until', 'host')
  await bob.getByTestId('withdraw').click()
  await expect(bob.getByTestId('join')).toBeEnabled()
  await bob.getByTestId('join').click()
  await expect(bob.getByTestId('waiting')).toBeVisible()
  await join(ann, links.host, 'Ann')
  await expect(bob.getByTestId('meeting')).toBeVisible()
  await bobIsThere(ann)
  expect(await ann.evaluate(() => window.alcove.state().participants.length), 'Bob waited once').toBe(2)

  await ann.getByTestId('people').click()
  await ann.getByTestId('lobby-switch').click()
  await expect(bob.getByTestId('notices')).toContainText('New people wait to be let in')
})
