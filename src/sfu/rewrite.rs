//! The numbers of one slot: whichever track fills it, the subscriber sees one continuous flow.
//!
//! ```text
//!  source A   70 71 72 73 74 │            source B   9000 9001 │ 9002 9003
//!                            │ cut                             ▼ key frame
//!  slot        1  2  3  4  5                                     6    7
//! ```
//!
//! Sequence numbers continue at the cut; the timestamp advances by the time that passed; VP8 picture ids and
//! TL0PICIDX continue likewise (RFC 7741, 4.2). Packets from before the cut are dropped, later ones may come
//! in any order. Numbers start low, because the other end starts with a rollover counter of 0.

use std::time::{Duration, Instant};

/// The picture ids of a VP8 packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Vp8Ids {
    /// 15 bits.
    pub(super) picture: Option<u16>,
    pub(super) tl0: Option<u8>,
}

/// The numbers of an incoming packet that are rewritten.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub(super) sequence: u64,
    pub(super) timestamp: u32,
    pub(super) vp8: Option<Vp8Ids>,
}

const PICTURE_MASK: u16 = 0x7fff;

/// The rewriting of one slot.
#[derive(Debug)]
pub(super) struct Rewriter {
    clock_hz: u32,
    /// Zero before the first packet: the first one gets 1.
    last_sequence: u64,
    last_timestamp: u32,
    last_at: Option<Instant>,
    last_picture: u16,
    last_tl0: u8,
    /// The sequence number of the cut, in and out.
    cut_in: u64,
    cut_out: u64,
    timestamp_shift: u32,
    picture_shift: u16,
    tl0_shift: u8,
    /// A cut has happened whose packets had picture ids.
    has_pictures: bool,
}

impl Rewriter {
    pub(super) fn new(clock_hz: u32) -> Self {
        Self {
            clock_hz,
            last_sequence: 0,
            last_timestamp: 0,
            last_at: None,
            last_picture: 0,
            last_tl0: 0,
            cut_in: 0,
            cut_out: 0,
            timestamp_shift: 0,
            picture_shift: 0,
            tl0_shift: 0,
            has_pictures: false,
        }
    }

    /// The timestamp that a packet would get now if it began another source.
    pub(super) fn timestamp_at(&self, now: Instant) -> u32 {
        let Some(last) = self.last_at else { return self.last_timestamp };
        let ticks = ticks(now.saturating_duration_since(last), self.clock_hz);
        self.last_timestamp.wrapping_add(ticks.max(1))
    }

    /// The source that it follows was begun with this packet.
    pub(super) fn was_cut_at(&self, sequence: u64) -> bool {
        self.last_at.is_some() && self.cut_in == sequence
    }

    /// Begins another source with this packet; returns its numbers in the slot.
    pub(super) fn cut(&mut self, incoming: Numbers, now: Instant) -> Numbers {
        self.cut_in = incoming.sequence;
        self.cut_out = self.last_sequence + 1;
        self.timestamp_shift = self.timestamp_at(now).wrapping_sub(incoming.timestamp);
        if let Some(ids) = incoming.vp8 {
            self.cut_pictures(ids);
        }
        self.number(incoming, now)
    }

    /// The numbers of a later packet of the same source; `None` when it is from before the cut.
    pub(super) fn follow(&mut self, incoming: Numbers, now: Instant) -> Option<Numbers> {
        if incoming.sequence < self.cut_in {
            return None;
        }
        if let (Some(ids), false) = (incoming.vp8, self.has_pictures) {
            // The publisher changed to VP8 under way, without a cut.
            self.cut_pictures(ids);
        }
        Some(self.number(incoming, now))
    }

    fn cut_pictures(&mut self, ids: Vp8Ids) {
        if let Some(picture) = ids.picture {
            self.picture_shift = self.last_picture.wrapping_add(1).wrapping_sub(picture) & PICTURE_MASK;
            self.has_pictures = true;
        }
        if let Some(tl0) = ids.tl0 {
            self.tl0_shift = self.last_tl0.wrapping_add(1).wrapping_sub(tl0);
        }
    }

    fn number(&mut self, incoming: Numbers, now: Instant) -> Numbers {
        let numbers = Numbers {
            sequence: incoming.sequence - self.cut_in + self.cut_out,
            timestamp: incoming.timestamp.wrapping_add(self.timestamp_shift),
            vp8: incoming.vp8.map(|ids| Vp8Ids {
                picture: ids.picture.map(|id| id.wrapping_add(self.picture_shift) & PICTURE_MASK),
                tl0: ids.tl0.map(|tl0| tl0.wrapping_add(self.tl0_shift)),
            }),
        };
        if numbers.sequence > self.last_sequence {
            self.remember(numbers, now);
        }
        numbers
    }

    fn remember(&mut self, newest: Numbers, now: Instant) {
        self.last_sequence = newest.sequence;
        let ahead = newest.timestamp.wrapping_sub(self.last_timestamp);
        if self.last_at.is_none() || (ahead != 0 && ahead < 1 << 31) {
            self.last_timestamp = newest.timestamp;
            self.last_at = Some(now);
        }
        let Some(ids) = newest.vp8 else { return };
        self.last_picture = ids.picture.unwrap_or(self.last_picture);
        self.last_tl0 = ids.tl0.unwrap_or(self.last_tl0);
    }
}

fn ticks(elapsed: Duration, clock_hz: u32) -> u32 {
    let ticks = elapsed.as_micros() * u128::from(clock_hz) / 1_000_000;
    // The remainder modulo 2^32 is what RTP timestamps are.
    (ticks & u128::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn numbers(sequence: u64, timestamp: u32) -> Numbers {
        Numbers { sequence, timestamp, vp8: None }
    }

    fn vp8(sequence: u64, picture: u16, tl0: u8) -> Numbers {
        Numbers { sequence, timestamp: 0, vp8: Some(Vp8Ids { picture: Some(picture), tl0: Some(tl0) }) }
    }

    #[test]
    fn a_slot_starts_low_whatever_the_source_counts() {
        let mut slot = Rewriter::new(90_000);
        let first = slot.cut(numbers(5_000_000_000, 4_000_000_000), origin());
        assert_eq!((first.sequence, first.timestamp), (1, 0));
    }

    #[test]
    fn a_cut_continues_the_sequence_and_advances_by_the_time_that_passed() {
        let t0 = origin();
        let mut slot = Rewriter::new(90_000);
        slot.cut(numbers(70, 1000), t0);
        slot.follow(numbers(71, 4000), t0 + Duration::from_millis(33));
        let cut = slot.cut(numbers(9000, 77), t0 + Duration::from_millis(53));
        assert_eq!((cut.sequence, cut.timestamp), (3, 3000 + 1800));
        assert_eq!(slot.follow(numbers(9001, 78), t0).map(|n| (n.sequence, n.timestamp)), Some((4, 4801)));
    }

    #[test]
    fn a_cut_at_the_same_instant_still_advances_the_timestamp() {
        let t0 = origin();
        let mut slot = Rewriter::new(48_000);
        slot.cut(numbers(1, 500), t0);
        assert_eq!(slot.cut(numbers(1, 900), t0).timestamp, 1);
    }

    #[test]
    fn packets_from_before_the_cut_are_dropped_and_later_ones_come_in_any_order() {
        let t0 = origin();
        let mut slot = Rewriter::new(90_000);
        slot.cut(numbers(100, 0), t0);
        assert!(slot.follow(numbers(99, 0), t0).is_none());
        assert_eq!(slot.follow(numbers(103, 0), t0).map(|n| n.sequence), Some(4));
        assert_eq!(slot.follow(numbers(101, 0), t0).map(|n| n.sequence), Some(2));
    }

    #[test]
    fn picture_ids_continue_over_a_cut_and_wrap_at_15_bits() {
        let t0 = origin();
        let mut slot = Rewriter::new(90_000);
        assert_eq!(slot.cut(vp8(1, 0x7fff, 255), t0).vp8, Some(Vp8Ids { picture: Some(1), tl0: Some(1) }));
        let next = slot.follow(vp8(2, 0, 0), t0);
        assert_eq!(next.and_then(|n| n.vp8), Some(Vp8Ids { picture: Some(2), tl0: Some(2) }));
        assert_eq!(slot.cut(vp8(50, 300, 9), t0).vp8, Some(Vp8Ids { picture: Some(3), tl0: Some(3) }));
    }

    #[test]
    fn a_publisher_that_turns_to_vp8_under_way_gets_ids_that_start_low() {
        let t0 = origin();
        let mut slot = Rewriter::new(90_000);
        slot.cut(numbers(1, 0), t0);
        let turned = slot.follow(vp8(2, 9000, 7), t0);
        assert_eq!(turned.and_then(|n| n.vp8), Some(Vp8Ids { picture: Some(1), tl0: Some(1) }));
    }

    proptest! {
        /// Any order of sources, cuts and lengths: the slot counts without a gap, time never runs back.
        #[test]
        fn a_slot_is_continuous(flights in proptest::collection::vec(
            (any::<u32>(), any::<u32>(), 1_u64..40, 0_u64..3000), 1..12)) {
            let mut at = origin();
            let mut slot = Rewriter::new(90_000);
            let mut last: Option<Numbers> = None;
            for (sequence, timestamp, length, pause_ms) in flights {
                at += Duration::from_millis(pause_ms);
                for step in 0..length {
                    let incoming = numbers(u64::from(sequence) + step, timestamp.wrapping_add(step as u32 * 3000));
                    let out = if step == 0 { Some(slot.cut(incoming, at)) } else { slot.follow(incoming, at) };
                    let out = out.expect("nothing is older than the cut");
                    if let Some(last) = last {
                        prop_assert_eq!(out.sequence, last.sequence + 1);
                        let ahead = out.timestamp.wrapping_sub(last.timestamp);
                        prop_assert!(ahead > 0 && ahead < 1 << 31);
                    }
                    last = Some(out);
                    at += Duration::from_millis(33);
                }
            }
        }
    }
}
