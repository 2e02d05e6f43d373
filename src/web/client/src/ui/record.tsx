/** The record of a meeting, for its host: who was there, and how the polls went, as tables to keep. */
import { useState } from "preact/hooks";
import type { RecordKey } from "../words/wire";
import { icons } from "./icons";
import { t } from "./texts";

/** The tables of a record. */
const TABLES = ["attendance", "polls"] as const;

export function Downloads({ record, hasPolls }: { record: RecordKey; hasPolls: boolean }) {
  const [failed, setFailed] = useState(false);
  const load = (table: string) => void download(record, table).then((saved) => setFailed(!saved));
  return (
    <div class="downloads">
      {TABLES.filter((table) => table !== "polls" || hasPolls).map((table) => (
        <button key={table} type="button" class="quiet" data-testid={`download-${table}`} onClick={() => load(table)}>
          {icons.download}{t(`record.${table}`)}
        </button>
      ))}
      {failed && <p class="error" role="alert">{t("record.failed")}</p>}
    </div>
  );
}

/** Has the browser save a table; resolves to whether there was one. */
async function download({ id, token }: RecordKey, table: string): Promise<boolean> {
  try {
    const answer = await fetch(`/api/v1/records/${id}/${table}.csv`, { headers: { authorization: `Bearer ${token}` } });
    if (!answer.ok) return false;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? `${table}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
    return true;
  } catch {
    return false;
  }
}
