/** How the appliance is, at a glance: what is wrong first and in full, the rest as a picture. */
import type { JSX } from "preact";
import { findings, type Finding, type Mood } from "../../admin/health";
import type { Status } from "../../admin/admin";
import { useCell } from "../../cell";
import { signOf, signs } from "./icons";
import { Card, useAdmin } from "./parts";
import { Screen } from "./screen";
import { ago, lasting, moment, sentence, t, textOr } from "./texts";

const SIGNS: Readonly<Record<Mood, JSX.Element>> = {
  bad: signs.warning, unsure: signs.unsure, news: signs.update, off: signs.off, good: signs.check,
};

export function Health() {
  const admin = useAdmin();
  const { status } = useCell(admin.view);
  if (!status) return <p class="connecting"><span class="spinner" />{t("loading")}</p>;
  const all = findings(status.conditions);
  const bad = all.filter(({ mood }) => mood === "bad");
  return (
    <div class="health">
      <Sum bad={bad.length} status={status} />
      {admin.may("control") && <Screen everyMs={5_000} />}
      {(bad.length > 0 || status.troubles.length > 0) && (
        <section class="wrongs" aria-label={t("health.wrong")}>
          {bad.map((finding) => <Wrong key={finding.condition.type} finding={finding} />)}
          {status.troubles.map((trouble) => <p key={trouble} class="wrong" data-testid="trouble"><span class="mood bad">{signs.warning}</span><span>{trouble}</span></p>)}
        </section>
      )}
      <ul class="things" data-testid="things">
        {all.filter(({ mood }) => mood !== "bad").map((finding) => <Thing key={finding.condition.type} finding={finding} />)}
      </ul>
      <Facts status={status} />
    </div>
  );
}

/** All in one: well, or how much is not. */
function Sum({ bad, status }: { bad: number; status: Status }) {
  const { meeting } = status.room;
  return (
    <section class={bad > 0 ? "sum bad" : "sum good"} data-testid="sum" data-bad={bad} aria-live="polite">
      <span class="disc">{bad > 0 ? signs.warning : signs.check}</span>
      <div class="said">
        <strong>{bad === 0 ? t("health.well") : bad === 1 ? t("health.one") : t("health.many", { count: bad })}</strong>
        <p>{meeting === null ? t("health.idle") : t("health.meeting", { meeting })}</p>
      </div>
      <dl class="counts">
        <div><dt>{t("health.people")}</dt><dd>{status.participants}</dd></div>
        <div><dt>{t("health.meetings")}</dt><dd>{status.meetings}</dd></div>
        <div><dt>{t("facts.uptime")}</dt><dd>{lasting(status.uptime_s)}</dd></div>
      </dl>
    </section>
  );
}

const sinceWhen = (unixMs: number) => t("health.since", { when: moment(unixMs), ago: ago(unixMs) });
const titleOf = (type: string) => textOr(`thing.${type}`, type);

function Wrong({ finding: { condition } }: { finding: Finding }) {
  const { type, message, reason, since_unix_ms: since, last_true_unix_ms: last } = condition;
  return (
    <article class="wrong" data-testid={`condition-${type}`} data-status={condition.status} data-reason={reason}>
      <span class="mood bad">{signOf(type)}</span>
      <div>
        <h3>{titleOf(type)}</h3>
        <p>{sentence(message)}</p>
        <small>{[sinceWhen(since), last !== undefined && t("health.last", { when: moment(last) })].filter(Boolean).join(" · ")}</small>
      </div>
    </article>
  );
}

function Thing({ finding: { condition, mood } }: { finding: Finding }) {
  const { type, message, reason, since_unix_ms: since } = condition;
  return (
    <li class={`thing ${mood}`} data-testid={`condition-${type}`} data-status={condition.status} data-reason={reason}>
      <span class={`mood ${mood}`}>{signOf(type)}</span>
      <div>
        <h3>{titleOf(type)}<span class={`tick ${mood}`} role="img" aria-label={t(`mood.${mood}`)} title={t(`mood.${mood}`)}>{SIGNS[mood]}</span></h3>
        <p title={sinceWhen(since)}>{sentence(message)}</p>
      </div>
    </li>
  );
}

function Facts({ status }: { status: Status }) {
  const { version, media_addresses: addresses, authority_fingerprint: fingerprint } = status;
  return (
    <Card title={t("facts")} id="facts" wide>
      <dl class="pairs">
        <div><dt>{t("facts.version")}</dt><dd>{version}</dd></div>
        <div><dt>{t("facts.media")}</dt><dd>{addresses.join(", ")}</dd></div>
        {fingerprint !== undefined && <div><dt>{t("facts.fingerprint")}</dt><dd class="mono">{fingerprint}</dd></div>}
      </dl>
    </Card>
  );
}
