//! A picture as its camera coded it: one H.264 access unit, and the way to ask that camera for a key frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The type of a NAL unit that holds a slice of a key frame (ITU-T H.264, table 7-1).
const KEY_FRAME_SLICE: u8 = 5;

/// One access unit of H.264 (Annex B), from which a [`Frame`](crate::frame::Frame) was decoded. Cloning is a
/// reference count.
#[derive(Debug, Clone)]
pub struct Coded {
    access_unit: Arc<[u8]>,
    number: u64,
    is_keyframe: bool,
    wish: KeyframeWish,
}

impl Coded {
    /// An access unit; a key frame has its parameter sets in it. `number` counts the access units of one
    /// camera, and `wish` leads back to that camera.
    #[must_use]
    pub fn new(access_unit: Arc<[u8]>, number: u64, wish: KeyframeWish) -> Self {
        let is_keyframe = nal_units(&access_unit).any(|unit| nal_type(unit) == KEY_FRAME_SLICE);
        Self { access_unit, number, is_keyframe, wish }
    }

    /// The NAL units, each behind a start code.
    #[must_use]
    pub const fn access_unit(&self) -> &Arc<[u8]> {
        &self.access_unit
    }

    /// Its place among the access units of its camera: a gap means that one is missing, and that nothing can
    /// be decoded before the next key frame.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Whether decoding can begin with it.
    #[must_use]
    pub const fn is_keyframe(&self) -> bool {
        self.is_keyframe
    }

    /// Through which the camera is asked for a key frame.
    #[must_use]
    pub const fn wish(&self) -> &KeyframeWish {
        &self.wish
    }
}

/// The wish for a key frame, from whoever needs one to the camera that makes it. Cloning gives another hand on
/// the same wish.
#[derive(Debug, Clone, Default)]
pub struct KeyframeWish(Arc<AtomicBool>);

impl KeyframeWish {
    /// Makes the wish; several before the camera looks count as one.
    pub fn make(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the wish was made; asking takes it back.
    #[must_use]
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// The NAL units of an access unit in Annex B form, without start codes and the zeros around them.
pub(crate) fn nal_units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = split_at_start_code(bytes).1;
    std::iter::from_fn(move || {
        let (unit, behind) = split_at_start_code(rest?);
        rest = behind;
        Some(unit)
    })
    .map(without_zeros_behind)
    .filter(|unit| !unit.is_empty())
}

/// The type of a NAL unit, which is not empty.
pub(crate) fn nal_type(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header & 0x1f)
}

/// What is before the first start code, and behind it.
fn split_at_start_code(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    match bytes.windows(3).position(|three| three == [0, 0, 1]) {
        Some(start) => (&bytes[..start], Some(&bytes[start + 3..])),
        None => (bytes, None),
    }
}

/// No NAL unit ends with a zero: those belong to the next start code.
fn without_zeros_behind(unit: &[u8]) -> &[u8] {
    let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &unit[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(bytes: &[u8]) -> Vec<&[u8]> {
        nal_units(bytes).collect()
    }

    #[test]
    fn nal_units_are_what_stands_between_start_codes() {
        assert_eq!(
            units(&[0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 0, 3, 0, 0]),
            [&[0x67, 1][..], &[0x68, 2], &[0x65, 0, 3]]
        );
        assert_eq!(units(&[7, 7, 0, 0, 1, 0, 0, 1, 0x41]), [[0x41]], "an empty unit is none");
        assert!(units(&[]).is_empty() && units(&[0, 0, 0]).is_empty() && units(&[0x65, 1]).is_empty());
    }

    #[test]
    fn a_key_frame_is_told_by_its_slices() {
        let coded = |bytes: &[u8]| Coded::new(bytes.into(), 0, KeyframeWish::default());
        assert!(coded(&[0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 1]).is_keyframe());
        assert!(
            !coded(&[0, 0, 1, 0x67, 1, 0, 0, 1, 0x41, 1]).is_keyframe(),
            "parameter sets do not make one"
        );
    }

    #[test]
    fn a_wish_is_taken_once_however_often_it_was_made() {
        let wish = KeyframeWish::default();
        let other_hand = wish.clone();
        assert!(!wish.take());
        other_hand.make();
        other_hand.make();
        assert!(wish.take() && !wish.take() && !other_hand.take());
    }
}
