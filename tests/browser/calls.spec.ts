// People who ring each other: real pages, signed in with the links that the appliance made out.
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person, type Person } from './support/browser.ts'
import { heardAt, idOf, partInColour, seen, seenIn } from './support/meeting.ts'

const looks = {
  Ann: { colour: [220, 40, 40], tone: 700 },
  Ben: { colour: [40, 40, 220], tone: 1_100 },
  Cat: { colour: [30, 160, 60], tone: 1_500 },
} as const

type Name = keyof typeof looks

let appliance: Appliance
let browser: Browser
let people: BrowserContext[] = []
/** The sign-in links and ids of those whom a test has put into the directory. */
let links: Partial<Record<Name, { readonly id: string, readonly url: string }>> = {}

/** Puts somebody into the directory, once. */
async function user(name: Name): Promise<{ readonly id: string, readonly url: string }> {
  const known = links[name]
  if (known) return known
  const created = (await appliance.api('POST', 'users', { name })).json()
  const made = { id: created.id, url: `${appliance.url}/#u=${created.token}` }
  links[name] = made
  return made
}

/** Signs somebody in, on a device of their own. */
async function signIn(name: Name, more: Partial<Person> = {}): Promise<Page> {
  const { url } = await user(name)
  const { colour, tone } = looks[name]
  const { context, page } = await person(browser, { colour: `rgb(${colour.join(' ')})`, tone, ...more })
  people.push(context)
  await page.goto(url)
  await expect(page.getByTestId('calls-home')).toBeVisible()
  return page
}

async function rings(page: Page, whom: Name, how: 'video' | 'audio' = 'video'): Promise<void> {
  const { id } = await user(whom)
  await page.getByTestId(`${how}-${id}`).click()
}

/** Both are in the call, see and hear each other. */
async function meets(page: Page, name: Name): Promise<void> {
  await expect(page.getByTestId('meeting')).toBeVisible()
  const id = await idOf(page, name)
  await seenIn(page, id, looks[name].colour)
  await seen(page, id)
  await heardAt(page, id, looks[name].tone)
}

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n') })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  links = {}
  await stopCleanly(appliance, info)
})

test('one rings the other, who answers; both see and hear each other until one hangs up', async () => {
  const [ann, ben] = [await signIn('Ann'), await signIn('Ben')]
  expect(ann.url(), 'the address forgets the token').toBe(`${appliance.url}/`)
  await expect(ann.getByTestId(`user-${links.Ben!.id}`)).toHaveAttribute('data-presence', 'online')
  await rings(ann, 'Ben')
  await expect(ann.getByTestId('outgoing')).toContainText('Ringing')
  await expect(ben.getByTestId('ringing').getByRole('heading')).toHaveText('Ann')
  await ben.getByTestId('accept').click()
  await meets(ann, 'Ben')
  await meets(ben, 'Ann')
  await ann.getByTestId('leave').click()
  await expect(ben.getByTestId('outcome')).toHaveAttribute('data-end', 'finished')
  await expect(ann.getByTestId('record')).toHaveAttribute('data-end', 'finished')
  await expect(ben.getByTestId(`user-${links.Ann!.id}`)).toHaveAttribute('data-presence', 'online')
  const meetings = (await appliance.api('GET', 'meetings')).json().meetings
  expect(meetings.map((one: { name: string }) => one.name), 'the meeting of the call has ended').toEqual(['room'])
})

test('sound alone, until somebody switches the camera on; what is declined, cancelled or comes to who does not want to be disturbed is told to both', async () => {
  const [ann, ben] = [await signIn('Ann'), await signIn('Ben')]
  await rings(ann, 'Ben', 'audio')
  await ben.getByTestId('decline').click()
  await expect(ann.getByTestId('outcome')).toContainText('Ben declined')
  await expect(ben.getByTestId('ringing')).toBeHidden()
  await expect(ben.getByTestId('missed'), 'who declines has missed nothing').toBeHidden()

  await rings(ann, 'Ben', 'audio')
  await expect(ben).toHaveTitle('☎ Ann is calling')
  await ann.getByTestId('cancel').click()
  await expect(ben.getByTestId('missed')).toHaveText('1 missed')
  await expect(ben.getByTestId('record').first()).toHaveAttribute('data-missed', 'true')

  await ben.getByTestId('disturb').check()
  await expect(ann.getByTestId(`user-${links.Ben!.id}`)).toHaveAttribute('data-presence', 'do_not_disturb')
  await rings(ann, 'Ben')
  await expect(ann.getByTestId('outcome')).toHaveAttribute('data-end', 'do_not_disturb')
  await expect(ben.getByTestId('missed')).toHaveText('2 missed')
  await ben.reload()
  await expect(ben.getByTestId('missed'), 'kept by the appliance').toHaveText('2 missed')
  await ben.getByTestId('seen').click()
  await expect(ben.getByTestId('missed')).toBeHidden()

  await ben.getByTestId('disturb').uncheck()
  await rings(ben, 'Ann', 'audio')
  await ann.getByTestId('accept').click()
  await expect(ann.getByTestId('meeting')).toBeVisible()
  await heardAt(ben, await idOf(ben, 'Ann'), looks.Ann.tone)
  await expect(ben.getByTestId('camera'), 'no pictures in a call of sound').toHaveAttribute('aria-pressed', 'false')
  await expect(ann.getByTestId('camera')).toHaveAttribute('aria-pressed', 'false')

  await ann.getByTestId('camera').click()
  await seenIn(ben, await idOf(ben, 'Ann'), looks.Ann.colour)
  await ben.getByTestId('camera').click()
  await meets(ann, 'Ben')
  await meets(ben, 'Ann')
})

test('all devices ring, and the others are told which one has answered', async () => {
  const ann = await signIn('Ann')
  const [desk, phone] = [await signIn('Ben'), await signIn('Ben', { phone: true, viewport: { width: 390, height: 844 } })]
  await rings(ann, 'Ben')
  await expect(desk.getByTestId('ringing')).toBeVisible()
  await expect(phone.getByTestId('accept'), 'the answer is at hand').toBeFocused()
  await phone.keyboard.press('Enter')
  await meets(phone, 'Ann')
  await expect(desk.getByTestId('ringing')).toBeHidden()
  await expect(desk.getByTestId('outcome')).toHaveAttribute('data-end', 'elsewhere')
  await expect(desk.getByTestId('elsewhere')).toContainText('Ann')
  await phone.getByTestId('leave').click()
  await expect(desk.getByTestId('elsewhere')).toBeHidden()
})

test('somebody is rung into a call that goes on, and the call outlives who began it', async () => {
  const [ann, ben, cat] = [await signIn('Ann'), await signIn('Ben'), await signIn('Cat')]
  await rings(ann, 'Ben')
  await ben.getByTestId('accept').click()
  await expect(ben.getByTestId('meeting')).toBeVisible()
  await ben.getByTestId('people').click()
  await ben.getByTestId('invite').click()
  await ben.getByTestId(`invite-${links.Cat!.id}`).click()
  await expect(ben.getByTestId('rung')).toContainText('Cat')
  await expect(cat.getByTestId('ringing').getByRole('heading')).toHaveText('Ben')
  await cat.getByTestId('accept').click()
  await meets(cat, 'Ann')
  await ann.getByTestId('leave').click()
  await expect(ann.getByTestId('calls-home')).toBeVisible()
  await meets(cat, 'Ben')
  await cat.getByTestId('leave').click()
  await expect(ben.getByTestId('outcome')).toHaveAttribute('data-end', 'finished')
})

test('a caller whose page is closed stops the ringing', async () => {
  const [ann, ben] = [await signIn('Ann'), await signIn('Ben')]
  await rings(ann, 'Ben')
  await expect(ben.getByTestId('ringing')).toBeVisible()
  await people[0]!.close()
  await expect(ben.getByTestId('ringing'), 'after ten seconds').toBeHidden({ timeout: 30_000 })
  await expect(ben.getByTestId('missed')).toHaveText('1 missed')
})

test('the room is rung, tells it by its screen, answers, and is seen and heard', async () => {
  const ann = await signIn('Ann')
  const before = (await appliance.api('GET', 'display/snapshot.png')).body
  await ann.getByTestId('video-u1').click()
  await expect(ann.getByTestId('outgoing')).toContainText('Ringing')
  await expect.poll(async () => {
    const shot = await appliance.api('GET', 'display/snapshot.png')
    return shot.status === 200 ? partInColour(ann, shot.body, [0x17, 0x70, 0x5a], 24) : 0
  }, { message: 'the screen is bright at times' }).toBeGreaterThan(0.5)
  expect(await partInColour(ann, before, [0x17, 0x70, 0x5a], 24)).toBeLessThan(0.05)
  const status = (await appliance.api('GET', 'status')).json()
  const speaker = status.room.devices.find((one: { class: string }) => one.class === 'loudspeaker')
  expect(speaker?.choice, 'it is heard').toContain('in use')
  expect((await appliance.api('POST', 'commands/accept')).status).toBe(204)
  await expect(ann.getByTestId('meeting')).toBeVisible()
  await seen(ann, await idOf(ann, 'room'))
  await ann.getByTestId('leave').click()
  await expect(ann.getByTestId('outcome')).toHaveAttribute('data-end', 'finished')
  await expect.poll(async () => (await appliance.api('GET', 'status')).json().room.meeting).toBeNull()
})

test('a link that was made void signs out', async () => {
  const ann = await signIn('Ann')
  await appliance.api('POST', `users/${links.Ann!.id}/tokens`)
  await expect(ann.getByTestId('signed-out')).toContainText('no longer good')
  await ann.getByRole('link').click()
  await expect(ann.getByTestId('home')).toBeVisible()
})
