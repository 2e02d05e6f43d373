// A real machine: systemd, V4L2, ALSA and DRM of a kernel, and the package as it is shipped.
import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
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
  await configure()
  browser = await launch()
})

test.afterAll(async () => {
  await browser?.close()
  await guest?.discard()
})

/** Writes the room's configuration, with some more lines for the room, and starts the daemon with it. */
async function configure(room = ''): Promise<void> {
  // Where browsers on the host reach media of the guest.
  const config = `[room]\nname = "Aspen"\n${room}\n[media]\nport = ${guest.ports.media}\nannounce = ["127.0.0.1"]\n`
  await guest.run(`cat > /etc/alcove/alcove.toml <<'END'\n${config}END\nsystemctl restart alcove`)
}

/** What an owner wants of all boxes. */
const wanted = 'for = "*"\nserial = 1\n[calls]\nring_volume = 33\n'

/** A fresh key, and the signature that minisign makes of a text with it. */
function minisign(text: string): { key: string, signature: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const number = randomBytes(8)
  const line = (algorithm: string, rest: Buffer) => Buffer.concat([Buffer.from(algorithm), number, rest]).toString('base64')
  const signed = sign(null, createHash('blake2b512').update(text).digest(), privateKey)
  const comment = 'timestamp:1'
  const whole = sign(null, Buffer.concat([signed, Buffer.from(comment)]), privateKey).toString('base64')
  const signature = `untrusted comment: a test\n${line('ED', signed)}\ntrusted comment: ${comment}\n${whole}\n`
  return { key: line('Ed', publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)), signature }
}

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

/** Has vivid show plain bars, on its webcam and on its HDMI input. */
const plainBars = 'for camera in 0 1; do v4l2-ctl -d /dev/video$camera -c test_pattern=1 -c osd_text_mode=2; done'

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

/** Waits until that pitch comes out of the room's loudspeaker, by the other end of the loop. */
async function hears(hz: number): Promise<void> {
  await expect.poll(async () => {
    const recorded = await guest.run('arecord -q -D plughw:Loop,1,0 -f S16_LE -r 48000 -c 2 -d 2 -t raw | base64 -w0')
    const bytes = Buffer.from(recorded, 'base64')
    const both = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1)
    return part(both.filter((_, at) => at % 2 === 0), hz, 48_000)
  }, { message: `${hz} Hz come out of the loudspeaker` }).toBeGreaterThan(0.3)
}

/** What the status says of one device of the room. */
async function device(kind: string): Promise<string> {
  const status = (await api('GET', 'status')).json()
  return status.room.devices.find((one: { class: string }) => one.class === kind)?.choice ?? ''
}

/** How long the kernel's word and the picture are apart, in ms. */
async function untilBars(page: Page, id: string): Promise<number> {
  const began = performance.now()
  await seesBars(page, id, true)
  return performance.now() - began
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
  const told = await guest.run('setpriv --reuid=alcove --regid=alcove --init-groups env GST_REGISTRY=/var/cache/alcove/gstreamer.bin alcove devices')
  console.log(told)
  for (const name of ['vivid', 'Loopback', 'Virtual-1']) expect(told).toContain(name)
})

/** Runs a program as the unit's sandbox lets its daemon use devices. */
function inUnit(order: string): Promise<string> {
  const enter = 'echo $$ > /sys/fs/cgroup/system.slice/alcove.service/cgroup.procs'
  return guest.run(`sh -c '${enter} && exec ${order}'`)
}

test('the unit may use the remote control of screens (CEC), and no disks', async () => {
  const told = await inUnit('setpriv --reuid=alcove --regid=alcove --init-groups cec-ctl -d /dev/cec1 --playback')
  expect(told).toMatch(/Logical Address +: 4/)
  await expect(inUnit('head -c 1 /dev/vda')).rejects.toThrow(/Operation not permitted/)
})

test('the scene is on the display, drawn by the kernel without a desktop', async () => {
  const page = await browser.newPage()
  /** The share of values that are far from each other. */
  const differ = (...pictures: readonly [Buffer, Buffer]) => page.evaluate(async (encoded) => {
    const [one, other] = await Promise.all(encoded.map(async (png) => {
      const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob())
      const paint = new OffscreenCanvas(picture.width, picture.height).getContext('2d')!
      paint.drawImage(picture, 0, 0)
      return paint.getImageData(0, 0, picture.width, picture.height)
    }))
    if (one!.width !== other!.width || one!.height !== other!.height) return 1
    return one!.data.filter((value, at) => Math.abs(value - other!.data[at]!) > 24).length / one!.data.length
  }, pictures.map((png) => png.toString('base64')))
  await expect.poll(async () => differ(await guest.screen(), (await api('GET', 'display/snapshot.png')).body), {
    message: 'the display shows what the snapshot shows',
  }).toBeLessThan(0.01)
  await page.close()
})

test('the camera reaches a browser, and the browser is heard in the room', async () => {
  await guest.run(plainBars)
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  await join(page, await link(), 'Ann')
  const room = await idOf(page, 'Aspen')
  await seesBars(page, room, true)

  await hears(700)
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
  await expect.poll(() => device('camera')).toContain('gone')

  await guest.run(`echo vivid.0 > /sys/bus/platform/drivers/vivid/bind && ${plainBars}`)
  console.log(`  seen again ${(await untilBars(page, room)).toFixed(0)} ms after the kernel had it`)
  expect(await idOf(page, 'Aspen'), 'the room has not left').toBe(room)

  // The cable is there, and nothing comes through it.
  await guest.run('v4l2-ctl -d /dev/video0 -c percentage_of_dropped_buffers=100')
  await expect.poll(() => device('camera')).toContain('delivered nothing')
  await seesBars(page, room, false)
  await guest.run('v4l2-ctl -d /dev/video0 -c percentage_of_dropped_buffers=0')
  await seesBars(page, room, true)
  await context.close()
})

test('a sound card that is unplugged comes back while the meeting goes on', async () => {
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 900 })
  await join(page, await link(), 'Cleo')
  await hears(900)
  await guest.run('echo snd_aloop.0 > /sys/bus/platform/drivers/snd_aloop/unbind')
  await expect.poll(async () => [await device('loudspeaker'), await device('microphone')].join('; ')).toMatch(/gone.*gone/)
  await guest.run('echo snd_aloop.0 > /sys/bus/platform/drivers/snd_aloop/bind')
  await hears(900)
  await expect.poll(() => device('microphone')).toContain('in use')
  await context.close()
})

test('an HDMI input shows its signal, and a notice while there is none', async () => {
  await guest.run('v4l2-ctl -d /dev/video1 -c dv_timings_signal_mode=1')
  await configure('camera = "vivid-001"')
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  await join(page, await link(), 'Dora')
  const room = await idOf(page, 'Aspen')
  await expect.poll(() => device('camera')).toMatch(/vivid-001.*no signal/)
  await expect.poll(() => stripes(page, room, 1), { message: 'the notice is seen' }).not.toBeNull()

  await guest.run('v4l2-ctl -d /dev/video1 -c dv_timings_signal_mode=0')
  console.log(`  seen ${(await untilBars(page, room)).toFixed(0)} ms after the signal was there`)
  await guest.run('v4l2-ctl -d /dev/video1 -c dv_timings_signal_mode=1')
  await seesBars(page, room, false)
  await guest.run('v4l2-ctl -d /dev/video1 -c dv_timings_signal_mode=0')
  await seesBars(page, room, true)
  await context.close()
})

test('a camera and a sound card that are plugged in after the start take the place of the simulated ones', async () => {
  await guest.run('cd /sys/bus/platform/drivers && echo vivid.0 > vivid/unbind && echo snd_aloop.0 > snd_aloop/unbind')
  await configure()
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 500 })
  await join(page, await link(), 'Finn')
  const room = await idOf(page, 'Aspen')
  await expect.poll(() => device('camera')).toContain('simulated')
  expect(JSON.stringify((await api('GET', 'device')).json())).toContain('no camera found')

  await guest.run(`cd /sys/bus/platform/drivers && echo vivid.0 > vivid/bind && echo snd_aloop.0 > snd_aloop/bind && ${plainBars}`)
  await seesBars(page, room, true)
  await hears(500)
  expect(JSON.stringify((await api('GET', 'device')).json())).not.toContain('no camera found')
  await context.close()
})

/** Waits until the daemon was started anew that often since the guest was; how long it took, in seconds. */
async function ready(restarts: number, since: number): Promise<number> {
  await expect.poll(() => guest.run('systemctl show alcove -p NRestarts')).toBe(`NRestarts=${restarts}\n`)
  await expect.poll(() => guest.run('systemctl is-active alcove || true')).toBe('active\n')
  const at = Number(await guest.run('systemctl show alcove -p ActiveEnterTimestampMonotonic --value')) / 1e6
  return at - since
}

test('killed or stuck, it is started anew, and who was there comes back by itself', async () => {
  await guest.run('systemctl reset-failed alcove')
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  await join(page, await link(), 'Eve')
  await seesBars(page, await idOf(page, 'Aspen'), true)

  const killed = Number(await guest.run("systemctl kill -s KILL alcove && cut -d' ' -f1 /proc/uptime"))
  console.log(`  ready ${(await ready(1, killed)).toFixed(1)} s after it was killed`)
  await seesBars(page, await idOf(page, 'Aspen'), true)

  const stuck = Number(await guest.run("systemctl kill -s STOP alcove && cut -d' ' -f1 /proc/uptime"))
  console.log(`  ready ${(await ready(2, stuck)).toFixed(1)} s after it stood still; the watchdog waits for 20`)
  expect(await guest.run('journalctl -b -u alcove -o cat --no-pager')).toContain('Watchdog timeout')
  await seesBars(page, await idOf(page, 'Aspen'), true)

  const stopped = Number(await guest.run("cut -d' ' -f1 /proc/uptime && systemctl stop alcove"))
  const gone = Number(await guest.run('systemctl show alcove -p InactiveEnterTimestampMonotonic --value')) / 1e6
  console.log(`  stopped in ${(gone - stopped).toFixed(1)} s, with people in the meeting`)
  expect(await guest.run('systemctl show alcove -p Result'), 'it stops by itself, within its time').toBe('Result=success\n')
  await guest.run('systemctl start alcove')
  await context.close()
})

/** What was wrong at the start, as the status tells it. */
async function troubles(): Promise<string> {
  return (await api('GET', 'status')).json().troubles.join('\n')
}

test('with a configuration that cannot be read it starts all the same, says so, and leaves the file alone', async () => {
  const spoilt = '[room]\nname = "Asp'
  await guest.run(`printf '%s' '${spoilt}' > /etc/alcove/alcove.toml && systemctl restart alcove`)
  expect(await troubles()).toContain('/etc/alcove/alcove.toml')
  expect(await guest.run('cat /etc/alcove/alcove.toml')).toBe(spoilt)
  const said = (await api('GET', 'display/snapshot.png')).body
  await configure()
  expect(await troubles()).toBe('')
  await expect.poll(async () => (await api('GET', 'display/snapshot.png')).body.equals(said), {
    message: 'the screen says something else',
  }).toBe(false)
})

test('with a state directory that is full or read-only it starts with the keys that it has', async () => {
  const state = '/var/lib/alcove'
  const authority = await guest.run(`cat ${state}/tls/ca.pem`)
  const covered = [
    `cp -a ${state} /tmp/state && mount -t tmpfs -o size=200k tmpfs ${state} && cp -a /tmp/state/. ${state}/`,
    `chown alcove:alcove ${state} && chmod 700 ${state}; cat /dev/zero > ${state}/filler 2>/dev/null; true`,
  ].join(' && ')
  for (const [cover, cause] of [
    [covered, 'No space left'],
    [`mount --bind ${state} ${state} && mount -o remount,ro,bind ${state}`, 'Read-only'],
  ] as const) {
    await guest.run(`systemctl stop alcove && ${cover}`)
    await guest.run('systemctl start alcove')
    expect(await troubles()).toContain(cause)
    const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
    await join(page, await link(), 'Gus')
    await seesBars(page, await idOf(page, 'Aspen'), true)
    await context.close()
    await guest.run(`systemctl stop alcove && umount ${state} && rm -rf /tmp/state && systemctl start alcove`)
  }
  expect(await guest.run(`cat ${state}/tls/ca.pem`)).toBe(authority)
})

test('with a clock that begins in 1970 it serves, and goes on when the clock is set', async () => {
  const now = Math.floor(Date.now() / 1000)
  await guest.run('systemctl stop alcove && date -s @86400 && systemctl start alcove')
  expect((await api('GET', 'status')).status).toBe(200)
  await guest.run(`date -s @${now}`)
  expect((await api('GET', 'status')).status).toBe(200)
  const { context, page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  await join(page, await link(), 'Hal')
  await seesBars(page, await idOf(page, 'Aspen'), true)
  await context.close()
})

test('alcove.toml on the partition boot becomes the configuration, and what is changed later stays', async () => {
  const restart = async () => {
    const before = await guest.bootId()
    await guest.run('systemctl reboot').catch(() => undefined)
    await guest.restarted(before)
  }
  // Orders are taken before the daemon answers.
  const name = () => api('GET', 'config').then((told) => told.json().config.room.name, (why: unknown) => `${why}`)
  const more = `[media]\nport = ${guest.ports.media}\nannounce = ["127.0.0.1"]\n`
  await guest.run(`mount -o remount,rw /boot && printf '%s' '[room]\nname = "Cedar"\n${more}' > /boot/alcove.toml && mount -o remount,ro /boot && sync`)
  await restart()
  await expect.poll(name, { message: 'the file is taken' }).toBe('Cedar')
  expect(await guest.run('cat /run/alcove-preinit/notes 2>/dev/null || true')).toBe('')
  await configure()
  await restart()
  await expect.poll(name, { message: 'the same file is taken once' }).toBe('Aspen')
  await guest.run('mount -o remount,rw /boot && rm /boot/alcove.toml && mount -o remount,ro /boot && sync')
})

test('what the owner has signed and laid on the partition boot is followed', async () => {
  const { key, signature } = minisign(wanted)
  await configure(`[fleet]\nkey = "${key}"\n`)
  const lay = (name: string, text: string) => `printf '%s' '${text}' > /boot/${name}`
  await guest.run(`mount -o remount,rw /boot && ${lay('all.toml', wanted)} && ${lay('all.toml.minisig', signature)} && mount -o remount,ro /boot && sync`)
  const before = await guest.bootId()
  await guest.run('systemctl reboot').catch(() => undefined)
  await guest.restarted(before)
  const volume = () => api('GET', 'config').then((told) => told.json().config.calls.ring_volume, (why: unknown) => `${why}`)
  await expect.poll(volume, { message: 'it is followed' }).toBe(33)
  await guest.run('mount -o remount,rw /boot && rm /boot/all.toml* && mount -o remount,ro /boot && sync')
  await configure()
})

test('a static address that cuts the box off is taken back by itself', async () => {
  const ca = Buffer.from(await guest.run('cat /var/lib/alcove/tls/ca.pem'))
  const token = (await guest.run('cat /var/lib/alcove/admin-token')).trim()
  const config = `https://localhost:${guest.ports.https}/api/v1/config`
  const before = await guest.run('ip -4 -o address show scope global')
  /** What is sent to an address that nobody has is never answered. */
  const isAnswered = (answer: Promise<Answer>) =>
    Promise.race([answer.then(({ status }) => status === 200, () => false), pause(3_000, false)])

  // QEMU leads what comes from outside to the address that its own DHCP gives, and to no other.
  const network = { address: '10.0.2.77/24', gateway: '10.0.2.2' }
  const began = performance.now()
  await isAnswered(ask(`${config}?confirmWithin=15`, 'PATCH', ca, token, { network }))
  await expect.poll(() => isAnswered(ask(config, 'GET', ca, token, undefined)), { message: 'it is cut off' }).toBe(false)
  await expect.poll(() => isAnswered(ask(config, 'GET', ca, token, undefined)), {
    message: 'it comes back by itself', timeout: 60_000,
  }).toBe(true)
  console.log(`  reached again ${((performance.now() - began) / 1000).toFixed(1)} s after an address was set for 15 s`)
  expect((await api('GET', 'config')).json().taken_back).toContain('nobody confirmed it within 15 seconds')
  expect(await guest.run('journalctl -b -u systemd-networkd -o cat --no-pager'), 'it was so').toContain('05-alcove.network')
  expect(await guest.run('ip -4 -o address show scope global')).toContain(before.match(/inet \S+/)![0])
  expect(await guest.run('systemctl show alcove-network -p Result; systemctl is-active alcove-network.path')).toBe('Result=success\nactive\n')
})

test('a USB stick named ALCOVE configures a box that nobody owns', async () => {
  const stick = `${guest.share}/stick`
  execFileSync('mkfs.vfat', ['-C', '-n', 'ALCOVE', stick, '4096'])
  execFileSync('mcopy', ['-i', stick, '-', '::alcove.toml'], { input: '[calls]\nring_seconds = 21\n' })
  const rings = async () => (await api('GET', 'config')).json().config.calls.ring_seconds
  expect(await rings()).toBe(60)
  await guest.plug(stick)
  await expect.poll(rings, { message: 'what it says is so', timeout: 60_000 }).toBe(21)
  expect(await guest.run('findmnt -no OPTIONS /run/alcove-stick')).toMatch(/^ro,nosuid,nodev,noexec/)
  await guest.unplug()
  await expect.poll(() => guest.run('findmnt -no TARGET /run/alcove-stick || true'), { message: 'it is out' }).toBe('')
  expect(await rings(), 'what was said stays').toBe(21)
})

test('the check of the room makes a call through it', async () => {
  const told = await guest.run('alcove check')
  console.log(told)
  expect(told).toMatch(/call +heard after/)
  // Whoever asks the socket has the daemon started.
  await guest.run('systemctl stop alcove.socket alcove')
  await expect(guest.run('alcove check')).rejects.toThrow(/not ready/)
  await guest.run('systemctl start alcove.socket alcove')
})

test('a factory reset keeps network and name where it is told to, and nothing else', async () => {
  await guest.run("echo cedar-room > /data/hostname && printf '[Match]\\nName=none\\n' > /etc/systemd/network/90-kept.network && sync")
  const before = await guest.bootId()
  expect((await api('POST', 'commands/factory-reset?keep=network,name')).status).toBe(202)
  await guest.restarted(before)
  expect(await guest.run('hostname && cat /etc/systemd/network/90-kept.network')).toBe('cedar-room\n[Match]\nName=none\n')
  expect(await guest.run('grep -c "^name" /etc/alcove/alcove.toml || true')).toBe('0\n')
  expect(await guest.run('cat /run/alcove-preinit/notes')).toContain('stays, and: network hostname')
})
