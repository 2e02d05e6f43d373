/** Somebody rings: who, answer or decline. It is seen as well as heard. */
import { useEffect, useRef } from "preact/hooks";
import { mine, nameOf, type Book } from "../../calls/book";
import type { Calls } from "../../calls/calls";
import { ringChoice } from "../../calls/ring";
import { useCell } from "../../cell";
import type { CallState } from "../../words/calling";
import { icons } from "../icons";
import { Avatar, classes } from "../tile";
import { t } from "../texts";

export function Ringing({ calls, book, call }: { calls: Calls; book: Book; call: CallState }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const answer = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    answer.current?.focus();
    navigator.vibrate?.([400, 200, 400]);
    return () => void navigator.vibrate?.(0);
  }, []);
  const { visual } = useCell(ringChoice);
  const leg = mine(book, call);
  const by = leg?.by ?? call.caller;
  const name = nameOf(book, by);
  const isRoom = (book.users.find((user) => user.id === by)?.kind ?? "person") !== "person";
  const knocks = leg?.state === "knocking";
  const others = call.legs.filter((leg) => leg.user !== book.you && leg.user !== by);
  const what = knocks ? "calls.knocks" : call.media === "video" ? "calls.rings.video" : "calls.rings.audio";
  return (
    <dialog
      ref={dialog} class={classes("ringing", !knocks && visual && "flashing")} role="alertdialog" aria-labelledby="ringing-title" aria-describedby="ringing-more"
      data-testid="ringing" data-call={call.id}
      // Escape would be an answer that nobody meant.
      onCancel={(event) => event.preventDefault()}
    >
      <span class="waves" aria-hidden="true"><Avatar name={name} room={isRoom} /></span>
      <h2 id="ringing-title">{name}</h2>
      <p id="ringing-more">
        {t(what)}
        {others.length > 0 && <><br />{t("calls.with", { names: others.map((leg) => nameOf(book, leg.user)).join(", ") })}</>}
      </p>
      <div class="answers">
        <button type="button" class="answer no" data-testid="decline" onClick={() => calls.decline(call)}>
          <span class="disc">{icons.leave}</span>{t("calls.decline")}
        </button>
        <button type="button" class="answer yes" ref={answer} data-testid="accept" onClick={() => calls.accept(call)}>
          <span class="disc">{call.media === "video" ? icons.camera : icons.call}</span>{t("calls.accept")}
        </button>
      </div>
    </dialog>
  );
}
