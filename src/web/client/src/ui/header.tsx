/** The line above the meeting: its name, and how good the network is. */
import { useContext } from "preact/hooks";
import type { Attendance } from "../attendance";
import { useCell } from "../cell";
import type { Grade } from "../media/quality";
import { others, type Meeting } from "../words/meeting";
import { CallHere } from "./calls/here";
import { Bars } from "./icons";
import type { Arrangement, Side } from "./meeting";
import { t } from "./texts";

const LEVEL: Readonly<Record<Grade, 0 | 1 | 2 | 3>> = { unknown: 0, poor: 1, fair: 2, good: 3 };

interface HeaderProps {
  attendance: Attendance;
  meeting: Meeting;
  arrangement: Arrangement;
  change(fields: Partial<Arrangement>): void;
}

export function Header({ attendance, meeting, arrangement, change }: HeaderProps) {
  const calls = useContext(CallHere);
  const isOpen = isConnection(arrangement.side);
  const grade = useCell(attendance.path.quality)?.grade ?? "unknown";
  const label = `${t("connection.title")}: ${t(`quality.${grade}`)}`;
  return (
    <header class="top">
      <h1>{calls ? others(meeting).map((one) => one.name).join(", ") : meeting.info.name}</h1>
      {meeting.info.locked && <span class="tag" data-testid="locked">{t("meeting.locked")}</span>}
      {meeting.info.mode === "audio" && <span class="tag">{t("meeting.audio")}</span>}
      <div class="network">
        <button
          type="button" class="plain" data-testid="quality" data-grade={grade} aria-keyshortcuts="C"
          aria-expanded={isOpen} aria-label={label} title={`${label} (C)`}
          onClick={() => change({ side: isOpen ? null : { connection: null } })}
        >
          <Bars level={LEVEL[grade]} />
        </button>
      </div>
    </header>
  );
}

/** Whether the connection is looked at. */
export function isConnection(side: Side): boolean {
  return side !== null && typeof side === "object" && "connection" in side;
}
