// Whoever is signed in and in an ordinary meeting is busy, and rings others into it as far as they may; and how a device rings.
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person, type Person } from './support/browser.ts'
import { heardAt, idOf, seenIn } from './support/meeting.ts'

const looks = {
  Ann: { colour: [220, 40, 40], tone: 700 },
  Ben: { colour: [40, 40, 220], tone: 1_100 },
} as const

type Name = keyof typeof looks

let appliance: Appliance
let browser: Browser
let people: BrowserContext[] = []
const ids: Partial<Record<Name, string>> = {}

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n') })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  await stopCleanly(appliance, info)
})

async function signIn(name: Name, more: Partial<Person> = {}): Promise<Page> {
  const { id, token } = (await appliance.api('POST', 'users', { name })).json()
  ids[name] = id
  const { colour, tone } = looks[name]
  const { context, page } = await person(browser, { colour: `rgb(${colour.join(' ')})`, tone, ...more })
  people.push(context)
  await page.goto(`${appliance.url}/#u=${token}`)
  await expect(page.getByTestId('calls-home')).toBeVisible()
  return page
}

/** Keeps a picture of the page to be looked at, where a folder for it is named. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.ALCOVE_PICTURES
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png` })
}

test('whoever is in a meeting rings somebody of the directory into it, while they may invite', async () => {
  const [ann, ben] = [await signIn('Ann'), await signIn('Ben')]
  await appliance.api('POST', 'meetings', { name: 'den', mode: 'video' })
  const { token } = (await appliance.api('POST', 'meetings/den/tokens', { role: 'speaker' })).json()
  await ann.goto(`${appliance.url}/m/den#t=${token}`)
  await ann.getByTestId('name').fill('Ann')
  await ann.getByTestId('join').click()
  await expect(ann.getByTestId('meeting')).toBeVisible()
  await expect(ben.getByTestId(`user-${ids.Ann}`)).toHaveAttribute('data-presence', 'busy')

  await ann.getByTestId('people').click()
  await expect(ann.getByTestId('people-list').getByTestId('copy-link'), 'a meeting has its link as before').toBeVisible()
  await ann.getByTestId('invite').click()
  await picture(ann, 'inviting')
  await ann.getByTestId(`invite-${ids.Ben}`).click()
  await expect(ben.getByTestId('ringing').getByRole('heading')).toHaveText('Ann')
  await expect(ann.getByTestId('rung')).toContainText('Ben')
  await ben.getByTestId('decline').click()
  await expect(ann.getByTestId('rung')).toContainText('Ben declined')
  await picture(ann, 'declined')

  await ann.getByTestId('invite').click()
  await ann.getByTestId(`invite-${ids.Ben}`).click()
  await ben.getByTestId('accept').click()
  await expect(ben.getByTestId('meeting')).toBeVisible()
  await seenIn(ben, await idOf(ben, 'Ann'), looks.Ann.colour)
  await heardAt(ann, await idOf(ann, 'Ben'), looks.Ben.tone)
  await appliance.api('POST', 'meetings/den/commands', {
    rights: { rights: { chat: 'everybody', share: 'speakers', unmute: 'speakers', rename: 'everybody', invite: 'hosts' } },
  })
  await expect(ann.getByTestId('invite'), 'what one may not do is not there').toBeHidden()
  await ann.getByTestId('leave').click()
  await expect(ann.getByTestId('over')).toBeVisible()
  await expect(ben.getByTestId('meeting'), 'Ben stays').toBeVisible()
  await ben.getByTestId('leave').click()
  await expect(ben.getByTestId('calls-home')).toBeVisible()
  await expect(ben.getByTestId(`user-${ids.Ann}`)).not.toHaveAttribute('data-presence', 'busy')
})

/** Runs in the page before anything else: how loud everything is that reaches the loudspeaker. */
function listen() {
  const outlets: GainNode[] = []
  Object.assign(window, { loudness: () => outlets.map((outlet) => outlet.gain.value) })
  const connect = AudioNode.prototype.connect
  AudioNode.prototype.connect = function (this: AudioNode, to: AudioNode | AudioParam, ...rest: number[]) {
    if (to instanceof AudioDestinationNode && this instanceof GainNode) outlets.push(this)
    return (connect as (...all: unknown[]) => AudioNode).call(this, to, ...rest)
  } as typeof connect
}

test('how loud a device rings, and whether it flashes, is chosen on it and remembered', async () => {
  const ann = await signIn('Ann')
  const ben = await signIn('Ben', { phone: true, viewport: { width: 390, height: 844 } })
  await ben.addInitScript(listen)
  await ben.reload()
  const menu = ben.locator('.calls-menu summary')
  await menu.click()
  await picture(ben, 'ring-choices')
  await ben.getByTestId('ring-volume').fill('30')
  await ben.getByTestId('ring-visual').uncheck()
  const loudest = () => ben.evaluate(() => Math.max(...(window as unknown as { loudness(): number[] }).loudness()))
  await expect.poll(loudest, 'it can be heard at once').toBeCloseTo(0.3)
  await ben.reload()
  await ann.getByTestId(`audio-${ids.Ben}`).click()
  await expect(ben.getByTestId('ringing')).toBeVisible()
  await expect(ben.getByTestId('ringing')).not.toHaveClass(/flashing/)
  await expect.poll(loudest).toBeCloseTo(0.3)
  await ben.getByTestId('decline').click()

  await menu.click()
  await ben.getByTestId('ring-volume').fill('0')
  await ben.getByTestId('ring-visual').check()
  await picture(ben, 'ring-off')
  await ben.reload()
  await ann.getByTestId(`audio-${ids.Ben}`).click()
  await expect(ben.getByTestId('ringing')).toHaveClass(/flashing/)
  await expect.poll(loudest, 'off is silent').toBe(0)
})
