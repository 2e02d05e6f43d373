/** The browser's own camera, microphone and loudspeaker: which there are, which is chosen, and what stands in the way. */
import { Cell } from "../cell";

/** What one can choose between. */
export type DeviceKind = "microphone" | "camera" | "speaker";

/** A device as it is offered for choice. */
export interface Choice {
  readonly id: string;
  readonly label: string;
}

/** Why there is no track of a kind. */
export type Problem = "denied" | "missing" | "in-use";

/** Everything that the page shows of the devices. */
export interface DeviceView {
  readonly choices: Readonly<Record<DeviceKind, readonly Choice[]>>;
  /** The device in use, by kind; null where none is. */
  readonly inUse: Readonly<Record<DeviceKind, string | null>>;
  readonly problems: Readonly<Partial<Record<"microphone" | "camera", Problem>>>;
  readonly microphone: MediaStreamTrack | null;
  readonly camera: MediaStreamTrack | null;
  /** Whether the first question for permission is answered. */
  readonly asked: boolean;
}

/** What the person was told by a change of the devices: the label of what is in use now. */
export interface Switched {
  readonly kind: "microphone" | "camera";
  readonly label: string;
}

const MEDIA_KIND = { microphone: "audioinput", camera: "videoinput", speaker: "audiooutput" } as const;
const KEY = "alcove.device.";

/** Opens, changes and closes devices, one step at a time. */
export class Devices {
  readonly view = new Cell<DeviceView>({
    choices: { microphone: [], camera: [], speaker: [] },
    inUse: { microphone: null, camera: null, speaker: remembered("speaker") },
    problems: {},
    microphone: null,
    camera: null,
    asked: false,
  });
  /** A device went away or came back, and another one is in use. */
  readonly switched = new Cell<Switched | null>(null);
  /** Whether the camera shall be open at all; its light goes out when it is not. */
  #cameraWanted = true;
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly media: MediaDevices) {
    media.addEventListener("devicechange", () => void this.#inTurn(() => this.#changed()));
  }

  /** Asks for both at once, so that the person is asked only once; then for each alone. Or for sound alone. */
  open(withCamera = true): Promise<void> {
    this.#cameraWanted = withCamera;
    return this.#inTurn(async () => {
      if (!withCamera) {
        await this.#openOne("microphone");
        await this.#list();
        return this.view.patch({ asked: true });
      }
      try {
        const both = await this.media.getUserMedia({ audio: audio(), video: video() });
        this.#keep("microphone", both.getAudioTracks()[0] ?? null);
        this.#keep("camera", both.getVideoTracks()[0] ?? null);
      } catch {
        await this.#openOne("microphone");
        await this.#openOne("camera");
      }
      await this.#list();
      this.view.patch({ asked: true });
    });
  }

  /** Uses another device from now on, and remembers it. */
  choose(kind: DeviceKind, id: string): Promise<void> {
    localStorage.setItem(KEY + kind, id);
    return this.#inTurn(async () => {
      if (kind === "speaker") this.view.patch({ inUse: { ...this.view.value.inUse, speaker: id } });
      else if (kind === "microphone" || this.#cameraWanted) await this.#openOne(kind);
    });
  }

  /** Opens the camera, or closes it so that its light goes out. */
  wantCamera(wanted: boolean): Promise<void> {
    this.#cameraWanted = wanted;
    return this.#inTurn(async () => {
      if (!wanted) this.#keep("camera", null);
      else if (!this.view.value.camera) {
        await this.#openOne("camera");
        await this.#list();
      }
    });
  }

  /** Asks again for what was denied or missing. */
  retry(kind: "microphone" | "camera"): Promise<void> {
    return this.#inTurn(async () => {
      await this.#openOne(kind);
      await this.#list();
    });
  }

  /** Lets go of everything. */
  close(): void {
    this.#cameraWanted = false;
    this.#keep("microphone", null);
    this.#keep("camera", null);
  }

  /** Takes everything again, after `close`. */
  reopen(): Promise<void> {
    this.#cameraWanted = true;
    return this.open();
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const next = this.#last.then(step, step);
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #openOne(kind: "microphone" | "camera"): Promise<void> {
    // Some systems open a camera once only, so the present one is let go first.
    if (kind === "camera") this.view.value.camera?.stop();
    try {
      const taken = await this.media.getUserMedia(kind === "microphone" ? { audio: audio() } : { video: video() });
      this.#keep(kind, taken.getTracks()[0] ?? null);
    } catch (error) {
      this.#keep(kind, null);
      this.view.patch({ problems: { ...this.view.value.problems, [kind]: problem(error) } });
    }
  }

  #keep(kind: "microphone" | "camera", track: MediaStreamTrack | null): void {
    const before = this.view.value[kind];
    if (before && before !== track) {
      before.onended = null;
      before.stop();
    }
    if (track) track.onended = () => void this.#inTurn(() => this.#changed());
    const { [kind]: _solved, ...problems } = this.view.value.problems;
    const id = track?.getSettings().deviceId ?? null;
    this.view.patch({ [kind]: track, problems, inUse: { ...this.view.value.inUse, [kind]: id } });
  }

  /** Something was plugged or pulled: follow the device that was chosen, or take what is left, and say so. */
  async #changed(): Promise<void> {
    const before = this.view.value.choices;
    await this.#list();
    for (const kind of ["microphone", "camera"] as const) {
      const { choices, inUse, problems, [kind]: track } = this.view.value;
      if (kind === "camera" && !this.#cameraWanted) continue;
      const chosen = remembered(kind);
      const isBack = chosen !== null && chosen !== inUse[kind] && has(choices[kind], chosen) && !has(before[kind], chosen);
      const isGone = track !== null && track.readyState === "ended";
      const isFirst = track === null && problems[kind] !== "denied" && choices[kind].length > before[kind].length;
      if (!isBack && !isGone && !isFirst) continue;
      await this.#openOne(kind);
      const label = this.view.value[kind]?.label;
      if (label) this.switched.set({ kind, label });
    }
  }

  async #list(): Promise<void> {
    const all = await this.media.enumerateDevices();
    const of = (kind: DeviceKind) =>
      all
        .filter((device) => device.kind === MEDIA_KIND[kind] && device.deviceId !== "")
        .map((device) => ({ id: device.deviceId, label: device.label || device.deviceId.slice(0, 8) }));
    this.view.patch({ choices: { microphone: of("microphone"), camera: of("camera"), speaker: of("speaker") } });
  }
}

function has(choices: readonly Choice[], id: string): boolean {
  return choices.some((choice) => choice.id === id);
}

function remembered(kind: DeviceKind): string | null {
  return localStorage.getItem(KEY + kind);
}

function audio(): MediaTrackConstraints {
  const id = remembered("microphone");
  return { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...(id ? { deviceId: { ideal: id } } : {}) };
}

function video(): MediaTrackConstraints {
  const id = remembered("camera");
  const size = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  return id ? { ...size, deviceId: { ideal: id } } : size;
}

function problem(error: unknown): Problem {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  return name === "NotReadableError" || name === "AbortError" ? "in-use" : "missing";
}
