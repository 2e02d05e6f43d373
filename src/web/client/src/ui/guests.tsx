/** Who waits outside, as hosts see it, and what those outside see. */
import { useContext } from "preact/hooks";
import type { Attendance, Waiting } from "../attendance";
import type { Meeting } from "../words/meeting";
import type { Ask, Guest } from "../words/wire";
import { Parts } from "./parts";
import { when } from "./planned";
import { t } from "./texts";
import { Avatar } from "./tile";

/** All who wait, with what a host may do. */
export function Guests({ meeting }: { meeting: Meeting }) {
  const { attendance } = useContext(Parts);
  const ask = (what: Ask) => void attendance.request(what);
  if (meeting.guests.length === 0) return null;
  return (
    <section class="guests" aria-labelledby="guests-title" data-testid="guests">
      <header>
        <h3 id="guests-title">{t("guests.title", { count: meeting.guests.length })}</h3>
        {meeting.guests.length > 1 && (
          <button type="button" class="link" data-testid="admit-all" onClick={() => ask({ admit: {} })}>{t("guests.admit.all")}</button>
        )}
      </header>
      <ul>
        {meeting.guests.map((guest) => (
          <li key={guest.id} data-testid={`guest-${guest.id}`}>
            <Avatar name={guest.name} room={false} />
            <strong>{guest.name}</strong>
            <Decide guest={guest} ask={ask} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Decide({ guest: { id, name }, ask }: { guest: Guest; ask(what: Ask): void }) {
  return (
    <>
      <button type="button" class="quiet" data-testid="deny" aria-label={t("guests.deny.name", { name })} onClick={() => ask({ deny: { participant: id } })}>
        {t("guests.deny")}
      </button>
      <button type="button" class="primary" data-testid="admit" aria-label={t("guests.admit.name", { name })} onClick={() => ask({ admit: { participant: id } })}>
        {t("guests.admit")}
      </button>
    </>
  );
}

/** For a host who does not look at the list: who has waited longest, and how many there are. */
export function Knock({ meeting, onSee }: { meeting: Meeting; onSee(): void }) {
  const { attendance } = useContext(Parts);
  const [first, ...rest] = meeting.guests;
  if (!first) return null;
  return (
    <div class="banner" role="alert" data-testid="knock">
      <span>{t("guests.knock", { name: first.name })}</span>
      <Decide guest={first} ask={(what) => void attendance.request(what)} />
      {rest.length > 0 && (
        <button type="button" class="link" onClick={onSee}>{t("guests.more", { count: rest.length })}</button>
      )}
    </div>
  );
}

/** I wait outside. */
export function Outside({ attendance, waiting: { until, schedule } }: { attendance: Attendance; waiting: Waiting }) {
  const opens = schedule.not_before_ms;
  return (
    <div class="outside" role="status" data-testid="waiting" data-until={until}>
      <p><span class="spinner" /><strong>{until === "opening" && opens !== undefined ? t("waiting.opening", { when: when(opens) }) : t(`waiting.${until}`)}</strong></p>
      <p>{t("waiting.hint")}</p>
      <button type="button" class="quiet" data-testid="withdraw" onClick={() => attendance.withdraw()}>{t("waiting.withdraw")}</button>
    </div>
  );
}
