//! The loop: commands and wake-ups in, acts out; it owns the state, the clock, the sockets and the media workers.
//!
//! ```text
//!   edges ── Call ──▶ ┌────────────────┐ ── Order ──▶ media workers (threads)
//!                     │  run (a task)  │ ◀── News ───
//!         ◀─ Frame ── └────────────────┘ ── words ──▶ room (threads)
//!                                        ◀─ events ──
//! ```

pub mod clock;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod handle;
mod media_socket;
mod members;
mod news;
mod pulse;
mod room_seat;
mod run;
mod words;
mod worker;

pub use handle::Handle;
pub use pulse::{Heartbeat, LOOK_AFTER_MIN};
pub use run::{Appliance, Invitation, Invite, Settings};
