/** The page of somebody who is signed in: people and calls, or the call that goes on, and whatever rings above both. */
import { useEffect } from "preact/hooks";
import type { Attendance } from "../../attendance";
import type { Calls } from "../../calls/calls";
import { calling, partners, ringing } from "../../calls/book";
import { useCell } from "../../cell";
import { Mark } from "../icons";
import { MeetingPage } from "../meeting";
import { language, t, textOr } from "../texts";
import { CallHere, RingFrom } from "./here";
import { Home } from "./home";
import { Outgoing } from "./outgoing";
import { Ringing } from "./ringing";
import "./calls.css";

export function CallsPage({ calls }: { calls: Calls }) {
  const { book, lost, inside, refusal } = useCell(calls.view);
  useCell(language);
  useTitle(calls);
  if (lost) return <Lost title={t("calls.lost")} hint={textOr(`calls.lost.${lost.code}`, lost.detail)} />;
  if (!book) return <Waiting why={refusal?.detail} />;
  const rings = ringing(book);
  const rung = calling(book);
  return (
    <>
      {inside ? <Inside key={inside.call ?? ""} calls={calls} attendance={inside.attendance} /> : <Home calls={calls} book={book} />}
      {rings && <Ringing key={rings.id} calls={calls} book={book} call={rings} />}
      {rung && !rings && <Outgoing key={rung.id} calls={calls} book={book} call={rung} />}
    </>
  );
}

/** The meeting of the call that I am in. */
function Inside({ calls, attendance }: { calls: Calls; attendance: Attendance }) {
  const { phase } = useCell(attendance.view);
  if (phase !== "meeting") return <Waiting />;
  return (
    <CallHere.Provider value={calls}>
      <RingFrom.Provider value={calls}>
        <MeetingPage attendance={attendance} />
      </RingFrom.Provider>
    </CallHere.Provider>
  );
}

function Waiting({ why }: { why?: string | undefined }) {
  return (
    <main class="sheet" data-testid="connecting">
      <Mark />
      <p class="connecting" role="status"><span class="spinner" />{t("calls.connecting")}</p>
      {why && <p class="problem" role="alert">{why}</p>}
    </main>
  );
}

function Lost({ title, hint }: { title: string; hint: string }) {
  return (
    <main class="sheet" data-testid="signed-out">
      <Mark />
      <h1>{title}</h1>
      <p>{hint}</p>
      <a class="primary" href="/">{t("calls.home")}</a>
    </main>
  );
}

/** The title tells in the tab's label who rings, even while another tab is looked at. */
function useTitle(calls: Calls): void {
  const { book, inside } = useCell(calls.view);
  const rings = book ? ringing(book) : undefined;
  const who = book && rings ? partners(book, rings).join(", ") : "";
  const missed = book?.missed ?? 0;
  const title = who
    ? t("calls.title.ringing", { name: who })
    : inside ? t("calls.title.inside") : missed > 0 ? t("calls.title.missed", { count: missed }) : t("calls.title");
  useEffect(() => {
    document.title = title;
  }, [title]);
}
