/** I ring somebody: whom, how each of them takes it, and a way to stop. */
import { useEffect, useRef } from "preact/hooks";
import { nameOf, type Book } from "../../calls/book";
import type { Calls } from "../../calls/calls";
import type { CallLeg, CallState } from "../../words/calling";
import { icons } from "../icons";
import { Avatar } from "../tile";
import { t } from "../texts";

export function Outgoing({ calls, book, call }: { calls: Calls; book: Book; call: CallState }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const callees = call.legs.filter((leg) => leg.user !== book.you);
  const [first] = callees;
  const name = callees.map((leg) => nameOf(book, leg.user)).join(", ");
  const isRoom = (book.users.find((user) => user.id === first?.user)?.kind ?? "person") !== "person";
  return (
    <dialog ref={dialog} class="ringing" aria-labelledby="outgoing-title" data-testid="outgoing" data-call={call.id} onCancel={() => calls.hangUp(call.id)}>
      <span class="waves" aria-hidden="true"><Avatar name={name} room={isRoom} /></span>
      <h2 id="outgoing-title">{name}</h2>
      <div role="status">
        <ul class="taking">
          {callees.map((leg) => (
            <li key={leg.user} data-state={leg.state}>
              {callees.length > 1 && <strong>{nameOf(book, leg.user)}</strong>} {t(taking(book, leg))}
            </li>
          ))}
        </ul>
      </div>
      <div class="answers">
        <button type="button" class="answer no" data-testid="cancel" onClick={() => calls.hangUp(call.id)}>
          <span class="disc">{icons.leave}</span>{t("calls.cancel")}
        </button>
      </div>
    </dialog>
  );
}

/** How somebody takes being rung. Who is signed in nowhere is notified, and that may take a moment. */
export function taking(book: Book, leg: CallLeg) {
  const presence = book.users.find((user) => user.id === leg.user)?.presence;
  if (leg.state === "ringing" && presence === "offline") return "calls.state.notified" as const;
  return `calls.state.${leg.state}` as const;
}
