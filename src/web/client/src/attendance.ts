/** My taking part in a meeting: brings words, peer, slots and devices together; the user interface only looks and asks. */
import { Cell } from "./cell";
import { Devices } from "./media/devices";
import { MediaPath } from "./media/path";
import { OwnTracks } from "./own";
import { keep, take, type Stay } from "./stay";
import { apply, begin, grade, hear, maySend, me, write, type Meeting } from "./words/meeting";
import { asRefusal, browserWorld, Refusal, Words, type Ear } from "./words/socket";
import type { Ask, Audience, LeaveReason, RecordKey, Role, Source, Tell, TrackState, Welcome, Wish } from "./words/wire";

/** Under which this browser is known again by the meetings of this appliance. */
const IDENTITY = "alcove.identity";

/** What somebody has shown that they feel. */
export interface Reaction {
  readonly id: number;
  readonly participant: string;
  readonly emoji: string;
}

/** Something that I am asked to switch on; `by` is absent when the administrator asks. */
export type Request = Extract<Tell, { asked_to_send: unknown }>["asked_to_send"];

/** What I wait for, and when the meeting is. */
export type Waiting = Extract<Tell, { waiting: unknown }>["waiting"];

/** Why a meeting is over for me. */
export type End = { readonly reason: LeaveReason } | { readonly refusal: Refusal };

/** What the user interface shows of it all. */
export interface View {
  readonly phase: "lobby" | "joining" | "meeting" | "over";
  readonly meeting: Meeting | null;
  /** The words are cut, and come back by themselves. */
  readonly away: boolean;
  /** What I wait for outside, while I join. */
  readonly waiting: Waiting | null;
  /** A host has not let me in. */
  readonly denied: boolean;
  /** Why the last attempt to join failed. */
  readonly refusal: Refusal | null;
  readonly end: End | null;
  /** What opens the record of the meeting, if I am its host; also when it is over. */
  readonly record: RecordKey | null;
  /** What I want to be heard and seen of me. */
  readonly microphoneOn: boolean;
  readonly cameraOn: boolean;
  /** The screen that I share. */
  readonly screen: MediaStreamTrack | null;
  /** What a host asks me to switch on, until I have decided. */
  readonly request: Request | null;
}

/** Where the page stands: the meeting's name, and the token that lets in. */
export interface Place {
  readonly meeting: string;
  readonly token: string;
  /** Of whoever has scanned the room's screen: what the room is controlled with. */
  readonly roomKey?: string;
  /** Of whoever is signed in here: the token that says who of the directory they are. */
  readonly user?: string;
}

const LOBBY: View = {
  phase: "lobby", meeting: null, away: false, waiting: null, denied: false, refusal: null, end: null, record: null,
  microphoneOn: true, cameraOn: true, screen: null, request: null,
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
  /** The last reaction that came. */
  readonly reaction = new Cell<Reaction | null>(null);
  /** Why the last thing that I asked of the meeting was refused. */
  readonly refused = new Cell<Refusal | null>(null);
  readonly path: MediaPath;
  #words: Words;
  readonly #own = new OwnTracks((ask) => this.#words.ask(ask), (source, why) => this.#notLet(source, asRefusal(why)));
  #reactions = 0;
  #screenAudio: MediaStreamTrack | null = null;
  #wishes: Wish[] = [];
  /** What I said of myself when I joined. */
  #entered: readonly [name: string, password: string, code: string] = ["", "", ""];
  /** A host has sent me back: when I am out, I wait again. */
  #sentBack = false;
  /** The media path is from before the network changed. */
  #pathIsOld = false;
  /** How I was here before the page was loaded anew. */
  #stay: Stay | null;

  /** `cameraOn`: whether it is on at first. */
  constructor(
    readonly place: Place,
    readonly devices: Devices,
    cameraOn = true,
  ) {
    this.#stay = take(place.meeting, sessionStorage, Date.now());
    this.view.patch({ microphoneOn: this.#stay?.microphoneOn ?? true, cameraOn: this.#stay?.cameraOn ?? cameraOn });
    this.#words = this.#newWords();
    this.path = new MediaPath(() => this.#words);
    devices.view.watch(() => this.#devicesChanged());
    addEventListener("online", () => this.#networkChanged());
    addEventListener("pagehide", () => this.#stepOut());
  }

  /** Opens the devices; and goes straight in again where the page was only loaded anew. */
  async begin(): Promise<void> {
    await this.devices.open(this.view.value.cameraOn);
    const stay = this.#stay;
    this.#stay = null;
    if (stay) await this.enter(...stay.entered);
  }

  /** Makes the join fast: opens the wire, and has the offer made before anybody asks for it. */
  prepare(): void {
    if (this.view.value.phase !== "lobby") return;
    this.#words.warm();
    void this.path.offer();
  }

  /** Joins. What is refused comes to stand in the view. */
  async enter(name: string, password: string, code = ""): Promise<void> {
    if (this.view.value.phase !== "lobby") return;
    this.#entered = [name, password, code];
    this.view.patch({ phase: "joining", refusal: null, denied: false });
    try {
      const sdp = await this.path.offer();
      const token = this.place.token || code;
      const { user } = this.place;
      const hello = this.#words.hello({ token, name, identity: identity(), ...(password ? { password } : {}), ...(user ? { user } : {}) });
      const answered = this.#words.ask({ offer: { sdp } });
      answered.catch(() => undefined); // A refused hello takes the offer along; its own reason is the one to show.
      await hello;
      await this.path.accept(await answered);
    } catch (error) {
      this.#refused(asRefusal(error));
    }
  }

  /** Waits no longer. */
  withdraw(): void {
    if (this.view.value.phase !== "joining") return;
    this.view.patch({ phase: "lobby", waiting: null });
    this.#words.close();
    this.#words = this.#newWords();
    this.path.renew();
    this.prepare();
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

  /** Raises my hand, or takes it down. */
  toggleHand(): void {
    const { meeting } = this.view.value;
    if (meeting) this.request({ hand: { up: me(meeting)?.hand === undefined } });
  }

  /** Writes; resolves to whether it was taken. */
  async write(to: Audience, text: string): Promise<boolean> {
    return this.request({ chat: { to, text } });
  }

  /** Votes in a poll; resolves to whether the vote was taken. */
  async vote(poll: number, choices: number[]): Promise<boolean> {
    if (!(await this.request({ vote: { poll, choices } }))) return false;
    this.#voted(poll, choices);
    return true;
  }

  #voted(poll: number, choices: readonly number[]): void {
    const { meeting } = this.view.value;
    if (meeting) this.view.patch({ meeting: { ...meeting, votes: { ...meeting.votes, [poll]: choices } } });
  }

  /** The link that lets others in; null when it was refused. Mine may do more than theirs shall. */
  async invitation(): Promise<string | null> {
    const answer = await this.#words.ask({ invitation: {} }).catch((error: unknown) => {
      this.refused.set(asRefusal(error));
      return null;
    });
    return answer && "invitation" in answer ? answer.invitation.url : null;
  }

  /** Asks something of the meeting. What is refused is said in `refused`. Resolves to whether it was done. */
  async request(ask: Ask): Promise<boolean> {
    try {
      await this.#words.ask(ask);
      return true;
    } catch (error) {
      this.refused.set(asRefusal(error));
      return false;
    }
  }

  /** Does what a host asked for, or does not. */
  decide(does: boolean): void {
    const { request, microphoneOn, cameraOn, screen } = this.view.value;
    this.view.patch({ request: null });
    if (!does || !request) return;
    if (request.source === "microphone" && !microphoneOn) this.toggleMicrophone();
    else if (request.source === "camera" && !cameraOn) this.toggleCamera();
    else if (request.source === "screen" && !screen) void this.toggleShare();
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

  /** The page is closed, or loaded anew, which it learns when it is opened. */
  #stepOut(): void {
    const { phase, microphoneOn, cameraOn } = this.view.value;
    if (phase !== "meeting") return;
    keep({ meeting: this.place.meeting, entered: this.#entered, microphoneOn, cameraOn }, sessionStorage, Date.now());
    this.#ask({ step_out: {} });
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
    this.path.renew();
    this.view.set({ ...LOBBY, microphoneOn, cameraOn });
    void this.devices.reopen().then(() => this.devices.wantCamera(cameraOn));
    this.prepare();
  }

  // What the words tell.

  welcome(welcome: Welcome, again: boolean): void {
    this.view.patch({ phase: "meeting", meeting: begin(welcome), record: welcome.record ?? null, away: false, waiting: null });
    this.#own.forget();
    if (again) void this.#newPath(welcome);
    else {
      this.path.expect(welcome.video_codec);
      this.path.useRelay(welcome.stun);
    }
    this.#fitDevices(null);
    this.#publish();
    this.path.play();
  }

  event(event: Parameters<Ear["event"]>[0]): void {
    const { meeting } = this.view.value;
    if (!meeting) return;
    const next = apply(meeting, event);
    this.view.patch({ meeting: next });
    if ("sent_back" in event && event.sent_back.participant === next.you) this.#sentBack = true;
    if (next.over) this.#out(next.over);
    else if ("track" in event && event.track.participant === next.you) {
      const { source, state } = event.track;
      if (this.#own.heard(source, state)) this.#switchedOff(source, state);
    } else if ("role" in event && event.role.participant === next.you) {
      this.#fitDevices(me(meeting)?.role ?? null);
      this.#publish();
    }
  }

  tell(tell: Tell): void {
    const { meeting } = this.view.value;
    if ("slot" in tell) this.path.slots.take(tell.slot);
    else if ("speaking" in tell && meeting) this.view.patch({ meeting: hear(meeting, tell.speaking) });
    else if ("video_codec" in tell) this.path.prefer(tell.video_codec.codec);
    else if ("restart_ice" in tell) void this.path.restart();
    else if ("layers" in tell) this.path.watched(tell.layers.source, tell.layers.watched);
    else if ("quality" in tell && meeting) this.view.patch({ meeting: grade(meeting, tell.quality) });
    else if ("chat" in tell && meeting) this.view.patch({ meeting: write(meeting, tell.chat.messages) });
    else if ("waiting" in tell) this.view.patch({ waiting: tell.waiting });
    else if ("vote" in tell) this.#voted(tell.vote.poll, tell.vote.choices);
    else if ("drafts" in tell && meeting) this.view.patch({ meeting: { ...meeting, drafts: tell.drafts.polls } });
    else if ("guests" in tell && meeting) this.view.patch({ meeting: { ...meeting, guests: tell.guests.guests } });
    else if ("left_out" in tell && meeting) {
      const { via, sources } = tell.left_out;
      this.view.patch({ meeting: { ...meeting, leftOut: { ...meeting.leftOut, [via]: sources } } });
    } else if ("reaction" in tell) this.reaction.set({ id: ++this.#reactions, ...tell.reaction });
    else if ("asked_to_send" in tell) this.view.patch({ request: tell.asked_to_send });
  }

  away(): void {
    this.view.patch({ away: true });
  }

  back(codec: Parameters<Ear["back"]>[0]): void {
    this.view.patch({ away: false });
    this.path.prefer(codec);
    this.#own.repeat();
    this.#repeatWishes();
    if (this.#pathIsOld || this.path.state !== "connected") void this.path.restart();
    this.#pathIsOld = false;
  }

  lost(refusal: Refusal): void {
    this.#finish({ refusal });
  }

  /** Not let in: back to the lobby. Let in, and no media path: out again. */
  #refused(refusal: Refusal): void {
    const { phase, waiting } = this.view.value;
    const denied = waiting !== null && refusal.code === "not-permitted";
    if (phase === "joining") this.view.patch({ phase: "lobby", waiting: null, denied, refusal });
    else if (phase === "meeting") this.lost(refusal);
  }

  #newWords(): Words {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const name = encodeURIComponent(this.place.meeting);
    return new Words(browserWorld(`${scheme}://${location.host}/api/v1/meetings/${name}/ws`), this);
  }

  /** Brings what is sent and told in line with what I want and have. */
  #publish(): void {
    const { phase, meeting, microphoneOn, cameraOn, screen } = this.view.value;
    if (phase !== "meeting" || !meeting) return;
    const { microphone, camera } = this.devices.view.value;
    const screenAudio = this.#screenAudio;
    this.#own.publish({ meeting, microphone, microphoneOn, camera, cameraOn, screen, screenAudio }, this.path);
  }

  /** What I send is not taken. Other refusals than that of a host say no more than that it was known already. */
  #notLet(source: Source, why: Refusal): void {
    if (why.code !== "not-permitted") return;
    this.refused.set(why);
    this.#switchedOff(source, "muted");
  }

  /** Somebody else has switched off what I send. */
  #switchedOff(source: Source, state: TrackState): void {
    if (state === "on") return this.#publish();
    if (source === "microphone") this.view.patch({ microphoneOn: false });
    else if (source === "camera") {
      this.view.patch({ cameraOn: false });
      void this.devices.wantCamera(false);
    } else this.#stopShare();
    this.#publish();
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

  #networkChanged(): void {
    this.#pathIsOld = true;
    this.#words.renew();
  }

  #devicesChanged(): void {
    this.path.useSpeaker(this.devices.view.value.inUse.speaker);
    this.#publish();
  }

  /** A new participant for the appliance, though not for the person: a new peer with a new offer. */
  async #newPath(welcome: Welcome): Promise<void> {
    this.path.renew();
    this.path.expect(welcome.video_codec);
    const words = this.#words;
    try {
      await this.path.accept(await words.ask({ offer: { sdp: await this.path.offer() } }));
      this.path.useRelay(welcome.stun);
      this.#repeatWishes();
    } catch (error) {
      if (words.live) this.lost(asRefusal(error));
    }
  }

  #repeatWishes(): void {
    if (this.#wishes.length > 0) this.#ask({ watch: { wishes: this.#wishes } });
  }

  #ask(ask: Ask): void {
    // A refused wish changes nothing that is shown; a cut is told by `away`.
    this.#words.ask(ask).catch(() => undefined);
  }

  /** Out, and in front of the door again where a host wants it so. */
  #out(reason: LeaveReason): void {
    const isBack = this.#sentBack;
    this.#sentBack = false;
    this.#finish({ reason });
    if (!isBack) return;
    this.again();
    void this.enter(...this.#entered);
  }

  #finish(end: End): void {
    if (this.view.value.phase === "over") return;
    this.view.patch({ phase: "over", end, away: false, request: null });
    this.#stopShare();
    this.#words.close();
    this.path.close();
    this.#own.forget();
    this.#wishes = [];
    this.#pathIsOld = false;
    this.devices.close();
  }
}

/** Random, made once: whoever is banned is known by it. */
function identity(): string {
  const known = localStorage.getItem(IDENTITY);
  if (known) return known;
  const made = crypto.randomUUID();
  localStorage.setItem(IDENTITY, made);
  return made;
}
