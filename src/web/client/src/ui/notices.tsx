/** What happens in the meeting, said briefly: shown for a moment, and read out to those who cannot see it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Attendance, View } from "../attendance";
import { useCell } from "../cell";
import type { DeviceView } from "../media/devices";
import { me, others, trackState, type Meeting } from "../words/meeting";
import { useTalkingWhileMuted } from "./muted";
import { textOr, t } from "./texts";

/** How long a notice stays, in milliseconds. */
const SHOWN_MS = 4_000;
/** Of messages from before I came nothing is said, in milliseconds. */
const RECENT_MS = 10_000;
/** The most notices at once; the oldest makes way. */
const NOTICES_MAX = 3;

interface Notice {
  id: number;
  text: string;
  /** Read out only: the buttons already show it. */
  unseen: boolean;
}

export function Notices({ attendance, meeting }: { attendance: Attendance; meeting: Meeting }) {
  const view = useCell(attendance.view);
  const switched = useCell(attendance.devices.switched);
  const { problems } = useCell(attendance.devices.view);
  const [notices, setNotices] = useState<Notice[]>([]);
  const before = useRef({ meeting, view, problems });
  const next = useRef(1);
  const say = (text: string, unseen = false) => {
    const id = next.current++;
    setNotices((now) => [...now, { id, text, unseen }].slice(-NOTICES_MAX));
    setTimeout(() => setNotices((now) => now.filter((notice) => notice.id !== id)), SHOWN_MS);
  };
  useEffect(() => {
    for (const text of news(before.current.meeting, meeting)) say(text);
    for (const text of mine(before.current.view, view)) say(text, true);
    if (problems !== before.current.problems) for (const text of troubles(problems)) say(text);
    before.current = { meeting, view, problems };
  }, [meeting, view, problems]);
  useEffect(() => {
    if (switched) say(t(`device.switched.${switched.kind}`, { label: switched.label }));
  }, [switched]);
  const refusal = useCell(attendance.refused);
  useEffect(() => {
    // What is not permitted is said best by the appliance, which knows what it was.
    if (refusal) say(refusal.code === "not-permitted" ? refusal.message : textOr(`refusal.${refusal.code}`, refusal.message));
  }, [refusal]);
  useTalkingWhileMuted(attendance, () => say(t("say.talking")));
  return (
    <div class="notices" role="status" aria-live="polite" data-testid="notices">
      {notices.map(({ id, text, unseen }) => <p key={id} class={unseen ? "hidden" : undefined}>{text}</p>)}
    </div>
  );
}

function troubles(problems: DeviceView["problems"]): string[] {
  const kinds = ["microphone", "camera"] as const;
  return kinds.flatMap((kind) => (problems[kind] ? [t(`problem.${kind}.${problems[kind]}`)] : []));
}

/** What changed about the others. */
export function news(before: Meeting, now: Meeting): string[] {
  const said: string[] = [];
  for (const one of others(now)) {
    const earlier = before.participants.find((other) => other.id === one.id);
    if (!earlier) said.push(t("say.joined", { name: one.name }));
    if (one.hand !== undefined && earlier?.hand === undefined) said.push(t("say.hand", { name: one.name }));
    if (trackState(one, "screen") === "on" && trackState(earlier, "screen") !== "on") {
      said.push(t("say.screen", { name: one.name }));
    }
  }
  for (const one of others(before)) {
    if (!now.participants.some((other) => other.id === one.id)) said.push(t("say.left", { name: one.name }));
  }
  for (const poll of now.polls) {
    const earlier = before.polls.find((one) => one.poll === poll.poll);
    if (earlier?.state !== poll.state) said.push(t(poll.state === "open" ? "say.poll.open" : "say.poll.closed", { question: poll.question.text }));
  }
  if (before.info.locked !== now.info.locked) said.push(t(now.info.locked ? "say.locked" : "say.unlocked"));
  if (before.info.lobby !== now.info.lobby) said.push(t(now.info.lobby ? "say.lobby.on" : "say.lobby.off"));
  if (before.participants.find((one) => one.id === now.you)?.role !== "host" && me(now)?.role === "host") said.push(t("say.host"));
  for (const message of now.chat) {
    const isNew = message.id > (before.chat.at(-1)?.id ?? 0) && message.from !== now.you;
    if (isNew && Date.now() - message.at_ms < RECENT_MS) said.push(t("say.chat", { name: message.name, text: message.text }));
  }
  return said;
}

/** What I changed about myself. */
function mine(before: View, now: View): string[] {
  const said: string[] = [];
  if (before.microphoneOn !== now.microphoneOn) said.push(t(now.microphoneOn ? "say.unmuted" : "say.muted"));
  if (before.cameraOn !== now.cameraOn) said.push(t(now.cameraOn ? "say.camera.on" : "say.camera.off"));
  return said;
}
