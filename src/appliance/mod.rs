//! The loop: commands and wake-ups in, acts out; it owns the state, the clock, the sockets and the media workers.
//!
//! ```text
//!   edges ── Call ──▶ ┌────────────────┐ ── Order ──▶ media workers (threads)
//!                     │  run (a task)  │ ◀── News ───
//!         ◀─ Frame ── └────────────────┘ ── words ──▶ room (threads)
//!                                        ◀─ events ──
//! ```

mod branches;
mod bridges;
mod calling;
mod carrying;
pub mod clock;
mod control;
#[cfg(test)]
pub(crate) mod fake;
mod framing;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod handle;
mod happenings;
mod hosting;
mod keeping;
mod levels;
mod live;
mod lobby;
mod media_socket;
mod media_tcp;
mod members;
mod news;
mod people;
mod pulse;
mod records;
mod relay;
mod relay_name;
mod room_aside;
mod room_seat;
mod run;
mod statistics;
mod store;
mod words;
mod worker;

pub use calling::{Admission, Admit, CallingSettings, ERRANDS_MAX, NotifierSettings, Webhook};
pub use handle::Handle;
pub use happenings::{Happening, Witness};
pub use live::LiveSettings;
pub use pulse::{Heartbeat, LOOK_AFTER_MIN};
pub use relay::RelaySettings;
pub use run::{Appliance, Invitation, Invite, RecordToken, Settings};
pub use store::FILE as STORE_FILE;
