// The image as it is flashed: what it is like from the first start, and that updates come, stay and go as they should.
import { execFile } from 'node:child_process'
import { copyFileSync, createReadStream, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ask, type Answer } from '../browser/support/appliance.ts'
import { launch, person } from '../browser/support/browser.ts'
import { join as joinMeeting } from '../browser/support/meeting.ts'
import { test, expect } from '../browser/support/playwright.ts'
import { Guest, parts } from './guest.ts'

const execute = promisify(execFile)
const keys = join(parts, '../keys')

let guest: Guest
let work: string

test.describe.configure({ mode: 'serial' })

test.beforeAll(async () => {
  test.setTimeout(900_000)
  work = mkdtempSync(join(tmpdir(), 'alcove-bundles-'))
  guest = await Guest.make()
  await bundles()
  const booted = await guest.boot({ clock: '1970-01-02' })
  console.log(`  the guest takes orders ${seconds(booted)} after it was switched on`)
})

test.afterAll(async () => {
  await guest?.discard()
  if (work) rmSync(work, { recursive: true, force: true })
})

test.afterEach(async ({}, info) => {
  if (info.status === info.expectedStatus) return
  console.log(guest.console().split('\n').slice(-60).join('\n'))
  console.log(await guest.run('journalctl -b -o short-monotonic --no-pager -u alcove-confirm -u rauc -u alcove | tail -n 80').catch(String))
  console.log(await guest.run('rauc status; grub-editenv /boot/grubenv list; ls -l /data/slots; cat /run/alcove-preinit/notes').catch(String))
})

/** Puts what a test offers to the guest into the folder that both see. */
async function bundles(): Promise<void> {
  const good = join(parts, 'alcove-qemu.raucb')
  copyFileSync(good, join(guest.share, 'good.raucb'))
  copyFileSync(good, join(guest.share, 'short.raucb'))
  truncateSync(join(guest.share, 'short.raucb'), Math.floor(statSync(good).size / 2))

  await execute('openssl', ['req', '-x509', '-newkey', 'rsa:3072', '-nodes', '-days', '30', '-subj', '/CN=a stranger',
    '-keyout', join(work, 'key.pem'), '-out', join(work, 'stranger.pem')])
  await bundle('stranger', { certificate: join(work, 'stranger.pem'), key: join(work, 'key.pem') })
  await bundle('foreign', { compatible: 'alcove-rpi5' })
  await bundle('mute', { cmdline: 'systemd.mask=alcove.service' })
  await bundle('dead', { cmdline: 'init=/nothing' })
}

/** A bundle with the same parts as the good one, but for what is said here. */
async function bundle(name: string, change: { certificate?: string, key?: string, compatible?: string, cmdline?: string }): Promise<void> {
  const folder = join(work, name)
  mkdirSync(folder)
  const manifest = ['[update]', `compatible=${change.compatible ?? 'alcove-qemu-aarch64'}`, `version=${name}`,
    '[bundle]', 'format=verity', '[image.boot]', 'filename=slot.img']
  copyFileSync(join(parts, 'slot.vfat'), join(folder, 'slot.img'))
  if (change.cmdline) {
    await execute('bash', ['-c', `mcopy -n -i slot.img ::slot.cfg slot.cfg && sed -i 's|\\(init=[^"]*\\)|\\1 ${change.cmdline}|' slot.cfg &&
      mcopy -o -i slot.img slot.cfg ::slot.cfg && rm slot.cfg`], { cwd: folder })
    // The root file system is as long as any.
    manifest.push('[image.rootfs]', 'filename=root.img')
    await execute('ln', [join(parts, 'root.img'), join(folder, 'root.img')])
  }
  await execute('bash', ['-c', `cat > '${join(folder, 'manifest.raucm')}' <<< '${manifest.join('\n')}'`])
  await execute('rauc', ['bundle', '--cert', change.certificate ?? join(keys, 'signer.pem'), '--key', change.key ?? join(keys, 'signer-key.pem'),
    folder, join(guest.share, `${name}.raucb`)])
  rmSync(folder, { recursive: true })
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** Asks RAUC as the daemon does: over D-Bus, as its user. */
const asDaemon = 'setpriv --reuid=alcove --regid=alcove --clear-groups'
const rauc = 'de.pengutronix.rauc / de.pengutronix.rauc.Installer'

/** Asks the daemon's API as the administrator; a stream is sent as it is. */
async function api(method: string, path: string, body?: unknown): Promise<Answer> {
  const ca = Buffer.from(await guest.run('cat /var/lib/alcove/tls/ca.pem'))
  const token = (await guest.run('cat /var/lib/alcove/admin-token')).trim()
  return ask(`https://localhost:${guest.ports.https}/api/v1/${path}`, method, ca, token, body)
}

/** Sends a bundle as an administrator does; what is said to it. */
async function send(name: string): Promise<Answer> {
  return api('POST', 'updates', createReadStream(join(guest.share, `${name}.raucb`)))
}

/** Has a bundle installed and waits; what went wrong, or nothing. */
async function install(name: string): Promise<string> {
  await begin(name)
  await expect.poll(async () => (await updates()).operation, { message: 'the installation ends', timeout: 300_000 }).toBe('idle')
  return (await updates()).last_error
}

async function begin(name: string): Promise<void> {
  const answer = await send(name)
  expect(`${answer.status} ${answer.body}`).toMatch(/^202 /)
}

async function updates(): Promise<any> {
  return (await api('GET', 'updates')).json()
}

async function slot(): Promise<string> {
  return (await guest.run('. /run/alcove-preinit/slot; echo $SLOT')).trim()
}

/** The slot that runs, and the other one. */
async function slots(): Promise<['A', 'B'] | ['B', 'A']> {
  return await slot() === 'A' ? ['A', 'B'] : ['B', 'A']
}

/** Waits until the running slot has been seen healthy. */
async function confirmed(): Promise<void> {
  await expect.poll(() => guest.run('systemctl show alcove-confirm -p SubState,Result'), { message: 'the slot is confirmed', timeout: 300_000 })
    .toBe('Result=success\nSubState=dead\n')
  expect(await guest.run('ls /data/slots')).toContain(`proven-${await slot()}`)
}

/** Restarts it as an administrator does, and waits for the slot that is to come up. */
async function restart(command: 'reboot' | 'factory-reset' = 'reboot'): Promise<void> {
  const before = await guest.bootId()
  expect((await api('POST', `commands/${command}`)).status).toBe(202)
  console.log(`  takes orders again ${seconds(await guest.restarted(before))} after it was restarted`)
}

/** Has it restarted as soon as nobody is in a meeting, which somebody is for a while. */
async function restartWhenNobodyMeets(): Promise<void> {
  const before = await guest.bootId()
  const made = await api('POST', 'meetings/aspen/tokens', { role: 'speaker' })
  const browser = await launch()
  const { page } = await person(browser, { colour: 'rgb(220 40 40)', tone: 700 })
  await joinMeeting(page, `https://localhost:${guest.ports.https}/m/aspen#t=${made.json().token}`, 'Ann')
  const { id } = (await api('POST', 'commands/reboot?when=idle')).json()
  // It looks every second: ten of them, and the box is as it was.
  for (let look = 0; look < 10; look += 1) {
    const { state, message } = (await api('GET', `operations/${id}`)).json()
    expect({ state, message }).toEqual({ state: 'running', message: 'waits until nobody is disturbed' })
    await pause(1_000)
  }
  expect((await updates()).restart_needed).toBe(true)
  await browser.close()
  console.log(`  takes orders again ${seconds(await guest.restarted(before))} after the last one has left`)
}

/** Pulls the plug, and switches it on again. */
async function powerCut(): Promise<void> {
  await guest.cutPower()
  await guest.boot()
}

/** What a person has left on the box, which is there whatever happens. */
async function settled(): Promise<void> {
  expect(await guest.run('cat /etc/alcove/alcove.toml /var/lib/alcove/note')).toBe('[room]\nname = "Aspen"\nkept\n')
  expect(await guest.run('cat /run/alcove-preinit/notes 2>/dev/null || true')).toBe('')
}

test('it starts with a clock of 1970, without a failed unit, and is confirmed', async () => {
  await confirmed()
  await expect.poll(() => guest.run('systemctl is-system-running || true')).toBe('running\n')
  expect(await guest.run('systemctl --failed --plain --no-legend')).toBe('')
  const told = await guest.run('journalctl -b --no-pager -o cat')
  expect(told).not.toContain('ordering cycle')
  expect(told).not.toContain('Journal file corrupted')
  expect(Number(await guest.run('date +%Y'))).toBeGreaterThan(2025)
  expect(await slot()).toBe('A')
  console.log(`  ${(await guest.run('systemd-analyze')).split('\n')[0]}`)
  const ready = await guest.run('systemctl show alcove -p ActiveEnterTimestampMonotonic --value')
  console.log(`  the daemon was ready ${seconds(Number(ready) / 1000)} after the kernel started`)
})

test('its root cannot be written, and the data has all of the disk', async () => {
  expect(await guest.run('touch /usr/x 2>&1 || true')).toContain('Read-only file system')
  expect(await guest.run('touch /etc/x 2>&1 || true')).toContain('Read-only file system')
  expect(Number(await guest.run("df --output=size -BM /data | tail -n1 | tr -d M"))).toBeGreaterThan(3500)
  expect(await guest.run("findmnt -no FSTYPE /")).toBe('squashfs\n')
  await guest.run(`printf '[room]\\nname = "Aspen"\\n' > /etc/alcove/alcove.toml && echo kept > /var/lib/alcove/note && sync`)
})

test('the hardware watchdog is fed by systemd', async () => {
  expect(await guest.run('systemctl show -p RuntimeWatchdogUSec --value')).toBe('1min\n')
  expect(await guest.run('cat /sys/class/watchdog/watchdog0/identity /sys/class/watchdog/watchdog0/state')).toBe('i6300ESB timer\nactive\n')
})

test('one responder answers for its name and its pages on the network', async () => {
  const told = await guest.run('resolvectl mdns; ss -Hlunp sport = :5353')
  expect(told).toMatch(/: yes/)
  expect(told).toContain('systemd-resolve')
  expect(told).not.toContain('avahi')
})

test('others than root and the daemon have no say in updates', async () => {
  const order = `busctl --system call ${rauc} Mark ss bad other 2>&1 || true`
  expect(await guest.run(`setpriv --reuid=nobody --regid=nogroup --clear-groups ${order}`)).toMatch(/denied/i)
  expect(await guest.run(`${asDaemon} busctl --system call ${rauc} GetSlotStatus`)).toContain('rootfs.0')
  expect(await guest.run(`${asDaemon} busctl --system call ${rauc} Install s /x 2>&1 || true`)).toMatch(/denied/i)
})

test('a bundle of a stranger, for another board, or cut short is refused with words', async () => {
  for (const [name, why] of [['stranger', /self-signed certificate/], ['foreign', /for alcove-rpi5, and this is alcove-qemu/], ['short', /signature|size/i]] as const) {
    const answer = await send(name)
    expect(answer.status, name).toBe(400)
    expect(answer.json().detail, name).toMatch(why)
  }
  expect(await guest.run('ls /data/slots')).toBe('proven-A\n')
})

test('a full disk and a read-only state directory leave the room in service', async () => {
  await guest.run('fallocate -l $(df --output=avail -B1 /data | tail -n1) /data/full || true; dd if=/dev/zero of=/data/rest bs=4k 2>/dev/null || true')
  await guest.run('systemctl restart alcove', 180_000)
  expect(await guest.run('systemctl is-active alcove')).toBe('active\n')
  await guest.run('rm /data/full /data/rest')

  await guest.run('mount -o remount,bind,ro /var/lib/alcove && systemctl restart alcove', 180_000)
  expect(await guest.run('systemctl is-active alcove')).toBe('active\n')
  await guest.run('mount -o remount,bind,rw /var/lib/alcove && systemctl restart alcove', 180_000)
})

test('power cut while a slot is written: the old one runs on', async () => {
  await begin('good')
  await expect.poll(async () => (await updates()).progress, { message: 'the root file system is being written', intervals: [250] }).toContain('Copying image to rootfs')
  expect((await updates()).slots, 'the slots are told meanwhile').toHaveLength(2)
  await powerCut()
  expect(await slot()).toBe('A')
  expect(await guest.run('rauc status --output-format=json')).toMatch(/"rootfs.1":\{[^}]*"boot_status":"bad"/)
  await confirmed()
  expect(await guest.run('cat /data/slots/failed')).toBe('B installing\n')
  expect((await updates()).went_back, 'whoever updates is told').toBe(true)
  await settled()
})

test('installed, power cut before the restart: the new slot starts, and the journal goes on', async () => {
  const began = performance.now()
  expect(await install('good')).toBe('')
  console.log(`  installed after ${seconds(performance.now() - began)} (${Math.round(statSync(join(parts, 'alcove-qemu.raucb')).size / 1e6)} MB)`)
  const machine = await guest.run('cat /etc/machine-id')
  await powerCut()
  expect(await slot()).toBe('B')
  await settled()
  expect(await guest.run('cat /etc/machine-id')).toBe(machine)
  expect(await guest.run('journalctl --list-boots --no-pager | wc -l').then(Number)).toBeGreaterThanOrEqual(3)
  expect(await guest.run('journalctl -b -1 --no-pager -o cat -u rauc')).toContain('rauc')
})

test('power cut during the first start of the new slot: the old one comes back', async () => {
  // It was not confirmed yet.
  expect(await guest.run('ls /data/slots')).not.toContain('proven-B')
  await powerCut()
  expect(await slot()).toBe('A')
  await settled()
  await confirmed()
  expect(await guest.run('cat /data/slots/failed')).toBe('B installed\n')
})

test('an update stays when it is healthy, even if the power is cut while it starts', async () => {
  test.setTimeout(1_500_000)
  await confirmed()
  expect(await install('good')).toBe('')
  await restartWhenNobodyMeets()
  expect(await slot()).toBe('B')
  await confirmed()
  expect(await guest.run('rauc status --output-format=json')).toContain('"boot_primary":"rootfs.1"')
  expect(await guest.run('ls /data/slots')).toBe('proven-A\nproven-B\n')
  await settled()

  await guest.cutPower()
  await guest.boot()
  await powerCut()
  expect(await slot()).toBe('B')
})

test('an update whose daemon never starts goes back by itself', async () => {
  // It is waited for five minutes.
  test.setTimeout(1_500_000)
  await confirmed()
  const [here, there] = await slots()
  expect(await install('mute')).toBe('')
  const began = performance.now()
  const before = await guest.bootId()
  expect((await api('POST', 'commands/reboot')).status).toBe(202)
  // In between the other slot runs, with nothing to be asked.
  await expect.poll(async () => {
    const now = await guest.bootId().catch(() => before)
    return now === before ? '' : slot().catch(() => '')
  }, { message: 'the old slot comes back', timeout: 1_200_000 }).toBe(here)
  console.log(`  back in the old slot ${seconds(performance.now() - began)} after the restart`)
  await settled()
  await confirmed()
  expect(await guest.run('cat /data/slots/failed')).toBe(`${there} installed\n`)
})

test('an update whose kernel finds nothing to run goes back by itself', async () => {
  await confirmed()
  const [here, there] = await slots()
  expect(await install('dead')).toBe('')
  await restart()
  expect(await slot()).toBe(here)
  await settled()
  await confirmed()
  expect(await guest.run('cat /data/slots/failed')).toBe(`${there} installed\n`)
})

test('a machine whose systemd hangs is restarted by its watchdog', async () => {
  const here = await slot()
  const before = await guest.bootId()
  const began = performance.now()
  await guest.run('echo 1 > /sys/fs/cgroup/init.scope/cgroup.freeze')
  await guest.restarted(before)
  console.log(`  takes orders again ${seconds(performance.now() - began)} after systemd hung`)
  expect(await slot()).toBe(here)
})

test('a factory reset leaves what is on the keep-list alone', async () => {
  const here = await slot()
  await guest.run('mkdir -p /data/factory && echo 4711 > /data/factory/serial && sync')
  const machine = await guest.run('cat /etc/machine-id')
  await restart('factory-reset')
  expect(await guest.run('cat /data/factory/serial /etc/machine-id')).toBe(`4711\n${machine}`)
  expect(await guest.run('ls /var/lib/alcove/note 2>&1 || true')).toContain('No such file')
  expect(await guest.run('grep -c "^name" /etc/alcove/alcove.toml || true')).toBe('0\n')
  expect(await guest.run('cat /run/alcove-preinit/notes')).toContain('factory reset')
  expect(await slot()).toBe(here)
  await confirmed()
})

test('data that is lost is made anew, and that is said', async () => {
  const here = await slot()
  await guest.run('dd if=/dev/zero of=/dev/disk/by-partlabel/data bs=1M count=400 conv=fsync', 300_000)
  await powerCut()
  expect(await guest.run('cat /run/alcove-preinit/notes')).toContain('the data partition cannot be repaired: it is made anew')
  expect(await slot()).toBe(here)
  await confirmed()
  expect(await guest.run('systemctl --failed --plain --no-legend')).toBe('')
})
