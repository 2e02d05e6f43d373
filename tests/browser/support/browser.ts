// Chromium as a person's browser, with a camera and a microphone that tests can recognise.
import { chromium, type Browser, type BrowserContext, type Page } from '@playwright/test'

/** Debian's Chromium; no browser is downloaded. */
const executablePath = process.env.ALCOVE_CHROMIUM ?? '/usr/bin/chromium'

/** Starts it; `wrap` may name a program that starts it elsewhere, `more` is how this one is special. */
export function launch(wrap = (program: string) => program, more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: wrap(executablePath),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream=fps=30',
      '--autoplay-policy=no-user-gesture-required',
      '--allow-loopback-in-peer-connection',
      '--disable-features=WebRtcHideLocalIpsWithMdns',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-quic',
      '--no-first-run',
      '--mute-audio',
      ...more,
    ],
  })
}

/** What a person's devices give. */
export interface Person {
  /** The colour of the picture below the time code, as CSS has it. */
  readonly colour: string
  /** The pitch of the sound in Hz. */
  readonly tone: number
  readonly viewport?: { width: number, height: number }
  readonly locale?: string
  readonly colorScheme?: 'light' | 'dark'
  readonly phone?: boolean
  /** 1280x720 where nothing is said, else 960x540, the least of which there are three layers; a restless one costs bits. */
  readonly picture?: 'small' | 'restless'
  /** Tests bring scripts of their own into the page. */
  readonly bypassCSP?: boolean
}

/** A page whose camera shows a time code over one colour, and whose microphone hears one tone. */
export async function person(browser: Browser, who: Person): Promise<{ context: BrowserContext, page: Page }> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: who.viewport ?? { width: 1280, height: 800 },
    locale: who.locale ?? 'en-GB',
    colorScheme: who.colorScheme ?? 'light',
    bypassCSP: who.bypassCSP ?? false,
    ...(who.phone === true ? { isMobile: true, hasTouch: true, deviceScaleFactor: 2 } : {}),
    permissions: ['camera', 'microphone'],
  })
  await context.addInitScript(devices, { colour: who.colour, tone: who.tone, picture: who.picture })
  const page = await context.newPage()
  return { context, page }
}

/** Runs in the page before anything else: replaces camera and microphone, and adds the probes. */
export function devices({ colour, tone, picture }: { colour: string, tone: number, picture?: Person['picture'] }) {
  const cells = 40

  // As the appliance's simulated camera does: see the time code's format in the hardware layer.
  const withCheck = (millis: number) => {
    let crc = 0
    for (const shift of [24, 16, 8, 0]) {
      crc ^= (millis >>> shift) & 255
      for (let bit = 0; bit < 8; bit++) crc = (crc & 128) === 0 ? (crc << 1) & 255 : ((crc << 1) ^ 7) & 255
    }
    return [...millis.toString(2).padStart(32, '0'), ...(crc ^ 0x55).toString(2).padStart(8, '0')].map(Number)
  }
  const now = () => Math.floor(performance.timeOrigin + performance.now()) % 2 ** 32

  const noise = (width: number, height: number) => {
    const canvas = Object.assign(document.createElement('canvas'), { width, height })
    const grain = new ImageData(width, height)
    grain.data.forEach((_, at) => { grain.data[at] = at % 4 === 3 ? 40 : Math.random() * 255 })
    canvas.getContext('2d')!.putImageData(grain, 0, 0)
    return canvas
  }

  const camera = (width: number, height: number) => {
    const canvas = document.createElement('canvas')
    Object.assign(canvas, { width, height })
    const paint = canvas.getContext('2d')!
    let turn = 0
    const grain = picture === 'restless' ? noise(400, 300) : null
    const draw = () => {
      paint.fillStyle = colour
      paint.fillRect(0, 0, width, height)
      // Another piece of the grain each time: it costs little to paint and much to code.
      if (grain) paint.drawImage(grain, Math.random() * 320, Math.random() * 255, 80, 45, 0, 0, width, height)
      paint.fillStyle = '#888'
      paint.fillRect((turn++ * 7) % width, height * 0.8, 24, 24)
      withCheck(now()).forEach((bit, cell) => {
        paint.fillStyle = bit === 1 ? '#fff' : '#000'
        const from = Math.floor(cell * width / cells)
        paint.fillRect(from, 0, Math.floor((cell + 1) * width / cells) - from, Math.floor(height / 18))
      })
    }
    draw()
    setInterval(draw, 1000 / 30)
    return canvas.captureStream(30).getVideoTracks()[0]
  }

  const volumes: GainNode[] = []
  /** Whether the microphone hears its tone, or nothing at all. */
  const speak = (loud: boolean) => volumes.forEach((volume) => { volume.gain.value = loud ? 0.3 : 0 })

  const microphone = () => {
    const audio = new AudioContext()
    const oscillator = audio.createOscillator()
    const volume = audio.createGain()
    oscillator.frequency.value = tone
    volume.gain.value = 0.3
    volumes.push(volume)
    const out = audio.createMediaStreamDestination()
    oscillator.connect(volume).connect(out)
    oscillator.start()
    return out.stream.getAudioTracks()[0]
  }

  if (navigator.mediaDevices !== undefined) {
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const tracks: MediaStreamTrack[] = []
      if (wanted?.video) tracks.push(picture === undefined ? camera(1280, 720) : camera(960, 540))
      if (wanted?.audio) tracks.push(microphone())
      return new MediaStream(tracks)
    }
    navigator.mediaDevices.getDisplayMedia = async () => new MediaStream([camera(1280, 720), microphone()])
  }

  const scratch = document.createElement('canvas')
  const pixels = scratch.getContext('2d', { willReadFrequently: true })!

  const look = (video: HTMLVideoElement) => {
    const { videoWidth: width, videoHeight: height } = video
    if (width === 0) return null
    Object.assign(scratch, { width, height })
    pixels.drawImage(video, 0, 0)
    const row = Math.floor(Math.max(Math.floor(height / 18), 2) / 2)
    const line = pixels.getImageData(0, row, width, 1).data
    let bits = ''
    for (let cell = 0; cell < cells; cell++) {
      bits += (line[4 * Math.floor((2 * cell + 1) * width / (2 * cells)) + 1] ?? 0) >= 128 ? '1' : '0'
    }
    const millis = parseInt(bits.slice(0, 32), 2)
    const valid = withCheck(millis).join('') === bits
    const [r, g, b] = pixels.getImageData(Math.floor(width / 2), Math.floor(height / 2), 1, 1).data
    return { width, height, colour: [r, g, b], code: valid ? millis : null, age: valid ? (now() - millis) | 0 : null }
  }

  const pitch = async (stream: MediaStream, forMs: number) => {
    const audio = new AudioContext()
    await audio.resume()
    const analyser = audio.createAnalyser()
    analyser.fftSize = 16_384
    analyser.smoothingTimeConstant = 0
    audio.createMediaStreamSource(stream).connect(analyser)
    await new Promise((done) => { setTimeout(done, forMs) })
    const loudness = new Float32Array(analyser.frequencyBinCount)
    analyser.getFloatFrequencyData(loudness)
    const at = loudness.reduce((best, value, bin) => (value > loudness[best]! ? bin : best), 1)
    const found = { hz: at * audio.sampleRate / analyser.fftSize, db: loudness[at]! }
    await audio.close()
    return found
  }

  Object.assign(window, { probe: { look, pitch, speak } })
}

/** What a look at a video found. */
export interface Look {
  readonly width: number
  readonly height: number
  /** Red, green and blue in the middle of the picture, 0 to 255. */
  readonly colour: readonly number[]
  /** The time code, ms modulo 2^32; null where there is none. */
  readonly code: number | null
  /** How old the time code is, in ms. */
  readonly age: number | null
}

/** Runs in the page: a camera with a lot going on before it, so that its layers take their bits. */
export function busy() {
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 })
    const paint = canvas.getContext('2d')!
    let turn = 0
    setInterval(() => {
      turn += 1
      paint.fillStyle = `rgb(${turn % 255} 60 90)`
      paint.fillRect(0, 0, 1280, 720)
      paint.fillStyle = '#fff'
      for (let at = 0; at < 20; at++) paint.fillRect((turn * 9 + at * 64) % 1280, (at * 36 + turn * 3) % 720, 60, 60)
    }, 33)
    return canvas.captureStream(30)
  }
}
