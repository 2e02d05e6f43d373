/** The panel that tells how the connection is: my own way up and down, and how old the pictures of the others are. */
import { useContext, useEffect, useRef } from "preact/hooks";
import { useCell } from "../cell";
import type { Delay, Part } from "../media/delay";
import type { Picture } from "../media/insight";
import type { Quality } from "../media/quality";
import { others, type Meeting } from "../words/meeting";
import type { Participant } from "../words/wire";
import { Grade, icons } from "./icons";
import { Parts } from "./parts";
import { Curve } from "./curve";
import { Avatar } from "./tile";
import { t, type TextKey } from "./texts";

/** The bar of a delay is as long as this at least, in milliseconds, so that short delays look short. */
const BAR_MS_MIN = 250;

/** `of` is whose part of the panel is to be seen first; null for the top. */
export function Connection({ meeting, of, onClose }: { meeting: Meeting; of: string | null; onClose(): void }) {
  const { attendance } = useContext(Parts);
  const pictures = useCell(attendance.path.insight.pictures);
  const history = useCell(attendance.path.history);
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => attendance.path.insight.open(), [attendance]);
  // What was pressed in the list of people is no longer there.
  useEffect(() => {
    if (of !== null) close.current?.focus();
  }, [of]);
  const scale = Math.max(BAR_MS_MIN, ...(pictures ?? []).map(({ delay }) => lengthOf(delay)));
  return (
    <aside class="people connection" aria-labelledby="connection-title" data-testid="connection">
      <header>
        <h2 id="connection-title">{t("connection.title")}</h2>
        <button ref={close} type="button" class="plain" aria-label={t("control.close")} onClick={onClose}>{icons.close}</button>
      </header>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="connection-title">
        <Own meeting={meeting} history={history} />
        {others(meeting).map((one) => (
          <Other
            key={one.id} one={one} isFirst={one.id === of} scale={scale}
            pictures={(pictures ?? []).filter(({ track }) => track.participant === one.id)}
          />
        ))}
      </div>
    </aside>
  );
}

/** My own way. */
function Own({ meeting, history }: { meeting: Meeting; history: readonly Quality[] }) {
  const grades = meeting.grades[meeting.you] ?? { up: 5, down: 5 };
  const now = history.at(-1);
  const percent = (value: number | null | undefined) => (value == null ? "–" : t("quality.percent", { value: (value * 100).toFixed(1) }));
  const kbits = (value: number | undefined) => (value === undefined ? "–" : t("quality.kbits", { value: Math.round(value) }));
  const way = (key: "up" | "down", bits: (one: Quality) => number, loss: (one: Quality) => number | null) => (
    <section class="way" data-testid={`way-${key}`}>
      <h3>{t(`connection.${key}`)}<Grade grade={grades[key]} /></h3>
      <Curve label={t("connection.rate")} value={kbits(now && bits(now))} points={history.map(bits)} least={100} />
      <Curve label={t("connection.loss")} value={percent(now && loss(now))} points={history.map(loss)} least={0.05} bad />
      {key === "up" && now && now.sentHeight > 0 && <p class="facts">{t("quality.sent", { value: now.sentHeight })}</p>}
    </section>
  );
  const trip = now?.roundTripMs;
  return (
    <section class="own-way" aria-label={t("connection.own")}>
      {way("up", (one) => one.kbitsOut, (one) => one.lossOut)}
      {way("down", (one) => one.kbitsIn, (one) => one.lossIn)}
      <Curve
        label={t("quality.rtt")} value={trip == null ? "–" : t("quality.ms", { value: Math.round(trip) })}
        points={history.map((one) => one.roundTripMs)} least={100}
      />
    </section>
  );
}

/** Somebody else, and what is shown of them. */
function Other({ one, isFirst, scale, pictures }: { one: Participant; isFirst: boolean; scale: number; pictures: Picture[] }) {
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    if (isFirst) box.current?.scrollIntoView({ block: "nearest" });
  }, [isFirst]);
  return (
    <section ref={box} class="sight" aria-label={one.name} data-testid={`sight-${one.id}`}>
      <h3><Avatar name={one.name} room={one.kind === "room"} /><span>{one.name}</span></h3>
      {pictures.length === 0 && <p class="unknown">{t("connection.unseen")}</p>}
      {pictures.map((picture) => <Shown key={picture.track.source} picture={picture} scale={scale} />)}
    </section>
  );
}

function Shown({ picture, scale }: { picture: Picture; scale: number }) {
  const { width, height, framesPerSecond, layer, delay, track } = picture;
  const said = [
    track.source === "screen" ? t("connection.screen") : "",
    `${width} × ${height}`,
    framesPerSecond === null ? "" : t("connection.fps", { value: Math.round(framesPerSecond) }),
    layer === null ? "" : t("connection.layer", { value: layer + 1 }),
  ];
  return (
    <div class="shown">
      <p class="facts">{said.filter(Boolean).join(" · ")}</p>
      <DelayBar delay={delay} scale={scale} />
    </div>
  );
}

/** The delay as a bar of its parts, with their figures below. */
function DelayBar({ delay, scale }: { delay: Delay; scale: number }) {
  const total = delay.totalMs === null ? t("connection.delay.unknown") : t("quality.ms", { value: Math.round(delay.totalMs) });
  let at = 0;
  const pieces = delay.parts.map(({ part, ms }) => {
    const x = at;
    at += ms;
    return <rect key={part} class={`part-${part}`} x={x} y="0" width={ms} height="10" />;
  });
  return (
    <>
      <p class="total"><span>{t("connection.delay")}</span><strong data-testid="delay-total">{total}</strong></p>
      <svg class="delay-bar" viewBox={`0 0 ${scale} 10`} preserveAspectRatio="none" aria-hidden="true" focusable="false">{pieces}</svg>
      <dl class="delay-parts">
        {delay.parts.map(({ part, ms }) => (
          <div key={part}>
            <dt><i class={`part-${part}`} aria-hidden="true" />{t(`connection.part.${part}` satisfies TextKey)}</dt>
            <dd>{t("quality.ms", { value: Math.round(ms) })}</dd>
          </div>
        ))}
      </dl>
      {remarks(delay).map((key) => <p key={key} class="unknown">{t(key)}</p>)}
    </>
  );
}

/** What is not known, in plain words. */
function remarks(delay: Delay): TextKey[] {
  const has = (part: Part) => delay.parts.some((one) => one.part === part);
  const said: TextKey[] = [];
  if (delay.missing === "sender") said.push("connection.missing.sender");
  if (delay.missing === "browser") said.push("connection.missing.browser");
  if (has("source")) said.push("connection.missing.source");
  if (has("way")) said.push("connection.missing.way");
  return said;
}

function lengthOf(delay: Delay): number {
  return delay.parts.reduce((sum, { ms }) => sum + ms, 0);
}
