/** Somebody more for the call that one is in: whom to ring, and how those who are rung take it. */
import { useContext, useEffect, useRef } from "preact/hooks";
import type { Book } from "../../calls/book";
import { isLive, isRung, nameOf } from "../../calls/book";
import type { Calls } from "../../calls/calls";
import type { LegState } from "../../words/calling";
import { useCell } from "../../cell";
import { icons } from "../icons";
import { Avatar, classes } from "../tile";
import { includes, me } from "../../words/meeting";
import { t } from "../texts";
import { duration } from "./when";
import { Parts } from "../parts";
import { RingFrom } from "./here";
import { said } from "./home";
import { taking } from "./outgoing";

/** How somebody takes it who does not come. */
const STAYED_OUT: ReadonlySet<LegState> = new Set<LegState>(["declined", "no_answer", "busy", "do_not_disturb"]);

/** The button in the list of people; nothing where nobody is signed in, nor where one may not invite. */
export function InviteButton({ onOpen }: { onOpen(): void }) {
  const calls = useContext(RingFrom);
  return calls && <Button calls={calls} onOpen={onOpen} />;
}

function Button({ calls, onOpen }: { calls: Calls; onOpen(): void }) {
  const { attendance } = useContext(Parts);
  const { meeting } = useCell(attendance.view);
  const { book } = useCell(calls.view);
  if (!book || !meeting || !includes(meeting.info.rights.invite, me(meeting)?.role)) return null;
  return (
    <div class="invite">
      <button type="button" class="quiet" data-testid="invite" onClick={onOpen}>{icons.invite}{t("calls.invite")}</button>
      <Rung calls={calls} />
    </div>
  );
}

/** Those who are rung into this meeting now, and how those took it who did not come. */
function Rung({ calls }: { calls: Calls }) {
  const { book, inside, outcome, refusal } = useCell(calls.view);
  const call = book?.calls.find((one) => one.id === inside?.call);
  const rung = call?.legs.filter((leg) => isRung(leg.state) || (leg.by === book?.you && STAYED_OUT.has(leg.state))) ?? [];
  if (!book || (rung.length === 0 && !outcome && !refusal)) return null;
  return (
    <div role="status" data-testid="rung">
      <ul class="taking">
        {rung.map((leg) => <li key={leg.user}><strong>{nameOf(book, leg.user)}</strong> {t(taking(book, leg))}</li>)}
        {outcome && <li data-end={outcome.end}>{t(`calls.outcome.${outcome.end}`, { name: outcome.with, time: duration(outcome.talkedMs) })}</li>}
        {refusal && <li class="problem" data-testid="invite-refusal" data-code={refusal.code}>{said(refusal.code, refusal.detail)}</li>}
      </ul>
    </div>
  );
}

export function InviteDialog({ onClose }: { onClose(): void }) {
  const calls = useContext(RingFrom);
  return calls && <Dialog calls={calls} onClose={onClose} />;
}

function Dialog({ calls, onClose }: { calls: Calls; onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const { book, refusal } = useCell(calls.view);
  if (!book) return null;
  return (
    <dialog ref={dialog} class="settings inviting" aria-labelledby="invite-title" data-testid="inviting" onClose={onClose}>
      <header>
        <h2 id="invite-title">{t("calls.invite")}</h2>
        <button type="button" class="plain" aria-label={t("control.close")} onClick={() => dialog.current?.close()}>{icons.close}</button>
      </header>
      {refusal && <p class="problem" role="alert">{said(refusal.code, refusal.detail)}</p>}
      <Candidates calls={calls} book={book} onDone={() => dialog.current?.close()} />
    </dialog>
  );
}

function Candidates({ calls, book, onDone }: { calls: Calls; book: Book; onDone(): void }) {
  const { inside } = useCell(calls.view);
  const call = book.calls.find((one) => one.id === inside?.call);
  const present = new Set(call?.legs.filter((leg) => isLive(leg.state) || isRung(leg.state)).map((leg) => leg.user));
  const others = book.users.filter((user) => user.id !== book.you && !present.has(user.id));
  const invite = (id: string) => {
    void calls.invite([id]);
    onDone();
  };
  if (others.length === 0) return <p class="nothing">{t("calls.invite.none")}</p>;
  return (
    <ul class="candidates">
      {others.map((user) => (
        <li key={user.id}>
          <button type="button" data-testid={`invite-${user.id}`} onClick={() => invite(user.id)}>
            <span class="portrait">
              <Avatar name={user.name} room={user.kind !== "person"} />
              <span class={classes("dot", user.presence)} aria-hidden="true" />
            </span>
            <span class="who"><strong>{user.name}</strong><small>{t(`calls.presence.${user.presence}`)}</small></span>
            {icons.call}
          </button>
        </li>
      ))}
    </ul>
  );
}
