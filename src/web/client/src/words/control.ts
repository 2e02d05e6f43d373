// The words of who controls the room. Written from src/web/wire/control.rs by `ALCOVE_BLESS=1 cargo test`; not by hand.

import type { CallState, UserEntry } from "./calling";

/**
 * How people in the room see the others.
 */
export type Arrangement = "auto" | "grid" | "speaker";

/**
 * The room as its controllers see it.
 */
export type RoomState = {
/**
 * Another one with each change; say it as `since` to be answered at the next one.
 */
revision: number,
/**
 * The room's name.
 */
name: string,
/**
 * The meeting that is there whenever somebody comes.
 */
standing_meeting: string,
/**
 * The meeting that the room is in.
 */
meeting: string | null,
/**
 * The link to it for others, while the room is in one.
 */
join_url: string | null,
/**
 * The names of everybody else in it.
 */
others: Array<string>,
/**
 * Whether somebody shares a screen in it.
 */
is_shared: boolean,
/**
 * Whether pictures are sent in it.
 */
has_video: boolean,
/**
 * Whether the microphone captures, or will in a meeting.
 */
microphone_on: boolean,
/**
 * Whether the camera captures, or will in a meeting.
 */
camera_on: boolean,
/**
 * How loud the others are, in percent.
 */
volume_percent: number,
/**
 * How the others are arranged on the screen.
 */
arrangement: Arrangement,
/**
 * The room's own id in the directory.
 */
user: string,
/**
 * The call that rings in the room, else the one that it is in or has begun.
 */
call: CallState | null,
/**
 * Everybody else in the directory.
 */
users: Array<UserEntry>, };
