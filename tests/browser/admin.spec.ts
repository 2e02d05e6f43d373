// Who administers with a browser: claims a new box, signs in, looks, changes, lets others in; on a desk and on a phone.
import { AxeBuilder } from '@axe-core/playwright'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, expect, type Browser, type BrowserContext, type Page, type TestInfo } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person, type Person } from './support/browser.ts'
import { idOf, join as joinMeeting, look, seen } from './support/meeting.ts'

/** The daemon that is tested prints the code, too. */
const program = process.env.ALCOVE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? '../../target', 'release/alcove')
/** Where the picture of the README is kept. */
const kept = process.env.ALCOVE_SCREENSHOTS

let appliance: Appliance
let browser: Browser
let people: BrowserContext[] = []

async function opens(more: Partial<Person> = {}): Promise<Page> {
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700, ...more })
  people.push(context)
  page.on('pageerror', (error) => { throw error })
  return page
}

const phone = { phone: true, viewport: { width: 390, height: 844 } } as const

async function picture(page: Page, info: TestInfo, name: string, fullPage = true) {
  const path = info.outputPath(`${name}.png`)
  await page.screenshot({ fullPage, path })
  await info.attach(name, { path, contentType: 'image/png' })
}

/** Nothing that is serious, or worse, and nothing wider than the window. */
async function isUsable(page: Page, screen: string) {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  const said = serious.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' | ')}`)
  expect(said, screen).toEqual([])
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  expect(beyond, `${screen} fits the width`).toBeLessThanOrEqual(0)
}

const claimCode = () => execFileSync(program, ['claim-code', '--state', appliance.state]).toString().trim()

async function signsIn(page: Page, token: string, part = '') {
  await page.goto(`${appliance.url}/admin${part}`)
  await expect(page.getByTestId('unclaimed').or(page.getByTestId('sign-in'))).toBeVisible()
  if (await page.getByTestId('has-token').isVisible()) await page.getByTestId('has-token').click()
  await page.getByTestId('token').fill(token)
  await page.getByTestId('enter').click()
  await expect(page.getByTestId('admin')).toBeVisible()
}

const value = async (key: string) => {
  const keys = (await appliance.api('GET', 'config/keys')).json() as { key: string, value: unknown }[]
  return keys.find((one) => one.key === key)?.value
}

test.beforeAll(async () => { browser = await launch() })
test.afterAll(async () => { await browser.close() })
test.beforeEach(async () => { appliance = await startAppliance('workers = 1\n[room]\nname = "Aspen"\n') })
test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  await stopCleanly(appliance, info)
})

test('whoever reads the code becomes the owner, signs in, and stays signed in', async ({}, info) => {
  const page = await opens()
  await page.goto(`${appliance.url}/admin`)
  await expect(page.getByTestId('unclaimed')).toBeVisible()
  await isUsable(page, 'the claim')
  const path = info.outputPath('screen.png')
  writeFileSync(path, (await appliance.api('GET', 'display/snapshot.png')).body)
  await info.attach('screen', { path, contentType: 'image/png' })
  const code = claimCode()
  await page.getByTestId('claim-name').fill('Ann')
  await page.getByTestId('claim-code').fill(code === '0000 0000' ? '1111 1111' : '0000 0000')
  await page.getByTestId('claim').click()
  await expect(page.getByTestId('refusal')).toHaveAttribute('data-code', 'wrong-password')
  await picture(page, info, 'claim')
  await page.getByTestId('claim-code').fill(code)
  await page.getByTestId('claim').click()
  const token = await page.getByTestId('owner-token').innerText()
  expect(token).toMatch(/^alcove_1_/)
  await isUsable(page, 'the token of the owner')
  await picture(page, info, 'owner')
  await page.getByTestId('enter').click()
  await expect(page.getByTestId('who')).toContainText('Ann')
  await page.reload()
  await expect(page.getByTestId('who'), 'the cookie stays').toContainText('Ann')
  const held = await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }))
  expect(held, 'no script can read what lets in').not.toMatch(/alcove_1_|__Host-alcove/)
  await page.getByTestId('sign-out').click()
  await expect(page.getByTestId('sign-in')).toBeVisible()
  await isUsable(page, 'the sign-in')
  await picture(page, info, 'sign-in')
  await page.getByTestId('token').fill('alcove_1_wrong')
  await page.getByTestId('enter').click()
  await expect(page.getByTestId('refusal')).toHaveAttribute('data-code', 'not-permitted')
  await page.getByTestId('token').fill(token)
  await page.getByTestId('enter').click()
  await expect(page.getByTestId('who')).toContainText('Ann')
})

test('what is wrong is seen first, and goes away when it is mended', async ({}, info) => {
  const page = await opens()
  await signsIn(page, appliance.adminToken)
  await expect(page.getByTestId('condition-CameraReady')).toHaveAttribute('data-status', 'True')
  await expect(page.getByTestId('screen').locator('img')).toBeVisible()
  await isUsable(page, 'health')
  await picture(page, info, 'health')
  if (kept !== undefined) {
    mkdirSync(kept, { recursive: true })
    await page.setViewportSize({ width: 1280, height: 860 })
    await page.screenshot({ path: join(kept, 'admin.png') })
  }
  // A change that the appliance cannot start with is taken back, and said to be.
  const taken = new URL(appliance.url).port
  const answer = await page.request.fetch(`${appliance.url}/api/v1/config?apply=now`, {
    method: 'PATCH', data: { http: { http_port: Number(taken) } }, ignoreHTTPSErrors: true,
    headers: { authorization: `Bearer ${appliance.adminToken}`, 'if-match': '*' },
  })
  expect(answer.status()).toBe(200)
  const wrong = page.getByTestId('condition-ConfigApplied')
  await expect(wrong).toHaveAttribute('data-reason', 'TakenBack', { timeout: 40_000 })
  await expect(wrong).toContainText(`port ${taken}`)
  await expect(page.getByTestId('sum')).toHaveAttribute('data-bad', '1')
  await isUsable(page, 'something is wrong')
  await picture(page, info, 'wrong')
})

test('a change is tried out, applied, overtaken, and taken back', async ({}, info) => {
  const page = await opens()
  await signsIn(page, appliance.adminToken, '#settings')
  await page.getByTestId('seek').fill('participants')
  await expect(page.getByTestId('key-room.name')).toBeHidden()
  await page.getByTestId('seek').fill('')
  await page.getByTestId('set-meetings.max_participants').fill('7')
  await page.getByTestId('set-room.show_chat').check()
  await expect(page.getByTestId('drafts')).toContainText('2 changes')
  await isUsable(page, 'the settings')
  await picture(page, info, 'settings')
  await page.getByTestId('review').click()
  const difference = page.getByTestId('difference-meetings.max_participants')
  await expect(difference).toContainText('50')
  await expect(difference).toContainText('7')
  expect(await value('meetings.max_participants'), 'nothing has happened yet').toBe(50)
  await isUsable(page, 'what would change')
  await page.getByTestId('on-trial').check()
  await picture(page, info, 'review', false)
  await page.getByTestId('apply').click()
  await expect(page.getByTestId('drafts')).toBeHidden()
  await page.getByTestId('keep').click()
  await expect(page.getByTestId('unconfirmed')).toBeHidden()
  await expect.poll(() => value('meetings.max_participants')).toBe(7)
  await expect(page.getByTestId('key-meetings.max_participants')).toContainText('set here')

  // Somebody else changes the same key while this one is being changed.
  await page.getByTestId('set-meetings.max_participants').fill('9')
  await page.getByTestId('review').click()
  await expect(page.getByTestId('difference-meetings.max_participants')).toContainText('9')
  const other = (body: object) => page.request.fetch(`${appliance.url}/api/v1/config`, {
    method: 'PATCH', data: body, ignoreHTTPSErrors: true, headers: { authorization: `Bearer ${appliance.adminToken}`, 'if-match': '*' },
  })
  expect((await other({ meetings: { max_participants: 8 }, calls: { ring_volume: 5 } })).status()).toBe(200)
  await page.getByTestId('apply').click()
  await expect(page.getByTestId('was-stale')).toBeVisible()
  await expect(page.getByTestId('difference-meetings.max_participants')).toContainText('8')
  expect(await value('meetings.max_participants')).toBe(8)
  await picture(page, info, 'stale', false)
  await page.getByTestId('apply').click()
  await expect.poll(() => value('meetings.max_participants')).toBe(9)
  expect(await value('calls.ring_volume'), 'what they changed elsewhere stays').toBe(5)

  await page.getByTestId('reset-meetings.max_participants').click()
  await page.getByTestId('review').click()
  await page.getByTestId('apply').click()
  await expect.poll(() => value('meetings.max_participants')).toBe(50)
  await page.getByTestId('revisions').locator('summary').click()
  await page.getByTestId('back-1').click()
  await page.getByTestId('yes').click()
  await expect.poll(() => value('meetings.max_participants')).toBe(7)
  await expect(page.getByTestId('revisions')).toContainText('back to revision 1')
  await isUsable(page, 'earlier settings')
  await picture(page, info, 'revisions')
})

test('a camera is given up and chosen again while people are in a meeting, who stay in it and see it', async ({}, info) => {
  const guest = await opens()
  await joinMeeting(guest, appliance.joinUrl, 'Ann')
  const room = await idOf(guest, 'Aspen')
  await seen(guest, room)
  const page = await opens()
  const choose = async (camera: string) => {
    await page.getByTestId('set-room.camera').selectOption(camera)
    await page.getByTestId('review').click()
    await expect(page.getByTestId('difference-room.camera')).toContainText('with the device')
    await page.getByTestId('apply-now').check()
    await isUsable(page, 'another camera')
    await picture(page, info, `camera-${camera}`, false)
    await page.getByTestId('apply').click()
    await expect(page.getByTestId('drafts')).toBeHidden()
  }
  await signsIn(page, appliance.adminToken, '#settings')
  await choose('none')
  await expect.poll(() => look(guest, room), { message: 'the room is seen no longer' }).toBeNull()
  await expect(guest.getByTestId(`tile-camera-${room}`)).toContainText('Aspen')
  await picture(guest, info, 'without-camera', false)
  await choose('simulated')
  await seen(guest, room)
  expect(appliance.log().match(/serving pages/g), 'it has not started anew').toHaveLength(1)
})

test('a change that can cut one off is kept by whoever still gets through', async ({}, info) => {
  const page = await opens()
  await signsIn(page, appliance.adminToken, '#settings')
  await page.getByTestId('set-tls.names').fill('den.example\n')
  await page.getByTestId('review').click()
  await page.getByTestId('apply-now').check()
  await picture(page, info, 'guarded', false)
  await page.getByTestId('apply').click()
  await expect(page.getByTestId('unconfirmed')).toBeVisible({ timeout: 40_000 })
  await expect(page.getByTestId('countdown')).toContainText(' s left')
  await isUsable(page, 'a change waits for a word')
  await picture(page, info, 'unconfirmed', false)
  await page.getByTestId('keep').click()
  await expect(page.getByTestId('unconfirmed')).toBeHidden()
  expect((await appliance.api('GET', 'config')).json().confirm_within_s).toBeUndefined()
  expect(await value('tls.names')).toEqual(['den.example'])
})

test('the page moves to another port, where one is still signed in and keeps the change', async () => {
  const probe = createServer().listen(0)
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  const page = await opens()
  await signsIn(page, appliance.adminToken, '#settings')
  await page.getByTestId('set-http.https_port').fill(String(port))
  await page.getByTestId('review').click()
  await page.getByTestId('apply-now').check()
  const address = await page.getByTestId('moves').getByRole('link').getAttribute('href')
  expect(address).toBe(`https://localhost:${port}/admin#settings`)
  await page.getByTestId('apply').click()
  const moved = await people[0]!.newPage()
  await expect(async () => { await moved.goto(address!) }).toPass()
  await expect(moved.getByTestId('who')).toContainText('administrator')
  await moved.getByTestId('keep').click()
  await expect(moved.getByTestId('unconfirmed')).toBeHidden()
  await expect(moved.getByTestId('set-http.https_port')).toHaveValue(String(port))
})

test('a token is made, lets its bearer do what its role may, and is revoked', async ({}, info) => {
  const page = await opens()
  await signsIn(page, appliance.adminToken, '#tokens')
  await page.getByTestId('token-name').fill('Vic')
  await page.getByTestId('token-role').selectOption('viewer')
  await page.getByTestId('token-lifetime').selectOption({ label: 'A day' })
  await page.getByTestId('token-make').click()
  const token = await page.getByTestId('token-text').innerText()
  await isUsable(page, 'a token is told')
  await picture(page, info, 'token', false)
  await page.keyboard.press('Escape')
  await expect(page.getByTestId('token-Vic')).toContainText('Viewer')

  const viewer = await opens()
  await signsIn(viewer, token, '#settings')
  await expect(viewer.getByTestId('who')).toContainText('Viewer')
  await expect(viewer.getByTestId('key-room.name')).toBeVisible()
  await expect(viewer.getByTestId('set-room.name'), 'what it may not do is not offered').toHaveCount(0)
  for (const part of ['tokens', 'audit', 'logs']) await expect(viewer.getByTestId(`part-${part}`)).toHaveCount(0)
  await viewer.getByTestId('part-health').click()
  await expect(viewer.getByTestId('things')).toBeVisible()
  await expect(viewer.getByTestId('screen')).toHaveCount(0)
  await viewer.getByTestId('part-meetings').click()
  await expect(viewer.getByTestId('meeting-aspen')).toBeVisible()
  await expect(viewer.getByTestId('end-aspen')).toHaveCount(0)

  await isUsable(page, 'tokens')
  await picture(page, info, 'tokens')
  await page.getByTestId('revoke-Vic').click()
  await page.getByTestId('yes').click()
  await expect(page.getByTestId('token-Vic')).toBeHidden()
  await expect(viewer.getByTestId('sign-in'), 'who was signed in with it is out').toBeVisible()
  await page.getByTestId('part-audit').click()
  await expect(page.getByTestId('audit')).toContainText('DELETE /api/v1/tokens/1')
  await page.getByTestId('audit-seek').fill('vic')
  await expect(page.getByTestId('audit')).toContainText('POST /api/v1/sign-in')
  await expect(page.getByTestId('audit')).not.toContainText('DELETE')
  await isUsable(page, 'the audit')
  await picture(page, info, 'audit')
})

test('meetings, devices and updates are looked at, and a meeting is ended', async ({}, info) => {
  await appliance.api('POST', 'meetings', { name: 'den' })
  await appliance.api('POST', 'commands/join', { meeting: 'den' })
  const page = await opens()
  await signsIn(page, appliance.adminToken, '#devices')
  await expect(page.getByTestId('device-camera')).toContainText('simulated')
  await expect(page.getByTestId('meter')).toBeVisible()
  await isUsable(page, 'devices')
  await picture(page, info, 'devices')
  await page.getByTestId('part-meetings').click()
  await expect(page.getByTestId('meeting-den')).toContainText('1 of 50')
  await page.getByTestId('meeting-den').getByRole('button', { name: 'Who is in it' }).click()
  await expect(page.getByTestId('participants')).toContainText('Aspen')
  await isUsable(page, 'meetings')
  await picture(page, info, 'meetings')
  await appliance.api('POST', 'meetings', { name: 'attic' })
  await expect(page.getByTestId('meeting-attic'), 'the appliance tells of it').toBeVisible({ timeout: 5_000 })
  await page.getByTestId('end-den').click()
  await page.getByTestId('yes').click()
  await expect(page.getByTestId('meeting-den')).toBeHidden()
  await page.getByTestId('part-updates').click()
  await expect(page.getByTestId('package')).toBeVisible()
  await isUsable(page, 'updates')
  await picture(page, info, 'updates')
})

test('the room is tried out, and the log and the diagnostics are read', async ({}, info) => {
  const page = await opens()
  await signsIn(page, appliance.adminToken, '#devices')
  await page.getByTestId('test').click()
  const trial = page.getByTestId('trial-state')
  // A machine without a network fails the whole of it, and has these all the same.
  await expect(trial).toHaveAttribute('data-state', /succeeded|failed/, { timeout: 60_000 })
  for (const what of ['Camera', 'Pictures of the camera', 'Sound and pictures sent', 'Pictures on the screen']) {
    await expect(trial.getByRole('listitem').filter({ hasText: what }).first()).toHaveAttribute('data-works', 'true')
  }
  await isUsable(page, 'the trial')
  await picture(page, info, 'trial')
  await page.getByTestId('identify').click()
  await expect(page.getByTestId('refusal')).toHaveCount(0)
  await page.getByTestId('part-logs').click()
  await expect(page.getByTestId('logs')).toContainText('serving pages and the API')
  await appliance.api('POST', 'meetings', { name: 'a-new-one' })
  await expect(page.getByTestId('logs')).toContainText('meeting opened meeting=a-new-one')
  await isUsable(page, 'the log')
  await picture(page, info, 'logs', false)
  await page.getByTestId('logs-seek').fill('a-new-one')
  await expect(page.getByTestId('logs')).not.toContainText('serving pages')
  await page.getByTestId('logs-level').selectOption('error')
  await expect(page.getByTestId('logs')).toContainText('Nothing was logged that fits.')
  const file = page.waitForEvent('download')
  await page.getByTestId('diagnostics').click()
  expect((await file).suggestedFilename()).toMatch(/^alcove-diagnostics-\d+\.tar\.gz$/)
})

test('all of it fits a phone, and the dark, and another language', async ({}, info) => {
  test.slow()
  await appliance.api('POST', 'tokens', { name: 'fleet console', role: 'admin' })
  const page = await opens({ ...phone, colorScheme: 'dark' })
  await signsIn(page, appliance.adminToken)
  for (const part of ['health', 'meetings', 'devices', 'settings', 'updates', 'tokens', 'audit', 'logs']) {
    await page.getByTestId(`part-${part}`).click()
    await expect(page.locator('.spinner')).toHaveCount(0)
    await isUsable(page, `${part} on a phone, in the dark`)
    await picture(page, info, `phone-${part}`, part !== 'settings')
  }
  const chinese = await opens({ locale: 'zh-CN' })
  await signsIn(chinese, appliance.adminToken)
  await expect(chinese.getByTestId('sum')).toContainText('一切正常')
  await picture(chinese, info, 'zh')
})
