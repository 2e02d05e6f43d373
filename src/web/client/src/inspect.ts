/**
 * `window.alcove`: a look inside for tests and for support. Read-only; nothing in it changes the meeting.
 *
 *   alcove.state()  what the page shows: phase, my id, participants, speakers, codec path and peer state
 *   alcove.slots()  each filled slot: mid, kind, participant, source
 *   alcove.video(participant, source?)  the <video> that shows a track now, or null
 *   alcove.stream(mid)  what a slot plays, or null
 *   alcove.stats()  the raw WebRTC figures (a promise of an array)
 *   alcove.pictures()  the age of each picture that is shown and its parts, while the connection is looked at; else null
 *   alcove.times    milliseconds from the click on Join: welcome, connected, first picture; null until then
 */
import type { Attendance } from "./attendance";
import type { Source } from "./words/wire";

/** When things happened, in milliseconds since the click on Join. */
interface Times {
  welcome: number | null;
  connected: number | null;
  picture: number | null;
}

/** Lays the inspection object on the window. */
export function expose(attendance: Attendance): void {
  const inspection = {
    state: () => state(attendance),
    slots: () => filled(attendance),
    video: (participant: string, source: Source = "camera") => attendance.path.slots.find(participant, source)?.element ?? null,
    stream: (mid: string) => streamOf(attendance, mid),
    stats: async () => [...(await attendance.path.stats()).values()],
    pictures: () => structuredClone(attendance.path.insight.pictures.value),
    times: timesOf(attendance),
  };
  // The next call is another meeting.
  Object.defineProperty(window, "alcove", { value: Object.freeze(inspection), configurable: true });
}

function state(attendance: Attendance) {
  const { phase, meeting, away, end, refusal, microphoneOn, cameraOn, screen } = attendance.view.value;
  const quality = attendance.path.quality.value;
  return {
    phase,
    away,
    you: meeting?.you ?? null,
    participants: structuredClone(meeting?.participants ?? []),
    active: meeting?.active ?? null,
    heard: [...(meeting?.heard ?? [])],
    microphoneOn,
    cameraOn,
    sharing: screen !== null,
    peer: attendance.path.state,
    end: end && ("reason" in end ? end.reason : end.refusal.code),
    refusal: refusal?.code ?? null,
    quality: quality && { ...quality },
  };
}

function filled(attendance: Attendance) {
  return attendance.path.slots.now.value.flatMap(({ mid, kind, occupant }) => (occupant ? [{ mid, kind, ...occupant }] : []));
}

function streamOf(attendance: Attendance, mid: string): MediaStream | null {
  const found = attendance.path.slots.now.value.find((slot) => slot.mid === mid)?.element.srcObject;
  return found instanceof MediaStream ? found : null;
}

function timesOf(attendance: Attendance): Readonly<Times> {
  const times: Times = { welcome: null, connected: null, picture: null };
  let clicked = 0;
  const since = () => performance.now() - clicked;
  let phase = attendance.view.value.phase;
  attendance.view.watch((view) => {
    if (view.phase === phase) return;
    phase = view.phase;
    if (phase === "joining") {
      clicked = performance.now();
      Object.assign(times, { welcome: null, connected: null, picture: null });
    } else if (phase === "meeting") {
      times.welcome = since();
      look();
    }
  });
  const look = () => {
    if (phase !== "meeting" || times.picture !== null) return;
    if (attendance.path.state === "connected") times.connected ??= since();
    const isShown = attendance.path.slots.now.value.some(
      ({ element, occupant, kind }) => kind === "video" && occupant !== null && (element as HTMLVideoElement).videoWidth > 0,
    );
    if (isShown) times.picture = since();
    else requestAnimationFrame(look);
  };
  return times;
}
