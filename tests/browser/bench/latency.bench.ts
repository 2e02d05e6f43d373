// How old a picture is when the page shows it: by the time code in it, on the machine's one clock, and as the page tells it.
import { test, expect, type Browser, type Page } from '@playwright/test'
import { startAppliance, type Appliance } from '../support/appliance.ts'
import { launch, person } from '../support/browser.ts'
import { idOf, join, look, seen } from '../support/meeting.ts'
import type { Told } from '../support/meeting.ts'
import { ms, publishOneOf, summary } from './figures.ts'

/** What `latency.json` has. */
const measurements = ['room_to_page', 'browser_to_browser'] as const
/** What the names of told parts mean. */
const parts = 'told_parts_ms has, where it is told: capture and encode at the sender, up and down the network to and from the '
  + 'appliance, buffer the jitter buffer, decode, and screen until it is shown; source is capture, encode and up together'

/** How long frames are looked at, in ms. */
const window_ms = 10_000
/** A page of this size has a stage of less than 360 rows, and asks for 640x360 when it shows one person. */
const viewport = { width: 700, height: 484 }

/** What was seen of one frame; times in ms after the time code. */
interface Seen {
  /** The browser handed the frame to the screen: what the page tells as its age. */
  readonly presented: number
  readonly width: number
  readonly height: number
  /** The whole frame had arrived at the browser; null where the browser does not tell. */
  readonly received: number | null
  /** The page was called with the frame. */
  readonly shown: number
}

let appliance: Appliance
let browser: Browser
test.beforeAll(async () => {
  appliance = await startAppliance('[room]\nname = "Bench"\n')
  browser = await launch()
})
test.afterAll(async () => {
  await browser.close()
  await appliance.stop()
})

/** Waits until a participant is seen at the size that is measured, and the start is over. */
async function steady(page: Page, id: string): Promise<void> {
  await seen(page, id)
  await expect.poll(async () => (await look(page, id))?.width, { timeout: 30_000 }).toBe(640)
  await page.waitForTimeout(3_000)
}

/** Looks at each frame of a participant's camera. */
function watch(page: Page, id: string): Promise<Seen[]> {
  return page.evaluate(async ([id, time]) => {
    const video: HTMLVideoElement = window.alcove.video(id)
    const unix = performance.timeOrigin
    const age = (at: number, code: number) => {
      const past = (unix + at) % 2 ** 32 - code
      return past < -(2 ** 31) ? past + 2 ** 32 : past
    }
    const found: Seen[] = []
    const end = performance.now() + time
    await new Promise<void>((done) => {
      const look = (_: number, frame: VideoFrameCallbackMetadata) => {
        const now = performance.now()
        const { code, width, height } = window.probe.look(video) ?? { code: null, width: 0, height: 0 }
        if (code !== null) {
          const received = frame.receiveTime === undefined ? null : age(frame.receiveTime, code)
          found.push({ width, height, received, presented: age(frame.presentationTime, code), shown: age(now, code) })
        }
        if (now < end) video.requestVideoFrameCallback(look)
        else done()
      }
      video.requestVideoFrameCallback(look)
    })
    return found
  }, [id, window_ms] as const)
}

/** What the page tells of a participant's picture in the meantime, once a second. */
async function told(page: Page, id: string): Promise<Told[]> {
  return page.evaluate(async ([id, time]) => {
    const found: Told[] = []
    for (const end = performance.now() + time; performance.now() < end;) {
      await new Promise((done) => { setTimeout(done, 1_000) })
      found.push(...(window.alcove.pictures() ?? []).filter((one: any) => one.track.participant === id).map((one: any) => one.delay))
    }
    return found
  }, [id, window_ms] as const)
}

/** Opens what tells how the connection is, and looks at the picture from both sides. */
async function measure(page: Page, id: string) {
  await page.getByTestId('quality').click()
  await expect.poll(async () => (await told(page, id)).some((one) => one.totalMs !== null)).toBe(true)
  const [frames, delays] = await Promise.all([watch(page, id), told(page, id)])
  const known = delays.filter((one) => one.totalMs !== null)
  const parts: Record<string, number | null> = {}
  for (const name of new Set(known.flatMap((one) => one.parts.map(({ part }) => part)))) {
    const values = known.map((one) => one.parts.find(({ part }) => part === name)?.ms ?? 0)
    parts[name] = summary(values).median
  }
  const total = summary(known.map((one) => one.totalMs!))
  const truth = summary(frames.map((frame) => frame.presented))
  const error_ms = total.median === null || truth.median === null ? null : total.median - truth.median
  return { ...describe(frames), presented_ms: truth, told_ms: total, told_parts_ms: parts, told_less_true_ms: error_ms }
}

/** The told age and its parts, as lines of a table. */
function toldLines(measured: Awaited<ReturnType<typeof measure>>): [string, string][] {
  const parts = Object.entries(measured.told_parts_ms).map(([part, value]) => `${part} ${ms(value)}`).join(', ')
  return [
    ['  as the page tells it, and as it is', `${ms(measured.told_ms.median)}, ${ms(measured.presented_ms.median)}`],
    ['  its parts, as told', parts],
  ]
}

function describe(frames: readonly Seen[]) {
  const sizes = [...new Set(frames.map((frame) => `${frame.width}x${frame.height}`))]
  const received = frames.flatMap((frame) => frame.received ?? [])
  const inBrowser = frames.flatMap((frame) => frame.received === null ? [] : [frame.shown - frame.received])
  return {
    sizes,
    frames_per_s: frames.length * 1_000 / window_ms,
    shown_ms: summary(frames.map((frame) => frame.shown)),
    received_ms: summary(received),
    in_receiving_browser_ms: summary(inBrowser),
  }
}

test('from the room\'s camera to the page', async () => {
  const { context, page } = await person(browser, { colour: 'rgb(40 160 80)', tone: 500, viewport })
  await join(page, appliance.joinUrl, 'Watcher')
  const room = await idOf(page, 'Bench')
  await steady(page, room)
  const measured = await measure(page, room)
  await context.close()
  expect(measured.shown_ms.count).toBeGreaterThan(0)
  publishOneOf('latency', measurements, 'room_to_page', {
    parts,
    split: 'received_ms is true and ours: capture, scaling, encoding, forwarding and the loopback; the rest is the browser\'s',
    ...measured,
  }, [
    [`room's camera to page, ${measured.sizes} (goal 80 ms)`, `median ${ms(measured.shown_ms.median)}, p95 ${ms(measured.shown_ms.p95)}`],
    ['  of it until received by the browser (ours)', `median ${ms(measured.received_ms.median)}, p95 ${ms(measured.received_ms.p95)}`],
    ...toldLines(measured),
  ])
})

test('from browser to browser', async () => {
  // A meeting without the room.
  const created = await appliance.api('POST', 'meetings', { name: 'two', mode: 'video' })
  expect(created.status).toBe(201)
  const { join_url: joinUrl } = created.json()
  const from = await person(browser, { colour: 'rgb(220 40 40)', tone: 700, viewport })
  const to = await person(browser, { colour: 'rgb(40 40 220)', tone: 900, viewport })
  await join(from.page, joinUrl, 'From')
  await join(to.page, joinUrl, 'To')
  const id = await idOf(to.page, 'From')
  await steady(to.page, id)
  const measured = await measure(to.page, id)
  await from.context.close()
  await to.context.close()
  expect(measured.shown_ms.count).toBeGreaterThan(0)
  publishOneOf('latency', measurements, 'browser_to_browser', {
    parts,
    split: 'received_ms is the sending browser (canvas, capture, encoding, pacing) and the forwarder; sfu.json has '
      + 'the forwarder alone; the rest is the receiving browser\'s',
    ...measured,
  }, [
    [`browser to browser, ${measured.sizes} (goal 40 ms)`, `median ${ms(measured.shown_ms.median)}, p95 ${ms(measured.shown_ms.p95)}`],
    ['  of it until received (sender, forwarder)', `median ${ms(measured.received_ms.median)}, p95 ${ms(measured.received_ms.p95)}`],
    ...toldLines(measured),
  ])
})
