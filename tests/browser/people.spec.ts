// What people do with each other: hands, chat, reactions, and the order that hosts keep, on two real pages.
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { heardAt, idOf, join } from './support/meeting.ts'

const bobsTone = 1_100

let appliance: Appliance
let browser: Browser
let people: BrowserContext[] = []
let links: { host: string, join: string }

async function opens(colour: string, tone: number): Promise<Page> {
  const { context, page } = await person(browser, { colour, tone })
  people.push(context)
  return page
}

/** Ann hosts, Bob speaks. */
async function annAndBob() {
  const ann = await opens('rgb(220 40 40)', 700)
  const bob = await opens('rgb(40 40 220)', bobsTone)
  await join(ann, links.host, 'Ann')
  await join(bob, links.join, 'Bob')
  return { ann, bob, bobId: await idOf(ann, 'Bob') }
}

/** Opens what can be done with somebody, and does one of it. */
async function does(page: Page, id: string, what: string) {
  if (!await page.getByTestId('people-list').isVisible()) await page.getByTestId('people').click()
  await page.getByTestId(`menu-of-${id}`).click()
  await page.getByTestId(`do-${what}`).click()
}

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => {
  appliance = await startAppliance('workers = 1\n')
  const created = (await appliance.api('POST', 'meetings', { name: 'den' })).json()
  links = { host: created.host_url, join: created.join_url }
})
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  await stopCleanly(appliance, info)
})

test('a host mutes, and asks: nothing is switched on by force', async () => {
  const { ann, bob, bobId } = await annAndBob()
  await heardAt(ann, bobId, bobsTone)
  await does(ann, bobId, 'mute')
  await expect(bob.getByTestId('microphone')).toHaveAttribute('aria-pressed', 'false')
  await bob.getByTestId('microphone').click()
  await heardAt(ann, bobId, bobsTone)

  await does(ann, bobId, 'hold')
  await expect(bob.getByTestId('microphone')).toHaveAttribute('aria-pressed', 'false')
  await bob.getByTestId('microphone').click()
  await expect(bob.getByTestId('notices'), 'why not is said').toContainText('raise your hand')
  await expect(bob.getByTestId('microphone')).toHaveAttribute('aria-pressed', 'false')
  await does(ann, bobId, 'ask')
  await expect(bob.getByTestId('asked')).toContainText('Ann asks you')
  await expect(bob.getByTestId('microphone')).toHaveAttribute('aria-pressed', 'false')
  await bob.getByTestId('asked-yes').click()
  await expect(bob.getByTestId('asked')).toBeHidden()
  await heardAt(ann, bobId, bobsTone)
})

test('a raised hand stands in the queue until a host takes it down', async () => {
  const { ann, bob, bobId } = await annAndBob()
  await bob.getByTestId('microphone').click()
  await bob.keyboard.press('h')
  await expect(bob.getByTestId('hand')).toHaveAttribute('aria-pressed', 'true')
  await expect(ann.getByTestId('notices')).toContainText('Bob raises a hand')
  await ann.getByTestId('people').click()
  await expect(ann.getByTestId(`hand-of-${bobId}`)).toContainText('1')
  await does(ann, bobId, 'lower')
  await expect(bob.getByTestId('hand')).toHaveAttribute('aria-pressed', 'false')
})

test('chat for all and for one, and who comes later reads what was for all', async () => {
  const { ann, bob } = await annAndBob()
  await bob.keyboard.press('t')
  await bob.getByTestId('chat-text').fill('hello <b>all</b>')
  await bob.keyboard.press('Enter')
  await expect(bob.getByTestId('chat-text')).toHaveValue('')
  await expect(ann.getByTestId('chat')).toHaveAttribute('aria-label', 'Chat, 1 new')
  await ann.getByTestId('chat').click()
  await expect(ann.getByTestId('chat-panel')).toContainText('hello <b>all</b>')
  await ann.getByTestId('chat-to').selectOption({ label: 'Bob' })
  await ann.getByTestId('chat-text').fill('just you')
  await ann.getByTestId('chat-send').click()
  await expect(bob.getByTestId('chat-panel')).toContainText('to you alone')

  const cat = await opens('rgb(40 160 40)', 900)
  await join(cat, links.join, 'Cat')
  await cat.getByTestId('chat').click()
  await expect(cat.getByTestId('chat-panel')).toContainText('hello <b>all</b>')
  await expect(cat.getByTestId('chat-panel')).not.toContainText('just you')
})

test('a reaction rises on every page', async () => {
  const { ann, bob } = await annAndBob()
  await bob.getByTestId('react').click()
  await bob.getByTestId('react-👏').click()
  for (const page of [ann, bob]) await expect(page.getByTestId('reactions')).toContainText('👏')
})

test('a locked meeting lets nobody in, and who is removed is told so', async () => {
  const { ann, bob, bobId } = await annAndBob()
  await ann.getByTestId('people').click()
  await ann.getByTestId('lock').click()
  await expect(bob.getByTestId('locked')).toBeVisible()
  const cat = await opens('rgb(40 160 40)', 900)
  await cat.goto(links.join)
  await cat.getByTestId('name').fill('Cat')
  await cat.getByTestId('join').click()
  await expect(cat.getByTestId('refusal')).toHaveAttribute('data-code', 'meeting-locked')
  await does(ann, bobId, 'remove')
  await expect(bob.getByTestId('over')).toHaveAttribute('data-reason', 'kicked')
})

test('a speaker is shown no tools of hosts', async () => {
  const { bob } = await annAndBob()
  await bob.getByTestId('people').click()
  await bob.getByTestId(`menu-of-${await idOf(bob, 'Ann')}`).click()
  await expect(bob.getByTestId('do-write')).toBeVisible()
  for (const tool of ['mute-all', 'lock', 'do-mute', 'do-remove']) await expect(bob.getByTestId(tool)).toHaveCount(0)
})
