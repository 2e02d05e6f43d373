// A cable between a browser and the appliance that a test can pull: words over TCP and media over UDP go through it.
import { createSocket, type Socket as Datagrams } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { BrowserContext } from '@playwright/test'
import type { Appliance } from './appliance.ts'

/** What is carried: words and pages, or media. */
export type Wire = 'words' | 'media'

export interface Cable {
  /** Opens the page in the room's standing meeting, through the cable. */
  readonly joinUrl: string
  /** From now on nothing passes; connections break. */
  pull(...wires: Wire[]): void
  /** Everything passes again. */
  mend(): void
  /** From now on this share of the media is lost each way, 0 to 1. */
  lose(share: number): void
  /** From now on so many bits pass in a second each way, behind a queue of 200 ms; more is lost. Infinity: all. */
  narrow(bitsPerSecond: number): void
  close(): Promise<void>
}

/** Lays a cable, and has the pages of a context send their media through it. */
export async function lay(appliance: Appliance, context: BrowserContext): Promise<Cable> {
  const pulled = new Set<Wire>()
  const words = await carryWords(Number(new URL(appliance.url).port), pulled)
  const media = await carryMedia(await mediaAddress(appliance), pulled)
  await context.addInitScript(detour, media.port)
  const joinUrl = appliance.joinUrl.replace(appliance.url, `https://localhost:${words.port}`)
  const pull = (...wires: Wire[]) => {
    wires.forEach((wire) => pulled.add(wire))
    if (pulled.has('words')) words.cut()
  }
  const close = async () => {
    words.close()
    media.close()
  }
  return { joinUrl, pull, mend: () => pulled.clear(), lose: media.lose, narrow: media.narrow, close }
}

/** Where a page's media goes. */
export async function mediaAddress(appliance: Appliance): Promise<{ host: string, port: number }> {
  const { media_addresses: all } = (await appliance.api('GET', 'status')).json()
  const [host, port] = all.find((one: string) => /^\d+\./.test(one)).split(':')
  return { host, port: Number(port) }
}

/** Runs in the page: the only candidate of the appliance is the near end of the cable. */
export function detour(port: number) {
  const set = RTCPeerConnection.prototype.setRemoteDescription
  RTCPeerConnection.prototype.setRemoteDescription = function (this: RTCPeerConnection, said: any) {
    let sdp: string = said.sdp.replace(/a=candidate:.*\r\n/g, '')
    sdp = sdp.replace(/(a=ice-pwd:.*\r\n)/g, `$1a=candidate:1 1 udp 2130706431 127.0.0.1 ${port} typ host\r\n`)
    return (set as (said: RTCSessionDescriptionInit) => Promise<void>).call(this, { type: said.type, sdp })
  } as typeof set
}

async function carryWords(to: number, pulled: Set<Wire>) {
  const open = new Set<Socket>()
  const keep = (socket: Socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    // A broken connection is what this is for.
    socket.on('error', () => socket.destroy())
  }
  const server = createServer((near) => {
    if (pulled.has('words')) return near.destroy()
    const far = connect(to, 'localhost')
    keep(near)
    keep(far)
    near.pipe(far).pipe(near)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const cut = () => open.forEach((socket) => socket.destroy())
  const close = () => {
    cut()
    server.close()
  }
  return { port: (server.address() as AddressInfo).port, cut, close }
}

async function carryMedia(to: { host: string, port: number }, pulled: Set<Wire>) {
  const far = new Map<number, Datagrams>()
  const near = createSocket('udp4')
  let lost = 0
  const dice = seeded()
  let bitsPerSecond = Infinity
  const [up, down] = [narrowPass(() => bitsPerSecond), narrowPass(() => bitsPerSecond)]
  // What still waits for its turn when the cable is taken away goes nowhere.
  let isThere = true
  const isStopped = () => pulled.has('media') || dice() < lost
  near.on('message', (packet, from) => {
    if (isStopped()) return
    let socket = far.get(from.port)
    if (socket === undefined) {
      socket = createSocket('udp4')
      socket.on('message', (answer) => { if (!isStopped()) down(answer.length, () => { if (isThere) near.send(answer, from.port, from.address) }) })
      far.set(from.port, socket)
    }
    const known = socket
    up(packet.length, () => { if (isThere) known.send(packet, to.port, to.host) })
  })
  near.bind(0, '127.0.0.1')
  await once(near, 'listening')
  const close = () => {
    isThere = false
    for (const socket of [near, ...far.values()]) socket.close()
  }
  return {
    port: near.address().port,
    lose: (share: number) => { lost = share },
    narrow: (rate: number) => { bitsPerSecond = rate },
    close,
  }
}

/** The longest that a datagram waits for its turn, in ms. */
const queueMax = 200

/** Lets datagrams pass one after the other, as fast as the rate of the moment allows. */
function narrowPass(rate: () => number): (bytes: number, pass: () => void) => void {
  let freeAt = 0
  return (bytes, pass) => {
    const now = performance.now()
    if (rate() === Infinity) return pass()
    freeAt = Math.max(freeAt, now)
    if (freeAt - now > queueMax) return
    freeAt += bytes * 8_000 / rate()
    setTimeout(pass, freeAt - now)
  }
}

/** Numbers from 0 to 1 that are the same in every run. */
function seeded(): () => number {
  let state = 0x2545_f491
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
