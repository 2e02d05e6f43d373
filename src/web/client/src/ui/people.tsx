/** The list of everybody in the meeting. */
import { me, trackState, worse, type Meeting } from "../words/meeting";
import type { Participant } from "../words/wire";
import { Grade, icons } from "./icons";
import { t } from "./texts";
import { Avatar, classes } from "./tile";

interface PeopleProps {
  meeting: Meeting;
  /** How somebody's connection is shall be shown. */
  onConnection(of: string): void;
  onClose(): void;
}

export function People({ meeting, onConnection, onClose }: PeopleProps) {
  const self = me(meeting);
  const sorted = [...(self ? [self] : []), ...meeting.participants.filter((one) => one !== self)];
  return (
    <aside class="people" aria-labelledby="people-title" data-testid="people-list">
      <header>
        <h2 id="people-title">{t("people.title", { count: sorted.length })}</h2>
        <button type="button" class="plain" aria-label={t("control.close")} onClick={onClose}>{icons.close}</button>
      </header>
      <ul>
        {sorted.map((one) => (
          <Person
            key={one.id}
            one={one}
            isMe={one === self}
            speaking={meeting.heard.includes(one.id)}
            grade={worse(meeting.grades[one.id])}
            onConnection={() => onConnection(one.id)}
          />
        ))}
      </ul>
    </aside>
  );
}

interface PersonProps {
  one: Participant;
  isMe: boolean;
  speaking: boolean;
  grade: number;
  onConnection(): void;
}

function Person({ one, isMe, speaking, grade, onConnection }: PersonProps) {
  const hears = trackState(one, "microphone") === "on";
  const shows = trackState(one, "camera") === "on";
  return (
    <li class={classes(!one.present && "absent", speaking && "speaking")} data-testid={`person-${one.id}`}>
      <Avatar name={one.name} room={one.kind === "room"} />
      <div class="who">
        <strong>{isMe ? t("meeting.you", { name: one.name }) : one.name}</strong>
        <small>{remarks(one).join(" · ")}</small>
      </div>
      <button
        type="button" class="plain" data-testid={`connection-of-${one.id}`} title={t("connection.of", { name: one.name })}
        aria-label={t("connection.of", { name: one.name })} onClick={onConnection}
      >
        {one.kind === "browser" ? <Grade grade={grade} /> : icons.connection}
      </button>
      <span class={classes("state", !hears && "off")}>{hears ? icons.microphone : icons.microphoneOff}</span>
      <span class={classes("state", !shows && "off")}>{shows ? icons.camera : icons.cameraOff}</span>
      <span class="hidden">{hears ? "" : t("tile.muted")}</span>
    </li>
  );
}

function remarks(one: Participant): string[] {
  const said: string[] = [];
  if (one.kind !== "browser") said.push(t(`people.${one.kind}`));
  if (one.role !== "speaker" && one.kind === "browser") said.push(t(`people.${one.role}`));
  if (trackState(one, "screen") === "on") said.push(t("people.sharing"));
  if (!one.present) said.push(t("meeting.away.other"));
  return said;
}
