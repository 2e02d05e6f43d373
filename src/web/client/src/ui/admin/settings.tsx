/** The configuration: every key with its value and where that comes from; several are changed, tried out, and applied. */
import { useEffect, useState } from "preact/hooks";
import {
  conflicts, drafted, fieldsOf, fitting, matches, type Conflict, type Drafts, type Field, type KeyInfo, type Schema,
} from "../../admin/config";
import type { Report } from "./devices";
import { useCell } from "../../cell";
import { FieldRow, labelOf } from "./field";
import { signs } from "./icons";
import { Awaited, useAdmin, useAsked } from "./parts";
import { Review } from "./review";
import { Revisions } from "./revisions";
import { spoken, t, textOr } from "./texts";

/** What was read, and under which name it is changed. */
export interface Read {
  readonly keys: readonly KeyInfo[];
  readonly etag: string;
}

/** What is searched for first: behind the slash of the address. */
const sought = () => decodeURIComponent(location.hash.split("/")[1] ?? "");

export function Settings() {
  const admin = useAdmin();
  const { status } = useCell(admin.view);
  const schema = useAsked(() => admin.api.get<Schema>("config/schema"));
  const report = useAsked(() => admin.api.get<Report>("device"));
  const read = useAsked(() => readAll(admin));
  const [drafts, setDrafts] = useState<Drafts>(new Map());
  const [query, setQuery] = useState(sought());
  const [isReviewed, setReviewed] = useState(false);
  const [merged, setMerged] = useState<readonly Conflict[]>([]);
  const mayChange = admin.may("configure");

  // Somebody else, or another page, has changed something: what is shown follows, and what was typed stays.
  useEffect(() => {
    if (!isReviewed) void read.reload();
  }, [status?.generation, status?.observed_generation]);
  useEffect(() => {
    const seek = () => setQuery(sought());
    addEventListener("hashchange", seek);
    return () => removeEventListener("hashchange", seek);
  }, []);
  useEffect(() => {
    const stay = (event: BeforeUnloadEvent) => event.preventDefault();
    if (drafts.size > 0) addEventListener("beforeunload", stay);
    return () => removeEventListener("beforeunload", stay);
  }, [drafts.size > 0]);

  /** Reads anew, and says which drafts somebody else has overtaken. */
  const merge = async (before: readonly KeyInfo[]) => {
    const now = await readAll(admin);
    setMerged(conflicts(before, now.keys, drafts));
    setDrafts(fitting(drafts, now.keys));
    await read.reload();
  };
  const done = async () => {
    setReviewed(false);
    setDrafts(new Map());
    setMerged([]);
    await Promise.all([read.reload(), admin.look()]);
  };

  return (
    <div class="config">
      <label class="seek">
        {signs.search}<span class="hidden">{t("config.seek")}</span>
        <input type="search" data-testid="seek" placeholder={t("config.seek")} value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
      </label>
      {!mayChange && <p class="hint">{t("config.looks.only")}</p>}
      <Awaited of={schema}>{(schema) => (
        <Awaited of={read}>{({ keys, etag }) => {
          const fields = fieldsOf(keys, schema);
          const found = fields.filter((field) => matches(field, labelOf(field), query));
          const sections = [...new Set(found.map(({ section }) => section))];
          const draft = (field: Field, value: unknown) => setDrafts(drafted(drafts, field.info, value));
          return (
            <>
              {merged.map((conflict) => <Overtaken key={conflict.key} conflict={conflict} onDone={() => setMerged(merged.filter((one) => one !== conflict))}
                onTheirs={() => {
                  const left = new Map(drafts);
                  left.delete(conflict.key);
                  setDrafts(left);
                }} />)}
              {sections.map((section) => (
                <section key={section} class="card wide keys-card" aria-labelledby={`section-${section}`}>
                  <header><h3 id={`section-${section}`}>{textOr(`section.${section}`, section)}</h3></header>
                  <ul>
                    {found.filter((field) => field.section === section).map((field) => (
                      <FieldRow
                        key={field.info.key} field={field} draft={drafts.get(field.info.key)} isDrafted={drafts.has(field.info.key)}
                        devices={report.body?.devices ?? []} mayChange={mayChange} onDraft={(value) => draft(field, value)}
                        onUndo={() => draft(field, field.info.value ?? null)}
                      />
                    ))}
                  </ul>
                </section>
              ))}
              {found.length === 0 && <p class="nothing">{t("config.none", { query })}</p>}
              <Revisions etag={etag} keys={keys} onDone={done} />
              {drafts.size > 0 && (
                <div class="drafts" data-testid="drafts">
                  <strong role="status">{drafts.size === 1 ? t("config.draft") : t("config.drafts", { count: drafts.size })}</strong>
                  <button type="button" class="quiet" data-testid="discard" onClick={() => setDrafts(new Map())}>{t("config.discard")}</button>
                  <button type="button" class="primary" data-testid="review" onClick={() => setReviewed(true)}>{t("config.review")}</button>
                </div>
              )}
              {isReviewed && drafts.size > 0 && (
                <Review drafts={drafts} etag={etag} keys={keys} onStale={() => merge(keys)} onDone={done} onClose={() => setReviewed(false)} />
              )}
            </>
          );
        }}</Awaited>
      )}</Awaited>
    </div>
  );
}

async function readAll({ api }: ReturnType<typeof useAdmin>): Promise<Read> {
  // The tag first: what changes in between makes it stale, and is told then.
  const { etag } = await api.ask("GET", "config");
  return { keys: await api.get<KeyInfo[]>("config/keys"), etag };
}

/** Somebody else has changed what was to be changed here. */
function Overtaken(props: { conflict: Conflict; onTheirs(): void; onDone(): void }) {
  const { key, theirs, ours, author } = props.conflict;
  return (
    <div class="problem overtaken" role="alert" data-testid={`overtaken-${key}`}>
      <p>{t("config.overtaken", { key, author, theirs: spoken(theirs), ours: spoken(ours) })}</p>
      <div class="buttons">
        <button type="button" class="quiet" onClick={() => { props.onTheirs(); props.onDone(); }}>{t("config.theirs")}</button>
        <button type="button" class="quiet" data-testid="ours" onClick={props.onDone}>{t("config.ours")}</button>
      </div>
    </div>
  );
}
