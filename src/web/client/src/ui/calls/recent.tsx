/** The calls that have ended: who, when, how long, and which were missed. */
import { isMissed, type Book } from "../../calls/book";
import type { Calls } from "../../calls/calls";
import type { CallRecord } from "../../words/calling";
import { icons } from "../icons";
import { Avatar, classes } from "../tile";
import { t } from "../texts";
import { duration, when } from "./when";

export function Recent({ calls, book }: { calls: Calls; book: Book }) {
  return (
    <section class="calls-card" aria-labelledby="recent-title" data-testid="recent">
      <header>
        <h2 id="recent-title">
          {t("calls.recent")}
          {book.missed > 0 && <span class="badge-missed" data-testid="missed">{t("calls.missed", { count: book.missed })}</span>}
        </h2>
        {book.missed > 0 && (
          <button type="button" class="link" data-testid="seen" onClick={() => calls.seenMissed()}>{t("calls.seen")}</button>
        )}
      </header>
      {book.records.length === 0 && <p class="nothing">{t("calls.recent.none")}</p>}
      <ul>
        {book.records.map((record) => <Entry key={record.number} calls={calls} book={book} record={record} />)}
      </ul>
    </section>
  );
}

function Entry({ calls, book, record }: { calls: Calls; book: Book; record: CallRecord }) {
  const isMine = record.caller.user === book.you;
  const missed = isMissed(book, record);
  const others = [record.caller, ...record.callees].filter((party) => party.user !== book.you);
  const name = others.map((party) => party.name).join(", ");
  const back = others.filter((party) => book.users.some((user) => user.id === party.user)).map((party) => party.user);
  const how = missed ? t("calls.was.missed") : record.talked_ms > 0 ? duration(record.talked_ms) : t(`calls.was.${record.end}`);
  return (
    <li class={classes("record", missed && "missed")} data-testid="record" data-end={record.end} data-missed={missed}>
      <Avatar name={name} />
      <span class="who">
        <strong>{name}</strong>
        <small>
          <span class="direction" aria-hidden="true">{isMine ? "↗" : "↙"}</span>
          <span class="hidden">{t(isMine ? "calls.outgoing" : "calls.incoming")}</span>
          {when(record.began_ms)} · {how}
        </small>
      </span>
      {back.length > 0 && (
        <button type="button" class="plain" aria-label={t("calls.ring.back", { name })} title={t("calls.ring.back", { name })} onClick={() => calls.ring(back, record.media)}>
          {record.media === "video" ? icons.camera : icons.call}
        </button>
      )}
    </li>
  );
}
