//! The last key frame of a layer and what followed it, for whoever needs one before the next may be asked for.
//!
//! ```text
//!   key frame ─▶ kept: K p p p p ─▶ a slot that is to be cut: K p p p p, then what arrives
//!                  │
//!                  └─ older than a second, or too much: forgotten, and another one is asked for
//! ```

use std::time::{Duration, Instant};

use crate::sfu::inbound::Packet;
use crate::sfu::layer::KEYFRAME_EVERY;

/// The most packets that are kept: half a second of the largest picture.
const PACKETS_MAX: usize = 512;

/// What a narrow path may be busy for with it; a new key frame, alone, is there sooner.
const SENT_WITHIN: Duration = Duration::from_millis(250);

/// The packets of a layer since its last key frame began.
#[derive(Debug, Default)]
pub(super) struct KeyframeCache {
    packets: Vec<Packet>,
    bytes: u64,
    began: Option<Instant>,
}

impl KeyframeCache {
    /// Keeps a packet that was forwarded. `starts_keyframe`: a decoder can begin with it.
    pub(super) fn keep(&mut self, packet: &Packet, starts_keyframe: bool, now: Instant) {
        // Parameter sets and the picture that needs them both say that they begin it.
        let goes_on = |first: &Packet| first.timestamp == packet.timestamp && first.codec == packet.codec;
        if starts_keyframe && !self.packets.first().is_some_and(goes_on) {
            self.forget();
            self.began = Some(now);
        }
        let Some(began) = self.began else { return };
        if self.packets.len() >= PACKETS_MAX || now.saturating_duration_since(began) >= KEYFRAME_EVERY {
            return self.forget();
        }
        self.bytes += packet.payload.len() as u64;
        self.packets.push(packet.clone());
    }

    /// What it has, from the key frame on; nothing if that is too old, or more than `path_bps` takes at once.
    pub(super) fn take(&mut self, path_bps: u64, now: Instant) -> Option<Kept> {
        let is_young = |at: Instant| now.saturating_duration_since(at) < KEYFRAME_EVERY;
        let began = self.began.filter(|at| is_young(*at))?;
        let takes_ms = u128::from(self.bytes) * 8_000 / u128::from(path_bps.max(1));
        (takes_ms <= SENT_WITHIN.as_millis()).then(|| Kept {
            packets: std::mem::take(&mut self.packets),
            bytes: self.bytes,
            began,
        })
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&mut self, kept: Kept) {
        (self.packets, self.bytes, self.began) = (kept.packets, kept.bytes, Some(kept.began));
    }

    /// Nothing of what was sent so far is to be seen again.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// What was taken out of a cache while it is being sent.
#[derive(Debug)]
pub(super) struct Kept {
    /// At least one; the first begins a key frame.
    pub(super) packets: Vec<Packet>,
    bytes: u64,
    pub(super) began: Instant,
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::track::VideoCodec;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn packet(sequence: u64, timestamp: u32) -> Packet {
        Packet::bare(sequence, timestamp, Some(VideoCodec::H264), [0_u8; 1000])
    }

    fn sequences(cache: &mut KeyframeCache, path_bps: u64, now: Instant) -> Option<Vec<u64>> {
        let kept = cache.take(path_bps, now)?;
        let sequences = kept.packets.iter().map(|packet| packet.sequence).collect();
        cache.give_back(kept);
        Some(sequences)
    }

    #[test]
    fn it_begins_with_the_parameter_sets_of_the_last_key_frame() {
        let now = origin();
        let mut cache = KeyframeCache::default();
        cache.keep(&packet(1, 10), false, now);
        assert_eq!(sequences(&mut cache, u64::MAX, now), None);
        for (sequence, timestamp, starts) in
            [(2, 20, true), (3, 30, false), (4, 40, true), (5, 40, true), (6, 50, false)]
        {
            cache.keep(&packet(sequence, timestamp), starts, now);
        }
        assert_eq!(sequences(&mut cache, u64::MAX, now), Some(vec![4, 5, 6]));
        assert_eq!(sequences(&mut cache, u64::MAX, now), Some(vec![4, 5, 6]), "it is still there");
    }

    #[test]
    fn an_old_key_frame_is_not_shown_again() {
        let now = origin();
        let mut cache = KeyframeCache::default();
        cache.keep(&packet(1, 10), true, now);
        assert!(cache.take(u64::MAX, now + KEYFRAME_EVERY).is_none());
        cache.keep(&packet(2, 20), false, now + KEYFRAME_EVERY);
        assert!(cache.packets.is_empty());
    }

    #[test]
    fn too_many_packets_are_not_kept() {
        let now = origin();
        let mut cache = KeyframeCache::default();
        for sequence in 0..=PACKETS_MAX as u64 {
            cache.keep(&packet(sequence, 10), sequence == 0, now);
        }
        assert!(cache.take(u64::MAX, now).is_none());
    }

    #[test]
    fn a_path_is_not_kept_busy_with_it_for_long() {
        let now = origin();
        let mut cache = KeyframeCache::default();
        cache.keep(&packet(1, 10), true, now);
        assert_eq!(sequences(&mut cache, 32_000, now), Some(vec![1]), "8,000 bits at 32 kbit/s: 250 ms");
        assert_eq!(sequences(&mut cache, 31_000, now), None);
    }
}
