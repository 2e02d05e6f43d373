//! The far end of a video flow: a decoder that is handed payloads as a network would, and what they hold.

use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;
use alcove_hal::codec::{Codec, Codecs, Decoded, Packet, Payload, VideoDecoder};
use alcove_hal::linux::GstCodecs;

use crate::support::SystemClock;

/// How long anything may take before a test fails; nothing waits that long when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A decoder that is handed payloads as the network would.
pub(crate) struct Receiving {
    pub(crate) decoder: Box<dyn VideoDecoder>,
    pub(crate) sequence_number: u16,
}

impl Receiving {
    pub(crate) fn new(codecs: &GstCodecs, codec: Codec) -> Self {
        // Begins just before the wrap of the sequence numbers.
        Self { decoder: codecs.decoder(codec).unwrap(), sequence_number: 65_530 }
    }

    pub(crate) fn push(&mut self, payloads: &[Payload]) {
        self.try_push(payloads).unwrap();
    }

    pub(crate) fn try_push(&mut self, payloads: &[Payload]) -> alcove_hal::Result<()> {
        for payload in payloads {
            let (timestamp, marker) = (payload.timestamp, payload.marker);
            let packet =
                Packet { sequence_number: self.sequence_number, timestamp, marker, payload: &payload.data };
            self.decoder.push(&packet)?;
            self.sequence_number = self.sequence_number.wrapping_add(1);
        }
        Ok(())
    }

    pub(crate) fn picture(&mut self) -> Decoded {
        let mut latest = None;
        wait_for("a picture", || {
            latest = self.decoder.take_latest();
            latest.is_some()
        });
        latest.unwrap()
    }
}

/// Asks again and again, and lets others run in between.
pub(crate) fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let clock = SystemClock;
    let deadline: Instant = clock.now() + PATIENCE;
    while !happened() {
        assert!(clock.now() < deadline, "{what} did not come within {PATIENCE:?}");
        clock.wait_until(clock.now() + Duration::from_millis(1));
    }
}

/// Whether an RFC 6184 payload has a NAL unit, or the start of one, of that type.
pub(crate) fn h264_has(wanted: u8, payload: &[u8]) -> bool {
    match payload[0] & 0x1f {
        24 => {
            let mut rest = &payload[1..];
            while rest.len() > 2 {
                let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                if rest[2] & 0x1f == wanted {
                    return true;
                }
                rest = &rest[2 + length..];
            }
            false
        }
        28 => payload[1] & 0x80 != 0 && payload[1] & 0x1f == wanted,
        plain => plain == wanted,
    }
}
