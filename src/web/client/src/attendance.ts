/** My taking part in a meeting: brings words, peer, slots and devices together; the user interface only looks and asks. */
import { Cell } from "./cell";
import { Devices } from "./media/devices";
import { Peer } from "./media/peer";
import { judge, reading, type Quality, type Reading } from "./media/quality";
import { Slots } from "./media/slots";
import { useSpeaker } from "./media/sound";
import { apply, begin, hear, maySend, me, type Meeting } from "./words/meeting";
import { asRefusal, browserWorld, Refusal, Words, type Ear } from "./words/socket";
import type { LeaveReason, Role, Source, Tell, TrackState, Welcome, Wish } from "./words/wire";

/** How often the way to the appliance is looked at, in milliseconds. */
const QUALITY_MS = 2_000;
/** How long a path may stay disturbed before a new one is sought, in milliseconds. */
const DISTURBED_MS = 1_000;

/** Why a meeting is over for me. */
export type End = { readonly reason: LeaveReason } | { readonly refusal: Refusal };

/** What the user interface shows of it all. */
export interface View {
  readonly phase: "lobby" | "joining" | "meeting" | "over";
  readonly meeting: Meeting | null;
  /** The words are cut, and come back by themselves. */
  readonly away: boolean;
  /** Why the last attempt to join failed. */
  readonly refusal: Refusal | null;
  readonly end: End | null;
  /** What I want to be heard and seen of me. */
  readonly microphoneOn: boolean;
  readonly cameraOn: boolean;
  /** The screen that I share. */
  readonly screen: MediaStreamTrack | null;
  /** The browser waits for a touch before it plays sound. */
  readonly soundBlocked: boolean;
  readonly quality: Quality | null;
}

/** Where the page stands: the meeting's name, and the token that lets in. */
export interface Place {
  readonly meeting: string;
  readonly token: string;
}

const LOBBY: View = {
  phase: "lobby", meeting: null, away: false, refusal: null, end: null,
  microphoneOn: true, cameraOn: true, screen: null, soundBlocked: false, quality: null,
};

/**
 * ```text
 *  lobby ──enter()──▶ joining ──welcome──▶ meeting ──left, ended, lost──▶ over
 *    ▲                   │ refused                                          │
 *    └───────────────────┴──────────────────────── again() ────────────────┘
 * ```
 */
export class Attendance implements Ear {
  readonly view = new Cell<View>(LOBBY);
  readonly slots = new Slots<HTMLMediaElement>(after);
  /** Where the elements of slots live while no tile shows them. */
  readonly pool: HTMLElement;
  #words: Words;
  #peer: Peer;
  #told = new Map<Source, TrackState>();
  #screenAudio: MediaStreamTrack | null = null;
  #wishes: Wish[] = [];
  #restarting = false;
  #lastReading: Reading | null = null;

  constructor(
    readonly place: Place,
    readonly devices: Devices,
  ) {
    this.pool = document.createElement("div");
    this.pool.className = "pool";
    document.body.append(this.pool);
    this.#words = this.#newWords();
    this.#peer = this.#newPeer();
    devices.view.watch(() => this.#devicesChanged());
    addEventListener("online", () => this.#words.hurry());
    addEventListener("pagehide", () => this.leave());
    setInterval(() => void this.#lookAtQuality(), QUALITY_MS);
  }

  /** Makes the join fast: opens the wire, and has the offer made before anybody asks for it. */
  prepare(): void {
    if (this.view.value.phase !== "lobby") return;
    this.#words.warm();
    void this.#peer.offer();
  }

  /** Joins. What is refused comes to stand in the view. */
  async enter(name: string, password: string): Promise<void> {
    if (this.view.value.phase !== "lobby") return;
    this.view.patch({ phase: "joining", refusal: null });
    try {
      const sdp = await this.#peer.offer();
      const { token } = this.place;
      const hello = this.#words.hello({ token, name, ...(password ? { password } : {}) });
      const answered = this.#words.ask({ offer: { sdp } });
      answered.catch(() => undefined); // A refused hello takes the offer along; its own reason is the one to show.
      await hello;
      const answer = await answered;
      if ("answer" in answer) await this.#peer.accept(answer.answer.sdp);
    } catch (error) {
      this.#refused(asRefusal(error));
    }
  }

  toggleMicrophone(): void {
    const { microphone, asked } = this.devices.view.value;
    if (asked && !microphone) {
      // Whoever wants to be heard and is not wants another attempt, not a switch.
      this.view.patch({ microphoneOn: true });
      return void this.devices.retry("microphone");
    }
    this.view.patch({ microphoneOn: !this.view.value.microphoneOn });
    this.#publish();
  }

  toggleCamera(): void {
    if (this.view.value.cameraOn && this.devices.view.value.problems.camera) return void this.devices.retry("camera");
    this.view.patch({ cameraOn: !this.view.value.cameraOn });
    void this.devices.wantCamera(this.view.value.cameraOn);
    this.#publish();
  }

  /** Shares a screen with its sound, or stops sharing. */
  async toggleShare(): Promise<void> {
    if (this.view.value.screen) return this.#stopShare();
    let shared: MediaStream;
    try {
      shared = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 30 } }, audio: true });
    } catch {
      return; // The person changed their mind; the browser has said whatever else there is to say.
    }
    const screen = shared.getVideoTracks()[0] ?? null;
    if (!screen || this.view.value.phase !== "meeting") return shared.getTracks().forEach((track) => track.stop());
    screen.contentHint = "detail";
    screen.onended = () => this.#stopShare();
    this.#screenAudio = shared.getAudioTracks()[0] ?? null;
    this.view.patch({ screen });
    this.#publish();
  }

  /** Says whom I want to see, the most wanted first. */
  watch(wishes: Wish[]): void {
    if (JSON.stringify(wishes) === JSON.stringify(this.#wishes)) return;
    this.#wishes = wishes;
    this.#ask({ watch: { wishes } });
  }

  /** Leaves, at once: the word is on its way, nothing waits for it. */
  leave(): void {
    if (this.view.value.phase !== "meeting") return;
    this.#ask({ leave: {} });
    this.#finish({ reason: "left" });
  }

  /** Ends the meeting for everybody; for hosts. */
  endForAll(): void {
    this.#ask({ end: {} });
  }

  /** Back to the lobby, for another go. */
  again(): void {
    if (this.view.value.phase !== "over") return;
    const { microphoneOn, cameraOn } = this.view.value;
    this.#words = this.#newWords();
    this.#peer = this.#newPeer();
    this.view.set({ ...LOBBY, microphoneOn, cameraOn });
    void this.devices.reopen().then(() => this.devices.wantCamera(cameraOn));
    this.prepare();
  }

  /** Plays whatever the browser held back until the person touched something. */
  unblockSound(): void {
    this.view.patch({ soundBlocked: false });
    for (const slot of this.slots.now.value) this.#play(slot.element);
  }

  /** The raw figures of the peer, for support and tests. */
  stats(): Promise<RTCStatsReport> {
    return this.#peer.stats();
  }

  get peerState(): RTCPeerConnectionState {
    return this.#peer.state;
  }

  // What the words tell.

  welcome(welcome: Welcome, again: boolean): void {
    this.view.patch({ phase: "meeting", meeting: begin(welcome), away: false });
    this.#told.clear();
    if (again) void this.#newPath(welcome);
    else this.#peer.expect(welcome.video_codec);
    this.#fitDevices(null);
    this.#publish();
    for (const slot of this.slots.now.value) this.#play(slot.element);
  }

  event(event: Parameters<Ear["event"]>[0]): void {
    const { meeting } = this.view.value;
    if (!meeting) return;
    const next = apply(meeting, event);
    this.view.patch({ meeting: next });
    if (next.over) this.#finish({ reason: next.over });
    else if ("role" in event && event.role.participant === next.you) {
      this.#fitDevices(me(meeting)?.role ?? null);
      this.#publish();
    }
  }

  tell(tell: Tell): void {
    const { meeting } = this.view.value;
    if ("slot" in tell) this.slots.take(tell.slot);
    else if ("speaking" in tell && meeting) this.view.patch({ meeting: hear(meeting, tell.speaking) });
    else if ("video_codec" in tell) void this.#peer.prefer(tell.video_codec.codec);
    else if ("restart_ice" in tell) void this.#restart();
  }

  away(): void {
    this.view.patch({ away: true });
  }

  back(codec: Parameters<Ear["back"]>[0]): void {
    this.view.patch({ away: false });
    void this.#peer.prefer(codec);
    this.#told.clear();
    this.#publish();
    if (this.#wishes.length > 0) this.#ask({ watch: { wishes: this.#wishes } });
    if (this.#peer.state !== "connected") void this.#restart();
  }

  lost(refusal: Refusal): void {
    this.#finish({ refusal });
  }

  /** Not let in: back to the lobby. Let in, and no media path: out again. */
  #refused(refusal: Refusal): void {
    const { phase } = this.view.value;
    if (phase === "joining") this.view.patch({ phase: "lobby", refusal });
    else if (phase === "meeting") this.lost(refusal);
  }

  #newWords(): Words {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const name = encodeURIComponent(this.place.meeting);
    return new Words(browserWorld(`${scheme}://${location.host}/api/v1/meetings/${name}/ws`), this);
  }

  #newPeer(): Peer {
    const peer = new Peer({ state: (state) => peer === this.#peer && this.#pathChanged(state) });
    void peer.offer().then(() => {
      if (peer !== this.#peer) return;
      this.slots.clear();
      for (const { mid, kind, track } of peer.slots) this.slots.add(mid, kind, this.#element(kind, track));
    });
    return peer;
  }

  #element(kind: "audio" | "video", track: MediaStreamTrack): HTMLMediaElement {
    const element = document.createElement(kind);
    element.autoplay = true;
    element.srcObject = new MediaStream([track]);
    if (element instanceof HTMLVideoElement) {
      element.playsInline = true;
      element.muted = true;
    } else void useSpeaker(element, this.devices.view.value.inUse.speaker);
    this.pool.append(element);
    return element;
  }

  #play(element: HTMLMediaElement): void {
    element.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.view.patch({ soundBlocked: true });
    });
  }

  /** Brings what is sent, and what the others are told of it, in line with what I want and have. */
  #publish(): void {
    const { phase, meeting, microphoneOn, cameraOn, screen } = this.view.value;
    if (phase !== "meeting" || !meeting) return;
    const allowed = maySend(me(meeting)?.role);
    const video = allowed && meeting.info.mode === "video";
    const { microphone, camera } = this.devices.view.value;
    this.#set("microphone", allowed ? microphone : null, microphoneOn, allowed && microphone !== null);
    this.#set("camera", video ? camera : null, cameraOn, video && (camera !== null || this.#told.has("camera")));
    this.#set("screen", video ? screen : null, true, video && screen !== null);
    this.#set("screen_audio", video ? this.#screenAudio : null, true, video && this.#screenAudio !== null);
  }

  #set(source: Source, track: MediaStreamTrack | null, on: boolean, published: boolean): void {
    const flows = on && track !== null;
    void this.#peer.send(source, flows ? track : null);
    const state: TrackState = !published ? "off" : flows ? "on" : "muted";
    if ((this.#told.get(source) ?? "off") === state) return;
    this.#told.set(source, state);
    this.#ask({ track: { source, state } });
  }

  /** Devices that may not be used are let go: their lights tell the truth. */
  #fitDevices(roleBefore: Role | null): void {
    const { meeting, cameraOn } = this.view.value;
    if (!meeting) return;
    if (!maySend(me(meeting)?.role)) this.devices.close();
    else if (meeting.info.mode === "audio") void this.devices.wantCamera(false);
    else if (roleBefore === "audience") void this.devices.reopen().then(() => this.devices.wantCamera(cameraOn));
  }

  #stopShare(): void {
    const { screen } = this.view.value;
    if (screen) screen.onended = null;
    screen?.stop();
    this.#screenAudio?.stop();
    this.#screenAudio = null;
    this.view.patch({ screen: null });
    this.#publish();
  }

  #devicesChanged(): void {
    const { speaker } = this.devices.view.value.inUse;
    for (const slot of this.slots.now.value) if (slot.kind === "audio") void useSpeaker(slot.element, speaker);
    this.#publish();
  }

  #pathChanged(state: RTCPeerConnectionState): void {
    if (state === "failed") void this.#restart();
    if (state === "disconnected") {
      after(DISTURBED_MS, () => {
        if (this.#peer.state === "disconnected") void this.#restart();
      });
    }
  }

  /** Seeks a new path; while the words are cut, `back` does so. */
  async #restart(): Promise<void> {
    if (this.#restarting || !this.#words.live) return;
    this.#restarting = true;
    const peer = this.#peer;
    try {
      const answer = await this.#words.ask({ offer: { sdp: await peer.restart() } });
      if ("answer" in answer) await peer.accept(answer.answer.sdp);
    } catch {
      // A cut brings `back`, which seeks again; a refusal leaves the old path as it is.
    } finally {
      this.#restarting = false;
    }
  }

  /** A new participant for the appliance, though not for the person: a new peer with a new offer. */
  async #newPath(welcome: Welcome): Promise<void> {
    this.#peer.close();
    this.#wishes = [];
    const peer = (this.#peer = this.#newPeer());
    peer.expect(welcome.video_codec);
    try {
      const answer = await this.#words.ask({ offer: { sdp: await peer.offer() } });
      if ("answer" in answer) await peer.accept(answer.answer.sdp);
    } catch (error) {
      if (peer === this.#peer && this.#words.live) this.lost(asRefusal(error));
    }
  }

  #ask(ask: Parameters<Words["ask"]>[0]): void {
    // A refused wish changes nothing that is shown; a cut is told by `away`.
    this.#words.ask(ask).catch(() => undefined);
  }

  #finish(end: End): void {
    if (this.view.value.phase === "over") return;
    this.view.patch({ phase: "over", end, away: false, quality: null });
    this.#stopShare();
    this.#words.close();
    this.#peer.close();
    this.slots.clear();
    this.pool.replaceChildren();
    this.#told.clear();
    this.#wishes = [];
    this.#lastReading = null;
    this.devices.close();
  }

  async #lookAtQuality(): Promise<void> {
    if (this.view.value.phase !== "meeting") return;
    const report = await this.#peer.stats();
    const now = reading(report.values(), performance.now());
    if (this.#lastReading) this.view.patch({ quality: judge(this.#lastReading, now) });
    this.#lastReading = now;
  }
}

function after(ms: number, then: () => void): () => void {
  const timer = setTimeout(then, ms);
  return () => clearTimeout(timer);
}
