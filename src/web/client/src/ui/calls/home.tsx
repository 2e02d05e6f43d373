/** People whom one can ring, and the calls that were. */
import { useState } from "preact/hooks";
import { elsewhere, partners, type Book } from "../../calls/book";
import type { Calls } from "../../calls/calls";
import { chooseRing, ringChoice } from "../../calls/ring";
import { sample } from "../../calls/tones";
import { useCell } from "../../cell";
import type { Media, UserEntry } from "../../words/calling";
import { icons, Mark } from "../icons";
import { LanguageChoice } from "../settings";
import { Avatar, classes } from "../tile";
import { t, textOr } from "../texts";
import { Recent } from "./recent";
import { duration } from "./when";

/** From how many people on there is a field to find them with. */
const MANY = 8;

export function Home({ calls, book }: { calls: Calls; book: Book }) {
  const me = book.users.find((user) => user.id === book.you);
  const others = book.users.filter((user) => user.id !== book.you);
  return (
    <div class="calls" data-testid="calls-home">
      <header class="calls-top">
        <Mark />
        <div class="who">
          <h1>{me?.name ?? book.you}</h1>
          <Status calls={calls} presence={me?.presence ?? "online"} />
        </div>
        <Menu calls={calls} book={book} />
      </header>
      <Messages calls={calls} book={book} />
      <main class="calls-floor">
        <People calls={calls} others={others} />
        <Recent calls={calls} book={book} />
      </main>
    </div>
  );
}

function Status({ calls, presence }: { calls: Calls; presence: UserEntry["presence"] }) {
  const { away } = useCell(calls.view);
  const off = presence === "do_not_disturb";
  return (
    <div class="status">
      <span class={classes("dot", away ? "offline" : presence)} aria-hidden="true" />
      <span role="status">{t(away ? "calls.away" : `calls.presence.${presence}`)}</span>
      <label class="switch">
        <input
          type="checkbox" role="switch" data-testid="disturb" checked={off} disabled={away}
          onChange={(event) => calls.setDisturb(event.currentTarget.checked)}
        />
        {t("calls.disturb")}
      </label>
    </div>
  );
}

/** What one sees rarely: how it rings here, notifications, language, signing out. */
function Menu({ calls, book }: { calls: Calls; book: Book }) {
  const push = useCell(calls.push.state);
  return (
    <details class="calls-menu">
      <summary aria-label={t("calls.menu")} title={t("calls.menu")}>{icons.settings}</summary>
      <div class="calls-panel">
        <RingChoices />
        <h2>{t("calls.push")}</h2>
        <p>{t(`calls.push.${push}`)}</p>
        {(push === "off" || push === "failed") && (
          <button type="button" class="primary" data-testid="push-on" onClick={() => void calls.push.switchOn(book.pushKey)}>
            {t("calls.push.switch.on")}
          </button>
        )}
        {push === "on" && (
          <button type="button" class="quiet" data-testid="push-off" onClick={() => void calls.push.switchOff()}>
            {t("calls.push.switch.off")}
          </button>
        )}
        <LanguageChoice />
        <button type="button" class="link" data-testid="sign-out" onClick={() => void calls.signOut()}>{t("calls.sign.out")}</button>
      </div>
    </details>
  );
}

/** How this device rings. */
function RingChoices() {
  const { volume, visual } = useCell(ringChoice);
  return (
    <section class="ring-choices" aria-labelledby="ring-title">
      <h2 id="ring-title">{t("calls.ring")}</h2>
      <label class="volume">
        <span>{volume > 0 ? icons.sound : icons.soundOff}{t("calls.ring.volume")}<output>{volume > 0 ? `${volume} %` : t("calls.ring.off")}</output></span>
        <input
          type="range" min="0" max="100" step="10" data-testid="ring-volume" value={volume}
          aria-valuetext={volume > 0 ? `${volume} %` : t("calls.ring.off")}
          onInput={(event) => chooseRing({ volume: event.currentTarget.valueAsNumber }, localStorage)}
          onChange={sample}
        />
      </label>
      <label class="switch">
        <input
          type="checkbox" role="switch" data-testid="ring-visual" checked={visual}
          onChange={(event) => chooseRing({ visual: event.currentTarget.checked }, localStorage)}
        />
        {t("calls.ring.visual")}
      </label>
    </section>
  );
}

function Messages({ calls, book }: { calls: Calls; book: Book }) {
  const { refusal, outcome } = useCell(calls.view);
  const other = elsewhere(book);
  return (
    <div class="calls-messages" role="status" aria-live="polite">
      {refusal && <p class="problem" role="alert" data-testid="refusal" data-code={refusal.code}>{said(refusal.code, refusal.detail)}</p>}
      {outcome && (
        <p class="problem" data-testid="outcome" data-end={outcome.end}>
          {t(`calls.outcome.${outcome.end}`, { name: outcome.with, time: duration(outcome.talkedMs) })}
        </p>
      )}
      {other && <p class="problem" data-testid="elsewhere">{t("calls.elsewhere", { name: partners(book, other).join(", ") })}</p>}
    </div>
  );
}

/** What the appliance says of calls is more to the point than the words for a code. */
export function said(code: string, detail: string): string {
  return code === "peer-lost" || code === "internal" ? textOr(`calls.refusal.${code}`, detail) : detail;
}

function People({ calls, others }: { calls: Calls; others: readonly UserEntry[] }) {
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [sought, setSought] = useState("");
  const found = others.filter((user) => user.name.toLowerCase().includes(sought.trim().toLowerCase()));
  const ring = (users: string[], media: Media) => {
    setChosen([]);
    calls.ring(users, media);
  };
  const toggle = (id: string) => setChosen(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  const picked = others.filter((user) => chosen.includes(user.id));
  return (
    <section class="calls-card" aria-labelledby="people-title">
      <header>
        <h2 id="people-title">{t("calls.people")}</h2>
        {others.length >= MANY && (
          <input
            type="search" class="find" data-testid="find" aria-label={t("calls.find")} placeholder={t("calls.find")} value={sought}
            onInput={(event) => setSought(event.currentTarget.value)}
          />
        )}
      </header>
      {others.length === 0 && <p class="nothing">{t("calls.people.none")}</p>}
      <ul>
        {found.map((user) => (
          <Entry key={user.id} user={user} chosen={chosen.includes(user.id)} onChoose={() => toggle(user.id)} onRing={(media) => ring([user.id], media)} />
        ))}
      </ul>
      {picked.length > 0 && (
        <footer class="picked" data-testid="picked">
          <span>{t("calls.picked", { count: picked.length })}</span>
          <button type="button" class="quiet" data-testid="ring-all-audio" onClick={() => ring([...chosen], "audio")}>{icons.call}{t("calls.audio")}</button>
          <button type="button" class="primary" data-testid="ring-all-video" onClick={() => ring([...chosen], "video")}>{icons.camera}{t("calls.video")}</button>
        </footer>
      )}
    </section>
  );
}

function Entry({ user, chosen, onChoose, onRing }: { user: UserEntry; chosen: boolean; onChoose(): void; onRing(media: Media): void }) {
  const { name } = user;
  return (
    <li data-testid={`user-${user.id}`} data-presence={user.presence} class={classes(user.presence === "offline" && "offline")}>
      <label class="choose-user">
        <input type="checkbox" data-testid={`choose-${user.id}`} checked={chosen} aria-label={t("calls.choose", { name })} onChange={onChoose} />
        <span class="portrait">
          <Avatar name={name} room={user.kind !== "person"} />
          <span class={classes("dot", user.presence)} aria-hidden="true" />
        </span>
        <span class="who">
          <strong>{name}</strong>
          <small>{t(`calls.presence.${user.presence}`)}</small>
        </span>
      </label>
      <button type="button" class="plain" data-testid={`audio-${user.id}`} aria-label={t("calls.ring.audio", { name })} title={t("calls.ring.audio", { name })} onClick={() => onRing("audio")}>
        {icons.call}
      </button>
      <button type="button" class="plain strong" data-testid={`video-${user.id}`} aria-label={t("calls.ring.video", { name })} title={t("calls.ring.video", { name })} onClick={() => onRing("video")}>
        {icons.camera}
      </button>
    </li>
  );
}
