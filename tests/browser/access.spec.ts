// Every screen of the page, asked by axe-core whether people can use it who do not see, hear or point well.
import { AxeBuilder } from '@axe-core/playwright'
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { join } from './support/meeting.ts'

let appliance: Appliance
let browser: Browser
let people: BrowserContext[] = []

async function opens(): Promise<Page> {
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  people.push(context)
  return page
}

/** Nothing that is serious, or worse. */
async function isUsable(page: Page, screen: string) {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  const said = serious.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' | ')}`)
  expect(said, screen).toEqual([])
}

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n') })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  await stopCleanly(appliance, info)
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`all screens are usable by everybody, ${colorScheme}`, async () => {
    test.slow()
    const created = (await appliance.api('POST', 'meetings', { name: 'den', lobby: true })).json()
    const ann = await opens()
    await ann.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await ann.goto(appliance.url)
    await isUsable(ann, 'the start page')
    await ann.goto(created.host_url)
    await expect(ann.getByTestId('join')).toBeVisible()
    await isUsable(ann, 'the lobby')
    await join(ann, created.host_url, 'Ann')
    const panel = (await appliance.api('POST', 'room/controllers', { name: 'Panel' })).json()
    const phone = await opens()
    await phone.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await appliance.api('POST', 'users', { name: 'Cy' })
    await phone.goto(`${appliance.url}/room#k=${panel.token}`)
    await expect(phone.getByTestId('control')).toBeVisible()
    await isUsable(phone, 'the control of the room')
    await phone.getByTestId('join-standing').click()
    await expect(phone.getByTestId('volume')).toBeVisible()
    await isUsable(phone, 'the control of the room in a meeting')
    const bob = await opens()
    await bob.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await bob.goto(created.join_url)
    await bob.getByTestId('name').fill('Bob')
    await bob.getByTestId('join').click()
    await expect(bob.getByTestId('waiting')).toBeVisible()
    await isUsable(bob, 'waiting outside')
    await expect(ann.getByTestId('knock')).toBeVisible()
    await isUsable(ann, 'somebody knocks')
    await ann.getByTestId('people').click()
    await isUsable(ann, 'people, guests and the tools of hosts')
    await ann.getByTestId('admit').click()
    await expect(bob.getByTestId('meeting')).toBeVisible()
    await ann.getByTestId(/^menu-of-/).last().click()
    await isUsable(ann, 'what can be done with somebody')
    await ann.keyboard.press('Escape')

    await bob.getByTestId('chat').click()
    await bob.getByTestId('chat-text').fill('Hello')
    await bob.getByTestId('chat-send').click()
    await isUsable(bob, 'the chat')
    await bob.getByTestId('quality').click()
    await isUsable(bob, 'the connection')
    await bob.getByTestId('settings').click()
    await isUsable(bob, 'the settings')
    await bob.keyboard.press('Escape')

    await ann.getByTestId('polls').click()
    await ann.getByTestId('new-poll').click()
    await isUsable(ann, 'a poll that is prepared')
    await ann.getByTestId('question').fill('When?')
    await ann.getByTestId('answer-0').fill('now')
    await ann.getByTestId('answer-1').fill('never')
    await ann.getByTestId('save-poll').click()
    await isUsable(ann, 'a draft')
    await ann.getByTestId('open-poll').click()
    await expect(bob.getByTestId('vote-wanted')).toBeVisible()
    await isUsable(bob, 'a vote is wanted')
    await bob.getByTestId('see-polls').click()
    await isUsable(bob, 'a vote')
    await bob.getByTestId('option-0').check()
    await bob.getByTestId('vote').click()
    await expect(bob.getByTestId('result-0')).toBeVisible()
    await isUsable(bob, 'the result')
    await bob.getByTestId('layout').click()
    await isUsable(bob, 'everybody in a grid')

    await ann.getByTestId('leave').click()
    await isUsable(ann, 'leaving as a host')
    await ann.getByTestId('end').click()
    await expect(bob.getByTestId('over')).toBeVisible()
    await isUsable(ann, 'the end, for a host')
    await isUsable(bob, 'the end')
  })
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the screens of calls are usable by everybody, ${colorScheme}`, async () => {
    test.slow()
    const signIn = async (name: string) => {
      const { id, token } = (await appliance.api('POST', 'users', { name })).json()
      const page = await opens()
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.goto(`${appliance.url}/#u=${token}`)
      await expect(page.getByTestId('calls-home')).toBeVisible()
      return { id, page }
    }
    const [ann, ben] = [await signIn('Ann'), await signIn('Ben')]
    await isUsable(ann.page, 'people and calls')
    await ann.page.locator('.calls-menu summary').click()
    await expect(ann.page.getByTestId('ring-volume')).toBeVisible()
    await isUsable(ann.page, 'how it rings here')
    await ann.page.locator('.calls-menu summary').click()
    await ann.page.getByTestId(`audio-${ben.id}`).click()
    await expect(ben.page.getByTestId('ringing')).toBeVisible()
    await isUsable(ben.page, 'somebody rings')
    await isUsable(ann.page, 'somebody is rung')
    await ben.page.getByTestId('decline').click()
    await expect(ann.page.getByTestId('outcome')).toBeVisible()
    await isUsable(ann.page, 'the call was declined')
    await ann.page.getByTestId(`audio-${ben.id}`).click()
    await ben.page.getByTestId('accept').click()
    await expect(ann.page.getByTestId('meeting')).toBeVisible()
    await isUsable(ann.page, 'a call of sound')
    await ann.page.getByTestId('people').click()
    await ann.page.getByTestId('invite').click()
    await expect(ann.page.getByTestId('inviting')).toBeVisible()
    await isUsable(ann.page, 'somebody is to be rung into it')
  })
}
