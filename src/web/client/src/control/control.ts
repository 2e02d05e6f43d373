/** The room controlled from here: its state, as soon as it is another, and what is asked of it. */
import { Cell } from "../cell";
import type { Media } from "../words/calling";
import type { Arrangement, RoomState } from "../words/control";

/** Under which this browser keeps that it controls the room for good; under the same name a tab, for a meeting. */
const TOKEN = "alcove.controller";
/** How long an appliance that cannot be reached is left alone, in milliseconds: at first, and at most. */
const RETRY_MS = { first: 500, most: 8_000 } as const;

/** Why this is no controller, or why something was refused. */
export interface Trouble {
  readonly code: string;
  readonly detail: string;
}

/** What the user interface shows. */
export interface ControlView {
  readonly room: RoomState | null;
  /** The appliance cannot be reached, and is asked again by itself. */
  readonly away: boolean;
  /** It is over: this controls the room no longer. */
  readonly lost: Trouble | null;
  /** Why the last thing that I asked was refused. */
  readonly refusal: Trouble | null;
}

/** How the page asks the appliance; tests give another one. */
export interface ControlWorld {
  ask(method: "GET" | "POST", path: string, token: string, body?: unknown): Promise<{ status: number; body: unknown }>;
  wait(ms: number): Promise<void>;
}

/** Asks with `fetch`. */
export const browserWorld: ControlWorld = {
  async ask(method, path, token, body) {
    const headers: Record<string, string> = { Authorization: `Bearer ${token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const reply = await fetch(`/api/v1/${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await reply.text();
    return { status: reply.status, body: text === "" ? null : JSON.parse(text) as unknown };
  },
  wait: (ms) => new Promise((done) => setTimeout(done, ms)),
};

/** What the address says: a key that was on the screen (`c`), or the token of a controller for good (`k`). It is taken out. */
export function given(): { key: string; token: string } {
  const said = new URLSearchParams(location.hash.slice(1));
  const [key, token] = [said.get("c") ?? "", said.get("k") ?? ""];
  if (token) localStorage.setItem(TOKEN, token);
  if (key || token) history.replaceState(null, "", location.pathname);
  return { key, token: token || sessionStorage.getItem(TOKEN) || localStorage.getItem(TOKEN) || "" };
}

export class Control {
  readonly view = new Cell<ControlView>({ room: null, away: false, lost: null, refusal: null });
  readonly #world: ControlWorld;
  #token = "";
  #stopped = false;

  constructor(world: ControlWorld = browserWorld) {
    this.#world = world;
  }

  /** Becomes a controller with a key, or goes on as one; then follows the room until it is over. */
  async follow({ key, token }: { key: string; token: string }): Promise<void> {
    this.#token = key ? await this.#pair(key) : token;
    if (!this.#token) {
      if (!this.view.value.lost) this.view.patch({ lost: { code: "not-permitted", detail: "" } });
      return;
    }
    let pause: number = RETRY_MS.first;
    while (!this.#stopped) {
      if (await this.#look()) {
        pause = RETRY_MS.first;
      } else {
        await this.#world.wait(pause);
        pause = Math.min(pause * 2, RETRY_MS.most);
      }
    }
  }

  /** Follows the room no longer. */
  stop(): void {
    this.#stopped = true;
  }

  join = (meeting: string) => this.#command("join", { meeting });
  leave = () => this.#command("leave");
  mute = (muted: { microphone?: boolean; camera?: boolean }) => this.#command("mute", muted);
  setVolume = (percent: number) => this.#command("volume", { percent });
  arrange = (arrangement: Arrangement) => this.#command("arrange", { arrangement });
  accept = () => this.#command("accept");
  decline = () => this.#command("decline");
  hangUp = () => this.#command("hang-up");
  ring = (users: string[], media: Media) => this.#do("calls", { users, media });

  async #pair(key: string): Promise<string> {
    for (;;) {
      try {
        const { status, body } = await this.#world.ask("POST", "room/pair", "", { key });
        if (status !== 201) {
          this.view.patch({ lost: trouble(body) });
          return "";
        }
        const { token } = body as { token: string };
        sessionStorage.setItem(TOKEN, token);
        return token;
      } catch {
        this.view.patch({ away: true });
        await this.#world.wait(RETRY_MS.most);
      }
    }
  }

  /** Waits for another state than the one that is known; false when the appliance could not be asked. */
  async #look(): Promise<boolean> {
    const { room, away } = this.view.value;
    try {
      const since = room && !away ? `?since=${room.revision}` : "";
      const { status, body } = await this.#world.ask("GET", `room${since}`, this.#token);
      if (status === 200) {
        this.view.patch({ room: body as RoomState, away: false });
        return true;
      }
      if (status === 401 || status === 403) {
        this.#forget();
        this.view.patch({ lost: trouble(body) });
        this.stop();
        return true;
      }
    } catch {
      // Told below.
    }
    this.view.patch({ away: true });
    return false;
  }

  #forget(): void {
    sessionStorage.removeItem(TOKEN);
    if (localStorage.getItem(TOKEN) === this.#token) localStorage.removeItem(TOKEN);
  }

  #command(verb: string, body?: unknown): Promise<boolean> {
    return this.#do(`commands/${verb}`, body);
  }

  /** Asks something of the room; what is refused is said in the view. Resolves to whether it was done. */
  async #do(path: string, body?: unknown): Promise<boolean> {
    try {
      const reply = await this.#world.ask("POST", path, this.#token, body);
      const done = reply.status < 300;
      this.view.patch({ refusal: done ? null : trouble(reply.body) });
      return done;
    } catch {
      this.view.patch({ refusal: { code: "peer-lost", detail: "" } });
      return false;
    }
  }
}

function trouble(body: unknown): Trouble {
  const { code, detail } = (body ?? {}) as Partial<Trouble>;
  return { code: code ?? "internal", detail: detail ?? "" };
}
