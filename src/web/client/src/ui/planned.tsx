/** Planned meetings: when one begins, for who waits; and that it ends soon, for who is in it. */
import { useContext, useEffect, useState } from "preact/hooks";
import { mayModerate, me, type Meeting } from "../words/meeting";
import type { Schedule } from "../words/wire";
import { Parts } from "./parts";
import { t } from "./texts";

const MINUTE_MS = 60_000;
/** How long before the end it is told, and how much longer a host may make it at a time. */
const SOON_MS = 10 * MINUTE_MS;
const LONGER_MS = 15 * MINUTE_MS;

/** In how many minutes the meeting ends, if that is soon: rounded up, at least 1. */
export function endsIn({ ends_at_ms: end }: Schedule, now: number): number | null {
  if (end === undefined || end - now > SOON_MS) return null;
  return Math.max(1, Math.ceil((end - now) / MINUTE_MS));
}

/** The banner of the last minutes. Hosts make the meeting longer with it. */
export function EndsSoon({ meeting, minutes }: { meeting: Meeting; minutes: number }) {
  const { attendance } = useContext(Parts);
  const { schedule } = meeting.info;
  const longer = () => {
    const ends_at_ms = Math.max(Date.now(), schedule.ends_at_ms ?? 0) + LONGER_MS;
    void attendance.request({ reschedule: { schedule: { ...schedule, ends_at_ms } } });
  };
  return (
    <div class="banner" role="status" data-testid="ends-soon">
      <span>{t("planned.ends", { minutes })}</span>
      {mayModerate(me(meeting)?.role) && (
        <button type="button" class="quiet" data-testid="longer" onClick={longer}>{t("planned.longer", { minutes: LONGER_MS / MINUTE_MS })}</button>
      )}
    </div>
  );
}

/** The minutes that are left, kept up to date. */
export function useEndsIn(schedule: Schedule): number | null {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (schedule.ends_at_ms === undefined) return undefined;
    const timer = setInterval(() => setNow(Date.now()), MINUTE_MS / 6);
    return () => clearInterval(timer);
  }, [schedule.ends_at_ms]);
  return endsIn(schedule, now);
}

/** A time as people write it: with the day where it is not today. */
export function when(ms: number, now = new Date()): string {
  const at = new Date(ms);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (at.toDateString() === now.toDateString()) return time;
  return `${at.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" })}, ${time}`;
}
