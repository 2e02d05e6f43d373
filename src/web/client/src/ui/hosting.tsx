/** What hosts do for order: with everybody, and with one person. */
import { useContext, useRef, useState } from "preact/hooks";
import { includes, mayModerate, me, trackState, type Meeting } from "../words/meeting";
import type { Ask, Participant, Rights, Role, Who } from "../words/wire";
import { useElsewhere } from "./controls";
import { icons } from "./icons";
import { Parts } from "./parts";
import { t, type TextKey } from "./texts";
import { classes } from "./tile";

/** The tools for everybody, above the list. */
export function Hosting({ meeting }: { meeting: Meeting }) {
  const { attendance } = useContext(Parts);
  const { rights, locked, lobby } = meeting.info;
  const ask = (what: Ask) => void attendance.request(what);
  const mayUnmute = rights.unmute !== "hosts";
  return (
    <section class="hosting" aria-label={t("host.title")}>
      <div class="pair">
        <button type="button" class="quiet" data-testid="mute-all" onClick={() => ask({ mute_all: { may_unmute: mayUnmute } })}>
          {icons.microphoneOff}{t("host.mute.all")}
        </button>
        <button type="button" class="quiet" data-testid="lock" aria-pressed={locked} onClick={() => ask({ lock: { locked: !locked } })}>
          {icons.lock}{t(locked ? "host.unlock" : "host.lock")}
        </button>
      </div>
      <label class="switch">
        <input type="checkbox" role="switch" data-testid="lobby-switch" checked={lobby} onChange={() => ask({ lobby: { on: !lobby } })} />
        <span>{t("host.lobby")}</span>
      </label>
      <details>
        <summary>{t("host.rights")}</summary>
        {RIGHTS.map(([right, text]) => (
          <Right key={right} rights={rights} right={right} text={text} onChange={(changed) => ask({ rights: { rights: changed } })} />
        ))}
      </details>
    </section>
  );
}

const RIGHTS: readonly (readonly [keyof Rights, TextKey])[] = [
  ["unmute", "host.right.unmute"],
  ["share", "host.right.share"],
  ["chat", "host.right.chat"],
  ["rename", "host.right.rename"],
  ["invite", "host.right.invite"],
];

function Right(props: { rights: Rights; right: keyof Rights; text: TextKey; onChange(rights: Rights): void }) {
  const { rights, right, text, onChange } = props;
  // The audience does not send, so that "everybody" would say no more than "speakers".
  const choices: readonly Who[] = right === "chat" || right === "rename" || right === "invite" ? ["everybody", "speakers", "hosts"] : ["speakers", "hosts"];
  const value = choices.includes(rights[right]) ? rights[right] : "speakers";
  return (
    <label class="choose right">
      <span>{t(text)}</span>
      <select value={value} data-testid={`right-${right}`} onChange={(event) => onChange({ ...rights, [right]: event.currentTarget.value as Who })}>
        {choices.map((who) => <option key={who} value={who}>{t(`host.who.${who}`)}</option>)}
      </select>
    </label>
  );
}

interface Act {
  readonly id: string;
  readonly text: string;
  readonly danger?: boolean;
  act(): void;
}

/** What may be done with one person: nothing that the role does not allow is shown. */
export function PersonMenu({ meeting, one, onWrite, onRename }: { meeting: Meeting; one: Participant; onWrite(): void; onRename(): void }) {
  const { attendance } = useContext(Parts);
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useElsewhere(open, box, () => setOpen(false));
  const acts = actsFor(meeting, one, (ask) => void attendance.request(ask), { write: onWrite, rename: onRename });
  if (acts.length === 0) return null;
  return (
    <div class="person-menu" ref={box}>
      <button
        type="button" class="plain" data-testid={`menu-of-${one.id}`} aria-haspopup="menu" aria-expanded={open}
        aria-label={t("host.menu", { name: one.name })} title={t("host.menu", { name: one.name })} onClick={() => setOpen(!open)}
      >
        {icons.more}
      </button>
      {open && (
        <div class="menu" role="menu">
          {acts.map(({ id, text, danger, act }) => (
            <button
              key={id} type="button" role="menuitem" class={classes(danger && "danger")} data-testid={`do-${id}`}
              onClick={() => { setOpen(false); act(); }}
            >
              <strong>{text}</strong>
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

/** What may be done with somebody, in the order of how often it is. */
export function actsFor(meeting: Meeting, one: Participant, ask: (ask: Ask) => void, { write, rename }: { write(): void; rename(): void }): Act[] {
  const role = me(meeting)?.role;
  const participant = one.id;
  const isOther = participant !== meeting.you;
  const acts: Act[] = [];
  const add = (when: boolean, id: string, act: () => void, danger = false) => {
    if (when) acts.push({ id, text: t(`host.do.${id}` as TextKey), danger, act });
  };
  add(isOther && one.kind === "browser", "write", write);
  add(!isOther && includes(meeting.info.rights.rename, role), "rename", rename);
  if (!mayModerate(role) || (role === "cohost" && one.role === "host")) return acts;
  const speaks = trackState(one, "microphone") === "on";
  const shows = trackState(one, "camera") === "on";
  const sends = one.role !== "audience";
  const isHeld = (source: "microphone" | "camera") => one.held.includes(source);
  add(one.hand !== undefined && isOther, "lower", () => ask({ hand: { participant, up: false } }));
  if (!isOther) return acts;
  if (one.kind === "browser") add(true, "rename", rename);
  add(speaks, "mute", () => ask({ mute: { participant, source: "microphone", hold: false } }));
  add(sends && !isHeld("microphone"), "hold", () => ask({ mute: { participant, source: "microphone", hold: true } }));
  add(isHeld("microphone"), "release", () => ask({ release: { participant, source: "microphone" } }));
  add(sends && !speaks, "ask", () => ask({ ask_to_send: { participant, source: "microphone" } }));
  const hasVideo = meeting.info.mode === "video";
  add(hasVideo && shows, "camera-off", () => ask({ mute: { participant, source: "camera", hold: false } }));
  add(hasVideo && sends && !shows, "ask-camera", () => ask({ ask_to_send: { participant, source: "camera" } }));
  add(trackState(one, "screen") === "on", "stop-share", () => ask({ mute: { participant, source: "screen", hold: false } }));
  if (one.kind !== "browser") return acts;
  const turn = (to: Role) => () => ask({ role: { participant, role: to } });
  add(role === "host" && one.role !== "host", "make-host", turn("host"));
  add(one.role !== "cohost" && one.role !== "host", "make-cohost", turn("cohost"));
  add(one.role !== "speaker", "make-speaker", turn("speaker"));
  add(one.role !== "audience" && one.role !== "host", "make-audience", turn("audience"));
  add(true, "send-back", () => ask({ send_back: { participant } }));
  add(true, "remove", () => ask({ remove: { participant, ban: false } }), true);
  add(true, "ban", () => ask({ remove: { participant, ban: true } }), true);
  return acts;
}
