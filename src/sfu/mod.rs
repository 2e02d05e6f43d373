//! Who gets which packets: the selective forwarding of one meeting (RFC 7667, 3.7), pure.
//!
//! ```text
//!  datagrams ─▶ RtcPeer ─┐                                             ┌─▶ RtcPeer ─▶ datagrams
//!                        ├─▶ Track ─▶ layers ─▶ Slot (rewriting) ──────┤
//!  Published ─▶ Local ───┘      ▲                 ▲                    └─▶ Local ─▶ Delivered
//!                           Speakers      allocation (wishes, estimate)
//! ```
//!
//! A peer on the network is two halves: str0m answers, connects and receives; `egress` sends, at what `estimator`
//! finds that the way carries.

mod admission;
mod advice;
mod allocation;
mod branch;
mod bridge;
#[cfg(test)]
mod bridge_tests;
mod budget;
mod capture;
mod codecs;
mod demux;
mod descriptor;
mod dtls;
mod egress;
mod estimator;
mod event;
mod forward;
mod forwarder;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gaps;
mod guard;
mod inbound;
mod keyframe;
mod keyframe_cache;
mod layer;
pub mod local;
mod offer;
mod outbox;
mod peer;
mod quality;
mod red;
mod rewrite;
mod rtc_peer;
mod rtcp;
mod seating;
mod settle;
mod slot;
mod spatial;
mod speakers;
mod srtp;
mod statistics;
mod temporal;
mod tick;
mod track;
mod transport;
mod vp8;
mod vp9;

use std::fmt;

pub use branch::{Crossing, TrackSetup};
pub use bridge::{BridgeLines, Inward, Outward};
pub use capture::{DelayReport, WallClock};
pub use codecs::Codecs;
pub use demux::Demux;
pub use event::{
    Event, GoneWhy, OfferRefused, PeerStats, Permit, Protocol, Route, Run, TrackFlow, TrafficClass, Wish,
};
pub use forwarder::{Forwarder, ForwarderConfig, PEERS_MAX};
pub use local::LocalSetup;
pub use offer::OFFER_BYTES_MAX;
pub use statistics::{LayerReport, PeerReport, Shown, SlotReport, Totals, TrackReport, WayReport};
pub use transport::DtlsIdentity;

/// One transport end inside the SFU. Unique in the process, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u64);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer-{}", self.0)
    }
}

/// One send m-line of a subscriber, negotiated once: the `a=mid` value where all mids are numbers (browsers
/// do so), else the index of the m-line; counted from 0 for local peers, the audio slots first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(pub u16);

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
