/** What a meeting has to do with calls, for whatever in it asks. */
import { createContext } from "preact";
import type { Calls } from "../../calls/calls";

/** The call that the meeting belongs to; null in a meeting that is no call. */
export const CallHere = createContext<Calls | null>(null);

/** By which others are rung into the meeting; null where nobody is signed in. */
export const RingFrom = createContext<Calls | null>(null);
