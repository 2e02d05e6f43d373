/** Notices when somebody talks with the microphone off: the commonest mishap of all meetings. */
import { useEffect } from "preact/hooks";
import type { Attendance } from "../attendance";
import { useCell } from "../cell";
import { Meter } from "../media/sound";

/** How often the level is looked at, in milliseconds. */
const LOOK_MS = 100;
/** The level from which on it is speech, not the room: about -30 dB. */
const SPEECH_LEVEL = 0.5;
/** How many loud looks in a row make it talking. */
const LOUD_LOOKS = 5;
/** How long nothing is said after it was said, in milliseconds. */
const QUIET_MS = 20_000;

/** Calls `say` when the person talks while muted. The sound stays in this page. */
export function useTalkingWhileMuted(attendance: Attendance, say: () => void): void {
  const { microphoneOn } = useCell(attendance.view);
  const { microphone } = useCell(attendance.devices.view);
  useEffect(() => {
    if (microphoneOn || !microphone) return undefined;
    const meter = new Meter(microphone);
    let loud = 0;
    let quiet = 0;
    const timer = setInterval(() => {
      quiet = Math.max(0, quiet - LOOK_MS);
      loud = meter.level() > SPEECH_LEVEL ? loud + 1 : 0;
      if (loud < LOUD_LOOKS || quiet > 0) return;
      quiet = QUIET_MS;
      say();
    }, LOOK_MS);
    return () => {
      clearInterval(timer);
      meter.close();
    };
  }, [microphoneOn, microphone]);
}
