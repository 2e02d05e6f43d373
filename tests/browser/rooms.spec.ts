// Appliances in networks of their own that ring each other, a browser beside each: real processes, real media between them.
import { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { startAppliance, stopCleanly, type Appliance } from './support/appliance.ts'
import { launch, person } from './support/browser.ts'
import { makeFleet, type Fleet } from './support/fleet.ts'
import { heardAt, look, seen, seenIn } from './support/meeting.ts'
import { acquaint, asked, makePair, type Side } from './support/pair.ts'

const red = [220, 40, 40] as const
const blue = [40, 40, 220] as const
/** The tone below the speech of a room's simulated microphone. */
const roomTone = 440

interface Place {
  readonly side: Side
  readonly box: Appliance
  readonly browser: Browser
}

let places: Place[] = []
let fleet: Fleet | undefined
let people: BrowserContext[] = []

async function open(side: Side, name: string, more = ''): Promise<Place> {
  const box = await startAppliance(`workers = 1\n[room]\nname = "${name}"\n${more}`, side.network.prefix)
  const place = { side, box, browser: await launch(side.network.wrap) }
  places.push(place)
  return place
}

/** Both, each in the directory of the other; the first one reaches the second. */
async function both(): Promise<{ aspen: Place, birch: Place, birchAtAspen: string, aspenAtBirch: string }> {
  const sides = makePair()
  test.skip(typeof sides === 'string', String(sides))
  const [near, far] = sides as readonly [Side, Side]
  const aspen = await open(near, 'Aspen')
  const birch = await open(far, 'Birch')
  const [aspenAtBirch, birchAtAspen] = await acquaint([near, aspen.box], [far, birch.box], ['Aspen', 'Birch'])
  return { aspen, birch, birchAtAspen, aspenAtBirch }
}

const ask = ({ side, box }: Place, method: string, path: string, body?: unknown) => asked(side, box, method, path, body)

test.afterEach(async ({}, info) => {
  for (const context of people) await context.close()
  people = []
  for (const { browser } of places) await browser.close()
  try {
    for (const { box } of places) await stopCleanly(box, info)
  } finally {
    for (const { side } of places) side.network.close()
    places = []
    await fleet?.close()
    fleet = undefined
  }
})

/** Somebody beside an appliance, signed in there. */
async function signIn(place: Place, name: string, colour: readonly number[], tone: number): Promise<Page> {
  const { token } = ask(place, 'POST', 'users', { name })
  const { context, page } = await person(place.browser, { colour: `rgb(${colour.join(' ')})`, tone })
  people.push(context)
  await page.goto(`${place.box.url}/#u=${token}`)
  await expect(page.getByTestId('calls-home')).toBeVisible()
  return page
}

/** Somebody beside an appliance, in a meeting there. */
async function goIn(place: Place, meeting: string, name: string, colour: readonly number[], tone: number): Promise<Page> {
  const { context, page } = await person(place.browser, { colour: `rgb(${colour.join(' ')})`, tone })
  people.push(context)
  const { token } = ask(place, 'POST', `meetings/${meeting}/tokens`, { role: 'speaker' })
  await page.goto(`${place.box.url}/m/${meeting}#t=${token}`)
  await page.getByTestId('name').fill(name)
  await page.getByTestId('join').click()
  await expect(page.getByTestId('meeting')).toBeVisible()
  return page
}

/** The meeting of the call that goes on at an appliance. */
async function meetingOf(place: Place): Promise<string> {
  const find = () => ask(place, 'GET', 'meetings').meetings.find((one: any) => one.name.startsWith('call-'))?.name ?? ''
  await expect.poll(find, { message: 'the call has a meeting' }).not.toBe('')
  return find()
}

const rung = (place: Place) => expect.poll(
  () => ask(place, 'GET', 'calls').calls[0]?.legs.map((leg: any) => leg.state) ?? [], { message: 'it rings' },
).toContain('ringing')

/** The id of somebody of the other appliance: the bridge has its room's name, too. */
async function idElsewhere(page: Page, name: string): Promise<string> {
  const find = (wanted: string) => window.alcove.state().participants.find(
    (one: { name: string, via?: string }) => one.name === wanted && one.via !== undefined,
  )?.id ?? null
  await expect.poll(() => page.evaluate(find, name), { message: `${name} is in the meeting` }).not.toBeNull()
  return page.evaluate(find, name)
}

/** By how much a tone stands out from what is just beside it, in dB, in what is heard of somebody. */
const toneOf = (page: Page, participant: string, hz: number) => page.evaluate(async ([id, hz]) => {
  const slot = window.alcove.slots().find((one: any) => one.kind === 'audio' && one.participant === id)
  const stream = slot === undefined ? null : window.alcove.stream(slot.mid)
  if (stream === null) return 0
  const audio = new AudioContext()
  await audio.resume()
  const analyser = audio.createAnalyser()
  analyser.fftSize = 32_768
  analyser.smoothingTimeConstant = 0
  audio.createMediaStreamSource(stream).connect(analyser)
  await new Promise((done) => { setTimeout(done, 1_000) })
  const loudness = new Float32Array(analyser.frequencyBinCount)
  analyser.getFloatFrequencyData(loudness)
  await audio.close()
  const at = (one: number) => loudness[Math.round(one * analyser.fftSize / audio.sampleRate)]!
  const beside = [-24, -20, -16, 16, 20, 24].map((off) => at(hz + off)).toSorted((a, b) => a - b)
  return at(hz) - beside[3]!
}, [participant, hz] as const)

/** A room is seen with a fresh time code, and heard by its tone. */
async function meetsRoom(page: Page, name: string): Promise<void> {
  const id = await idElsewhere(page, name)
  const found = await seen(page, id)
  await expect.poll(() => toneOf(page, id, roomTone), { message: `${name} is heard`, timeout: 20_000 }).toBeGreaterThan(10)
  const { age } = found
  const db = Math.round(await toneOf(page, id, roomTone))
  test.info().annotations.push({ type: `${name} elsewhere`, description: `picture ${age} ms old, tone ${db} dB above what is beside it` })
  console.log(`${name} elsewhere: picture ${found.width}x${found.height} ${age} ms old, tone ${db} dB above what is beside it`)
}

async function meetsPerson(page: Page, name: string, colour: readonly number[], tone: number): Promise<void> {
  const id = await idElsewhere(page, name)
  await seenIn(page, id, colour)
  const { age, width, height } = await seen(page, id)
  await heardAt(page, id, tone)
  console.log(`${name} elsewhere: picture ${width}x${height} ${age} ms old, heard at ${tone} Hz`)
}

/** Ann calls a room, which accepts; Ben goes in there, and all see and hear each other: Ben. */
async function calls(ann: Page, room: string, there: Place, name: string): Promise<Page> {
  await ann.getByTestId(`video-${room}`).click()
  await rung(there)
  ask(there, 'POST', 'commands/accept')
  await expect(ann.getByTestId('meeting')).toBeVisible()
  await meetsRoom(ann, name)
  const ben = await goIn(there, await meetingOf(there), 'Ben', blue, 1_100)
  await meetsPerson(ben, 'Ann', red, 700)
  await meetsPerson(ann, 'Ben', blue, 1_100)
  return ben
}

test('somebody rings the room of the other appliance, and everybody on both sides sees and hears everybody', async () => {
  test.setTimeout(180_000)
  const { aspen, birch, birchAtAspen } = await both()
  const ann = await signIn(aspen, 'Ann', red, 700)
  await expect(ann.getByTestId(`user-${birchAtAspen}`)).toHaveAttribute('data-presence', 'online')
  const ben = await calls(ann, birchAtAspen, birch, 'Birch')
  ask(aspen, 'POST', 'commands/join', { meeting: await meetingOf(aspen) })
  await meetsRoom(ben, 'Aspen')

  await test.step('who speaks, who is muted and how they are called is told over there', async () => {
    const annAtBen = await idElsewhere(ben, 'Ann')
    const heard = () => ben.evaluate(() => window.alcove.state().heard)
    await expect.poll(heard, { message: 'Ann is heard speaking', timeout: 20_000 }).toContain(annAtBen)
    await ann.getByTestId('microphone').click()
    const track = () => ben.evaluate(
      (id) => window.alcove.state().participants.find((one: any) => one.id === id).tracks.find((one: any) => one.source === 'microphone'),
      annAtBen,
    )
    await expect.poll(async () => (await track())?.muted).toBe(true)
    await ann.getByTestId('microphone').click()
    await expect.poll(async () => (await track())?.muted).toBe(false)
    await heardAt(ben, annAtBen, 700)
  })

  await test.step('a shared screen is seen over there, and its end', async () => {
    const benAtAnn = await idElsewhere(ann, 'Ben')
    await ben.keyboard.press('s')
    await seenIn(ann, benAtAnn, blue, 'screen')
    await ben.keyboard.press('s')
    await expect.poll(() => look(ann, benAtAnn, 'screen')).toBeNull()
  })

  await test.step('who leaves is gone over there, and the end of the call is the end of both', async () => {
    await ben.getByTestId('leave').click()
    const names = () => ann.evaluate(() => window.alcove.state().participants.map((one: any) => one.name))
    await expect.poll(names).not.toContain('Ben')
    ask(birch, 'POST', 'commands/hang-up')
    await expect.poll(() => ask(birch, 'GET', 'calls').calls.length).toBe(0)
    await expect(ann.getByTestId('outcome')).toHaveAttribute('data-end', 'finished')
    await expect.poll(() => ask(aspen, 'GET', 'calls').calls.length).toBe(0)
    for (const place of [aspen, birch]) {
      expect(ask(place, 'GET', 'meetings').meetings.map((one: any) => one.standing)).toEqual([true])
    }
  })
})

test('the other appliance rings over the way that this one has opened; declined, busy and cancelled are told', async () => {
  test.setTimeout(120_000)
  const { aspen, birch, birchAtAspen, aspenAtBirch } = await both()
  const ben = await signIn(birch, 'Ben', blue, 1_100)
  await expect(ben.getByTestId(`user-${aspenAtBirch}`)).toHaveAttribute('data-presence', 'online')
  await ben.getByTestId(`video-${aspenAtBirch}`).click()
  await rung(aspen)
  ask(aspen, 'POST', 'commands/decline')
  await expect(ben.getByTestId('outcome')).toHaveAttribute('data-end', 'declined')

  await ben.getByTestId(`video-${aspenAtBirch}`).click()
  await rung(aspen)
  await ben.getByTestId('cancel').click()
  await expect.poll(() => ask(aspen, 'GET', 'calls').calls.length, { message: 'it rings no more' }).toBe(0)

  ask(birch, 'PATCH', 'users/u1', { do_not_disturb: true })
  await expect.poll(() => ask(aspen, 'GET', `users/${birchAtAspen}`).presence).toBe('do_not_disturb')
  ask(birch, 'PATCH', 'users/u1', { do_not_disturb: false })

  await ben.getByTestId(`video-${aspenAtBirch}`).click()
  await rung(aspen)
  ask(aspen, 'POST', 'commands/accept')
  await expect(ben.getByTestId('meeting')).toBeVisible()
  await meetsRoom(ben, 'Aspen')
  const second = ask(aspen, 'POST', 'calls', { users: [birchAtAspen], media: 'video' })
  expect(second.code, 'one call at a time is between two appliances').toBe('busy')
  await ben.getByTestId('leave').click()
  await expect.poll(() => ask(aspen, 'GET', 'calls').calls.length).toBe(0)
})

test('an appliance that is gone is offline, a call to it ends at once, and it is reached again when it is back', async () => {
  test.setTimeout(240_000)
  const { aspen, birch, birchAtAspen } = await both()
  const nearby = () => ask(aspen, 'GET', 'appliances').appliances.map((one: any) => [one.name, one.address])
  const port = new URL(birch.box.url).port
  await expect.poll(nearby, { message: 'it announces itself', timeout: 30_000 }).toEqual([['Birch', `${birch.side.address}:${port}`]])
  const ann = await signIn(aspen, 'Ann', red, 700)
  birch.side.network.run('ip', 'link', 'set', 'cable', 'down')
  const presence = () => ask(aspen, 'GET', `users/${birchAtAspen}`).presence
  await expect.poll(presence, { message: 'nothing is heard of it', timeout: 90_000 }).toBe('offline')
  await ann.getByTestId(`video-${birchAtAspen}`).click()
  await expect(ann.getByTestId('outcome')).toHaveAttribute('data-end', 'no_answer')
  birch.side.network.run('ip', 'link', 'set', 'cable', 'up')
  await expect.poll(presence, { message: 'it is reached again', timeout: 90_000 }).toBe('online')
})

test('rooms of a fleet find each other over NATS, ring each other there, and see and hear each other', async () => {
  test.setTimeout(180_000)
  const made = await makeFleet(3)
  test.skip(typeof made === 'string', String(made))
  fleet = made as Fleet
  const on = `[fleet]\nnats = "${fleet.nats}"\nnats_calls = true\n`
  const [near, far, third] = fleet.sides as readonly [Side, Side, Side]
  const aspen = await open(near, 'Aspen', on)
  const birch = await open(far, 'Birch', on)
  const cedar = await open(third, 'Cedar', on)
  const known = (place: Place) => ask(place, 'GET', 'users').users
    .filter((user: any) => user.kind === 'appliance' && user.presence === 'online').map((user: any) => user.name).toSorted()
  for (const [place, others] of [[aspen, ['Birch', 'Cedar']], [birch, ['Aspen', 'Cedar']], [cedar, ['Aspen', 'Birch']]] as const) {
    await expect.poll(() => known(place), { message: 'the others are in the directory' }).toEqual(others)
  }
  const addresses = [aspen, birch, cedar].flatMap((place) => ask(place, 'GET', 'users').users).map((user: any) => user.address)
  expect(addresses.filter((address) => address !== undefined), 'one of two reaches the other, by its id alone')
    .toEqual([expect.stringMatching(/^nats:/), expect.stringMatching(/^nats:/), expect.stringMatching(/^nats:/)])

  const ann = await signIn(aspen, 'Ann', red, 700)
  const cedarAtAspen = ask(aspen, 'GET', 'users').users.find((user: any) => user.name === 'Cedar').id
  await calls(ann, cedarAtAspen, cedar, 'Cedar')
  ask(cedar, 'POST', 'commands/hang-up')
  await expect.poll(() => ask(aspen, 'GET', 'calls').calls.length).toBe(0)
})
