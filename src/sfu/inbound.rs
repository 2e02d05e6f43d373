//! A media packet on its way through the forwarder, and what a peer's step brings up.

use std::sync::Arc;
use std::time::Duration;

use crate::sfu::GoneWhy;
use crate::sfu::capture::{Captured, Making};
use crate::sfu::red::Red;
use crate::sfu::spatial::Spatial;
use crate::sfu::temporal::Temporal;
use crate::track::{Layer, Source, VideoCodec};

/// A media packet, whichever kind of peer it came from.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    /// Extended, so that it never wraps.
    pub(super) sequence: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    /// `None` for Opus.
    pub(super) codec: Option<VideoCodec>,
    /// In dBov, -127 to 0 (RFC 6464).
    pub(super) audio_level: Option<i8>,
    pub(super) voice: Option<bool>,
    /// Told about once a second.
    pub(super) captured: Option<Captured>,
    /// Told a few times a second, by some publishers.
    pub(super) making: Option<Making>,
    /// The frame's place among the temporal layers, where the packet tells it.
    pub(super) temporal: Option<Temporal>,
    /// Its place among the spatial layers, where these share a flow.
    pub(super) spatial: Option<Spatial>,
    /// The bytes of the dependency descriptor, where a decoder needs them.
    pub(super) descriptor: Option<Arc<[u8]>>,
    /// The payload is sound behind copies of earlier sound; `None`: it is as it stands.
    pub(super) red: Option<Red>,
    pub(super) payload: Arc<[u8]>,
}

#[cfg(any(test, fuzzing))]
impl Packet {
    /// The only packet of its picture or sound, of which nothing is known but this.
    pub(super) fn bare(
        sequence: u64,
        timestamp: u32,
        codec: Option<VideoCodec>,
        payload: impl Into<Arc<[u8]>>,
    ) -> Self {
        Self {
            sequence,
            timestamp,
            marker: true,
            codec,
            audio_level: None,
            voice: None,
            captured: None,
            making: None,
            temporal: None,
            spatial: None,
            descriptor: None,
            red: None,
            payload: payload.into(),
        }
    }
}

/// What a step of a network peer brought up, acted upon after its drain.
#[derive(Debug)]
pub(super) enum FromPeer {
    Connected,
    Media {
        /// The index of the line among those on which the peer sends.
        line: usize,
        source: Source,
        layer: Layer,
        /// The first packet of an SSRC: its sequence numbers continue nothing.
        fresh: bool,
        packet: Packet,
    },
    /// The subscriber cannot decode what is in the slot with this index.
    KeyframeWanted {
        slot: usize,
    },
    Estimate {
        bps: u64,
    },
    RoundTrip(Duration),
    /// Media goes to another address from now on.
    Moved,
    Gone(GoneWhy),
}
