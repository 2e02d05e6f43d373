/** Asks the appliance as whoever is signed in: the browser sends the cookie, this adds the word against forgery. */

/** What somebody may do; the names of the API. */
export type Permission = "watch" | "audit" | "control" | "meet" | "configure" | "own";

/** Something was asked and is not allowed, or the appliance cannot be reached (`peer-lost`). */
export class Refused extends Error {
  constructor(readonly status: number, readonly code: string, readonly detail: string) {
    super(detail);
  }
}

/** What came back. */
export interface Reply<T> {
  readonly body: T;
  readonly etag: string;
}

/** What goes along with a question. */
export interface Asking {
  readonly body?: unknown;
  readonly etag?: string;
}

/** How the page asks; tests give another one. */
export type Fetch = (path: string, init: RequestInit) => Promise<Response>;

export class Api {
  /** What the appliance wants to hear with whatever changes something. It is kept nowhere else. */
  csrf = "";
  /** Told when nobody is signed in any more. */
  onOut: () => void = () => undefined;
  readonly #fetch: Fetch;

  constructor(ask: Fetch = (path, init) => fetch(path, init)) {
    this.#fetch = ask;
  }

  get = <T>(path: string) => this.ask<T>("GET", path).then(({ body }) => body);

  /** Asks below `/api/v1/`; throws a `Refused`. */
  async ask<T>(method: string, path: string, { body, etag }: Asking = {}): Promise<Reply<T>> {
    const headers = this.#headers(method);
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (etag !== undefined) headers["If-Match"] = etag;
    const sent = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const reply = await this.#fetch(`/api/v1/${path}`, sent).catch(() => {
      throw new Refused(0, "peer-lost", "");
    });
    const text = await reply.text();
    if (!reply.ok) this.#refuse(path, reply.status, text);
    return { body: (text === "" ? null : JSON.parse(text)) as T, etag: reply.headers.get("ETag") ?? "" };
  }

  /** Text, such as the log. */
  async text(path: string): Promise<string> {
    const reply = await this.#fetch(`/api/v1/${path}`, { method: "GET" }).catch(() => {
      throw new Refused(0, "peer-lost", "");
    });
    const text = await reply.text();
    if (!reply.ok) this.#refuse(path, reply.status, text);
    return text;
  }

  /** A picture as an address for an image; whoever asked revokes it. */
  async picture(path: string): Promise<string> {
    const reply = await this.#fetch(`/api/v1/${path}`, { method: "GET" }).catch(() => {
      throw new Refused(0, "peer-lost", "");
    });
    if (!reply.ok) this.#refuse(path, reply.status, await reply.text());
    return URL.createObjectURL(await reply.blob());
  }

  /** Sends a file, and tells how far it is: `fetch` does not tell. */
  upload(path: string, file: Blob, onProgress: (share: number) => void, signal: AbortSignal): Promise<void> {
    return new Promise((done, fail) => {
      const request = new XMLHttpRequest();
      request.open("POST", `/api/v1/${path}`);
      for (const [name, value] of Object.entries(this.#headers("POST"))) request.setRequestHeader(name, value);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
      request.onerror = () => fail(new Refused(0, "peer-lost", ""));
      request.onabort = () => done();
      request.onload = () => {
        try {
          if (request.status >= 400) this.#refuse(path, request.status, request.responseText);
          done();
        } catch (refused) {
          fail(refused);
        }
      };
      signal.addEventListener("abort", () => request.abort());
      request.send(file);
    });
  }

  #headers(method: string): Record<string, string> {
    return method === "GET" ? {} : { "X-Alcove-CSRF": this.csrf };
  }

  #refuse(path: string, status: number, text: string): never {
    // Whoever knocks at the door is not thrown out of it.
    if (status === 401 && path !== "sign-in" && path !== "claim") this.onOut();
    throw refusal(status, text);
  }
}

/** What a problem document says; something else between us and the appliance may answer otherwise. */
export function refusal(status: number, text: string): Refused {
  let said: { code?: string; detail?: string } = {};
  try {
    said = (JSON.parse(text) ?? {}) as typeof said;
  } catch {
    // It is no document of ours.
  }
  return new Refused(status, said.code ?? (status >= 502 ? "peer-lost" : "internal"), said.detail ?? "");
}

/** What went wrong, as a refusal. */
export function asRefused(cause: unknown): Refused {
  return cause instanceof Refused ? cause : new Refused(0, "internal", String(cause));
}
