//! Meetings elsewhere: one participant here, the bridge, stands for each of them, whatever protocol it speaks.
//!
//! ```text
//!   meeting here ── heard_here ──▶ ┌──────────┐ ◀── heard_there ── meeting elsewhere
//!                ◀─── to_here ──── │ Protocol │ ──── to_there ───▶
//!                                  └──────────┘
//!          media: from worker to the other end, past all of this
//! ```
//!
//! A protocol is pure: what both sides say goes in, and what is to be said comes out. Whoever adds one writes that, and
//! how its words travel; [`appliance`] is the first.

pub mod appliance;

use crate::web::wire;

/// A protocol by which a meeting here is joined with one elsewhere.
pub trait Protocol {
    /// What the other end says.
    type Heard;
    /// What is said to it.
    type Said;

    /// The meeting here has said something to the bridge.
    fn heard_here(&mut self, frame: &wire::Frame);

    /// The other end has said something.
    fn heard_there(&mut self, word: &Self::Heard);

    /// What is to be said next, until there is nothing.
    fn poll(&mut self) -> Option<Say<Self::Said>>;
}

/// Something that is to be said.
#[derive(Debug, Clone, PartialEq)]
pub enum Say<W> {
    /// In the meeting here.
    Here(W),
    /// To the other end.
    There(W),
}
