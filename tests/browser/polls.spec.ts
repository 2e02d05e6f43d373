// Polls, planned meetings and restarts, on two real pages.
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { powerCut, startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { brightIn, heardAt, idOf, join, seenIn } from './support/meeting.ts'

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

async function make(fields: object = {}): Promise<{ host: string, join: string }> {
  const created = (await appliance.api('POST', 'meetings', { name: 'den', ...fields })).json()
  return { host: created.host_url, join: created.join_url }
}

async function annAndBob(links: { host: string, join: string }) {
  const ann = await opens('rgb(220 40 40)', 700)
  const bob = await opens(`rgb(${blue.join(' ')})`, bobsTone)
  await join(ann, links.host, 'Ann')
  await join(bob, links.join, 'Bob')
  return { ann, bob }
}

/** A host prepares a poll with such answers. */
async function prepare(page: Page, question: string, answers: string[], choices: string[] = []) {
  await page.getByTestId('new-poll').click()
  await page.getByTestId('question').fill(question)
  for (const [at, answer] of answers.entries()) await page.getByTestId(`answer-${at}`).fill(answer)
  for (const choice of choices) await page.getByTestId(`poll-${choice}`).check()
  await page.getByTestId('save-poll').click()
}

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n[room]\nshow_chat = true\n') })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  await stopCleanly(appliance, info)
})

test('a poll is prepared, asked, voted in, voted in otherwise, and closed', async () => {
  const { ann, bob } = await annAndBob(await make())
  await expect(bob.getByTestId('polls'), 'where there is no poll there is no button').toBeHidden()
  await ann.getByTestId('polls').click()
  await prepare(ann, 'When do we meet?', ['Monday', 'Tuesday', 'Never'])
  await expect(ann.getByTestId('draft-1')).toContainText('When do we meet?')
  await expect(bob.getByTestId('polls'), 'a draft is for hosts alone').toBeHidden()
  await ann.getByTestId('open-poll').click()

  await expect(bob.getByTestId('vote-wanted')).toContainText('When do we meet?')
  await bob.getByTestId('see-polls').click()
  await bob.getByTestId('option-1').check()
  await bob.getByTestId('vote').click()
  await expect(bob.getByTestId('result-1')).toHaveAttribute('data-count', '1')
  await expect(bob.getByTestId('vote-wanted')).toBeHidden()
  await ann.getByTestId('option-1').check()
  await ann.getByTestId('vote').click()
  await expect(bob.getByTestId('result-1')).toHaveAttribute('data-count', '2')
  await bob.getByTestId('vote-again').click()
  await bob.getByTestId('option-0').check()
  await bob.getByTestId('vote').click()
  await expect(ann.getByTestId('result-0')).toHaveAttribute('data-count', '1')

  await ann.getByTestId('close-poll').click()
  await expect(bob.getByTestId('poll-1')).toHaveAttribute('data-state', 'closed')
  await expect(bob.getByTestId('vote-again')).toBeHidden()
})

test('an anonymous poll with a hidden result shows nothing until it is closed', async () => {
  const { ann, bob } = await annAndBob(await make())
  await ann.getByTestId('polls').click()
  await prepare(ann, 'Are you well?', ['Yes', 'No'], ['anonymous', 'hidden', 'multiple'])
  await ann.getByTestId('open-poll').click()
  await bob.getByTestId('see-polls').click()
  await bob.getByTestId('option-0').check()
  await bob.getByTestId('option-1').check()
  await bob.getByTestId('vote').click()
  await expect(bob.getByTestId('result-hidden')).toBeVisible()
  await expect(bob.getByTestId('vote-again'), 'it cannot be changed').toBeHidden()
  await ann.getByTestId('close-poll').click()
  await expect(ann.getByTestId('result-1')).toHaveAttribute('data-count', '1')
})

test('who comes early waits until the meeting opens, and is told when', async () => {
  const opensAt = new Date(Date.now() + 8_000)
  const links = await make({ not_before: opensAt.toISOString() })
  const bob = await opens(`rgb(${blue.join(' ')})`, bobsTone)
  await bob.goto(links.join)
  await bob.getByTestId('name').fill('Bob')
  await bob.getByTestId('join').click()
  await expect(bob.getByTestId('waiting')).toHaveAttribute('data-until', 'opening')
  await expect(bob.getByTestId('meeting'), 'and comes in by itself').toBeVisible()
  expect(Date.now()).toBeGreaterThanOrEqual(opensAt.getTime())
})

test('that the meeting ends soon is told, and a host makes it longer', async () => {
  const { ann, bob } = await annAndBob(await make({ ends_at: new Date(Date.now() + 300_000).toISOString() }))
  await expect(bob.getByTestId('ends-soon')).toContainText('5 min')
  await expect(bob.getByTestId('longer'), 'only hosts can').toBeHidden()
  await ann.getByTestId('longer').click()
  await expect(bob.getByTestId('ends-soon')).toBeHidden()
})

test('after a power cut everybody is back by themselves, with chat, poll, sound and picture', async () => {
  const { ann, bob } = await annAndBob(await make())
  await ann.getByTestId('chat').click()
  await ann.getByTestId('chat-text').fill('do not lose this')
  await ann.getByTestId('chat-send').click()
  await ann.getByTestId('polls').click()
  await prepare(ann, 'Still there?', ['Yes', 'No'])
  await ann.getByTestId('open-poll').click()
  await bob.getByTestId('see-polls').click()
  await bob.getByTestId('option-0').check()
  await bob.getByTestId('vote').click()
  await expect(ann.getByTestId('poll-1')).toContainText('1 voted')

  appliance = await powerCut(appliance)
  await expect(bob.getByTestId('away')).toBeHidden({ timeout: 30_000 })
  const bobId = await idOf(ann, 'Bob')
  await seenIn(ann, bobId, blue)
  await heardAt(ann, bobId, bobsTone)
  await expect(bob.getByTestId('result-0'), 'Bob has voted').toHaveAttribute('data-count', '1')
  await bob.getByTestId('chat').click()
  await expect(bob.getByTestId('chat-panel')).toContainText('do not lose this')
  await expect(ann.getByTestId('polls'), 'Ann is host again').toBeVisible()
})

test('a page that joins a second time takes the place of the first', async () => {
  const links = await make()
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  people.push(context)
  await join(page, links.join, 'Ann')
  const second = await context.newPage()
  await join(second, links.join, 'Ann')
  await expect(page.getByTestId('over')).toHaveAttribute('data-reason', 'replaced')
  const { participants } = (await appliance.api('GET', 'meetings/den/participants')).json()
  expect(participants.map(({ name }: { name: string }) => name)).toEqual(['Ann'])
})

test('the room\'s screen tells of raised hands, of polls, and of chat where that is wished', async ({}, info) => {
  const { ann, bob } = await annAndBob(await make())
  await appliance.api('POST', 'commands/join', { meeting: 'den' })
  /** How much is drawn in the column beside the pictures, from there on down to the room's own picture. */
  const drawn = async (top = 0.37) => {
    const shot = await appliance.api('GET', 'display/snapshot.png')
    return shot.status === 200 ? brightIn(ann, shot.body, { left: 0.8, top, right: 1, bottom: 0.75 }) : NaN
  }
  await expect.poll(() => drawn(0.52), 'how to join ends above').toBe(0)
  await ann.getByTestId('polls').click()
  await prepare(ann, 'Tea or coffee?', ['Tea', 'Coffee'])
  await ann.getByTestId('open-poll').click()
  await expect.poll(() => drawn(0.52), 'the last answer').toBeGreaterThan(0)
  const question = await drawn()
  await ann.getByTestId('option-1').check()
  await ann.getByTestId('vote').click()
  await expect.poll(() => drawn(), 'a bar as long as all votes').toBeGreaterThan(question)
  const vote = await drawn()
  await bob.getByTestId('chat').click()
  await bob.getByTestId('chat-text').fill('Is there milk?')
  await bob.keyboard.press('Enter')
  await expect.poll(() => drawn(), 'who writes what').toBeGreaterThan(vote)
  const chat = await drawn()
  await bob.getByTestId('hand').click()
  await expect.poll(() => drawn(), 'who wants to speak').toBeGreaterThan(chat)
  await info.attach('screen', { body: (await appliance.api('GET', 'display/snapshot.png')).body, contentType: 'image/png' })
  await bob.getByTestId('hand').click()
  await expect.poll(() => drawn(), 'the hand is down').toBe(chat)
})
