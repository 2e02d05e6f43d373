/** The line above the meeting: its name, and how good the network is, with the figures behind it. */
import { useState } from "preact/hooks";
import type { Attendance } from "../attendance";
import { useCell } from "../cell";
import type { Grade, Quality } from "../media/quality";
import type { Meeting } from "../words/meeting";
import { Bars } from "./icons";
import { t, type TextKey } from "./texts";

const LEVEL: Readonly<Record<Grade, 0 | 1 | 2 | 3>> = { unknown: 0, poor: 1, fair: 2, good: 3 };

export function Header({ attendance, meeting }: { attendance: Attendance; meeting: Meeting }) {
  return (
    <header class="top">
      <h1>{meeting.info.name}</h1>
      {meeting.info.mode === "audio" && <span class="tag">{t("meeting.audio")}</span>}
      <Network quality={useCell(attendance.path.quality)} />
    </header>
  );
}

function Network({ quality }: { quality: Quality | null }) {
  const [open, setOpen] = useState(false);
  const grade = quality?.grade ?? "unknown";
  const label = `${t("quality.title")}: ${t(`quality.${grade}`)}`;
  return (
    <div class="network" onKeyDown={(event) => event.key === "Escape" && setOpen(false)}>
      <button
        type="button" class="plain" data-testid="quality" data-grade={grade}
        aria-expanded={open} aria-label={label} title={label} onClick={() => setOpen(!open)}
      >
        <Bars level={LEVEL[grade]} />
      </button>
      {open && (
        <dl class="figures">
          {figures(quality).map(([name, value]) => (
            <div key={name}>
              <dt>{t(name)}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}

function figures(quality: Quality | null): [TextKey, string][] {
  const rounded = (unit: TextKey, value: number | null | undefined) =>
    value === null || value === undefined ? "–" : t(unit, { value: Math.round(value) });
  const percent = (value: number | null | undefined) =>
    value === null || value === undefined ? "–" : t("quality.percent", { value: (value * 100).toFixed(1) });
  return [
    ["quality.title", t(`quality.${quality?.grade ?? "unknown"}`)],
    ["quality.rtt", rounded("quality.ms", quality?.roundTripMs)],
    ["quality.loss.in", percent(quality?.lossIn)],
    ["quality.loss.out", percent(quality?.lossOut)],
    ["quality.in", rounded("quality.kbits", quality?.kbitsIn)],
    ["quality.out", rounded("quality.kbits", quality?.kbitsOut)],
    ["quality.sent", rounded("quality.pixels", quality?.sentHeight)],
  ];
}
