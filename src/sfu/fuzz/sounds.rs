//! Sound with copies of what went before (RED): what is read of it, and the holes that are filled from it.

use std::collections::BTreeSet;

use super::Input;
use crate::sfu::inbound::Packet;
use crate::sfu::red::{Mended, Mender, Red};

/// The payload type of Opus, which the seeds have.
const OPUS: u8 = 111;
/// Of an Opus packet of 20 ms, in samples.
const TICKS: u32 = 960;

/// Steps, each a byte for how far a packet is from the one before, and its payload.
pub fn sounds(data: &[u8]) {
    let mut input = Input(data);
    let mut track = Track { mender: Mender::default(), epoch: 0, sequence: 1000, passed: BTreeSet::new() };
    while let Some((step, payload)) = input.step() {
        track.take(step, payload);
    }
}

struct Track {
    mender: Mender,
    epoch: u32,
    sequence: u64,
    /// The numbers that were passed on in this epoch.
    passed: BTreeSet<u64>,
}

impl Track {
    fn take(&mut self, step: u8, payload: &[u8]) {
        if step == u8::MAX {
            self.epoch += 1;
            self.passed.clear();
        }
        self.sequence = match step & 7 {
            back @ 6.. => self.sequence - u64::from(back - 5),
            ahead => self.sequence + u64::from(ahead),
        };
        let silence = u32::from(step >> 3 & 7) * 20;
        let timestamp = (self.sequence as u32).wrapping_add(silence).wrapping_mul(TICKS);
        let red = Red::read(payload, OPUS);
        assert!(red.is_none_or(|red| red.primary_at < payload.len()), "no sound of its own");
        let packet = Packet { marker: false, red, ..Packet::bare(self.sequence, timestamp, None, payload) };
        self.pass(&packet);
    }

    fn pass(&mut self, packet: &Packet) {
        // A number may come twice, and is late only where it was passed on before.
        let is_known = self.passed.contains(&packet.sequence);
        match self.mender.take(packet, self.epoch) {
            Mended::Late => assert!(is_known, "{} is missing", packet.sequence),
            Mended::Whole(None) => drop(self.passed.insert(packet.sequence)),
            Mended::Whole(Some(copy)) => {
                check_copy(packet, &copy);
                assert!(self.passed.insert(copy.sequence), "{} twice", copy.sequence);
                self.passed.insert(packet.sequence);
            }
        }
    }
}

/// What fills a hole is right before its packet, and was in it.
fn check_copy(packet: &Packet, copy: &Packet) {
    let red = packet.red.expect("a copy out of nothing");
    assert_eq!(copy.sequence + 1, packet.sequence);
    assert!(copy.red.is_none() && !copy.payload.is_empty());
    let behind = packet.timestamp.wrapping_sub(copy.timestamp);
    assert!((1..1 << 14).contains(&behind), "{behind} ticks before");
    let copies = &packet.payload[..red.primary_at];
    assert!(copies.windows(copy.payload.len()).any(|window| window == &*copy.payload));
}
