/** Sound that is not a meeting's: how loud the microphone is, and a chime to try the loudspeaker with. */

let shared: AudioContext | null = null;

/** The one audio graph of the page; browsers allow only a few. */
export function graph(): AudioContext {
  shared ??= new AudioContext();
  if (shared.state === "suspended") void shared.resume();
  return shared;
}

/** Measures how loud a microphone is. */
export class Meter {
  readonly #analyser: AnalyserNode;
  readonly #source: MediaStreamAudioSourceNode;
  readonly #samples: Float32Array<ArrayBuffer>;

  constructor(track: MediaStreamTrack) {
    const context = graph();
    this.#analyser = new AnalyserNode(context, { fftSize: 1024 });
    this.#source = new MediaStreamAudioSourceNode(context, { mediaStream: new MediaStream([track]) });
    this.#source.connect(this.#analyser);
    this.#samples = new Float32Array(this.#analyser.fftSize);
  }

  /** 0 (silent, -60 dB and below) to 1 (as loud as it gets). */
  level(): number {
    if (graph().state !== "running") return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return loudness(Math.sqrt(sum / this.#samples.length));
  }

  close(): void {
    this.#source.disconnect();
  }
}

/** An effective value as a share of the range that a meter shows: 60 dB. */
export function loudness(effective: number): number {
  const decibel = 20 * Math.log10(Math.max(effective, 1e-6));
  return Math.min(1, Math.max(0, 1 + decibel / 60));
}

/** The notes of the chime: a rising fifth and the octave, in hertz. */
const NOTES = [392, 587.33, 784];
const NOTE_S = 0.28;

/** Plays the chime through a loudspeaker; resolves when it has faded. */
export async function chime(speaker: string | null): Promise<void> {
  const context = graph();
  const out = new MediaStreamAudioDestinationNode(context);
  const element = new Audio();
  element.srcObject = out.stream;
  await useSpeaker(element, speaker);
  await element.play();
  const start = context.currentTime + 0.05;
  const notes = NOTES.map((frequency, at) => note(context, out, frequency, start + at * NOTE_S));
  await new Promise((resolve) => notes.at(-1)?.addEventListener("ended", resolve, { once: true }));
  element.srcObject = null;
}

function note(context: AudioContext, out: AudioNode, frequency: number, start: number): OscillatorNode {
  const oscillator = new OscillatorNode(context, { frequency, type: "sine" });
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(0.22, start + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, start + 3 * NOTE_S);
  oscillator.connect(gain).connect(out);
  oscillator.start(start);
  oscillator.stop(start + 3 * NOTE_S);
  return oscillator;
}

/** Whether this browser lets a page choose the loudspeaker at all (Safari does not). */
export function canChooseSpeaker(): boolean {
  return typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype;
}

/** Plays an element through a loudspeaker; through the default one where that is gone. */
export async function useSpeaker(element: HTMLMediaElement, speaker: string | null): Promise<void> {
  if (!canChooseSpeaker() || speaker === null) return;
  try {
    await element.setSinkId(speaker);
  } catch {
    await element.setSinkId("");
  }
}
