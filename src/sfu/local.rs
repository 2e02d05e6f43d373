//! What passes between the SFU and a participant in the same process: RTP packets as values, no network.

use std::sync::Arc;
use std::time::Instant;

use crate::sfu::SlotId;
use crate::track::{Layer, Source, VideoCodec};

/// A packet that a local participant publishes.
#[derive(Debug, Clone)]
pub struct Published {
    /// The track it belongs to.
    pub source: Source,
    /// The simulcast layer; `Layer(0)` for sound.
    pub layer: Layer,
    /// The codec of a video packet; `None` for Opus.
    pub codec: Option<VideoCodec>,
    /// The RTP sequence number, counted per source and layer from 0.
    pub sequence: u64,
    /// The RTP timestamp: 90 kHz for video, 48 kHz for sound.
    pub timestamp: u32,
    /// The RTP marker bit.
    pub marker: bool,
    /// The loudness of a sound packet in dBov, -127 (silent) to 0 (RFC 6464).
    pub audio_level: Option<i8>,
    /// When the first sample or pixel was captured.
    pub captured_at: Instant,
    /// The RTP payload.
    pub payload: Arc<[u8]>,
}

/// A packet that a local participant receives in one of its slots, rewritten as for any subscriber.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The slot it fills.
    pub slot: SlotId,
    /// The codec of a video packet; `None` for Opus. It may change from one frame to the next.
    pub codec: Option<VideoCodec>,
    /// The RTP sequence number, continuous per slot.
    pub sequence: u64,
    /// The RTP timestamp, monotonic per slot.
    pub timestamp: u32,
    /// The RTP marker bit.
    pub marker: bool,
    /// When the frame was captured, by our clock; some packets tell, where the publisher does.
    pub captured_at: Option<Instant>,
    /// The RTP payload, shared with the other subscribers.
    pub payload: Arc<[u8]>,
}

/// What a local participant publishes and receives; fixed for its life, as an offer is for a browser.
#[derive(Debug, Clone, Default)]
pub struct LocalSetup {
    /// The tracks, each with the heights in pixels of its layers, smallest first: one to [`Layer::MAX`]
    /// for video, ignored for sound.
    pub publishes: Vec<(Source, Vec<u16>)>,
    /// How many sounds it takes at once. With two or more the last one is for the sound of a screen.
    pub audio_slots: usize,
    /// How many pictures it takes at once. With two or more the last one is for a screen.
    pub video_slots: usize,
    /// What it can decode.
    pub decodes: Vec<VideoCodec>,
}
