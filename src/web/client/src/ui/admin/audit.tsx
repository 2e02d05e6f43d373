/** Who has done what, the last first. */
import { useState } from "preact/hooks";
import { signs } from "./icons";
import { Awaited, useAdmin, useAsked } from "./parts";
import { moment, t } from "./texts";

interface Line {
  readonly number: number;
  readonly at_unix_ms: number;
  readonly who: string;
  readonly role: string;
  readonly from: string;
  readonly what: string;
  readonly status: number;
}

/** So many lines are read. */
const LINES = 500;

export function Audit() {
  const { api } = useAdmin();
  const lines = useAsked(() => api.get<Line[]>(`audit?last=${LINES}`), 10_000);
  const [query, setQuery] = useState("");
  const [refusedOnly, setRefusedOnly] = useState(false);
  const words = query.toLowerCase().split(/\s+/);
  const fits = (line: Line) => {
    const text = `${line.who} ${line.role} ${line.from} ${line.what} ${line.status}`.toLowerCase();
    return (!refusedOnly || line.status >= 400) && words.every((word) => text.includes(word));
  };
  return (
    <div class="audit">
      <div class="filter">
        <label class="seek">
          {signs.search}<span class="hidden">{t("audit.seek")}</span>
          <input type="search" data-testid="audit-seek" placeholder={t("audit.seek")} value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
        </label>
        <label class="switch"><input type="checkbox" data-testid="audit-refused" checked={refusedOnly} onChange={(event) => setRefusedOnly(event.currentTarget.checked)} />{t("audit.refused")}</label>
      </div>
      <section class="card wide" data-testid="audit">
        <Awaited of={lines}>
          {(all) => {
            const shown = all.filter(fits).reverse();
            if (shown.length === 0) return <p class="nothing">{t("audit.none")}</p>;
            return (
              <ol class="rows audit-lines">
                {shown.map((line) => (
                  <li key={line.number} class="row">
                    <span class={line.status >= 400 ? "code bad" : "code"} title={t(line.status >= 400 ? "audit.not.done" : "audit.done")}>{line.status}</span>
                    <div class="who"><strong class="mono">{line.what}</strong><small>{line.who} ({line.role}) · {line.from}</small></div>
                    <time dateTime={new Date(line.at_unix_ms).toISOString()}>{moment(line.at_unix_ms)}</time>
                  </li>
                ))}
              </ol>
            );
          }}
        </Awaited>
      </section>
    </div>
  );
}
