/** The call that a meeting belongs to, for whatever in the meeting has to do with it. */
import { createContext } from "preact";
import type { Calls } from "../../calls/calls";

/** Null in a meeting that is no call. */
export const CallHere = createContext<Calls | null>(null);
