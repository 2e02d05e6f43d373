// The report of a meeting reaches a real mail server, also one that was out of reach; and its host downloads it.
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { powerCut, startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { join } from './support/meeting.ts'

let browser: Browser
let people: BrowserContext[] = []
let appliance: Appliance
let post: Post | undefined

/** A mail server, and what it has got. */
interface Post {
  readonly mails: string[]
  close(): void
}

/** Takes every mail but those for `nobody`. */
async function openPost(port: number): Promise<Post> {
  const mails: string[] = []
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onRcptTo: ({ address }, _, done) => done(address.startsWith('nobody@') ? new Error('no such mailbox') : null),
    onData(stream, _, done) {
      let mail = ''
      stream.on('data', (part: Buffer) => { mail += part.toString() })
      stream.on('end', () => { mails.push(mail); done() })
    },
  })
  server.listen(port, '127.0.0.1')
  await once(server.server, 'listening')
  return { mails, close: () => server.close() }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

const config = (port: number) =>
  `workers = 1\n[mail]\nserver = "smtp-plain:127.0.0.1:${port}"\nfrom = "room@example.org"\n`

async function opens(): Promise<Page> {
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  people.push(context)
  return page
}

/** Ann hosts, asks a poll and votes in it. */
async function annHosts(reportTo: string): Promise<Page> {
  const created = (await appliance.api('POST', 'meetings', { name: 'den', report_to: reportTo })).json()
  const ann = await opens()
  await join(ann, created.host_url, 'Ann')
  await ann.getByTestId('polls').click()
  await ann.getByTestId('new-poll').click()
  await ann.getByTestId('question').fill('When?')
  await ann.getByTestId('answer-0').fill('now')
  await ann.getByTestId('answer-1').fill('never')
  await ann.getByTestId('save-poll').click()
  await ann.getByTestId('open-poll').click()
  await ann.getByTestId('option-1').check()
  await ann.getByTestId('vote').click()
  await expect(ann.getByTestId('result-1')).toHaveAttribute('data-count', '1')
  return ann
}

async function ends(page: Page) {
  await page.getByTestId('leave').click()
  await page.getByTestId('end').click()
  await expect(page.getByTestId('over')).toBeVisible()
}

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  post?.close()
  post = undefined
  await stopCleanly(appliance, info)
})

test('the report is mailed when the meeting is over, and its host keeps the tables', async () => {
  const port = await freePort()
  post = await openPost(port)
  appliance = await startAppliance(config(port))
  const ann = await annHosts('ann@example.org')
  await ends(ann)
  await expect.poll(() => post!.mails.length, { timeout: 30_000 }).toBe(1)
  const [mail] = post.mails
  for (const part of ['To: ann@example.org', 'From: room@example.org', 'When?', 'den-attendance.csv', 'den-polls.csv']) {
    expect(mail).toContain(part)
  }
  const saving = ann.waitForEvent('download')
  await ann.getByTestId('download-polls').click()
  const saved = await saving
  expect(saved.suggestedFilename()).toBe('den-polls.csv')
  expect(readFileSync(await saved.path(), 'utf8')).toBe('question,option,votes,names\nWhen?,now,0,\nWhen?,never,1,Ann\n')
})

test('a report outlives a power cut while the mail server is out of reach', async () => {
  test.setTimeout(120_000)
  const port = await freePort()
  appliance = await startAppliance(config(port))
  await ends(await annHosts('ann@example.org'))
  await expect.poll(() => appliance.log(), { timeout: 30_000 }).toContain('tried later')
  post = await openPost(port)
  appliance = await powerCut(appliance)
  await expect.poll(() => post!.mails.length, { timeout: 60_000, message: 'the next try is soon' }).toBe(1)
})

test('a mailbox that is not there is not tried again', async () => {
  const port = await freePort()
  post = await openPost(port)
  appliance = await startAppliance(config(port))
  await ends(await annHosts('nobody@example.org'))
  await expect.poll(() => appliance.log(), { timeout: 30_000 }).toContain('was refused, and is not sent')
  expect(post.mails).toEqual([])
})

test('without a mail server no report can be asked for', async () => {
  appliance = await startAppliance('workers = 1\n')
  const refused = await appliance.api('POST', 'meetings', { name: 'den', report_to: 'ann@example.org' })
  expect([refused.status, refused.json().code]).toEqual([400, 'invalid-parameter'])
  expect(refused.json().detail).toContain('mail.server')
})
