/** A host asks me to switch something on: nothing happens unless I want it. */
import { useEffect, useRef } from "preact/hooks";
import type { Attendance, Request } from "../attendance";
import type { Meeting } from "../words/meeting";
import { t } from "./texts";

export function Asked({ attendance, meeting, request }: { attendance: Attendance; meeting: Meeting; request: Request }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const name = meeting.participants.find((one) => one.id === request.by)?.name ?? t("people.host");
  return (
    <dialog ref={dialog} class="settings asked" aria-labelledby="asked-title" data-testid="asked" onClose={() => attendance.decide(false)}>
      <h2 id="asked-title">{t(`asked.${request.source}`, { name })}</h2>
      <p>{t("asked.hint")}</p>
      <div class="pair">
        <button type="button" class="quiet" data-testid="asked-no" onClick={() => attendance.decide(false)}>{t("asked.no")}</button>
        <button type="button" class="primary" data-testid="asked-yes" onClick={() => attendance.decide(true)}>{t("asked.yes")}</button>
      </div>
    </dialog>
  );
}
