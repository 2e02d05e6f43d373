/** The tones of calls, made by the page's own audio graph: ringing, ring-back, a knock, and the end. */
import { graph } from "../media/sound";
import { ringChoice } from "./ring";

export type Tone = "ring" | "back" | "knock" | "end";

/** A note: when it begins and how long it lasts, in seconds, its pitches in hertz, and how loud it is. */
type Note = readonly [start: number, length: number, pitches: readonly number[], loudness: number];

/** What is played, and after how many seconds it begins anew; 0: once. The room's own are the same (`tone.rs`). */
const SCORES: Readonly<Record<Tone, { readonly notes: readonly Note[]; readonly every: number }>> = {
  ring: {
    notes: [
      [0, 0.22, [659.26], 0.3], [0.22, 0.22, [783.99], 0.3], [0.44, 0.22, [987.77], 0.3], [0.66, 0.5, [783.99, 1318.51], 0.26],
    ],
    every: 3,
  },
  back: { notes: [[0, 1, [425], 0.09]], every: 4 },
  knock: { notes: [[0, 0.12, [587.33], 0.22], [0.2, 0.12, [587.33], 0.22]], every: 0 },
  end: { notes: [[0, 0.16, [523.25], 0.16], [0.18, 0.3, [392], 0.16]], every: 0 },
};

/** How long a ring lasts, in milliseconds. */
const SAMPLE_MS = 1_500;

/** Plays a tone, again and again where it is one of those; the returned function ends it. */
export function play(tone: Tone): () => void {
  const { notes, every } = SCORES[tone];
  const context = graph();
  const out = new GainNode(context, { gain: 1 });
  out.connect(context.destination);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const turn = () => {
    // What calls somebody from afar is as loud as they want it; what they hear at the page is not.
    if (tone === "ring" || tone === "knock") out.gain.value = ringChoice.value.volume / 100;
    // A page that nobody has touched may not sound; what is due then is not made up for later.
    if (context.state === "running") for (const note of notes) strike(context, out, note);
    if (every > 0) timer = setTimeout(turn, every * 1_000);
  };
  turn();
  return () => {
    clearTimeout(timer);
    if (every === 0) return;
    out.gain.setTargetAtTime(0, context.currentTime, 0.02);
    setTimeout(() => out.disconnect(), 200);
  };
}

/** Rings once, for who chooses how loud that shall be. */
export function sample(): void {
  stopSample();
  const stop = play("ring");
  const timer = setTimeout(stop, SAMPLE_MS);
  stopSample = () => {
    clearTimeout(timer);
    stop();
  };
}

let stopSample = () => {};

function strike(context: AudioContext, out: AudioNode, [start, length, pitches, loudness]: Note): void {
  const begins = context.currentTime + 0.02 + start;
  for (const frequency of pitches) {
    const oscillator = new OscillatorNode(context, { frequency, type: "sine" });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, begins);
    gain.gain.linearRampToValueAtTime(loudness / pitches.length, begins + 0.015);
    gain.gain.setValueAtTime(loudness / pitches.length, begins + length - 0.03);
    gain.gain.linearRampToValueAtTime(0, begins + length);
    oscillator.connect(gain).connect(out);
    oscillator.start(begins);
    oscillator.stop(begins + length);
  }
}
