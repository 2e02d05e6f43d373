/** Which page is shown: the lobby, the meeting, or what came after it. */
import { useEffect, useState } from "preact/hooks";
import type { Attendance, End } from "../attendance";
import { Calls } from "../calls/calls";
import { deviceName } from "../calls/identity";
import { useCell } from "../cell";
import { RingFrom } from "./calls/here";
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
  const calls = useSignedIn(attendance);
  if (phase === "meeting") return <RingFrom.Provider value={calls}><MeetingPage attendance={attendance} /></RingFrom.Provider>;
  if (phase === "over" && end) return <Over end={end} meeting={meeting} record={record} onAgain={() => attendance.again()} />;
  return <Lobby attendance={attendance} />;
}

/** Whoever is signed in in this browser may ring others into the meeting, for as long as they are in it. */
function useSignedIn(attendance: Attendance): Calls | null {
  const { phase } = useCell(attendance.view);
  const [calls, setCalls] = useState<Calls | null>(null);
  const { user } = attendance.place;
  const isIn = phase === "meeting";
  useEffect(() => {
    if (!isIn || !user) return;
    let open: Calls | null = null;
    let isOver = false;
    void deviceName().then((device) => {
      if (isOver) return;
      open = new Calls(user, device, attendance);
      setCalls(open);
    });
    return () => {
      isOver = true;
      open?.close();
      setCalls(null);
    };
  }, [attendance, isIn, user]);
  return calls;
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
