//! What a camera that makes H.264 is asked for besides: every request is one that it may not know.

use v4l::Device;
use v4l::control::{Control, Description, Flags, Type, Value};

use crate::camera::VideoMode;

/// Controls of codecs, as `linux/v4l2-controls.h` numbers them.
const BASE: u32 = 0x0099_0900;
const GOP_SIZE: u32 = BASE + 203;
const BITRATE: u32 = BASE + 207;
const REPEAT_SEQUENCE_HEADER: u32 = BASE + 226;
const FORCE_KEY_FRAME: u32 = BASE + 229;
const H264_I_PERIOD: u32 = BASE + 358;
const H264_PROFILE: u32 = BASE + 363;

/// The profiles that every browser decodes, the better first.
const PROFILES: [i64; 2] = [CONSTRAINED_BASELINE, BASELINE];
const BASELINE: i64 = 0;
const CONSTRAINED_BASELINE: i64 = 1;

/// Seconds between key frames of a camera that makes none on demand: nobody waits longer than that.
const KEY_FRAME_SECONDS: u32 = 2;
/// Pixels for which a bit is spent: 1.7 Mbit/s at 1280 x 720 and 30 frames per second.
const PIXELS_PER_BIT: u64 = 16;

/// A control that a camera has and lets be set.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    id: u32,
    minimum: i64,
    maximum: i64,
    step: i64,
    /// The values of a menu; nothing for other kinds.
    items: Option<Vec<i64>>,
}

/// Asks a camera for what suits us, before it streams; returns whether it makes key frames on demand.
pub(super) fn prepare(device: &Device, name: &str, mode: VideoMode) -> bool {
    let known = known(device);
    for (id, value) in requests(&known, mode) {
        let outcome = device.set_control(Control { id, value: Value::Integer(value) });
        log::debug!("{name}: control {id:#x} to {value}: {outcome:?}");
    }
    makes_keyframes(&known)
}

/// Tells a camera to make a key frame.
pub(super) fn force_keyframe(device: &Device, name: &str) {
    if let Err(error) = device.set_control(Control { id: FORCE_KEY_FRAME, value: Value::Integer(1) }) {
        log::debug!("{name} was told to make a key frame: {error}");
    }
}

/// What the camera says about the controls of its codec.
fn known(device: &Device) -> Vec<Known> {
    // The crate panics at kinds of controls and names that it does not know; those shall not end us.
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| device.query_controls()));
    let described = asked.ok().and_then(Result::ok).unwrap_or_default();
    described.into_iter().filter_map(settable).collect()
}

fn settable(described: Description) -> Option<Known> {
    let Description { id, typ, minimum, maximum, step, flags, items, .. } = described;
    if flags.intersects(Flags::DISABLED | Flags::READ_ONLY) {
        return None;
    }
    let items = items.map(|items| items.into_iter().map(|(index, _)| i64::from(index)).collect());
    let items = if typ == Type::Menu { items } else { None };
    Some(Known { id, minimum, maximum, step: i64::try_from(step).unwrap_or(1), items })
}

fn makes_keyframes(known: &[Known]) -> bool {
    known.iter().any(|control| control.id == FORCE_KEY_FRAME)
}

/// Which controls are set to what.
fn requests(known: &[Known], mode: VideoMode) -> Vec<(u32, i64)> {
    let bitrate = u64::from(mode.width) * u64::from(mode.height) * u64::from(mode.fps) / PIXELS_PER_BIT;
    let distance = i64::from(mode.fps.max(1) * KEY_FRAME_SECONDS);
    let wished = |id: u32| match id {
        H264_PROFILE => PROFILES.to_vec(),
        REPEAT_SEQUENCE_HEADER => vec![1],
        BITRATE => vec![i64::try_from(bitrate).unwrap_or(i64::MAX)],
        H264_I_PERIOD | GOP_SIZE if !makes_keyframes(known) => vec![distance],
        _ => Vec::new(),
    };
    let request = |control: &Known| Some((control.id, first_possible(control, &wished(control.id))?));
    known.iter().filter_map(request).collect()
}

/// The first of the values that a control can take: a menu as it is, a number brought into its range.
fn first_possible(control: &Known, wished: &[i64]) -> Option<i64> {
    match &control.items {
        Some(items) => wished.iter().copied().find(|value| items.contains(value)),
        None => wished.first().map(|value| {
            let within = (*value).clamp(control.minimum, control.maximum.max(control.minimum));
            within - (within - control.minimum) % control.step.max(1)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODE: VideoMode = VideoMode { width: 1280, height: 720, fps: 30 };

    fn number(id: u32, minimum: i64, maximum: i64, step: i64) -> Known {
        Known { id, minimum, maximum, step, items: None }
    }

    fn menu(id: u32, items: &[i64]) -> Known {
        Known { items: Some(items.to_vec()), ..number(id, 0, 17, 1) }
    }

    #[test]
    fn a_camera_that_makes_key_frames_on_demand_is_not_asked_for_periodic_ones() {
        let board = [
            number(BITRATE, 25_000, 25_000_000, 25_000),
            number(REPEAT_SEQUENCE_HEADER, 0, 1, 1),
            number(FORCE_KEY_FRAME, 0, 0, 0),
            number(H264_I_PERIOD, 0, i64::from(i32::MAX), 1),
            menu(H264_PROFILE, &[0, 1, 2, 4]),
        ];
        assert!(makes_keyframes(&board));
        let wanted = [(BITRATE, 1_725_000), (REPEAT_SEQUENCE_HEADER, 1), (H264_PROFILE, 1)];
        assert_eq!(requests(&board, MODE), wanted);
    }

    #[test]
    fn a_camera_without_is_asked_for_a_key_frame_every_two_seconds() {
        let webcam = [number(GOP_SIZE, 1, 300, 1), number(H264_I_PERIOD, 1, 50, 1)];
        assert!(!makes_keyframes(&webcam));
        assert_eq!(requests(&webcam, MODE), [(GOP_SIZE, 60), (H264_I_PERIOD, 50)]);
    }

    #[test]
    fn a_camera_that_knows_no_such_control_is_asked_for_nothing() {
        let brightness = 0x0098_0900;
        assert!(requests(&[], MODE).is_empty());
        assert!(requests(&[number(brightness, 0, 255, 1)], MODE).is_empty());
    }

    #[test]
    fn only_profiles_that_the_camera_has_are_asked_for() {
        assert_eq!(requests(&[menu(H264_PROFILE, &[0, 4])], MODE), [(H264_PROFILE, 0)]);
        assert!(requests(&[menu(H264_PROFILE, &[2, 4])], MODE).is_empty());
    }

    #[test]
    fn controls_that_cannot_be_set_are_left_alone() {
        let described = |flags| Description {
            id: BITRATE,
            typ: Type::Integer,
            name: "Video Bitrate".to_owned(),
            minimum: 0,
            maximum: 9,
            step: 1,
            default: 1,
            flags,
            items: None,
        };
        assert_eq!(settable(described(Flags::READ_ONLY)), None);
        assert_eq!(settable(described(Flags::empty())), Some(number(BITRATE, 0, 9, 1)));
    }
}
