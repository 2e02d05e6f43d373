//! Alcove, the open room appliance: it hosts meetings on its own SFU and takes part in them.
//!
//! In reading order, from what everything else speaks of to what puts it together:
//!
//! * [`track`], [`refusal`]: what is published, and what is asked and not allowed; words of every module.
//! * [`meeting`]: who may do what, pure. [`calling`]: who is rung, pure. [`sfu`]: who gets which packets, pure.
//! * [`config`]: one checked document. [`system`]: certificates, tokens, files, log and systemd.
//! * [`room`]: the room as a participant: devices to tracks, slots to scene, screen and loudspeaker.
//! * [`appliance`]: the loop; commands and wake-ups in, acts out, with the media workers.
//! * [`remote`]: bridges to meetings elsewhere; the first are those of other appliances.
//! * [`web`]: the words of the WebSocket and the page. [`api`]: HTTP.
//! * [`daemon`] puts the parts together; [`cli`] is how it is told to; [`check`] asks it from outside to
//!   work, and [`fleet`] has many of them configured.
//!
//! # Words
//!
//! | word | means |
//! |---|---|
//! | appliance | our box |
//! | room | the physical room the box stands in; in a meeting: that room as a participant |
//! | meeting | a virtual place with a unique name: created, joined, ended |
//! | call | an invitation being rung, answered, declined, timed out; answered, it becomes a meeting |
//! | user | an entry of the directory that can be rung: a person, a room, another appliance |
//! | participant | someone or something in a meeting |
//! | role | host, cohost, speaker (may send), audience (only receives) |
//! | peer | one transport end inside the SFU |
//! | track | one published flow: microphone, camera, screen, screen audio |
//! | layer | one quality of a track: a flow of its own (simulcast), or one size of several in a flow (SVC) |
//! | slot | one send m-line of a subscriber, negotiated once, filled with whichever track is to be seen |
//! | bridge | a participant that stands for something elsewhere, such as a WHIP publisher |
//! | guest | somebody of a meeting elsewhere, here through a bridge; in a lobby: somebody who waits |
//! | scene | what the room's screen shows |
//! | command, event, refusal | asked; happened; asked and not allowed |

pub mod api;
pub mod appliance;
#[cfg(test)]
mod blessed;
pub mod calling;
pub mod check;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod fleet;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod meeting;
pub mod refusal;
pub mod remote;
pub mod room;
pub mod sfu;
pub mod system;
pub mod track;
pub mod web;
