/** Reactions: a few emoji to choose from, and those that rise over the meeting for a moment. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Attendance, Reaction } from "../attendance";
import { useCell } from "../cell";
import type { Meeting } from "../words/meeting";
import { t } from "./texts";

/** Those that people use in meetings; the appliance takes any. */
const CHOICE = ["👍", "👏", "❤️", "😂", "🎉", "😮", "🤔", "👎"];

/** How long one is seen, in milliseconds; the same as in the page's styles. */
const SEEN_MS = 4_000;

/** The row to choose from. */
export function ReactionChoice({ attendance, onDone }: { attendance: Attendance; onDone(): void }) {
  return (
    <div class="menu reactions" role="menu" aria-label={t("control.react")}>
      {CHOICE.map((emoji) => (
        <button
          key={emoji} type="button" role="menuitem" data-testid={`react-${emoji}`}
          onClick={() => { void attendance.request({ react: { emoji } }); onDone(); }}
        >
          {emoji}
        </button>
      ))}
    </div>
  );
}

/** What others and I have just shown that we feel. */
export function Rising({ attendance, meeting }: { attendance: Attendance; meeting: Meeting }) {
  const last = useCell(attendance.reaction);
  const before = useRef(last);
  const [seen, setSeen] = useState<Reaction[]>([]);
  useEffect(() => {
    if (!last || last === before.current) return;
    before.current = last;
    setSeen((now) => [...now, last]);
    setTimeout(() => setSeen((now) => now.filter((one) => one.id !== last.id)), SEEN_MS);
  }, [last]);
  return (
    <div class="rising" aria-hidden="true" data-testid="reactions">
      {seen.map(({ id, participant, emoji }) => (
        <p key={id} style={{ "--lane": String(id % 5) }}>
          <span>{emoji}</span>
          <small>{meeting.participants.find((one) => one.id === participant)?.name ?? ""}</small>
        </p>
      ))}
    </div>
  );
}
