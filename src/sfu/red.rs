//! Sound with copies of what went before (RED, RFC 2198): read, taken out, and used to fill holes.
//!
//! ```text
//!   1 PT | offset | length   0 PT   copy …   the sound itself …
//!   └─ per copy, 4 bytes ─┘  └─ 1 byte            └─ the rest: `primary_at`
//! ```

use std::collections::VecDeque;

use crate::sfu::inbound::Packet;

/// The most copies of a packet; browsers send one or two.
const COPIES_MAX: usize = 8;
/// How many filled holes are remembered; what arrives later than that comes too late for anybody.
const FILLED_MAX: usize = 32;

/// What the headers of a packet tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Red {
    /// The payload type of every block.
    pub(super) block_type: u8,
    /// Where the sound itself begins; it goes on to the end.
    pub(super) primary_at: usize,
    newest_copy: Option<SoundCopy>,
}

/// The copy of an earlier packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SoundCopy {
    /// By how much its timestamp is smaller: 14 bits.
    offset: u32,
    start: usize,
    end: usize,
}

impl Red {
    /// Reads the headers; `None` where they contradict themselves, a block is of another type, or the packet has
    /// no sound of its own.
    pub(super) fn read(payload: &[u8], block_type: u8) -> Option<Self> {
        let headers = copies(payload, block_type)?;
        let mut start = 4 * headers + 1;
        let mut newest_copy = None;
        for header in payload[..4 * headers].chunks_exact(4) {
            let offset = u32::from(header[1]) << 6 | u32::from(header[2] >> 2);
            let end = start + (usize::from(header[2] & 3) << 8 | usize::from(header[3]));
            if end > start && offset > 0 {
                newest_copy = Some(SoundCopy { offset, start, end });
            }
            start = end;
        }
        (start < payload.len()).then_some(Self { block_type, primary_at: start, newest_copy })
    }
}

/// How many copies precede the sound itself.
fn copies(payload: &[u8], block_type: u8) -> Option<usize> {
    for at in 0..=COPIES_MAX {
        let first = *payload.get(4 * at)?;
        if first & 0x7f != block_type {
            return None;
        }
        if first & 0x80 == 0 {
            return Some(at);
        }
    }
    None
}

/// Fills holes in a track's sound from the copies that its packets carry.
///
/// A hole is filled when the next packet is there, and what was lost is passed on as if it had arrived. Should it
/// arrive after all it is not passed on a second time: one number never means two packets.
#[derive(Debug, Default)]
pub(super) struct Mender {
    epoch: u32,
    /// Sequence number and timestamp.
    newest: Option<(u64, u32)>,
    filled: VecDeque<u64>,
}

/// What a packet brings.
#[derive(Debug)]
pub(super) enum Mended {
    /// Itself, behind what was missing before it.
    Whole(Option<Packet>),
    /// Nothing: its hole was filled already.
    Late,
}

impl Mender {
    /// Takes note of a packet of a flow whose numbers are continuous within an epoch.
    pub(super) fn take(&mut self, packet: &Packet, epoch: u32) -> Mended {
        if self.epoch != epoch {
            *self = Self { epoch, ..Self::default() };
        }
        if self.filled.contains(&packet.sequence) {
            return Mended::Late;
        }
        let before = self.newest.filter(|(sequence, _)| *sequence < packet.sequence);
        if before.is_some() || self.newest.is_none() {
            self.newest = Some((packet.sequence, packet.timestamp));
        }
        let missing = before.and_then(|(sequence, timestamp)| missing(packet, sequence, timestamp));
        if let Some(missing) = &missing {
            if self.filled.len() >= FILLED_MAX {
                self.filled.pop_front();
            }
            self.filled.push_back(missing.sequence);
        }
        Mended::Whole(missing)
    }
}

/// The packet right before this one, if it is missing and this one has its copy.
fn missing(packet: &Packet, newest: u64, timestamp: u32) -> Option<Packet> {
    let copy = packet.red.filter(|_| packet.sequence > newest + 1)?.newest_copy?;
    let elapsed = packet.timestamp.wrapping_sub(timestamp);
    // A copy of an earlier one is of no use: that one has arrived.
    (copy.offset < elapsed && elapsed < 1 << 31).then(|| Packet {
        sequence: packet.sequence - 1,
        timestamp: packet.timestamp.wrapping_sub(copy.offset),
        marker: false,
        red: None,
        payload: packet.payload[copy.start..copy.end].into(),
        ..packet.clone()
    })
}

#[cfg(test)]
pub(super) mod tests {

    use proptest::prelude::*;

    use super::*;

    const OPUS: u8 = 111;

    /// A packet as browsers make it: one copy, 20 ms older, and the sound itself.
    pub(crate) fn wrapped(copy: &[u8], sound: &[u8]) -> Vec<u8> {
        let [high, low] = (copy.len() as u16 | 960 << 10).to_be_bytes();
        let mut bytes = vec![0x80 | OPUS, (960_u16 >> 6) as u8, high, low, OPUS];
        bytes.extend_from_slice(copy);
        bytes.extend_from_slice(sound);
        bytes
    }

    fn packet(sequence: u64, timestamp: u32, payload: Vec<u8>) -> Packet {
        Packet {
            marker: false,
            audio_level: Some(-30),
            red: Red::read(&payload, OPUS),
            ..Packet::bare(sequence, timestamp, None, payload)
        }
    }

    fn spoken(sequence: u64) -> Packet {
        let said = |sequence: u64| [0x78, sequence as u8, 7];
        packet(sequence, sequence as u32 * 960, wrapped(&said(sequence - 1), &said(sequence)))
    }

    fn filled(mended: Mended) -> Option<(u64, u32, Vec<u8>)> {
        match mended {
            Mended::Whole(missing) => missing.map(|one| (one.sequence, one.timestamp, one.payload.to_vec())),
            Mended::Late => None,
        }
    }

    #[test]
    fn the_sound_itself_is_found_behind_its_copies() {
        let bytes = wrapped(&[1, 2, 3], &[4, 5]);
        let red = Red::read(&bytes, OPUS).expect("RED");
        assert_eq!(&bytes[red.primary_at..], [4, 5]);
        assert_eq!(red.newest_copy, Some(SoundCopy { offset: 960, start: 5, end: 8 }));
        let two = [0x80 | OPUS, 0x1e, 0, 1, 0x80 | OPUS, 0x0f, 0, 2, OPUS, 1, 2, 3, 4];
        let red = Red::read(&two, OPUS).expect("RED");
        assert_eq!(red.newest_copy, Some(SoundCopy { offset: 960, start: 10, end: 12 }));
        assert_eq!(&two[red.primary_at..], [4]);
        let alone = [OPUS, 9];
        assert_eq!(Red::read(&alone, OPUS).map(|red| red.primary_at), Some(1));
    }

    #[test]
    fn what_contradicts_itself_is_not_read() {
        let bad: [&[u8]; 7] = [
            &[],
            &[OPUS],
            &[0x80 | OPUS, 0x0f, 0],
            &[0x80 | OPUS, 0x0f, 0, 9, OPUS, 1, 2],
            &[0x80 | OPUS, 0x0f, 0, 1, OPUS, 1],
            &[0x80 | 96, 0x0f, 0, 1, OPUS, 1, 2],
            &[0x80 | OPUS, 0x0f, 0, 1, 96, 1, 2],
        ];
        for bytes in bad {
            assert_eq!(Red::read(bytes, OPUS), None, "{bytes:?}");
        }
        let mut endless = [0x80 | OPUS, 0, 0, 0].repeat(COPIES_MAX + 1);
        endless.extend([OPUS, 1]);
        assert_eq!(Red::read(&endless, OPUS), None);
    }

    #[test]
    fn a_hole_is_filled_from_the_packet_behind_it_and_only_once() {
        let mut mender = Mender::default();
        assert_eq!(filled(mender.take(&spoken(10), 0)), None);
        assert_eq!(filled(mender.take(&spoken(12), 0)), Some((11, 11 * 960, vec![0x78, 11, 7])));
        assert!(matches!(mender.take(&spoken(11), 0), Mended::Late));
        assert!(matches!(mender.take(&spoken(13), 0), Mended::Whole(None)));
    }

    #[test]
    fn of_a_longer_hole_the_end_is_filled_and_the_rest_may_still_arrive() {
        let mut mender = Mender::default();
        mender.take(&spoken(10), 0);
        assert_eq!(filled(mender.take(&spoken(14), 0)).map(|one| one.0), Some(13));
        assert!(matches!(mender.take(&spoken(12), 0), Mended::Whole(None)));
    }

    #[test]
    fn silence_between_two_packets_is_no_hole_and_an_old_copy_fills_none() {
        let mut mender = Mender::default();
        mender.take(&spoken(10), 0);
        let after_silence = packet(11, 10 * 960 + 19_200, wrapped(&[1], &[2]));
        assert_eq!(filled(mender.take(&after_silence, 0)), None);
        // Number 12 is lost; the copy is of number 11, which has arrived.
        let of_arrived = packet(13, 10 * 960 + 19_200 + 960, wrapped(&[1], &[2]));
        assert_eq!(filled(mender.take(&of_arrived, 0)), None);
    }

    #[test]
    fn a_sender_that_counts_anew_has_no_holes_before() {
        let mut mender = Mender::default();
        mender.take(&spoken(10), 0);
        assert_eq!(filled(mender.take(&spoken(500), 1)), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_trusted(bytes in proptest::collection::vec(any::<u8>(), 0..64), typed: bool) {
            let mut bytes = bytes;
            if typed {
                for at in (0..bytes.len()).step_by(4) {
                    bytes[at] = bytes[at] & 0x80 | OPUS;
                }
            }
            if let Some(red) = Red::read(&bytes, OPUS) {
                prop_assert!(red.primary_at < bytes.len());
                if let Some(copy) = red.newest_copy {
                    prop_assert!(copy.start < copy.end && copy.end <= red.primary_at);
                }
            }
        }
    }
}
