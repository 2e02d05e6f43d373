/** Who is signed in here, and how the appliance is: it tells what happens, and is asked from time to time, while somebody looks. */
import { Cell } from "../cell";
import { Api, asRefused, type Permission, type Refused } from "./api";
import { Happenings } from "./happenings";

/** How often is looked while the page is seen: where nobody tells, where what happens is told, and while the appliance does
 * not answer, in milliseconds. */
const LOOK_EVERY_MS = 5_000;
const TOLD_EVERY_MS = 30_000;
const RETRY_MS = 1_500;
/** A page in front of which nobody did anything for so long asks no longer: then its sign-in can end, in milliseconds. */
const ABANDONED_MS = 30 * 60_000;
/** Under which a tab keeps since when it knows of a change that waits to be confirmed. */
const UNCONFIRMED = "alcove.unconfirmed";

/** Who is signed in. */
export interface Who {
  readonly name: string;
  readonly role: string;
  readonly may: readonly Permission[];
  /** The name of the room. */
  readonly room: string;
  readonly csrf: string;
}

/** A thing that the appliance looks at. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly since_unix_ms: number;
  readonly last_true_unix_ms?: number;
}

/** How the appliance is. */
export interface Status {
  readonly version: string;
  readonly uptime_s: number;
  readonly room: { readonly meeting: string | null; readonly microphone_on: boolean; readonly camera_on: boolean };
  readonly meetings: number;
  readonly participants: number;
  readonly media_addresses: readonly string[];
  readonly troubles: readonly string[];
  readonly authority_fingerprint?: string;
  readonly generation: number;
  readonly observed_generation: number;
  readonly conditions: readonly Condition[];
}

/** A change that undoes itself at a time unless somebody confirms it. */
export interface Unconfirmed {
  readonly generation: number;
  readonly until: number;
}

/** What the user interface shows. */
export interface AdminView {
  /** `asking`: not known yet. `unclaimed`: nobody owns the appliance. `out`: nobody is signed in. */
  readonly stage: "asking" | "unclaimed" | "out" | "in";
  readonly who: Who | null;
  readonly status: Status | null;
  /** The appliance does not answer, and is asked again by itself. */
  readonly away: boolean;
  readonly unconfirmed: Unconfirmed | null;
}

export class Admin {
  readonly view = new Cell<AdminView>({ stage: "asking", who: null, status: null, away: false, unconfirmed: null });
  readonly api: Api;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #touched = Date.now();

  constructor(api = new Api(), readonly happenings = new Happenings()) {
    this.api = api;
    api.onOut = () => this.#isOut();
    happenings.watch("status", () => void this.look());
  }

  may(what: Permission): boolean {
    return this.view.value.who?.may.includes(what) ?? false;
  }

  /** Whether somebody sits before the page: else nothing is asked, and the sign-in ends by itself. */
  isSeen(): boolean {
    return document.visibilityState === "visible" && Date.now() - this.#touched < ABANDONED_MS;
  }

  /** Finds out who is here, and goes on looking. */
  async begin(): Promise<void> {
    for (const sign of ["pointerdown", "keydown", "visibilitychange"]) {
      document.addEventListener(sign, () => {
        this.#touched = Date.now();
        if (document.visibilityState === "visible") this.#soon(0);
      }, { passive: true });
    }
    await this.#find();
  }

  /** Becomes the owner; the token is told this once, and this browser is signed in with it. */
  async claim(code: string, name: string): Promise<string> {
    const { body } = await this.api.ask<{ token: string }>("POST", "claim", { body: { code, name } });
    return body.token;
  }

  async signIn(token: string): Promise<void> {
    const { body } = await this.api.ask<Who>("POST", "sign-in", { body: { token } });
    this.#isIn(body);
  }

  async signOut(): Promise<void> {
    await this.api.ask("DELETE", "sign-in").catch(() => undefined);
    this.#isOut();
  }

  /** Says that the last change may stay. */
  async confirm(): Promise<void> {
    const { unconfirmed } = this.view.value;
    if (!unconfirmed) return;
    await this.api.ask("POST", "config/confirm", { body: { generation: unconfirmed.generation } });
    this.view.patch({ unconfirmed: null });
    await this.look();
  }

  /** Looks how the appliance is, now. */
  look = async (): Promise<void> => {
    if (this.view.value.stage !== "in") return;
    try {
      const status = await this.api.get<Status>("status");
      this.view.patch({ status, away: false, unconfirmed: await this.#unconfirmed(status) });
    } catch (cause) {
      if (isAway(asRefused(cause))) this.view.patch({ away: true });
    }
    this.#soon(this.view.value.away ? RETRY_MS : this.happenings.areTold ? TOLD_EVERY_MS : LOOK_EVERY_MS);
  };

  async #find(): Promise<void> {
    try {
      const who = await this.api.get<Who>("sign-in");
      return this.#isIn(who);
    } catch (cause) {
      if (isAway(asRefused(cause))) return this.#later();
    }
    try {
      const { claimed } = await this.api.get<{ claimed: boolean }>("claim");
      this.view.patch({ stage: claimed ? "out" : "unclaimed", away: false });
    } catch {
      this.#later();
    }
  }

  #later(): void {
    this.view.patch({ away: true });
    setTimeout(() => void this.#find(), RETRY_MS);
  }

  #isIn(who: Who): void {
    this.api.csrf = who.csrf;
    this.view.patch({ stage: "in", who, away: false });
    void this.look();
  }

  #isOut(): void {
    clearTimeout(this.#timer);
    this.happenings.end();
    this.api.csrf = "";
    this.view.patch({ stage: "out", who: null, status: null, unconfirmed: null });
  }

  #soon(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.isSeen() || this.view.value.stage !== "in") return this.happenings.end();
    if (this.may("watch")) this.happenings.begin();
    this.#timer = setTimeout(() => void this.look(), ms);
  }

  async #unconfirmed(status: Status): Promise<Unconfirmed | null> {
    const applied = status.conditions.find(({ type }) => type === "ConfigApplied");
    if (applied?.reason !== "Unconfirmed") return null;
    const known = this.view.value.unconfirmed;
    if (known?.generation === status.generation) return known;
    const { confirm_within_s: seconds } = await this.api.get<{ confirm_within_s?: number }>("config");
    if (seconds === undefined) return null;
    return { generation: status.generation, until: firstSeen(status.generation) + seconds * 1000 };
  }
}

/** Since when this tab knows that a generation waits, over loading the page anew. */
function firstSeen(generation: number): number {
  const [known, since] = (sessionStorage.getItem(UNCONFIRMED) ?? "").split(" ").map(Number);
  if (known === generation && since) return since;
  const now = Date.now();
  sessionStorage.setItem(UNCONFIRMED, `${generation} ${now}`);
  return now;
}

/** Whether the appliance does not answer at the moment, starts anew, or has too much to do. */
export function isAway({ status, code }: Refused): boolean {
  return code === "peer-lost" || code === "busy" || status === 503;
}
