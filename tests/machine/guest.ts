// The guest: a machine in QEMU with the image that `tests/machine/build` made, and a way to give it orders.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Where the guest's parts are kept: its image and bundle, and the key that opens it. */
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'alcove/image')
export const parts = join(cache, 'qemu-guest')

/** The firmware that starts the disk (Debian's qemu-efi-aarch64). */
const firmware = '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd'

/** How often the guest is asked whether it takes orders, in ms: asking costs the time that it needs itself. */
const askedEvery = 250

/** How long the guest may take until it can be given orders, in ms: emulation is slow, and more so on a busy machine. */
const bootMax = 600_000

/** Host ports of the guest's HTTPS, plain HTTP and media. */
export interface Ports {
  readonly https: number
  readonly http: number
  readonly media: number
}

export class Guest {
  #process: ChildProcess | null = null

  private constructor(private readonly folder: string, private readonly sshPort: number, readonly ports: Ports) {}

  /** A machine with a disk of its own that is larger than the image, not yet switched on. */
  static async make(): Promise<Guest> {
    const folder = mkdtempSync(join(tmpdir(), 'alcove-machine-'))
    const disk = join(folder, 'disk')
    await execute('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', join(parts, 'alcove-qemu.img'), disk, '6G'])
    mkdirSync(join(folder, 'share'))
    const [ssh, https, http, media] = [await freePort(), await freePort(), await freePort(), await freePort()]
    return new Guest(folder, ssh!, { https: https!, http: http!, media: media! })
  }

  /** What the guest's kernel and systemd have said on the serial line. */
  console(): string {
    const file = join(this.folder, 'console')
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }

  /** The folder that the guest can mount (9p, "share"). */
  get share(): string {
    return join(this.folder, 'share')
  }

  /**
   * Switches it on, and waits until it takes orders; the time that took, in ms. Its clock may start at another time, and
   * its first slot without firmware and bootloader, in three quarters of the time.
   */
  async boot({ clock = 'utc', slotA = false } = {}): Promise<number> {
    const { https, http, media } = this.ports
    const forwards = [
      `tcp:127.0.0.1:${this.sshPort}-:22`, `tcp:127.0.0.1:${https}-:443`, `tcp:127.0.0.1:${http}-:80`,
      `udp:127.0.0.1:${media}-:${media}`,
    ].map((forward) => `,hostfwd=${forward}`).join('')
    const began = performance.now()
    this.#process = spawn('qemu-system-aarch64', [
      '-M', 'virt', '-cpu', 'cortex-a72', '-accel', 'tcg,thread=multi', '-smp', '2', '-m', '1536',
      '-nodefaults', '-display', 'none', '-rtc', `base=${clock}`, ...slotA ? firstSlot() : ['-bios', firmware],
      '-serial', `file:${join(this.folder, 'console')}`,
      '-qmp', `unix:${join(this.folder, 'qmp')},server=on,wait=off`,
      '-drive', `file=${join(this.folder, 'disk')},if=none,format=qcow2,id=disk`, '-device', 'virtio-blk-pci,drive=disk',
      '-netdev', `user,id=net${forwards}`, '-device', 'virtio-net-pci,netdev=net,romfile=',
      '-device', 'virtio-rng-pci', '-device', 'virtio-gpu-pci,romfile=,xres=1280,yres=720',
      '-device', 'i6300esb', '-device', 'qemu-xhci,id=usb', '-virtfs', `local,path=${this.share},mount_tag=share,security_model=none,readonly=on`,
    ], { stdio: ['ignore', 'ignore', 'inherit'] })
    await this.#started('', bootMax)
    return performance.now() - began
  }

  /** The start that the guest is in: another one after each. */
  bootId(): Promise<string> {
    return this.run('cat /proc/sys/kernel/random/boot_id', 20_000)
  }

  /** Waits until it takes orders in another start than this one; the time that took, in ms. */
  async restarted(than: string, patience = bootMax): Promise<number> {
    const began = performance.now()
    await this.#started(than, patience)
    return performance.now() - began
  }

  async #started(than: string, patience: number): Promise<void> {
    const end = performance.now() + patience
    for (;;) {
      const now = await this.bootId().catch((why: unknown) => `${why}`)
      if (/^[-0-9a-f]{36}\n$/.test(now) && now !== than) return
      if (this.#process?.exitCode !== null) throw new Error(`QEMU has ended:\n${this.console()}`)
      await pause(askedEvery)
      if (performance.now() > end) throw new Error(`the guest takes no orders (${now}):\n${this.console()}`)
    }
  }

  /** Carries out an order as root; what it printed. Fails with what it said when its exit code is not 0. */
  async run(order: string, patience = 120_000): Promise<string> {
    const options = [
      '-i', join(cache, 'key'), '-p', `${this.sshPort}`, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
      '-o', 'LogLevel=ERROR', '-o', 'ConnectTimeout=5', '-o', 'BatchMode=yes',
      '-o', 'ServerAliveInterval=10', '-o', 'ServerAliveCountMax=3',
      '-o', 'ControlMaster=auto', '-o', `ControlPath=${join(this.folder, 'ssh')}`, '-o', 'ControlPersist=60',
    ]
    const { stdout } = await execute('ssh', [...options, 'root@127.0.0.1', order], { timeout: patience, maxBuffer: 1 << 26 })
    return stdout
  }

  /** What the guest's screen shows, as PNG. */
  async screen(): Promise<Buffer> {
    const file = join(this.folder, 'screen.png')
    await this.#ask({ execute: 'screendump', arguments: { filename: file, format: 'png' } })
    return readFileSync(file)
  }

  /** Puts a USB stick in that has that file system. */
  async plug(file: string): Promise<void> {
    await this.#ask({ execute: 'blockdev-add', arguments: { driver: 'raw', 'node-name': 'stick', file: { driver: 'file', filename: file } } })
    await this.#ask({ execute: 'device_add', arguments: { driver: 'usb-storage', id: 'stick', drive: 'stick', bus: 'usb.0' } })
  }

  /** Pulls the stick out. */
  async unplug(): Promise<void> {
    await this.#ask({ execute: 'device_del', arguments: { id: 'stick' } })
  }

  /** Pulls the plug: what was not on the disk is lost. */
  async cutPower(): Promise<void> {
    const process = this.#process
    if (process === null || process.exitCode !== null) return
    const ended = once(process, 'exit')
    process.kill('SIGKILL')
    await ended
    rmSync(join(this.folder, 'ssh'), { force: true })
  }

  /** Ends it and removes its disk. */
  async discard(): Promise<void> {
    await this.cutPower()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** One command of QEMU's own protocol (QMP). */
  #ask(command: object): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(join(this.folder, 'qmp'))
      let heard = ''
      socket.on('error', reject)
      socket.on('data', (data) => {
        heard += data.toString()
        const lines = heard.split('\n')
        heard = lines.pop() ?? ''
        for (const line of lines) {
          const said = JSON.parse(line)
          if (said.QMP) socket.write(`${JSON.stringify({ execute: 'qmp_capabilities' })}\n${JSON.stringify({ ...command, id: 'asked' })}\n`)
          if (said.id !== 'asked') continue
          socket.end()
          if (said.error) reject(new Error(said.error.desc))
          else resolve()
        }
      })
    })
  }
}

/** How QEMU starts the first slot as GRUB would. */
function firstSlot(): string[] {
  const told = /^set cmdline="(.*)"$/m.exec(readFileSync(join(parts, 'slot/slot.cfg'), 'utf8'))
  if (told === null) throw new Error('slot.cfg has no command line for the kernel')
  return ['-kernel', join(parts, 'slot/vmlinuz'), '-initrd', join(parts, 'slot/initrd'), '-append', `root=PARTLABEL=root-a ${told[1]}`]
}

/** A port that nobody has at the moment. */
async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a listening socket has a port')
  return address.port
}
