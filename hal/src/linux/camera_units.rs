//! Which of the H.264 buffers that a camera fills can be decoded and sent, and when a key frame is needed.

use std::sync::Arc;

use crate::coded::{nal_type, nal_units};

/// Types of NAL units (ITU-T H.264, table 7-1).
const SLICE: u8 = 1;
const KEY_FRAME_SLICE: u8 = 5;
const SEQUENCE_PARAMETERS: u8 = 7;
const PICTURE_PARAMETERS: u8 = 8;
const DELIMITER: u8 = 9;
const FILLER: u8 = 12;

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// The profile of a sequence whose decoder needs no more than baseline.
const BASELINE: u8 = 66;
/// The bit that says so of a sequence of any other profile.
const OBEYS_BASELINE: u8 = 0x80;

/// A buffer as the kernel hands it over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffer<'a> {
    /// The number that the driver gave it; those that nobody had room for are counted, too.
    pub(super) sequence: u32,
    /// Whether the driver says that something is wrong with it.
    pub(super) is_damaged: bool,
    /// What is in it.
    pub(super) bytes: &'a [u8],
}

/// What becomes of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// An access unit that can be decoded. A key frame begins with its parameter sets, whatever the camera
    /// does; delimiters and filling, which cost packets and tell nobody anything, are left out.
    Unit(Arc<[u8]>),
    /// There is no picture in it.
    NoPicture,
    /// Nothing can be decoded before the next key frame.
    NeedsKeyframe,
}

/// Looks at each buffer in turn.
///
/// ```text
///               key frame
///   waiting ──────────────────▶ flowing
///      ▲      damage, or a        │
///      └──── buffer is missing ───┘
/// ```
#[derive(Debug, Default)]
pub(super) struct UnitGate {
    is_flowing: bool,
    latest: Option<u32>,
    sequence_parameters: Vec<u8>,
    picture_parameters: Vec<u8>,
    is_baseline: bool,
}

impl UnitGate {
    /// Looks at the next buffer.
    pub(super) fn judge(&mut self, buffer: Buffer<'_>) -> Verdict {
        let is_intact = self.is_next(buffer.sequence) && !buffer.is_damaged;
        self.is_flowing &= is_intact;
        if buffer.is_damaged {
            return Verdict::NeedsKeyframe;
        }
        self.remember_parameters(buffer.bytes);
        let mut slices =
            nal_units(buffer.bytes).map(nal_type).filter(|kind| (SLICE..=KEY_FRAME_SLICE).contains(kind));
        match slices.next() {
            None => Verdict::NoPicture,
            Some(KEY_FRAME_SLICE) => self.begin(buffer.bytes),
            Some(_) if self.is_flowing => Verdict::Unit(self.rewrite(buffer.bytes, false)),
            Some(_) => Verdict::NeedsKeyframe,
        }
    }

    /// What was let through turned out to be of no use.
    pub(super) const fn close(&mut self) {
        self.is_flowing = false;
    }

    /// Whether every browser can decode what the camera makes.
    pub(super) const fn is_baseline(&self) -> bool {
        self.is_baseline
    }

    /// Drivers that do not count say the same number each time.
    fn is_next(&mut self, sequence: u32) -> bool {
        self.latest.replace(sequence).is_none_or(|latest| sequence.wrapping_sub(latest) <= 1)
    }

    fn begin(&mut self, bytes: &[u8]) -> Verdict {
        self.is_flowing = !self.sequence_parameters.is_empty() && !self.picture_parameters.is_empty();
        if !self.is_flowing {
            return Verdict::NeedsKeyframe;
        }
        Verdict::Unit(self.rewrite(bytes, true))
    }

    fn remember_parameters(&mut self, bytes: &[u8]) {
        let of_type = |wanted: u8| nal_units(bytes).filter(move |unit| nal_type(unit) == wanted);
        let joined = |wanted: u8| of_type(wanted).fold(Vec::new(), with_unit);
        let (sequence, picture) = (joined(SEQUENCE_PARAMETERS), joined(PICTURE_PARAMETERS));
        if let Some(parameters) = of_type(SEQUENCE_PARAMETERS).next() {
            self.is_baseline = is_baseline(parameters);
            self.sequence_parameters = sequence;
        }
        if !picture.is_empty() {
            self.picture_parameters = picture;
        }
    }

    fn rewrite(&self, bytes: &[u8], is_keyframe: bool) -> Arc<[u8]> {
        let is_left_out = |kind: u8| match kind {
            DELIMITER | FILLER => true,
            SEQUENCE_PARAMETERS | PICTURE_PARAMETERS => is_keyframe,
            _ => false,
        };
        let start = if is_keyframe {
            [self.sequence_parameters.as_slice(), self.picture_parameters.as_slice()].concat()
        } else {
            Vec::with_capacity(bytes.len() + START_CODE.len())
        };
        nal_units(bytes).filter(|unit| !is_left_out(nal_type(unit))).fold(start, with_unit).into()
    }
}

fn with_unit(mut bytes: Vec<u8>, unit: &[u8]) -> Vec<u8> {
    bytes.extend(START_CODE);
    bytes.extend(unit);
    bytes
}

/// Whether a sequence is for every decoder (ITU-T H.264, 7.4.2.1.1). Plain baseline counts: what it has beyond
/// the constrained one is made by no camera.
fn is_baseline(sequence_parameters: &[u8]) -> bool {
    match sequence_parameters {
        [_, profile, constraints, ..] => *profile == BASELINE || constraints & OBEYS_BASELINE != 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: [u8; 12] = [0, 0, 1, 0x67, 66, 0xc0, 31, 0, 0, 1, 0x68, 0xce];
    const KEY: [u8; 5] = [0, 0, 1, 0x65, 0x88];
    const PICTURE: [u8; 5] = [0, 0, 1, 0x41, 0x9a];

    fn judge(gate: &mut UnitGate, sequence: u32, bytes: &[u8]) -> Verdict {
        gate.judge(Buffer { sequence, is_damaged: false, bytes })
    }

    fn flowing() -> UnitGate {
        let mut gate = UnitGate::default();
        let first = judge(&mut gate, 0, &[&PARAMETERS[..], &KEY].concat());
        assert!(matches!(first, Verdict::Unit(_)));
        gate
    }

    fn is_unit(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Unit(_))
    }

    #[test]
    fn nothing_is_let_through_before_the_first_key_frame_with_parameter_sets() {
        let mut gate = UnitGate::default();
        assert_eq!(judge(&mut gate, 0, &PICTURE), Verdict::NeedsKeyframe);
        assert_eq!(judge(&mut gate, 1, &KEY), Verdict::NeedsKeyframe, "its parameter sets are unknown");
        assert_eq!(judge(&mut gate, 2, &PARAMETERS), Verdict::NoPicture);
        assert!(is_unit(&judge(&mut gate, 3, &KEY)));
        assert!(is_unit(&judge(&mut gate, 4, &PICTURE)));
    }

    #[test]
    fn every_key_frame_begins_with_the_parameter_sets_once() {
        let whole =
            [&[0, 0, 0, 1, 0x67, 66, 0xc0, 31, 0, 0, 0, 1, 0x68, 0xce][..], &[0, 0, 0, 1, 0x65, 0x88]];
        let whole = Verdict::Unit(whole.concat().into());
        let mut gate = flowing();
        assert_eq!(judge(&mut gate, 1, &KEY), whole);
        assert_eq!(judge(&mut gate, 2, &[&PARAMETERS[..], &KEY].concat()), whole);
        let delimited = [&[0, 0, 0, 1, 9, 0x10][..], &PARAMETERS, &KEY, &[0, 0, 1, 12, 0xff, 0xff, 0x80]];
        assert_eq!(judge(&mut gate, 3, &delimited.concat()), whole, "without delimiter and filling");
    }

    #[test]
    fn after_a_missing_buffer_a_key_frame_is_needed() {
        let mut gate = flowing();
        assert!(is_unit(&judge(&mut gate, 1, &PICTURE)));
        assert_eq!(judge(&mut gate, 3, &PICTURE), Verdict::NeedsKeyframe);
        assert_eq!(judge(&mut gate, 4, &PICTURE), Verdict::NeedsKeyframe);
        assert!(is_unit(&judge(&mut gate, 5, &KEY)) && is_unit(&judge(&mut gate, 6, &PICTURE)));
        assert!(is_unit(&judge(&mut gate, 8, &KEY)), "a key frame may follow a gap");
    }

    #[test]
    fn after_damage_a_key_frame_is_needed() {
        let mut gate = flowing();
        let damaged = gate.judge(Buffer { sequence: 1, is_damaged: true, bytes: &KEY });
        assert_eq!(damaged, Verdict::NeedsKeyframe);
        assert_eq!(judge(&mut gate, 2, &PICTURE), Verdict::NeedsKeyframe);
        assert!(is_unit(&judge(&mut gate, 3, &KEY)));
        gate.close();
        assert_eq!(judge(&mut gate, 4, &PICTURE), Verdict::NeedsKeyframe, "as after a picture of no use");
    }

    #[test]
    fn numbers_may_wrap_or_stand_still() {
        let mut gate = UnitGate { latest: Some(u32::MAX - 1), ..flowing() };
        assert!([u32::MAX, 0, 1].iter().all(|sequence| is_unit(&judge(&mut gate, *sequence, &PICTURE))));
        let mut uncounted = flowing();
        assert!((0..9).all(|_| is_unit(&judge(&mut uncounted, 0, &PICTURE))));
    }

    #[test]
    fn only_what_every_browser_can_decode_is_baseline() {
        assert!(flowing().is_baseline() && !UnitGate::default().is_baseline());
        assert!(is_baseline(&[0x67, 66, 0, 31]) && is_baseline(&[0x67, 77, 0x80, 31]));
        assert!(
            !is_baseline(&[0x67, 100, 0, 40]) && !is_baseline(&[0x67, 77, 0x40, 31]) && !is_baseline(&[])
        );
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic() {
        let mut gate = UnitGate::default();
        for seed in 0..=255_u8 {
            let bytes: Vec<u8> = (0..seed).map(|index| index.wrapping_mul(seed) % 7).collect();
            judge(&mut gate, u32::from(seed), &bytes);
            judge(&mut gate, u32::from(seed) + 1, &[&[0, 0, 1, seed][..], &bytes].concat());
        }
        assert!(!gate.is_flowing || !gate.sequence_parameters.is_empty());
    }
}
