// A link that is worse than a cable: it loses, delays, and carries only so much. Its dice are seeded.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** What a link does to datagrams, in each direction. */
export interface Weather {
  /** The share that is lost, 0 to 1. */
  readonly loss?: number
  /** How many in a row are lost on the average; 1 where each is lost by itself. */
  readonly burst?: number
  /** One way, in ms. */
  readonly delay?: number
  /** Up to so much more, in ms; datagrams do not overtake each other. */
  readonly jitter?: number
  /** What it carries, in kbit/s of UDP payload; what would wait longer than 300 ms is dropped. */
  readonly kbits?: number
}

/** What has passed, in datagrams and bytes; `late` is how much later than due the worst one left, in ms. */
export interface Tally {
  readonly offered: number
  readonly offeredBytes: number
  readonly lost: number
  readonly dropped: number
  readonly late: number
}

/** The media path between a page and the appliance. */
export class Link {
  private constructor(private readonly relay: ChildProcess, readonly port: number) {}

  /** Begins to carry to that address. */
  static async lay(to: { host: string, port: number }, seed: number): Promise<Link> {
    const relay = fork(join(import.meta.dirname, 'relay.mjs'), [to.host, String(to.port), String(seed)], { execArgv: [] })
    const [{ port }] = await once(relay, 'message') as [{ port: number }]
    return new Link(relay, port)
  }

  set weather(weather: Weather) {
    this.relay.send({ weather })
  }

  /** What has passed since the last call. */
  async take(): Promise<{ up: Tally, down: Tally }> {
    this.relay.send({ take: true })
    const [passed] = await once(this.relay, 'message')
    return passed as { up: Tally, down: Tally }
  }

  close(): void {
    this.relay.disconnect()
  }
}
