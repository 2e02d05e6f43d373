/** The pages that are no meeting: which one to open, and why camera and microphone are out of reach. */
import { useState } from "preact/hooks";
import { useCell } from "../cell";
import { icons, Mark } from "./icons";
import { LanguageChoice } from "./settings";
import { language, t } from "./texts";

/** The start page: no meeting was named. */
export function Home() {
  useCell(language);
  const [text, setText] = useState("");
  const open = (event: Event) => {
    event.preventDefault();
    const path = pathFor(text.trim(), location.origin);
    if (path) location.assign(path);
  };
  return (
    <main class="sheet" data-testid="home">
      <Mark />
      <h1>{t("home.title")}</h1>
      <p>{t("home.lead")}</p>
      <form class="join" onSubmit={open}>
        <label class="field">
          <span>{t("home.field")}</span>
          <input required autofocus value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <button class="primary" type="submit">{t("home.open")}</button>
      </form>
      <LanguageChoice />
    </main>
  );
}

/** Where a pasted link or a typed name leads on this appliance; null where it leads nowhere. */
export function pathFor(text: string, origin: string): string | null {
  if (text === "") return null;
  if (!text.includes("/")) return `/m/${encodeURIComponent(text)}`;
  if (!URL.canParse(text, origin)) return null;
  const url = new URL(text, origin);
  return url.pathname.startsWith("/m/") ? url.pathname + url.hash : null;
}

/** Without a secure context there is no camera and no microphone: what, why, what to do. */
export function Insecure() {
  useCell(language);
  const address = secureAddress(location);
  return (
    <main class="sheet wide" data-testid="insecure">
      <span class="badge">{icons.lock}</span>
      <h1>{t("insecure.title")}</h1>
      <p>{t("insecure.what")} {t("insecure.why")}</p>
      <h2>{t("insecure.do")}</h2>
      <ol>
        <li>
          <strong>{t("insecure.https")}</strong>
          <p>{t("insecure.https.hint")}</p>
          <a class="primary" data-testid="secure-link" href={address}>{t("insecure.open", { address: new URL(address).host })}</a>
        </li>
        <li>
          <strong>{t("insecure.trust")}</strong>
          <p>{t("insecure.trust.hint")}</p>
          <a class="quiet" href="/trust">{t("insecure.trust.link")}</a>
        </li>
      </ol>
      <LanguageChoice />
    </main>
  );
}

/** The page is secure, and the browser still cannot: it is too old. */
export function TooOld() {
  useCell(language);
  return (
    <main class="sheet" data-testid="too-old">
      <Mark />
      <h1>{t("insecure.old")}</h1>
      <LanguageChoice />
    </main>
  );
}

/** The encrypted address of the same place: 8080 goes with 8443, 80 with 443. */
export function secureAddress(place: { hostname: string; port: string; pathname: string; hash: string }): string {
  const port = place.port === "" || place.port === "80" ? "" : ":8443";
  return `https://${place.hostname}${port}${place.pathname}${place.hash}`;
}
