//! The numbers of one slot: whichever track fills it, the subscriber sees one continuous flow.
//!
//! ```text
//!  source A   70 71 72 73 74 │            source B   9000 9001 │ 9002 9003
//!                            │ cut                             ▼ key frame
//!  slot        1  2  3  4  5                                     6    7
//! ```
//!
//! Sequence numbers continue at the cut; the timestamp advances by the time that passed; the picture ids and TL0PICIDX
//! of VP8 (RFC 7741, 4.2) and VP9 (RFC 9628, 4.2) and the frame numbers of dependency descriptors continue likewise. Packets from before the cut are dropped, later ones may come
//! in any order. Where a packet is left out, those behind it close up. Numbers start low, because the other end starts with a rollover counter of 0.

use std::time::{Duration, Instant};

use crate::sfu::gaps::Gaps;

/// The picture ids of a VP8 or VP9 packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PictureIds {
    /// 15 bits.
    pub(super) picture: Option<u16>,
    pub(super) tl0: Option<u8>,
}

/// The numbers of an incoming packet that are rewritten.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    pub(super) sequence: u64,
    pub(super) timestamp: u32,
    pub(super) ids: Option<PictureIds>,
    /// The frame number of a dependency descriptor.
    pub(super) frame: Option<u16>,
    pub(super) marker: bool,
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
    last_frame: u16,
    /// `None` until there was a frame number since the cut.
    frame_shift: Option<u16>,
    /// A cut has happened whose packets had picture ids.
    has_pictures: bool,
    /// The highest incoming sequence number since the cut, and its picture id without wrapping.
    newest_in: u64,
    newest_picture_in: u64,
    left_out: Gaps,
    left_out_pictures: Gaps,
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
            last_frame: 0,
            frame_shift: None,
            has_pictures: false,
            newest_in: 0,
            newest_picture_in: 0,
            left_out: Gaps::default(),
            left_out_pictures: Gaps::default(),
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
        self.newest_in = incoming.sequence;
        self.left_out.clear();
        self.frame_shift = None;
        if let Some(ids) = incoming.ids {
            self.cut_pictures(ids);
        }
        self.number(incoming, 0, now)
    }

    /// The numbers of a later packet of the same source; `None` when it is from before the cut.
    pub(super) fn follow(&mut self, incoming: Numbers, now: Instant) -> Option<Numbers> {
        if incoming.sequence < self.cut_in {
            return None;
        }
        let closed_up = self.left_out.before(incoming.sequence)?;
        self.newest_in = self.newest_in.max(incoming.sequence);
        if let (Some(ids), false) = (incoming.ids, self.has_pictures) {
            // The publisher changed to VP8 under way, without a cut.
            self.cut_pictures(ids);
        }
        Some(self.number(incoming, closed_up, now))
    }

    /// A later packet of the same source is left out, and those behind it close up. One that comes so late that they
    /// have their numbers already leaves a hole: it gets the numbers for a packet that fills it and says nothing.
    /// Picture ids close up as well, where there are any: frames of VP8 do not name others by their ids.
    pub(super) fn leave_out(&mut self, incoming: Numbers, now: Instant) -> Option<Numbers> {
        if incoming.sequence <= self.newest_in {
            return self.follow(incoming, now);
        }
        self.newest_in = incoming.sequence;
        self.left_out.leave_out(incoming.sequence);
        if let Some(picture) = incoming.ids.and_then(|ids| ids.picture) {
            let picture = self.unwrapped(picture);
            if self.left_out_pictures.last().is_none_or(|last| last < picture) {
                self.left_out_pictures.leave_out(picture);
            }
        }
        None
    }

    /// A picture id without its wrapping at 15 bits.
    fn unwrapped(&mut self, picture: u16) -> u64 {
        let ahead = picture.wrapping_sub(self.newest_picture_in as u16) & PICTURE_MASK;
        if ahead < 1 << 14 {
            self.newest_picture_in += u64::from(ahead);
            return self.newest_picture_in;
        }
        self.newest_picture_in.saturating_sub(u64::from(PICTURE_MASK - ahead + 1))
    }

    fn cut_pictures(&mut self, ids: PictureIds) {
        if let Some(picture) = ids.picture {
            // A whole turn above 0, so that what came before it has a number too.
            self.newest_picture_in = u64::from(picture) + u64::from(PICTURE_MASK) + 1;
            self.left_out_pictures.clear();
            self.picture_shift = self.last_picture.wrapping_add(1).wrapping_sub(picture) & PICTURE_MASK;
            self.has_pictures = true;
        }
        if let Some(tl0) = ids.tl0 {
            self.tl0_shift = self.last_tl0.wrapping_add(1).wrapping_sub(tl0);
        }
    }

    fn number(&mut self, incoming: Numbers, closed_up: u64, now: Instant) -> Numbers {
        let next_frame = self.last_frame.wrapping_add(1);
        let frame = incoming.frame.map(|frame| {
            let shift = self.frame_shift.get_or_insert_with(|| next_frame.wrapping_sub(frame));
            frame.wrapping_add(*shift)
        });
        let numbers = Numbers {
            sequence: incoming.sequence - self.cut_in + self.cut_out - closed_up,
            timestamp: incoming.timestamp.wrapping_add(self.timestamp_shift),
            ids: incoming.ids.map(|ids| PictureIds {
                picture: ids.picture.map(|id| self.picture(id)),
                tl0: ids.tl0.map(|tl0| tl0.wrapping_add(self.tl0_shift)),
            }),
            frame,
            marker: incoming.marker,
        };
        if numbers.sequence > self.last_sequence {
            self.remember(numbers, now);
        }
        numbers
    }

    fn picture(&mut self, id: u16) -> u16 {
        let unwrapped = self.unwrapped(id);
        let closed_up = self.left_out_pictures.before(unwrapped).unwrap_or(0);
        id.wrapping_add(self.picture_shift).wrapping_sub(closed_up as u16) & PICTURE_MASK
    }

    fn remember(&mut self, newest: Numbers, now: Instant) {
        self.last_sequence = newest.sequence;
        let ahead = newest.timestamp.wrapping_sub(self.last_timestamp);
        if self.last_at.is_none() || (ahead != 0 && ahead < 1 << 31) {
            self.last_timestamp = newest.timestamp;
            self.last_at = Some(now);
        }
        self.last_frame = newest.frame.unwrap_or(self.last_frame);
        let Some(ids) = newest.ids else { return };
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
        Numbers { sequence, timestamp, ..Numbers::default() }
    }

    fn vp8(sequence: u64, picture: u16, tl0: u8) -> Numbers {
        Numbers {
            sequence,
            ids: Some(PictureIds { picture: Some(picture), tl0: Some(tl0) }),
            ..Numbers::default()
        }
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
        assert_eq!(
            slot.cut(vp8(1, 0x7fff, 255), t0).ids,
            Some(PictureIds { picture: Some(1), tl0: Some(1) })
        );
        let next = slot.follow(vp8(2, 0, 0), t0);
        assert_eq!(next.and_then(|n| n.ids), Some(PictureIds { picture: Some(2), tl0: Some(2) }));
        assert_eq!(slot.cut(vp8(50, 300, 9), t0).ids, Some(PictureIds { picture: Some(3), tl0: Some(3) }));
    }

    #[test]
    fn a_publisher_that_turns_to_vp8_under_way_gets_ids_that_start_low() {
        let t0 = origin();
        let mut slot = Rewriter::new(90_000);
        slot.cut(numbers(1, 0), t0);
        let turned = slot.follow(vp8(2, 9000, 7), t0);
        assert_eq!(turned.and_then(|n| n.ids), Some(PictureIds { picture: Some(1), tl0: Some(1) }));
    }

    #[test]
    fn what_is_left_out_leaves_no_hole_in_sequence_nor_pictures() {
        let t0 = origin();
        let mut slot = Rewriter::new(90_000);
        slot.cut(vp8(100, 0x7ffe, 0), t0);
        assert!(slot.leave_out(vp8(101, 0x7fff, 0), t0).is_none());
        assert!(slot.leave_out(vp8(102, 0x7fff, 0), t0).is_none());
        let ids = |n: Numbers| (n.sequence, n.ids.and_then(|ids| ids.picture));
        assert_eq!(slot.follow(vp8(103, 0, 0), t0).map(ids), Some((2, Some(2))));
        assert!(slot.leave_out(vp8(104, 1, 0), t0).is_none());
        assert_eq!(slot.follow(vp8(106, 2, 1), t0).map(ids), Some((4, Some(3))));
        assert_eq!(slot.follow(vp8(105, 2, 1), t0).map(ids), Some((3, Some(3))));
    }

    #[test]
    fn one_that_comes_too_late_to_be_left_out_keeps_its_number() {
        let t0 = origin();
        let mut slot = Rewriter::new(90_000);
        slot.cut(numbers(100, 0), t0);
        assert!(slot.leave_out(numbers(101, 0), t0).is_none());
        assert_eq!(slot.follow(numbers(103, 0), t0).map(|n| n.sequence), Some(3));
        assert_eq!(slot.leave_out(numbers(102, 0), t0).map(|n| n.sequence), Some(2));
        assert_eq!(slot.follow(numbers(104, 0), t0).map(|n| n.sequence), Some(4));
    }

    #[test]
    fn a_cut_after_gaps_counts_on() {
        let t0 = origin();
        let mut slot = Rewriter::new(90_000);
        slot.cut(vp8(100, 7, 0), t0);
        slot.leave_out(vp8(101, 8, 0), t0);
        slot.follow(vp8(102, 9, 1), t0);
        let cut = slot.cut(vp8(9000, 500, 0), t0);
        assert_eq!((cut.sequence, cut.ids.and_then(|ids| ids.picture)), (3, Some(3)));
    }

    proptest! {
        /// Whatever is left out, lost and late: no number is given twice, and only what is lost leaves a hole.
        #[test]
        fn gaps_close(fates in proptest::collection::vec(0_u8..4, 1..300)) {
            let t0 = origin();
            let mut slot = Rewriter::new(90_000);
            let mut given = vec![slot.cut(numbers(0, 0), t0).sequence];
            let mut late = Vec::new();
            for (at, fate) in fates.iter().enumerate() {
                let incoming = numbers(at as u64 + 1, 0);
                match fate {
                    0 | 1 => given.extend(slot.follow(incoming, t0).map(|n| n.sequence)),
                    2 => given.extend(slot.leave_out(incoming, t0).map(|n| n.sequence)),
                    _ => late.push(incoming),
                }
            }
            let last = slot.follow(numbers(fates.len() as u64 + 1, 0), t0).expect("a number").sequence;
            given.push(last);
            for (at, incoming) in late.into_iter().enumerate() {
                let number = if at.is_multiple_of(2) { slot.follow(incoming, t0) } else { slot.leave_out(incoming, t0) };
                given.extend(number.map(|n| n.sequence));
            }
            given.sort_unstable();
            let all: Vec<u64> = (1..=last).collect();
            // At most 256 that were left out are remembered; here there are fewer of them.
            let left_out = fates.iter().filter(|fate| **fate == 2).count();
            if left_out < 256 {
                prop_assert_eq!(given, all);
            }
        }

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
