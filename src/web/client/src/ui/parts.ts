/** What the components of the meeting share. */
import { createContext } from "preact";
import type { Attendance } from "../attendance";
import type { Sight } from "./sight";

export interface SharedParts {
  readonly attendance: Attendance;
  readonly sight: Sight;
}

/** Provided by the app and by the meeting; a component outside of them is a mistake. */
export const Parts = createContext<SharedParts>(undefined as unknown as SharedParts);
