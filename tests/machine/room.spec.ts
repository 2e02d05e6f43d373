// A real machine: systemd, V4L2, ALSA and DRM of a kernel, and the package as it is shipped.
import { test, expect, type Browser, type Page } from '../browser/support/playwright.ts'
import { ask, type Answer } from '../browser/support/appliance.ts'
import { launch, person } from '../browser/support/browser.ts'
import { idOf, join } from '../browser/support/meeting.ts'
import { Guest } from './guest.ts'

/** The colours of vivid's bars at full strength, from left to right. */
const bars = [[255, 255, 255], [255, 255, 0], [0, 255, 255], [0, 255, 0], [255, 0, 255], [255, 0, 0], [0, 0, 255], [0, 0, 0]]

let guest: Guest
let browser: Browser

test.describe.configure({ mode: 'serial' })

test.beforeAll(async () => {
  test.setTimeout(900_000)
  guest = await Guest.make()
  const booted = await guest.boot()
  console.log(`  the guest takes orders after ${(booted / 1000).toFixed(1)} s`)
  // Where browsers on the host reach media of the guest.
  const config = `[room]\\nname = "Aspen"\\n[media]\\nport = ${guest.ports.media}\\nannounce = ["127.0.0.1"]\\n`
  await guest.run(`printf '${config}' > /etc/alcove/alcove.toml && systemctl restart alcove`)
  browser = await launch()
})

test.afterAll(async () => {
  await browser?.close()
  await guest?.discard()
})

/** Asks the guest's API as the administrator. */
async function api(method: string, path: string, body?: unknown): Promise<Answer> {
  const ca = Buffer.from(await guest.run('cat /var/lib/alcove/tls/ca.pem'))
  const token = (await guest.run('cat /var/lib/alcove/admin-token')).trim()
  return ask(`https://localhost:${guest.ports.https}/api/v1/${path}`, method, ca, token, body)
}

/** A link into the room's standing meeting that can be opened here. */
async function link(): Promise<string> {
  const made = await api('POST', 'meetings/aspen/tokens', { role: 'speaker' })
  expect(made.status).toBe(201)
  return `https://localhost:${guest.ports.https}/m/aspen#t=${made.json().token}`
}

/** The colours in the upper half of a participant's picture, from left to right. */
function stripes(page: Page, id: string, count: number): Promise<number[][] | null> {
  return page.evaluate(([id, count]) => {
    const video: HTMLVideoElement | null = window.alcove.video(id)
    if (video === null || video.videoWidth === 0) return null
    const { videoWidth: width, videoHeight: height } = video
    const paint = new OffscreenCanvas(width, height).getContext('2d')!
    paint.drawImage(video, 0, 0)
    return Array.from({ length: count }, (_, at) =>
      [...paint.getImageData(Math.floor((at + 0.5) * width / count), Math.floor(height * 0.4), 1, 1).data].slice(0, 3))
  }, [id, count] as const)
}

/** Waits until vivid's bars are seen, or are no longer. */
async function seesBars(page: Page, id: string, wanted: boolean): Promise<void> {
  await expect.poll(async () => {
    const seen = await stripes(page, id, bars.length)
    return seen?.every((colour, at) => colour.every((value, channel) => Math.abs(value - bars[at]![channel]!) < 24)) ?? false
  }, { message: `vivid's bars are ${wanted ? 'seen' : 'no longer seen'}` }).toBe(wanted)
}

/** How loud one pitch is in 16-bit samples, against all there is: 0 to 1 (Goertzel). */
function part(samples: Int16Array, hz: number, rate: number): number {
  const turn = 2 * Math.cos(2 * Math.PI * hz / rate)
  let [before, last, all] = [0, 0, 0]
  for (const sample of samples) {
    [before, last] = [last, sample + turn * last - before]
    all += sample * sample
  }
  const power = before * before + last * last - turn * before * last
  return all === 0 ? 0 : 2 * power / (samples.length * all)
}

test.afterEach(async ({}, info) => {
  if (info.status === info.expectedStatus) return
  console.log(await guest.run('journalctl -b -u alcove -o short-monotonic --no-pager | tail -n 60'))
  console.log(JSON.stringify((await api('GET', 'status')).json()))
})

test('the unit is ready, watched, and nothing has failed', async () => {
  await expect.poll(() => guest.run('systemctl is-system-running || true')).toBe('running\n')
  const shown = await guest.run('systemctl show alcove -p ActiveState,User,WatchdogUSec,StatusText,NRestarts')
  expect(shown).toContain('ActiveState=active')
  expect(shown).toContain('StatusText=')
  expect(await guest.run('systemctl --failed --plain --no-legend')).toBe('')
  console.log(`  ${(await guest.run('systemd-analyze')).split('\n')[0]}`)
})

test('the devices are those that the kernel has made', async () => {
  const told = await guest.run('setpriv --reuid=alcove --regid=alcove --init-groups alcove devices')
  console.log(told)
  for (const name of ['vivid', 'Loopback', 'Virtual-1']) expect(told).toContain(name)
})

test('the scene is on the display, drawn by the kernel without a desktop', async () => {
  const page = await browser.newPage()
  const dark = (png: Buffer) => page.evaluate(async (encoded) => {
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0))
    const picture = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
    const paint = new OffscreenCanvas(picture.width, picture.height).getContext('2d')!
    paint.drawImage(picture, 0, 0)
    return { width: picture.width, height: picture.height, pixels: [...paint.getImageData(0, 0, picture.width, picture.height).data] }
  }, png.toString('base64'))
  await expect.poll(async () => {
    const [screen, scene] = [await dark(await guest.screen()), await dark((await api('GET', 'display/snapshot.png')).body)]
    if (screen.width !== scene.width || screen.height !== scene.height) return 1
    const far = screen.pixels.filter((value, at) => Math.abs(value - scene.pixels[at]!) > 24).length
    return far / screen.pixels.length
  }, { message: 'the display shows what the snapshot shows' }).toBeLessThan(0.01)
  await page.close()
})

test('the camera reaches a browser, and the browser is heard in the room', async () => {
  await guest.run('v4l2-ctl -d /dev/video0 -c test_pattern=1 -c osd_text_mode=2')
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  await join(page, await link(), 'Ann')
  const room = await idOf(page, 'Aspen')
  await seesBars(page, room, true)

  await expect.poll(async () => {
    const recorded = await guest.run('arecord -q -D plughw:Loop,1,0 -f S16_LE -r 48000 -c 2 -d 2 -t raw | base64 -w0')
    const bytes = Buffer.from(recorded, 'base64')
    const both = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1)
    return part(both.filter((_, at) => at % 2 === 0), 700, 48_000)
  }, { message: '700 Hz come out of the loudspeaker' }).toBeGreaterThan(0.3)
  await context.close()

  const told = await guest.run('journalctl -b -u alcove MEETING=aspen -o cat --no-pager')
  expect(told, 'the journal can be asked for a meeting').toContain('participant joined')
  expect(await guest.run('journalctl -b --no-pager -o cat'), 'no secrets in the journal').not.toContain('admin token:')
})

test('a camera that is unplugged is replaced by a notice, and comes back while the meeting goes on', async () => {
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  await join(page, await link(), 'Bob')
  const room = await idOf(page, 'Aspen')
  await seesBars(page, room, true)

  await guest.run('echo vivid.0 > /sys/bus/platform/drivers/vivid/unbind')
  await seesBars(page, room, false)
  expect(await stripes(page, room, 1), 'something is seen in its place').not.toBeNull()
  expect((await api('GET', 'status')).body.toString()).toContain('vivid')

  await guest.run('echo vivid.0 > /sys/bus/platform/drivers/vivid/bind')
  await guest.run('v4l2-ctl -d /dev/video0 -c test_pattern=1 -c osd_text_mode=2')
  await seesBars(page, room, true)
  expect(await page.evaluate(() => window.alcove.state().participants.length), 'nobody has left').toBe(2)
  await context.close()
})

test('killed, it is started anew, and who was there comes back by itself', async () => {
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  await join(page, await link(), 'Eve')
  await seesBars(page, await idOf(page, 'Aspen'), true)

  const since = Number(await guest.run("systemctl kill -s KILL alcove && cut -d' ' -f1 /proc/uptime"))
  await expect.poll(() => guest.run('systemctl show alcove -p NRestarts')).toBe('NRestarts=1\n')
  await expect.poll(() => guest.run('systemctl is-active alcove || true')).toBe('active\n')
  const ready = Number(await guest.run('systemctl show alcove -p ActiveEnterTimestampMonotonic --value')) / 1e6
  console.log(`  ready ${(ready - since).toFixed(1)} s after it was killed`)

  await seesBars(page, await idOf(page, 'Aspen'), true)
  await context.close()
})
