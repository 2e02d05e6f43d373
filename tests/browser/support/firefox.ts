// Firefox as a person's browser, driven by WebDriver BiDi over its own WebSocket: no further program is needed.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import WebSocket from 'ws'
import { devices } from './browser.ts'

/** Debian's Firefox; no browser is downloaded. */
const executable = process.env.ALCOVE_FIREFOX ?? '/usr/bin/firefox-esr'

/** How long it may take to start, in ms: generous, because machines that build are busy. */
const startMax = 40_000

/** A microphone of its own, sound without a click, media on the loopback interface, and nothing else of the network. */
const preferences = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  'browser.shell.checkDefaultBrowser': false,
  'browser.aboutwelcome.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
  'app.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'remote.active-protocols': 1,
}

export interface Firefox {
  open(url: string): Promise<void>
  /** What an expression gives in the page; a promise is waited for. It has to be text, a number, a truth or null. */
  evaluate(expression: string): Promise<any>
  close(): Promise<void>
}

/** Starts Firefox with a camera of one colour and a microphone of one pitch, as `person` does with Chromium. */
export async function startFirefox(who: { colour: string, tone: number }): Promise<Firefox> {
  const profile = mkdtempSync(join(tmpdir(), 'alcove-firefox-'))
  const wanted = { ...preferences, 'media.navigator.audio.fake_frequency': who.tone }
  const lines = Object.entries(wanted).map(([key, value]) => `user_pref(${JSON.stringify(key)}, ${value});`)
  writeFileSync(join(profile, 'user.js'), lines.join('\n'))
  const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank']
  const child = spawn(executable, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile } })
  const bidi = await Bidi.connect(`${await listening(child)}/session`)
  await bidi.ask('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } })
  const { contexts: [{ context }] } = await bidi.ask('browsingContext.getTree', {})
  const prepare = `() => (${ownMicrophone})(() => (${devices})(${JSON.stringify(who)}))`
  await bidi.ask('script.addPreloadScript', { functionDeclaration: prepare })
  const open = async (url: string) => { await bidi.ask('browsingContext.navigate', { context, url, wait: 'complete' }) }
  const evaluate = async (expression: string) => {
    const answer = await bidi.ask('script.evaluate', { expression, target: { context }, awaitPromise: true })
    if (answer.type === 'exception') throw new Error(answer.exceptionDetails.text)
    return answer.result.value ?? null
  }
  const close = async () => {
    bidi.close()
    if (child.exitCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  return { open, evaluate, close }
}

/** Runs in the page: without a sound card an AudioContext of Firefox stands still, so the microphone is its own fake. */
function ownMicrophone(replaceDevices: () => void) {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
  replaceDevices()
  const painted = navigator.mediaDevices.getUserMedia
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const found = await painted({ ...wanted, audio: false })
    if (wanted?.audio) found.addTrack((await real({ audio: true })).getAudioTracks()[0]!)
    return found
  }
}

async function listening(child: ChildProcess): Promise<string> {
  const timer = setTimeout(() => child.kill('SIGKILL'), startMax)
  let log = ''
  try {
    for await (const line of createInterface({ input: child.stderr! })) {
      log += `${line}\n`
      const match = /WebDriver BiDi listening on (ws:\S+)/.exec(line)
      if (match !== null) return match[1]!
    }
  } finally {
    clearTimeout(timer)
    child.stderr!.resume()
  }
  throw new Error(`Firefox ended before it could be driven:\n${log}`)
}

/** Commands with numbers, and their answers. */
class Bidi {
  #next = 1
  readonly #waiting = new Map<number, { resolve(answer: any): void, reject(why: Error): void }>()

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data) => {
      const { id, result, error, message } = JSON.parse(data.toString())
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(result)
      else waiting?.reject(new Error(`${error}: ${message}`))
    })
    socket.on('close', () => this.#waiting.forEach(({ reject }) => reject(new Error('Firefox is gone'))))
  }

  static async connect(url: string): Promise<Bidi> {
    const socket = new WebSocket(url)
    await once(socket, 'open')
    return new Bidi(socket)
  }

  ask(method: string, params: object): Promise<any> {
    const id = this.#next++
    this.socket.send(JSON.stringify({ id, method, params }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  close(): void {
    this.socket.close()
  }
}
