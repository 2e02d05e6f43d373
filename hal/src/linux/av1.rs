//! Puts the temporal units of AV1 together from RTP payloads (AV1 RTP specification, 4), which GStreamer itself cannot.
//!
//! ```text
//!   payload   Z Y W N │ element │ element │ element ...      an element is an OBU, or a piece of one:
//!               │                                            Z: the first goes on with one before,
//!               └─ the last goes on in the next packet        N: a key frame begins
//!
//!   unit      temporal delimiter │ OBU with its size │ OBU with its size │ ...      at each marker
//! ```

use gstreamer as gst;
use gstreamer_app::{AppSink, AppSinkCallbacks, AppSrc};

use super::decoder::RTP_HEADER_BYTES;

/// The largest unit; what is larger is damaged.
const UNIT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Of the aggregation header (4.4).
const GOES_ON: u8 = 0x80;
const IS_CONTINUED: u8 = 0x40;
const BEGINS_SEQUENCE: u8 = 0x08;

/// Of the header of an OBU (AV1, 5.3.2).
const HAS_EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;
const TEMPORAL_DELIMITER: u8 = 2;
const TILE_LIST: u8 = 8;

/// What comes of a packet.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// More is to come.
    Nothing,
    /// A whole unit.
    Unit(Vec<u8>),
    /// Nothing can be shown until a key frame comes.
    WaitsForKeyframe,
}

/// Puts units together from packets in order.
#[derive(Debug, Default)]
struct Depayloader {
    unit: Vec<u8>,
    /// The beginning of an OBU that goes on.
    piece: Vec<u8>,
    last_sequence: Option<u16>,
    /// A key frame has begun, and nothing was lost since.
    runs: bool,
}

impl Depayloader {
    fn take(&mut self, sequence: u16, marker: bool, payload: &[u8]) -> Taken {
        let follows = self.last_sequence.is_none_or(|last| last.wrapping_add(1) == sequence);
        self.last_sequence = Some(sequence);
        // What was left out on the way is an empty packet.
        let Some(first) = payload.first() else { return Taken::Nothing };
        if !follows {
            self.lose();
        }
        if first & (BEGINS_SEQUENCE | GOES_ON) == BEGINS_SEQUENCE {
            self.lose();
            self.runs = true;
        }
        if !self.runs {
            return Taken::WaitsForKeyframe;
        }
        if self.add(payload).is_none() || self.unit.len() + self.piece.len() > UNIT_BYTES_MAX {
            self.lose();
            return Taken::WaitsForKeyframe;
        }
        if !marker || self.unit.is_empty() {
            return Taken::Nothing;
        }
        Taken::Unit(std::mem::take(&mut self.unit))
    }

    fn lose(&mut self) {
        self.unit.clear();
        self.piece.clear();
        self.runs = false;
    }

    /// Adds the elements of a payload.
    fn add(&mut self, payload: &[u8]) -> Option<()> {
        let (header, mut rest) = payload.split_first()?;
        let count = usize::from(header >> 4 & 3);
        if header & GOES_ON == 0 {
            self.piece.clear();
        }
        let mut nth = 0;
        while !rest.is_empty() {
            nth += 1;
            let is_last_of_counted = count > 0 && nth == count;
            let length = if is_last_of_counted { rest.len() } else { read_size(&mut rest)? };
            let (element, behind) = rest.split_at_checked(length)?;
            rest = behind;
            if nth == 1 && header & GOES_ON != 0 && self.piece.is_empty() {
                return None;
            }
            self.piece.extend_from_slice(element);
            if !(rest.is_empty() && header & IS_CONTINUED != 0) {
                let obu = std::mem::take(&mut self.piece);
                self.add_obu(&obu)?;
            }
        }
        Some(())
    }

    /// Adds an OBU, with its size.
    fn add_obu(&mut self, obu: &[u8]) -> Option<()> {
        let (header, mut rest) = obu.split_first()?;
        if matches!(header >> 3 & 15, TEMPORAL_DELIMITER | TILE_LIST) {
            return Some(());
        }
        if self.unit.is_empty() {
            self.unit.extend([TEMPORAL_DELIMITER << 3 | HAS_SIZE, 0]);
        }
        self.unit.push(header | HAS_SIZE);
        if header & HAS_EXTENSION != 0 {
            let (extension, behind) = rest.split_first()?;
            self.unit.push(*extension);
            rest = behind;
        }
        if header & HAS_SIZE != 0 {
            let size = read_size(&mut rest)?;
            rest = rest.get(..size)?;
        }
        write_size(rest.len(), &mut self.unit);
        self.unit.extend_from_slice(rest);
        Some(())
    }
}

/// leb128 (AV1, 4.10.5).
fn read_size(bytes: &mut &[u8]) -> Option<usize> {
    let mut size = 0;
    for nth in 0..5 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        size |= usize::from(byte & 0x7f) << (7 * nth);
        if byte & 0x80 == 0 {
            return Some(size);
        }
    }
    None
}

fn write_size(mut size: usize, bytes: &mut Vec<u8>) {
    while size >= 0x80 {
        bytes.push(size as u8 | 0x80);
        size >>= 7;
    }
    bytes.push(size as u8);
}

/// Hands units that are made of the packets of `ordered` to `units`, and wishes for key frames.
pub(super) fn join(ordered: &AppSink, units: AppSrc, wish: impl Fn() + Send + 'static) {
    let mut depayloader = Depayloader::default();
    let new_sample = move |ordered: &AppSink| {
        let sample = ordered.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let Some(buffer) = sample.buffer() else { return Ok(gst::FlowSuccess::Ok) };
        let bytes = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
        let Some((header, payload)) = bytes.split_at_checked(RTP_HEADER_BYTES) else {
            return Ok(gst::FlowSuccess::Ok);
        };
        let (marker, sequence) = (header[1] & 0x80 != 0, u16::from_be_bytes([header[2], header[3]]));
        match depayloader.take(sequence, marker, payload) {
            Taken::Nothing => Ok(gst::FlowSuccess::Ok),
            Taken::WaitsForKeyframe => {
                wish();
                Ok(gst::FlowSuccess::Ok)
            }
            Taken::Unit(unit) => {
                let mut unit = gst::Buffer::from_mut_slice(unit);
                if let Some(unit) = unit.get_mut() {
                    unit.set_pts(buffer.pts());
                }
                units.push_buffer(unit)
            }
        }
    };
    ordered.set_callbacks(AppSinkCallbacks::builder().new_sample(new_sample).build());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DELIMITER: [u8; 2] = [0x12, 0];

    #[test]
    fn units_are_put_together_from_elements_and_pieces() {
        let mut depayloader = Depayloader::default();
        // A sequence header of 2 bytes and the first piece of a frame; then the rest of it, and another OBU.
        let first = [0x68, 3, 0x08, 0xaa, 0xbb, 0x30, 1, 2];
        assert_eq!(depayloader.take(1, false, &first), Taken::Nothing);
        let second = [0xa0, 2, 3, 4, 0x34, 0x08, 9];
        let unit =
            [&DELIMITER[..], &[0x0a, 2, 0xaa, 0xbb], &[0x32, 4, 1, 2, 3, 4], &[0x36, 0x08, 1, 9]].concat();
        assert_eq!(depayloader.take(2, true, &second), Taken::Unit(unit));
        let sized = [0x10, 0x12, 0x00];
        assert_eq!(
            depayloader.take(3, false, &sized),
            Taken::Nothing,
            "a delimiter is written, not passed on"
        );
        let unit = [&DELIMITER[..], &[0x32, 1, 7]].concat();
        assert_eq!(depayloader.take(4, true, &[0x10, 0x32, 1, 7]), Taken::Unit(unit), "it brought its size");
    }

    #[test]
    fn after_a_loss_nothing_comes_until_a_key_frame() {
        let mut depayloader = Depayloader::default();
        assert_eq!(depayloader.take(1, true, &[0x10, 0x30, 1]), Taken::WaitsForKeyframe);
        assert!(matches!(depayloader.take(2, true, &[0x18, 0x08, 1]), Taken::Unit(_)));
        assert_eq!(depayloader.take(3, true, &[]), Taken::Nothing, "what was left out");
        assert!(matches!(depayloader.take(4, true, &[0x10, 0x30, 1]), Taken::Unit(_)));
        assert_eq!(depayloader.take(6, true, &[0x10, 0x30, 1]), Taken::WaitsForKeyframe);
        assert_eq!(depayloader.take(7, true, &[0x90, 1]), Taken::WaitsForKeyframe);
        assert!(matches!(depayloader.take(8, true, &[0x18, 0x08, 1]), Taken::Unit(_)));
    }

    proptest! {
        #[test]
        fn no_payload_is_trusted(payloads in proptest::collection::vec(
            (0_u16..3, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..20)
        ) {
            let mut depayloader = Depayloader::default();
            let mut sequence = 0_u16;
            for (step, marker, payload) in payloads {
                sequence += step;
                if let Taken::Unit(unit) = depayloader.take(sequence, marker, &payload) {
                    prop_assert!(unit.starts_with(&DELIMITER));
                }
            }
        }

        #[test]
        fn sizes_are_read_as_they_are_written(size in 0_usize..1 << 30) {
            let mut bytes = Vec::new();
            write_size(size, &mut bytes);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(read_size(&mut rest), Some(size));
            prop_assert!(rest.is_empty());
        }
    }
}
