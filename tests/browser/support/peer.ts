// A WHIP publisher or WHEP player that is not our code: aiortc, in a process of its own.
import { spawn } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Python with aiortc, as the setup installed it. */
const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
const python = process.env.ALCOVE_PEERS ?? join(cache, 'alcove/peers/bin/python')
const script = join(import.meta.dirname, '../../peers/whip_whep.py')

export interface Peer {
  /** The next thing it says that has this key; throws when it ends without saying so. */
  says(key: string): Promise<any>
  /** Closes its standard input, which asks it to end; resolves with its exit code. */
  end(): Promise<number | null>
}

/** Starts `publish` or `play` with the arguments that the script tells of. */
export function startPeer(...args: string[]): Peer {
  const child = spawn(python, [script, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  let log = ''
  child.stderr.on('data', (data: Buffer) => { log += data.toString() })
  const ended = new Promise<number | null>((done) => { child.on('exit', (code) => done(code)) })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const said: any[] = []
  const says = async (key: string) => {
    for (;;) {
      const at = said.findIndex((one) => key in one)
      if (at >= 0) return said.splice(at, 1)[0][key]
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`the peer ended without saying ${key}:\n${log}`)
      said.push(JSON.parse(value))
    }
  }
  const end = () => {
    child.stdin.end()
    return ended
  }
  return { says, end }
}
