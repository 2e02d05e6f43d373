// What people notice of a bad network: the longest silence, frozen pictures, and how soon a change is followed. Two real
// browsers; the second one's media goes through a link that loses, delays and carries only so much. Words do not.
import { test, expect, type Browser, type Page } from '@playwright/test'
import { startAppliance, type Appliance } from '../support/appliance.ts'
import { launch, person } from '../support/browser.ts'
import { detour, mediaAddress } from '../support/cable.ts'
import { Link, type Weather } from '../support/link.ts'
import { idOf, join, seen } from '../support/meeting.ts'
import { publish } from './figures.ts'

/** How long each weather is looked at, in ms. */
const window_ms = Number(process.env.NETWORK_WINDOW_S ?? 30) * 1_000
/** How long a weather may take to show, in ms. */
const settle_ms = 8_000
const seed = Number(process.env.NETWORK_SEED ?? 7)
/** A page of this size has a stage of about 500 rows, and asks for the whole of what is sent. */
const viewport = { width: 900, height: 640 }

const weathers: readonly (readonly [string, Weather])[] = [
  ['clean', {}],
  ['2 % lost', { loss: 0.02 }],
  ['10 % lost', { loss: 0.1 }],
  ['30 % lost', { loss: 0.3 }],
  ['5 % lost, 8 in a row', { loss: 0.05, burst: 8 }],
  ['jitter 60 ms', { jitter: 60 }],
  ['200 ms each way', { delay: 200 }],
  ['300 kbit/s', { kbits: 300 }],
]

/** What is quieter than this counts as silence: a tenth of the tone that is sent, at most 1. */
const audible = 0.03

/** What one end has noticed of the other's sound and picture. */
interface Noticed {
  readonly longest_silence_ms: number
  /** Of the sound, the share that the browser made up for what was lost. */
  readonly concealed: number
  readonly frozen_s_per_minute: number
  readonly freezes: number
  readonly frames_per_s: number
  readonly height: number
}

let appliance: Appliance
let browser: Browser
const found: Record<string, object> = {}
const lines: [string, string][] = []

test.beforeAll(async () => {
  // One worker has one media port, which is what the link is plugged into.
  appliance = await startAppliance('workers = 1\n')
  browser = await launch()
})
test.afterAll(async () => {
  await browser.close()
  await appliance.stop()
  publish('network', { seed, window_s: window_ms / 1_000, weathers: found }, [[`network, seed ${seed}`, ''], ...lines])
})

/** Runs in the page: the longest stretch without sound of each audio that it receives, to a block of 128 samples. */
async function listen(page: Page): Promise<void> {
  await page.evaluate(async (audible) => {
    const code = `registerProcessor('silence', class extends AudioWorkletProcessor {
      quiet = 0; longest = 0
      constructor() { super(); this.port.onmessage = () => { this.port.postMessage(this.longest / sampleRate * 1000); this.longest = 0; this.quiet = 0 } }
      process([input]) {
        const block = input[0]
        const loud = block !== undefined && block.some((sample) => Math.abs(sample) > ${audible})
        this.quiet = loud ? 0 : this.quiet + 128
        this.longest = Math.max(this.longest, this.quiet)
        return true
      }
    })`
    const audio = new AudioContext()
    await audio.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })))
    await audio.resume()
    const slot = window.alcove.slots().find((one: any) => one.kind === 'audio')
    const worklet = new AudioWorkletNode(audio, 'silence')
    audio.createMediaStreamSource(window.alcove.stream(slot.mid)).connect(worklet).connect(audio.destination)
    Object.assign(window, {
      longestSilence: () => new Promise((done) => {
        worklet.port.onmessage = ({ data }) => done(data)
        worklet.port.postMessage(null)
      }),
    })
  }, audible)
}

const silence = (page: Page): Promise<number> => page.evaluate(() => (window as any).longestSilence())

/** The counters of the one picture and of the sounds that are received. */
function counters(page: Page) {
  return page.evaluate(async () => {
    const received = (await window.alcove.stats()).filter((one: any) => one.type === 'inbound-rtp')
    const all = received.filter((one: any) => one.kind === 'video')
    const sum = (key: string) => received.reduce((all: number, one: any) => all + (one[key] ?? 0), 0)
    const { totalFreezesDuration = 0, freezeCount = 0, framesDecoded = 0, frameHeight = 0, pauseCount = 0 } =
      all.reduce((best: any, one: any) => ((one.framesDecoded ?? 0) > (best.framesDecoded ?? 0) ? one : best), {})
    const samples = { concealed: sum('concealedSamples') - sum('silentConcealedSamples'), all: sum('totalSamplesReceived') }
    return { ...samples, frozen: totalFreezesDuration, freezes: freezeCount + pauseCount, frames: framesDecoded, height: frameHeight }
  })
}

async function notice(page: Page, during: () => Promise<void>): Promise<Noticed> {
  const before = await counters(page)
  await silence(page)
  const began = performance.now()
  await during()
  const [after, longest] = [await counters(page), await silence(page)]
  const seconds = (performance.now() - began) / 1_000
  return {
    longest_silence_ms: Math.round(longest),
    concealed: round((after.concealed - before.concealed) / (after.all - before.all)),
    frozen_s_per_minute: round((after.frozen - before.frozen) * 60 / seconds),
    freezes: after.freezes - before.freezes,
    frames_per_s: round((after.frames - before.frames) / seconds),
    height: after.height,
  }
}

const round = (value: number) => Math.round(value * 100) / 100
const pass = (ms: number) => new Promise<void>((done) => { setTimeout(done, ms) })

/** Ann has a good network and a restless picture, Bob is behind the link; the room is not there. */
async function meet(name: string) {
  const created = await appliance.api('POST', 'meetings', { name, mode: 'video' })
  expect(created.status).toBe(201)
  const joinUrl: string = created.json().join_url
  const link = await Link.lay(await mediaAddress(appliance), seed)
  const ann = await person(browser, { colour: 'rgb(220 40 40)', tone: 700, viewport, picture: 'restless', bypassCSP: true })
  const bob = await person(browser, { colour: 'rgb(40 40 220)', tone: 900, viewport, picture: 'small', bypassCSP: true })
  await bob.context.addInitScript(detour, link.port)
  await join(ann.page, joinUrl, 'Ann')
  await join(bob.page, joinUrl, 'Bob')
  const ids = { ann: await idOf(bob.page, 'Ann'), bob: await idOf(ann.page, 'Bob') }
  await seen(ann.page, ids.bob)
  await seen(bob.page, ids.ann)
  for (const page of [ann.page, bob.page]) {
    await expect.poll(() => page.evaluate(() => window.alcove.slots().some((one: any) => one.kind === 'audio'))).toBe(true)
    await listen(page)
  }
  const bobsMedia = async () => {
    const { participants } = (await appliance.api('GET', `meetings/${name}/statistics`)).json()
    return participants.find((one: any) => one.name === 'Bob').media
  }
  const close = async () => {
    await ann.context.close()
    await bob.context.close()
    link.close()
    await appliance.api('DELETE', `meetings/${name}`)
  }
  return { ann: ann.page, bob: bob.page, link, bobsMedia, close }
}

/** A meter that never hears silence would prove nothing: it hears that of a second without anything. */
async function hearsSilence(page: Page, link: Link): Promise<void> {
  await silence(page)
  link.weather = { loss: 1 }
  await pass(1_000)
  link.weather = {}
  await pass(1_000)
  expect(await silence(page)).toBeGreaterThan(300)
}

weathers.forEach(([what, weather], at) => {
  test(`network: ${what}`, async () => {
    const { ann, bob, link, bobsMedia, close } = await meet(`weather-${at}`)
    link.weather = weather
    await pass(settle_ms)
    await link.take()
    let down: Noticed | undefined
    const up = await notice(ann, async () => { down = await notice(bob, () => pass(window_ms)) })
    const passed = await link.take()
    const { up: { grade: gradeUp }, down: { grade: gradeDown }, estimate_bps } = await bobsMedia()
    if (what === 'clean') await hearsSilence(bob, link)
    found[what] = {
      weather, to_the_page: down, from_the_page: up, grades: { up: gradeUp, down: gradeDown }, estimate_bps,
      link: passed,
    }
    const told = (one: Noticed) => `silent ${one.longest_silence_ms} ms, frozen ${one.frozen_s_per_minute} s/min, ${one.frames_per_s}/s at ${one.height}`
    lines.push([`${what}: to the page`, told(down!)], ['  from the page', told(up)], ['  grades told', `up ${gradeUp}, down ${gradeDown}`])
    await close()
  })
})

test('network: 4 Mbit/s, 500 kbit/s, 4 Mbit/s', async () => {
  const { bob, link, bobsMedia, close } = await meet('drop')
  const wide = { kbits: 4_000, delay: 10 }
  link.weather = wide
  const shown = async () => (await bobsMedia()).slots.find((slot: any) => slot.video && slot.shown)?.shown.height ?? 0
  await expect.poll(shown, { message: 'the full picture is shown before the drop', timeout: 90_000 }).toBe(540)
  const before = { height: await shown(), kbits: await rate(5_000) }
  expect(before.kbits, 'the machine makes more than what is left by the drop').toBeGreaterThan(1_000)
  let followed: number | null = null, back: number | null = null, shownAgain: number | null = null
  const noticed = await notice(bob, async () => {
    link.weather = { ...wide, kbits: 500 }
    followed = await until(30_000, (kbits, dropped) => kbits <= 525 && dropped === 0)
    await pass(15_000 - Math.min(followed ?? 15_000, 15_000))
    link.weather = wide
    const restored = performance.now()
    back = await until(60_000, async (kbits) => {
      const isWhole = await shown() >= before.height
      if (isWhole) shownAgain ??= performance.now() - restored
      return isWhole && kbits >= before.kbits * 0.8
    })
  })
  found['4 Mbit/s to 500 kbit/s and back'] = {
    before, followed_ms: followed, full_picture_again_ms: shownAgain, back_ms: back, to_the_page: noticed, link: await link.take(),
  }
  const seconds = (ms: number | null) => ms === null ? 'not in time' : `${(ms / 1_000).toFixed(1)} s`
  lines.push(['4 Mbit/s to 500 kbit/s: followed within', seconds(followed)], ['  the full picture again within', seconds(shownAgain)], ['  and the rate back within', seconds(back)])
  await close()

  /** What is sent to the page, in kbit/s. */
  async function rate(ms: number): Promise<number> {
    await link.take()
    await pass(ms)
    return (await link.take()).down.offeredBytes * 8 / ms
  }

  /** How long it takes until a second begins of which this holds, in ms; null if it takes longer than `most`. */
  async function until(most: number, holds: (kbits: number, dropped: number) => boolean | Promise<boolean>): Promise<number | null> {
    const began = performance.now()
    const slices: { at: number, bytes: number, dropped: number }[] = []
    await link.take()
    while (performance.now() - began < most) {
      await pass(100)
      const { offeredBytes, dropped } = (await link.take()).down
      slices.push({ at: performance.now(), bytes: offeredBytes, dropped })
      const second = slices.slice(-10)
      if (second.length < 10) continue
      const took = (second[9]!.at - second[0]!.at + 100) / 8
      const sum = (of: (one: typeof second[0]) => number) => second.reduce((all, one) => all + of(one), 0)
      if (await holds(sum((one) => one.bytes) / took, sum((one) => one.dropped))) return Math.max(0, second[0]!.at - 100 - began)
    }
    return null
  }
})
