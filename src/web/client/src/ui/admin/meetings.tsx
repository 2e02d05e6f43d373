/** The meetings that go on: who is in them, and their end. */
import { useState } from "preact/hooks";
import { icons } from "../icons";
import { Awaited, Refusal, Sure, useAdmin, useAsked } from "./parts";
import { t } from "./texts";

interface Meeting {
  readonly name: string;
  readonly mode: "video" | "audio";
  readonly participants: number;
  readonly max_participants: number;
  readonly standing: boolean;
  readonly has_password: boolean;
  readonly lobby: boolean;
}

interface Participant {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly kind: string;
}

export function Meetings() {
  const { api } = useAdmin();
  const list = useAsked(() => api.get<{ meetings: Meeting[] }>("meetings"), 15_000, "meetings");
  const [ending, setEnding] = useState("");
  return (
    <section class="card wide" data-testid="meetings">
      <Awaited of={list}>
        {({ meetings }) => (
          <ul class="rows">
            {[...meetings].sort((one, other) => other.participants - one.participants || one.name.localeCompare(other.name))
              .map((meeting) => <Row key={meeting.name} meeting={meeting} onEnd={() => setEnding(meeting.name)} />)}
          </ul>
        )}
      </Awaited>
      {ending !== "" && (
        <Sure
          title={t("meetings.end.title", { name: ending })} text={t("meetings.end.text")} yes={t("meetings.end")} onClose={() => setEnding("")}
          onYes={() => api.ask("DELETE", `meetings/${encodeURIComponent(ending)}`).then(list.reload)}
        />
      )}
    </section>
  );
}

function Row({ meeting, onEnd }: { meeting: Meeting; onEnd(): void }) {
  const admin = useAdmin();
  const [open, setOpen] = useState(false);
  const { name, mode, participants, max_participants: most, standing, has_password: locked, lobby } = meeting;
  const tags = [standing && t("meetings.standing"), mode === "audio" && t("meetings.audio"), lobby && t("meetings.lobby"), locked && t("meetings.password")];
  return (
    <li data-testid={`meeting-${name}`}>
      <div class="row">
        <span class="mood off">{icons.people}</span>
        <div class="who">
          <strong>{name}</strong>
          <small>{[t("meetings.count", { count: participants, most }), ...tags.filter(Boolean)].join(" · ")}</small>
        </div>
        {participants > 0 && (
          <button type="button" class="quiet small" aria-expanded={open} onClick={() => setOpen(!open)}>{t("meetings.people")}</button>
        )}
        {admin.may("meet") && (!standing || participants > 0) && (
          <button type="button" class="quiet small danger" data-testid={`end-${name}`} onClick={onEnd}>{t("meetings.end")}</button>
        )}
      </div>
      {open && <People meeting={name} />}
    </li>
  );
}

function People({ meeting }: { meeting: string }) {
  const { api } = useAdmin();
  const list = useAsked(() => api.get<{ participants: Participant[] }>(`meetings/${encodeURIComponent(meeting)}/participants`), 15_000, "meetings");
  return (
    <div class="inside">
      <Refusal of={list.refused} />
      <ul class="people-list" data-testid="participants">
        {list.body?.participants.map(({ id, name, role }) => <li key={id}><strong>{name}</strong><small>{role}</small></li>)}
      </ul>
    </div>
  );
}
