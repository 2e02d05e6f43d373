// The relay of a link: a process of its own, so that whatever a test does does not hold datagrams up. It is plain
// JavaScript because Node runs it as it is. Its parent says what the weather is and asks what has passed.
import { createSocket } from 'node:dgram'
import { constants, setPriority } from 'node:os'

/** How long a datagram may wait for the ones before it, in ms; what would wait longer is dropped, as routers do. */
const queueMax = 300

/** One direction. */
class Lane {
  weather = {}
  #tally = fresh()
  #waiting = []
  #free = 0
  #lastDue = 0
  #isBad = false
  #timer

  constructor(dice) {
    this.dice = dice
  }

  /** Takes a datagram of so many bytes; `send` is called when it comes out, if it does. */
  carry(bytes, send) {
    this.#tally.offered += 1
    this.#tally.offeredBytes += bytes
    if (this.#isLost()) {
      this.#tally.lost += 1
      return
    }
    const now = performance.now()
    const { delay = 0, jitter = 0, kbits } = this.weather
    const begins = Math.max(now, this.#free)
    if (kbits !== undefined && begins - now > queueMax) {
      this.#tally.dropped += 1
      return
    }
    this.#free = kbits === undefined ? now : begins + bytes * 8 / kbits
    this.#lastDue = Math.max(this.#lastDue, this.#free + delay + this.dice() * jitter)
    this.#waiting.push({ due: this.#lastDue, send })
    this.#leave()
  }

  /** What has passed since the last call. */
  take() {
    const tally = this.#tally
    this.#tally = fresh()
    return tally
  }

  /** Gilbert's model: bad stretches lose everything, and last as many datagrams as said on the average. */
  #isLost() {
    const { loss = 0, burst = 1 } = this.weather
    if (burst <= 1) return this.dice() < loss
    const leave = 1 / burst
    const enter = loss * leave / (1 - loss)
    this.#isBad = this.dice() < (this.#isBad ? 1 - leave : enter)
    return this.#isBad
  }

  #leave() {
    const now = performance.now()
    while (this.#waiting.length > 0 && this.#waiting[0].due <= now) {
      const { due, send } = this.#waiting.shift()
      this.#tally.late = Math.max(this.#tally.late, now - due)
      send()
    }
    if (this.#waiting.length === 0 || this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#leave()
    }, this.#waiting[0].due - now)
  }
}

function fresh() {
  return { offered: 0, offeredBytes: 0, lost: 0, dropped: 0, late: 0 }
}

/** Numbers from 0 to 1 that are the same for the same seed (an xorshift of 32 bits). */
function dice(seed) {
  let state = (seed * 2_654_435_761) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const [host, port, seed] = process.argv.slice(2)
const up = new Lane(dice(Number(seed)))
const down = new Lane(dice(Number(seed) + 1))
const far = new Map()
const near = createSocket('udp4')

near.on('message', (packet, from) => {
  let socket = far.get(from.port)
  if (socket === undefined) {
    socket = createSocket('udp4')
    socket.on('message', (answer) => down.carry(answer.length, () => near.send(answer, from.port, from.address)))
    far.set(from.port, socket)
  }
  const through = socket
  up.carry(packet.length, () => through.send(packet, Number(port), host))
})

process.on('message', (word) => {
  if ('weather' in word) up.weather = down.weather = word.weather
  else process.send({ up: up.take(), down: down.take() })
})
// Whoever started it is gone.
process.on('disconnect', () => process.exit(0))

try {
  setPriority(constants.priority.PRIORITY_HIGH)
} catch {
  // Not allowed: the figures tell how late datagrams left.
}
near.bind(0, '127.0.0.1', () => process.send({ port: near.address().port }))
