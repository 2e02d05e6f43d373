/** The keys of the meeting. */
import { useEffect } from "preact/hooks";
import type { Attendance } from "../attendance";
import { mayModerate, maySend, me } from "../words/meeting";
import { canShare, isChat, toggleFullScreen } from "./controls";
import { isConnection } from "./header";
import type { Arrangement } from "./meeting";

/** Listens for the keys while the meeting is shown. */
export function useKeys(attendance: Attendance, arrangement: Arrangement, change: (fields: Partial<Arrangement>) => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (isTaken(event)) return;
      const action = actionFor(event.key.toLowerCase(), attendance, arrangement, change);
      if (!action) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [attendance, arrangement]);
}

/** Somebody is typing, a dialog is open, or the key belongs to the browser. */
function isTaken(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return true;
  if (document.querySelector("dialog[open]")) return true;
  return event.target instanceof Element && event.target.closest("input, select, textarea, [contenteditable]") !== null;
}

function actionFor(
  key: string,
  attendance: Attendance,
  arrangement: Arrangement,
  change: (fields: Partial<Arrangement>) => void,
): (() => void) | null {
  const { meeting } = attendance.view.value;
  const sends = meeting !== null && maySend(me(meeting)?.role);
  const polls = meeting !== null && (mayModerate(me(meeting)?.role) || meeting.polls.length > 0);
  const shows = sends && meeting.info.mode === "video";
  switch (key) {
    case "m":
      return sends ? () => attendance.toggleMicrophone() : null;
    case "v":
      return shows ? () => attendance.toggleCamera() : null;
    case "s":
      return shows && canShare() ? () => void attendance.toggleShare() : null;
    case "g":
      return () => change({ layout: arrangement.layout === "stage" ? "grid" : "stage" });
    case "p":
      return () => change({ side: arrangement.side === "people" ? null : "people" });
    case "c":
      return () => change({ side: isConnection(arrangement.side) ? null : { connection: null } });
    case "h":
      return () => attendance.toggleHand();
    case "t":
      return () => change({ side: isChat(arrangement.side) ? null : { chat: "all" } });
    case "l":
      return polls ? () => change({ side: arrangement.side === "polls" ? null : "polls" }) : null;
    case "f":
      return document.fullscreenEnabled ? toggleFullScreen : null;
    case "?":
      return () => change({ settings: true });
    default:
      return null;
  }
}
