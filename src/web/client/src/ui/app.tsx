/** Which page is shown: the lobby, the meeting, or what came after it. */
import { useEffect } from "preact/hooks";
import type { Attendance, End } from "../attendance";
import { useCell } from "../cell";
import { language, textOr, t } from "./texts";
import { Mark } from "./icons";
import { Lobby } from "./lobby";
import { MeetingPage } from "./meeting";
import { Downloads } from "./record";
import type { Meeting } from "../words/meeting";
import type { RecordKey } from "../words/wire";

export function App({ attendance }: { attendance: Attendance }) {
  const { phase, end, meeting, record } = useCell(attendance.view);
  useCell(language);
  useEffect(() => {
    document.title = `${attendance.place.meeting} · Alcove`;
  }, [attendance]);
  if (phase === "meeting") return <MeetingPage attendance={attendance} />;
  if (phase === "over" && end) return <Over end={end} meeting={meeting} record={record} onAgain={() => attendance.again()} />;
  return <Lobby attendance={attendance} />;
}

interface OverProps {
  end: End;
  /** As it was last. */
  meeting: Meeting | null;
  record: RecordKey | null;
  onAgain(): void;
}

function Over({ end, meeting, record, onAgain }: OverProps) {
  const [code, title, hint] =
    "reason" in end
      ? [end.reason, t(`over.${end.reason}`), t(`over.hint.${end.reason}`)]
      : [end.refusal.code, t("over.lost"), textOr(`refusal.${end.refusal.code}`, end.refusal.detail)];
  return (
    <main class="sheet" data-testid="over" data-reason={code}>
      <Mark />
      <h1>{title}</h1>
      <p>{hint}</p>
      {record && <Downloads record={record} hasPolls={(meeting?.polls.length ?? 0) > 0} />}
      {code !== "banned" && (
        <button type="button" class="primary" data-testid="again" ref={(button) => button?.focus()} onClick={onAgain}>
          {t("over.again")}
        </button>
      )}
    </main>
  );
}
