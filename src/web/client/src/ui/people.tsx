/** The list of everybody in the meeting. */
import { useContext, useState } from "preact/hooks";
import { isWay, hands, mayModerate, me, trackState, worse, type Meeting } from "../words/meeting";
import { NAME_CHARS_MAX, type Audience, type Participant } from "../words/wire";
import { InviteButton } from "./calls/invite";
import { CopyLink } from "./copy";
import { Guests } from "./guests";
import { Hosting, PersonMenu } from "./hosting";
import { Grade, icons } from "./icons";
import { Parts } from "./parts";
import { t } from "./texts";
import { Avatar, classes } from "./tile";

interface PeopleProps {
  meeting: Meeting;
  /** How somebody's connection is shall be shown. */
  onConnection(of: string): void;
  /** Somebody shall be written to. */
  onWrite(to: Audience): void;
  /** Somebody shall be rung into this call. */
  onInvite(): void;
  onClose(): void;
}

export function People({ meeting, onConnection, onWrite, onInvite, onClose }: PeopleProps) {
  const self = me(meeting);
  const raised = hands(meeting);
  const rest = meeting.participants.filter((one) => one !== self && !raised.includes(one) && !isWay(meeting, one));
  const sorted = [...raised, ...(self && !raised.includes(self) ? [self] : []), ...rest];
  return (
    <aside class="people" aria-labelledby="people-title" data-testid="people-list">
      <header>
        <h2 id="people-title">{t("people.title", { count: sorted.length })}</h2>
        <button type="button" class="plain" aria-label={t("control.close")} onClick={onClose}>{icons.close}</button>
      </header>
      <InviteButton onOpen={onInvite} />
      <CopyLink />
      {mayModerate(self?.role) && <Guests meeting={meeting} />}
      {mayModerate(self?.role) && <Hosting meeting={meeting} />}
      <ul>
        {sorted.map((one) => (
          <Person
            key={one.id}
            meeting={meeting}
            one={one}
            turn={raised.indexOf(one) + 1}
            isMe={one === self}
            speaking={meeting.heard.includes(one.id)}
            grade={worse(meeting.grades[one.id])}
            onConnection={() => onConnection(one.id)}
            onWrite={() => onWrite({ one: one.id })}
          />
        ))}
      </ul>
    </aside>
  );
}

interface PersonProps {
  meeting: Meeting;
  one: Participant;
  /** When it is their turn to speak, from 1 on; 0: no hand is up. */
  turn: number;
  isMe: boolean;
  speaking: boolean;
  grade: number;
  onConnection(): void;
  onWrite(): void;
}

function Person({ meeting, one, turn, isMe, speaking, grade, onConnection, onWrite }: PersonProps) {
  const hears = trackState(one, "microphone") === "on";
  const shows = trackState(one, "camera") === "on";
  const [renaming, setRenaming] = useState(false);
  return (
    <li class={classes(!one.present && "absent", speaking && "speaking")} data-testid={`person-${one.id}`}>
      <Avatar name={one.name} room={one.kind === "room"} />
      <div class="who">
        {renaming ? <Rename one={one} onDone={() => setRenaming(false)} /> : <strong>{isMe ? t("meeting.you", { name: one.name }) : one.name}</strong>}
        <small>{remarks(one).join(" · ")}</small>
      </div>
      {turn > 0 && (
        <span class="turn" data-testid={`hand-of-${one.id}`} role="img" aria-label={t("people.hand", { turn })} title={t("people.hand", { turn })}>
          {icons.hand}{turn}
        </span>
      )}
      <button
        type="button" class="plain" data-testid={`connection-of-${one.id}`} title={t("connection.of", { name: one.name })}
        aria-label={t("connection.of", { name: one.name })} onClick={onConnection}
      >
        {one.kind === "browser" ? <Grade grade={grade} /> : icons.connection}
      </button>
      <span class={classes("state", !hears && "off")}>{hears ? icons.microphone : icons.microphoneOff}</span>
      <span class={classes("state", !shows && "off")}>{shows ? icons.camera : icons.cameraOff}</span>
      <span class="hidden">{hears ? "" : t("tile.muted")}</span>
      <PersonMenu meeting={meeting} one={one} onWrite={onWrite} onRename={() => setRenaming(true)} />
    </li>
  );
}

/** Another name for somebody, or for me: taken by Enter, left by Escape or by going elsewhere. */
function Rename({ one, onDone }: { one: Participant; onDone(): void }) {
  const { attendance } = useContext(Parts);
  const [name, setName] = useState(one.name);
  const save = (event: Event) => {
    event.preventDefault();
    if (name.trim() !== one.name) void attendance.request({ rename: { participant: one.id, name: name.trim() } });
    onDone();
  };
  return (
    <form class="rename" onSubmit={save}>
      <input
        data-testid="new-name" required maxLength={NAME_CHARS_MAX} pattern=".*\S.*" aria-label={t("people.rename")} value={name}
        ref={(input) => {
          if (input && document.activeElement !== input) input.focus();
        }}
        onInput={(event) => setName(event.currentTarget.value)}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === "Escape") onDone();
        }}
        onBlur={onDone}
      />
    </form>
  );
}

function remarks(one: Participant): string[] {
  const said: string[] = [];
  if (one.kind !== "browser") said.push(t(`people.${one.kind}`));
  if (one.role !== "speaker" && one.kind === "browser") said.push(t(`people.${one.role}`));
  if (one.held.includes("microphone")) said.push(t("people.held"));
  if (trackState(one, "screen") === "on") said.push(t("people.sharing"));
  if (!one.present) said.push(t("meeting.away.other"));
  return said;
}
