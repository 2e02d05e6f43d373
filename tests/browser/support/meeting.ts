// What tests do in a meeting: join, look at who is seen, listen to who is heard.
import { expect, type Page } from '@playwright/test'
import type { Look } from './browser.ts'

declare global {
  interface Window {
    alcove: any
    probe: {
      look(video: HTMLVideoElement): Look | null
      pitch(stream: MediaStream, ms: number): Promise<Pitch>
      speak(loud: boolean): void
    }
  }
}

export interface Pitch {
  readonly hz: number
  readonly db: number
}

/** The age of a picture as the page tells it. */
export interface Told {
  readonly totalMs: number | null
  readonly parts: readonly { part: string, ms: number }[]
  readonly missing: string | null
}

/** Opens the lobby, gives a name and presses Join. */
export async function join(page: Page, url: string, name: string): Promise<void> {
  await page.goto(url)
  await page.getByTestId('name').fill(name)
  await page.getByTestId('join').click()
  await expect(page.getByTestId('meeting')).toBeVisible()
}

/** The id of the participant of that name, once it is there. */
export async function idOf(page: Page, name: string): Promise<string> {
  const find = (wanted: string) =>
    window.alcove.state().participants.find((one: { name: string }) => one.name === wanted)?.id ?? null
  await expect.poll(() => page.evaluate(find, name), { message: `${name} is in the meeting` }).not.toBeNull()
  return page.evaluate(find, name)
}

/** What is seen of a participant now; null while nothing is. */
export function look(page: Page, id: string, source = 'camera'): Promise<Look | null> {
  return page.evaluate(([id, source]) => {
    const video = window.alcove.video(id, source)
    return video === null ? null : window.probe.look(video)
  }, [id, source] as const)
}

/** Waits until a participant is seen with a fresh time code, and returns that look. */
export async function seen(page: Page, id: string, source = 'camera'): Promise<Look> {
  let last: Look | null = null
  await expect.poll(async () => {
    last = await look(page, id, source)
    return last !== null && last.age !== null && Math.abs(last.age) < 2_000
  }, { message: `${source} of ${id} is seen with a fresh time code` }).toBe(true)
  return last!
}

/** Waits until a participant is seen in about that colour. */
export async function seenIn(page: Page, id: string, colour: readonly number[], source = 'camera'): Promise<void> {
  await expect.poll(async () => {
    const found = (await look(page, id, source))?.colour
    return found !== undefined && found.every((value, at) => Math.abs(value - colour[at]!) < 48)
  }, { message: `${source} of ${id} is seen in ${colour}` }).toBe(true)
}

/** The loudest pitch among the sounds that the page receives, within `forMs`. */
export function heard(page: Page, participant: string, forMs = 1_000): Promise<Pitch | null> {
  return page.evaluate(async ([id, forMs]) => {
    const slot = window.alcove.slots().find((one: any) => one.kind === 'audio' && one.participant === id)
    if (slot === undefined) return null
    const stream = window.alcove.stream(slot.mid)
    return stream === null ? null : window.probe.pitch(stream, forMs)
  }, [participant, forMs] as const)
}

/** Waits until a participant is heard at about that pitch. */
export async function heardAt(page: Page, participant: string, hz: number): Promise<void> {
  await expect.poll(async () => {
    const found = await heard(page, participant)
    return found !== null && found.db > -60 && Math.abs(found.hz - hz) < hz * 0.03
  }, { message: `${participant} is heard at ${hz} Hz`, timeout: 20_000 }).toBe(true)
}

/** Which part of a PNG's pixels, 0 to 1, has that colour: as near as an eye would take it for the same. */
export function partInColour(page: Page, png: Buffer, colour: readonly number[], within = 10): Promise<number> {
  return page.evaluate(async ([encoded, colour, within]) => {
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0))
    const picture = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
    const paint = new OffscreenCanvas(picture.width, picture.height).getContext('2d')!
    paint.drawImage(picture, 0, 0)
    const { data } = paint.getImageData(0, 0, picture.width, picture.height)
    let near = 0
    for (let at = 0; at < data.length; at += 4) {
      if (colour.every((value, channel) => Math.abs(data[at + channel]! - value) <= within)) near += 1
    }
    return near / (data.length / 4)
  }, [png.toString('base64'), colour, within] as const)
}

/** How much of a part of a picture (PNG, in parts of its sides) is brighter than half. */
export function brightIn(
  page: Page, png: Buffer, part: { left: number, top: number, right: number, bottom: number },
): Promise<number> {
  return page.evaluate(async ([encoded, { left, top, right, bottom }]) => {
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0))
    const picture = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
    const { width, height } = picture
    const paint = new OffscreenCanvas(width, height).getContext('2d')!
    paint.drawImage(picture, 0, 0)
    const cut = [left * width, top * height, (right - left) * width, (bottom - top) * height].map(Math.round)
    const { data } = paint.getImageData(cut[0]!, cut[1]!, cut[2]!, cut[3]!)
    let bright = 0
    for (let at = 0; at < data.length; at += 4) if (Math.max(data[at]!, data[at + 1]!, data[at + 2]!) > 127) bright += 1
    return bright / (data.length / 4)
  }, [png.toString('base64'), part] as const)
}

/** What a page receives of somebody's picture within two seconds. */
export const received = (page: Page, participant: string, source: string) => page.evaluate(async ([id, source]) => {
  const { mid } = window.alcove.slots().find((one: any) => one.participant === id && one.source === source) ?? {}
  const flow = async () => (await window.alcove.stats()).find((one: any) => one.type === 'inbound-rtp' && one.mid === mid)
  const before = await flow()
  await new Promise((done) => { setTimeout(done, 2_000) })
  const after = await flow()
  const codecs = (await window.alcove.stats()).filter((one: any) => one.type === 'codec')
  // The picture may have yet to come.
  if (!before || !after) return { codec: '', height: 0, frames: 0, kbits: 0 }
  const seconds = (after.timestamp - before.timestamp) / 1_000
  return {
    codec: codecs.find((one: any) => one.id === after.codecId)?.mimeType ?? '',
    height: after.frameHeight,
    frames: (after.framesDecoded - before.framesDecoded) / seconds,
    kbits: (after.bytesReceived - before.bytesReceived) / 125 / seconds,
  }
}, [participant, source] as const)
