//! Reads a camera that makes H.264: each access unit is decoded, and goes with the picture that it gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::camera_units::{Buffer, UnitGate, Verdict};
use super::camera_wishes::{Due, Wishes};
use super::picture_decoder::PictureDecoder;
use crate::camera::Camera;
use crate::clock::Clock;
use crate::coded::{Coded, KeyframeWish};
use crate::frame::Frame;
use crate::{Error, Result};

/// How long a camera has to show that its H.264 can be used, from the moment when it was opened.
const TRIAL_PATIENCE: Duration = Duration::from_millis(1_500);
/// Pictures that it has to deliver by then; the first one, which also starts the decoder, is not timed.
const TRIAL_FRAMES: u32 = 4;

/// Makes frames of the buffers of one camera.
pub(super) struct H264Reader {
    device: String,
    gate: UnitGate,
    decoder: PictureDecoder,
    wish: KeyframeWish,
    wishes: Wishes,
    /// The number of the next access unit.
    number: u64,
    /// Whether the camera's H.264 is sent; shared with the device, which is opened otherwise next time if not.
    is_usable: Arc<AtomicBool>,
}

impl H264Reader {
    /// A reader for a camera that is about to start. `is_usable` is cleared when its H.264 cannot be sent.
    pub(super) fn start(device: &str, is_usable: Arc<AtomicBool>) -> Result<Self> {
        Ok(Self {
            device: device.to_owned(),
            gate: UnitGate::default(),
            decoder: PictureDecoder::h264(device)?,
            wish: KeyframeWish::default(),
            wishes: Wishes::default(),
            number: 0,
            is_usable,
        })
    }

    /// The picture in a buffer; nothing when it cannot be decoded. After a loss that is so until the next key
    /// frame, which is wished for.
    pub(super) fn read(&mut self, buffer: Buffer<'_>, captured_at: Instant) -> Result<Option<Frame>> {
        match self.gate.judge(buffer) {
            Verdict::Unit(unit) => self.show(unit, captured_at),
            Verdict::NoPicture => Ok(None),
            Verdict::NeedsKeyframe => {
                self.wish.make();
                Ok(None)
            }
        }
    }

    /// Whether the camera is to be told now that a key frame is wished for.
    pub(super) fn must_tell(&mut self, now: Instant) -> bool {
        match self.wishes.due(self.wish.take(), now) {
            Due::Nothing => false,
            Due::Telling => true,
            Due::GivingUp => {
                self.give_up("it leaves wishes for key frames unanswered");
                false
            }
        }
    }

    fn show(&mut self, unit: Arc<[u8]>, captured_at: Instant) -> Result<Option<Frame>> {
        let Some((width, height, data)) = self.decoder.decode(&unit)? else {
            self.gate.close();
            self.wish.make();
            return Ok(None);
        };
        let coded = Coded::new(unit, self.number, self.wish.clone());
        self.number += 1;
        if coded.is_keyframe() {
            self.wishes.answered();
        }
        if !self.gate.is_baseline() {
            self.give_up("it is not of the constrained baseline profile");
        }
        let frame = Frame::new(width, height, data, captured_at);
        let is_usable = self.is_usable.load(Ordering::Relaxed);
        Ok(Some(if is_usable { frame.with_coded(coded) } else { frame }))
    }

    fn give_up(&self, why: &str) {
        if self.is_usable.swap(false, Ordering::Relaxed) {
            log::info!("the H.264 of {} is not sent as it is: {why}", self.device);
        }
    }
}

/// Milliseconds that a picture took to decode, when the camera's own H.264 can be sent; or why it cannot.
pub(super) fn try_out(camera: &mut dyn Camera, clock: &dyn Clock) -> std::result::Result<f64, String> {
    let deadline = clock.now() + TRIAL_PATIENCE;
    let mut spent = Duration::ZERO;
    for number in 0..TRIAL_FRAMES {
        let left = deadline.saturating_duration_since(clock.now());
        let frame = camera.next_frame(left).map_err(|error| why_none(&error))?;
        let Some(coded) = frame.coded() else {
            return Err("it is not of the constrained baseline profile".to_owned());
        };
        if number == 0 && !coded.is_keyframe() {
            return Err("it does not begin with a key frame".to_owned());
        }
        if number > 0 {
            spent += clock.now().saturating_duration_since(frame.captured_at);
        }
    }
    Ok(spent.as_secs_f64() * 1_000.0 / f64::from(TRIAL_FRAMES - 1))
}

fn why_none(error: &Error) -> String {
    match error {
        Error::Silent { .. } => format!("no key frame that can be decoded came within {TRIAL_PATIENCE:?}"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::camera::VideoMode;
    use crate::linux::picture_decoder::tests::{KEY_FRAME_DISTANCE, access_units};
    use crate::simulated::{VirtualClock, time_code};

    const MODE: VideoMode = VideoMode { width: 320, height: 180, fps: 30 };
    const PROFILE: &str = "constrained-baseline";

    /// A camera whose driver is this list of buffers, with their numbers.
    struct ListedCamera {
        buffers: VecDeque<(u32, Vec<u8>)>,
        reader: H264Reader,
        clock: Arc<VirtualClock>,
        /// How often the camera was told to make a key frame.
        told: u32,
    }

    impl ListedCamera {
        fn new(buffers: Vec<Vec<u8>>) -> Self {
            let reader = H264Reader::start("test", Arc::new(AtomicBool::new(true))).unwrap();
            Self { buffers: (0..).zip(buffers).collect(), reader, clock: Arc::default(), told: 0 }
        }

        /// What comes of the next buffer.
        fn read(&mut self) -> Option<Frame> {
            let (sequence, bytes) = self.buffers.pop_front().unwrap();
            let buffer = Buffer { sequence, is_damaged: bytes.is_empty(), bytes: &bytes };
            let frame = self.reader.read(buffer, self.clock.now()).unwrap();
            self.clock.advance(Duration::from_millis(33));
            self.told += u32::from(self.reader.must_tell(self.clock.now()));
            frame
        }

        /// The time codes of what comes of the next buffers.
        fn codes(&mut self, count: usize) -> Vec<Option<u32>> {
            (0..count).map(|_| self.read().as_ref().and_then(time_code::of_frame)).collect()
        }
    }

    impl Camera for ListedCamera {
        fn mode(&self) -> VideoMode {
            MODE
        }

        fn next_frame(&mut self, patience: Duration) -> Result<Frame> {
            let deadline = self.clock.now() + patience;
            while !self.buffers.is_empty() && self.clock.now() < deadline {
                if let Some(frame) = self.read() {
                    return Ok(frame);
                }
            }
            Err(Error::Silent { device: "test".to_owned(), waited_ms: 0 })
        }
    }

    #[test]
    fn every_buffer_gives_its_picture_at_once_with_what_it_was_decoded_from() {
        let mut camera = ListedCamera::new(access_units(12, PROFILE));
        for number in 0..12 {
            let frame = camera.read().expect("no picture is held back");
            assert_eq!(time_code::of_frame(&frame), Some(number));
            let coded = frame.coded().unwrap();
            assert_eq!(coded.number(), u64::from(number));
            assert_eq!(coded.is_keyframe(), number % KEY_FRAME_DISTANCE == 0);
        }
        assert_eq!(camera.told, 0);
    }

    #[test]
    fn after_a_loss_or_damage_the_picture_stands_still_until_the_key_frame_that_is_wished_for() {
        let mut camera = ListedCamera::new(access_units(16, PROFILE));
        camera.buffers.remove(2);
        camera.buffers[6].1.clear();
        let shown = camera.codes(15);
        let expected = [Some(0), Some(1), None, None, Some(5), Some(6), None, None, None, Some(10)];
        assert_eq!(shown[..10], expected);
        assert_eq!(camera.told, 2, "once for each");
    }

    #[test]
    fn a_camera_that_is_joined_in_the_middle_shows_nothing_before_a_key_frame() {
        let mut camera = ListedCamera::new(access_units(7, PROFILE).split_off(3));
        assert_eq!(camera.codes(4), [None, None, Some(5), Some(6)]);
    }

    #[test]
    fn garbage_in_a_buffer_is_not_shown_and_a_key_frame_wished_for() {
        let mut units = access_units(6, PROFILE);
        units[2].truncate(3);
        units[3] = vec![0, 0, 1, 0x65, 0xff, 0xff, 0xff, 0xff];
        let mut camera = ListedCamera::new(units);
        let shown = camera.codes(6);
        assert_eq!((shown[0], shown[1], shown[5]), (Some(0), Some(1), Some(5)));
        assert!(camera.told > 0);
    }

    #[test]
    fn a_camera_that_leaves_a_wish_unanswered_is_shown_but_not_sent_as_it_is() {
        let units = access_units(2, PROFILE);
        let endless = units.iter().take(1).chain(std::iter::repeat_n(&units[1], 120)).cloned().collect();
        let mut camera = ListedCamera::new(endless);
        let first = camera.read().unwrap();
        first.coded().unwrap().wish().make();
        let sent = (0..120).filter(|_| camera.read().is_some_and(|frame| frame.coded().is_some())).count();
        assert!((88..=92).contains(&sent), "three seconds of patience: {sent}");
        assert!(!camera.reader.is_usable.load(Ordering::Relaxed), "it is opened otherwise the next time");
    }

    #[test]
    fn a_camera_passes_its_trial_with_pictures_that_everybody_can_decode() {
        let trial = |camera: &mut ListedCamera| {
            let clock = Arc::clone(&camera.clock);
            try_out(camera, &*clock)
        };
        assert!(trial(&mut ListedCamera::new(access_units(6, PROFILE))).is_ok());
        let high = trial(&mut ListedCamera::new(access_units(6, "high")));
        assert!(high.is_err_and(|why| why.contains("constrained baseline")));
        let silent = trial(&mut ListedCamera::new(Vec::new()));
        assert!(silent.is_err_and(|why| why.contains("no key frame")));
    }
}
