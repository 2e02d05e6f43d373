/** My own tracks: what is sent of me, and what the others are told of it, kept in line with each other. */
import { maySend, me, type Meeting } from "./words/meeting";
import type { Ask, Source, TrackState } from "./words/wire";

/** What I have and want, at one moment. */
export interface Wanted {
  readonly meeting: Meeting;
  readonly microphone: MediaStreamTrack | null;
  readonly microphoneOn: boolean;
  readonly camera: MediaStreamTrack | null;
  readonly cameraOn: boolean;
  readonly screen: MediaStreamTrack | null;
  readonly screenAudio: MediaStreamTrack | null;
}

/** Where tracks go. */
export interface Outlet {
  send(source: Source, track: MediaStreamTrack | null): Promise<void>;
}

/** Remembers what was told, so that only changes are. */
export class OwnTracks {
  readonly #told = new Map<Source, TrackState>();
  /** How many words about a source are on their way: until they are answered, what comes back may be an echo. */
  readonly #waiting = new Map<Source, number>();

  /** `refused`: a source may not be switched on. */
  constructor(
    private readonly ask: (ask: Ask) => Promise<unknown>,
    private readonly refused: (source: Source, why: unknown) => void,
  ) {}

  /** Forgets what was told: nobody is there who heard it. */
  forget(): void {
    this.#told.clear();
  }

  /** Tells everything anew: some of it may have been lost. */
  repeat(): void {
    for (const [source, state] of this.#told) this.#tell(source, state);
  }

  /** The meeting says what a track of mine is. Returns whether somebody else has changed it. */
  heard(source: Source, state: TrackState): boolean {
    if ((this.#waiting.get(source) ?? 0) > 0 || (this.#told.get(source) ?? "off") === state) return false;
    this.#told.set(source, state);
    return true;
  }

  /** Sends what is wanted and allowed, and tells what has changed by that. Muted means: nothing leaves. */
  publish(wanted: Wanted, outlet: Outlet): void {
    const { meeting, microphone, microphoneOn, camera, cameraOn, screen, screenAudio } = wanted;
    const sound = maySend(me(meeting)?.role);
    const picture = sound && meeting.info.mode === "video";
    // A camera that was closed stays published: it is off for a while, not gone.
    const hasCamera = camera !== null || this.#told.has("camera");
    this.#set(outlet, "microphone", sound && microphone !== null, microphoneOn ? microphone : null);
    this.#set(outlet, "camera", picture && hasCamera, cameraOn ? camera : null);
    this.#set(outlet, "screen", picture && screen !== null, screen);
    this.#set(outlet, "screen_audio", picture && screenAudio !== null, screenAudio);
  }

  #set(outlet: Outlet, source: Source, published: boolean, track: MediaStreamTrack | null): void {
    const flowing = published ? track : null;
    void outlet.send(source, flowing);
    const state: TrackState = !published ? "off" : flowing ? "on" : "muted";
    if ((this.#told.get(source) ?? "off") === state) return;
    this.#told.set(source, state);
    this.#tell(source, state);
  }

  #tell(source: Source, state: TrackState): void {
    const wait = (by: number) => this.#waiting.set(source, (this.#waiting.get(source) ?? 0) + by);
    wait(1);
    void this.ask({ track: { source, state } }).then(
      () => wait(-1),
      (why) => {
        wait(-1);
        if (state === "on" && this.#told.get(source) === "on") this.refused(source, why);
      },
    );
  }
}
