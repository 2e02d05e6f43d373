/** Notifications of calls while the page is closed: the service worker, the permission, and the subscription. */
import { Cell } from "../cell";
import type { PushSubscription as Words } from "../words/calling";

/** `unsupported`: this browser cannot; `off`: not asked for, or taken back; `denied`: the person said no to the browser. */
export type PushState = "unsupported" | "off" | "on" | "denied" | "failed";

/** Remembers that the person wants to be notified: a new subscription is then made without asking again. */
const WANTED = "alcove.push";

/** Where subscriptions are told, and taken back. */
export interface PushDesk {
  push(subscription: Words): Promise<boolean>;
  unpush(endpoint: string): Promise<boolean>;
}

export class Push {
  readonly state = new Cell<PushState>(supported() ? "off" : "unsupported");
  #worker: ServiceWorkerRegistration | null = null;

  constructor(private readonly desk: PushDesk) {}

  /** The page is signed in: what was wanted before is wanted still. */
  async begin(key: string): Promise<void> {
    if (!supported()) return;
    this.#worker = await navigator.serviceWorker.register("/calls-worker.js").catch(() => null);
    if (Notification.permission === "denied") this.state.set("denied");
    else if (Notification.permission === "granted" && localStorage.getItem(WANTED) === "on") await this.#subscribe(key);
  }

  /** Asks the person, who has just pressed something, and subscribes. */
  async switchOn(key: string): Promise<void> {
    const permission = await Notification.requestPermission();
    if (permission !== "granted") return this.state.set(permission === "denied" ? "denied" : "off");
    localStorage.setItem(WANTED, "on");
    await this.#subscribe(key);
  }

  async switchOff(): Promise<void> {
    localStorage.removeItem(WANTED);
    const subscription = await this.#worker?.pushManager.getSubscription();
    if (subscription) {
      await this.desk.unpush(subscription.endpoint);
      await subscription.unsubscribe();
    }
    this.state.set("off");
  }

  async #subscribe(key: string): Promise<void> {
    try {
      const applicationServerKey = bytes(key);
      const manager = (await navigator.serviceWorker.ready).pushManager;
      const known = await manager.getSubscription();
      const old = known?.options.applicationServerKey;
      // A subscription for another key is of no use: the appliance was set up anew.
      if (known && (!old || !same(new Uint8Array(old), applicationServerKey))) await known.unsubscribe();
      const subscription = await manager.subscribe({ userVisibleOnly: true, applicationServerKey });
      const { endpoint, keys } = subscription.toJSON();
      const told = await this.desk.push({ endpoint: endpoint ?? "", p256dh: keys?.p256dh ?? "", auth: keys?.auth ?? "" });
      this.state.set(told ? "on" : "failed");
    } catch {
      // Without a way to the browser's push service there are no notifications; calls ring in open pages all the same.
      this.state.set("failed");
    }
  }
}

function supported(): boolean {
  return typeof navigator !== "undefined" && "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** The bytes of base64 for addresses. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}
