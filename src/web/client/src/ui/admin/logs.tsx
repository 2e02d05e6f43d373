/** What the appliance has logged, the last lines below, and the file with everything that helps to find a fault. */
import { useEffect, useRef, useState } from "preact/hooks";
import { signs } from "./icons";
import { Awaited, useAdmin, useAsked } from "./parts";
import { t } from "./texts";

/** So many lines are read, and so often. */
const LINES = 500;
const EVERY_MS = 2_000;

const LEVELS = ["debug", "info", "warn", "error"] as const;

type Level = (typeof LEVELS)[number];

/** A line as `GET logs` tells it: time, level, module, and what was said. */
function parts(line: string): { time: string; level: string; where: string; said: string } {
  const [, time = "", level = "", where = "", said = line] = /^(\S+) (\S+) +(\S+) (.*)$/.exec(line) ?? [];
  return { time, level: level.toLowerCase(), where, said };
}

export function Logs() {
  const { api } = useAdmin();
  const [level, setLevel] = useState<Level>("info");
  const [query, setQuery] = useState("");
  const lines = useAsked(async () => ({ level, text: await api.text(`logs?lines=${LINES}&level=${level}`) }), EVERY_MS);
  useEffect(() => void lines.reload(), [level]);
  const words = query.toLowerCase().split(/\s+/);
  return (
    <div class="logs">
      <div class="filter">
        <label class="seek">
          {signs.search}<span class="hidden">{t("logs.seek")}</span>
          <input type="search" data-testid="logs-seek" placeholder={t("logs.seek")} value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
        </label>
        <label class="least">
          <span>{t("logs.level")}</span>
          <select data-testid="logs-level" value={level} onChange={(event) => setLevel(event.currentTarget.value as Level)}>
            {LEVELS.map((one) => <option key={one} value={one}>{t(`logs.${one}`)}</option>)}
          </select>
        </label>
        <a class="quiet button" data-testid="diagnostics" href="/api/v1/diagnostics" download title={t("logs.diagnostics.hint")}>{signs.update}{t("logs.diagnostics")}</a>
      </div>
      <section class="card wide" data-testid="logs">
        <Awaited of={lines}>
          {({ text }) => {
            const shown = text.split("\n").filter((line) => line !== "" && words.every((word) => line.toLowerCase().includes(word)));
            return shown.length === 0 ? <p class="nothing">{t("logs.none")}</p> : <Lines lines={shown} />;
          }}
        </Awaited>
      </section>
    </div>
  );
}

/** Stays at the last line, unless somebody has scrolled up to read. */
function Lines({ lines }: { lines: readonly string[] }) {
  const list = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    if (isAtEnd.current) list.current?.scrollTo(0, list.current.scrollHeight);
  });
  const follow = ({ currentTarget: at }: { currentTarget: HTMLDivElement }) => {
    isAtEnd.current = at.scrollHeight - at.scrollTop - at.clientHeight < 40;
  };
  return (
    <div ref={list} class="log-lines mono" role="log" aria-label={t("logs")} tabIndex={0} onScroll={follow}>
      {lines.map((line) => {
        const { time, level, where, said } = parts(line);
        return (
          <p key={line} class={level}>
            <time dateTime={time}>{time === "" ? "" : new Date(time).toLocaleTimeString()}</time>
            <span class="grave">{level}</span>
            <span class="said">{said} <small>{where}</small></span>
          </p>
        );
      })}
    </div>
  );
}
