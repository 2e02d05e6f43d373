/** The way of media to the appliance and back: the peer, its slots with their elements, and how good the way is. */
import { Cell } from "../cell";
import type { Answer, Ask, Source, VideoCodec } from "../words/wire";
import { Peer } from "./peer";
import { Insight } from "./insight";
import { judge, reading, type Quality, type Reading } from "./quality";
import { Slots } from "./slots";
import { useSpeaker } from "./sound";

/** How often the way is looked at, in milliseconds. */
const QUALITY_MS = 2_000;
/** How many looks are remembered: three minutes. */
const HISTORY_MAX = 90;
/** How long a path may stay disturbed before a new one is sought, in milliseconds. */
const DISTURBED_MS = 1_000;
/** How long a direct path is waited for before one through the appliance's relay is sought, in milliseconds. */
const DIRECT_MS = 1_000;

/** What the path needs of the words. */
export interface Asker {
  readonly live: boolean;
  ask(ask: Ask): Promise<Answer>;
}

/** One peer after another; at most one at a time. */
export class MediaPath {
  readonly slots = new Slots<HTMLMediaElement>(after);
  /** The browser waits for a touch before it plays sound. */
  readonly soundBlocked = new Cell(false);
  readonly quality = new Cell<Quality | null>(null);
  /** The latest looks at the way, the oldest first. */
  readonly history = new Cell<readonly Quality[]>([]);
  /** The figures of pictures, while somebody looks at them. */
  readonly insight = new Insight({
    slots: () => this.slots.now.value,
    sources: (mid) => this.#peer.sources(mid),
    stats: () => this.#peer.stats(),
    ask: (ask) => this.words().ask(ask),
  });
  /** Where the elements of slots live while no tile shows them. */
  readonly pool: HTMLElement;
  #peer: Peer;
  #restarting = false;
  #lastReading: Reading | null = null;
  #speaker: string | null = null;
  #relay = false;

  constructor(private readonly words: () => Asker) {
    this.pool = document.createElement("div");
    this.pool.className = "pool";
    this.pool.ariaHidden = "true";
    document.body.append(this.pool);
    this.#peer = this.#newPeer();
    setInterval(() => void this.#lookAtQuality(), QUALITY_MS);
  }

  get state(): RTCPeerConnectionState {
    return this.#peer.state;
  }

  /** The raw figures of the peer, for support and tests. */
  stats(): Promise<RTCStatsReport> {
    return this.#peer.stats();
  }

  /** The one offer; asking for it early makes the join fast. */
  offer(): Promise<string> {
    return this.#peer.offer();
  }

  /** Takes the answer to the offer. */
  async accept(answer: Answer): Promise<void> {
    if ("answer" in answer) await this.#peer.accept(answer.answer.sdp);
  }

  /** A new peer in place of the old one, which the appliance does not know any more. */
  renew(): void {
    this.close();
    this.#peer = this.#newPeer();
  }

  close(): void {
    this.#peer.close();
    this.slots.clear();
    this.pool.replaceChildren();
    this.quality.set(null);
    this.history.set([]);
    this.soundBlocked.set(false);
    this.#lastReading = null;
  }

  /**
   * Where the appliance has a relay, and no direct path is found soon: one through the relay, which lets us through once it
   * knows our address. The STUN server tells us that.
   */
  useRelay(stun: string | undefined): void {
    this.#relay = stun !== undefined;
    if (stun === undefined) return;
    this.#peer.askForAddress(stun);
    this.#seekRelay(this.#peer);
  }

  send(source: Source, track: MediaStreamTrack | null): Promise<void> {
    return this.#peer.send(source, track);
  }

  expect(codec: VideoCodec): void {
    this.#peer.expect(codec);
  }

  prefer(codec: VideoCodec): void {
    void this.#peer.prefer(codec);
  }

  /** Sends this many layers of a source from now on, from the smallest on: nobody watches the others. */
  watched(source: Source, layers: number): void {
    void this.#peer.watched(source, layers);
  }

  /** Seeks a new path; while the words are cut, nobody could answer. */
  async restart(): Promise<void> {
    if (this.#restarting || !this.words().live) return;
    this.#restarting = true;
    const peer = this.#peer;
    try {
      const answer = await this.words().ask({ offer: { sdp: await peer.restart() } });
      if ("answer" in answer) await peer.accept(answer.answer.sdp);
    } catch {
      // A cut is followed by another attempt when the words are back; a refusal leaves the path as it is.
    } finally {
      this.#restarting = false;
    }
  }

  /** Plays everything, also what the browser held back until the person touched something. */
  play(): void {
    this.soundBlocked.set(false);
    for (const { element } of this.slots.now.value) {
      element.play().catch((error: unknown) => {
        if (error instanceof DOMException && error.name === "NotAllowedError") this.soundBlocked.set(true);
      });
    }
  }

  /** Plays sound through this loudspeaker from now on. */
  useSpeaker(speaker: string | null): void {
    if (speaker === this.#speaker) return;
    this.#speaker = speaker;
    for (const { kind, element } of this.slots.now.value) if (kind === "audio") void useSpeaker(element, speaker);
  }

  #newPeer(): Peer {
    const peer = new Peer({
      state: (state) => peer === this.#peer && this.#changed(state),
      candidate: (candidate) => peer === this.#peer && this.#tell(candidate),
    });
    void peer.offer().then(() => {
      if (peer !== this.#peer) return;
      for (const { mid, kind, track } of peer.slots) this.slots.add(mid, kind, this.#element(kind, track));
    });
    return peer;
  }

  #seekRelay(peer: Peer): void {
    after(DIRECT_MS, () => {
      if (peer !== this.#peer || (peer.state !== "new" && peer.state !== "connecting")) return;
      if (peer.isAnswered) void this.restart();
      else this.#seekRelay(peer);
    });
  }

  /** Names that only our own network knows are of no use to the relay. */
  #tell(candidate: string): void {
    if (!this.#relay || !this.words().live || !/ udp /i.test(candidate) || candidate.includes(".local ")) return;
    this.words().ask({ candidate: { candidate } }).catch(() => undefined);
  }

  #element(kind: "audio" | "video", track: MediaStreamTrack): HTMLMediaElement {
    const element = document.createElement(kind);
    element.autoplay = true;
    element.srcObject = new MediaStream([track]);
    if (element instanceof HTMLVideoElement) {
      element.playsInline = true;
      element.muted = true;
      // Pictures of phones held upright are shown whole; styles cannot ask for a picture's shape.
      element.addEventListener("resize", () => element.classList.toggle("upright", element.videoHeight > element.videoWidth));
    } else void useSpeaker(element, this.#speaker);
    this.pool.append(element);
    return element;
  }

  #changed(state: RTCPeerConnectionState): void {
    if (state === "failed") void this.restart();
    if (state !== "disconnected") return;
    after(DISTURBED_MS, () => {
      if (this.#peer.state === "disconnected") void this.restart();
    });
  }

  async #lookAtQuality(): Promise<void> {
    if (this.#peer.state !== "connected") return;
    const report = await this.#peer.stats();
    const now = reading(report.values(), performance.now());
    if (this.#lastReading) {
      const quality = judge(this.#lastReading, now);
      this.quality.set(quality);
      this.history.set([...this.history.value, quality].slice(-HISTORY_MAX));
    }
    this.#lastReading = now;
  }
}

function after(ms: number, then: () => void): () => void {
  const timer = setTimeout(then, ms);
  return () => clearTimeout(timer);
}
