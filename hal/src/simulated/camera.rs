//! The simulated camera: a test card, one frame per tick of the clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::plug::{Contact, SimulatedPlug};
use super::test_card::{PatchColour, TestCard};
use crate::Result;
use crate::camera::{Camera, CameraDevice, VideoMode};
use crate::clock::Clock;
use crate::frame::Frame;

/// Slowest and fastest rate.
const FPS: (u32, u32) = (1, 60);
/// Narrowest and widest picture.
const WIDTH: (u32, u32) = (160, 3840);
/// Lowest and highest picture.
const HEIGHT: (u32, u32) = (90, 2160);

/// A camera that shows a moving test card with a time code in each frame (see [`super::time_code`]).
///
/// It takes any even size from 160 x 90 to 3840 x 2160 and 1 to 60 frames per second; what is beyond is
/// brought to the nearest.
pub struct SimulatedCamera {
    name: String,
    room_name: String,
    patch: PatchColour,
    clock: Arc<dyn Clock>,
    plug: SimulatedPlug,
}

impl SimulatedCamera {
    /// A camera that is plugged in.
    #[must_use]
    pub fn new(room_name: &str, patch: PatchColour, clock: Arc<dyn Clock>) -> Self {
        let plug = SimulatedPlug::default();
        Self { name: "simulated camera".to_owned(), room_name: room_name.to_owned(), patch, clock, plug }
    }

    /// Its plug.
    #[must_use]
    pub fn plug(&self) -> SimulatedPlug {
        self.plug.clone()
    }
}

impl CameraDevice for SimulatedCamera {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self, wanted: VideoMode) -> Result<Box<dyn Camera>> {
        let contact = self.plug.open(&self.name)?;
        let mode = VideoMode {
            width: wanted.width.clamp(WIDTH.0, WIDTH.1) & !1,
            height: wanted.height.clamp(HEIGHT.0, HEIGHT.1) & !1,
            fps: wanted.fps.clamp(FPS.0, FPS.1),
        };
        let card = TestCard::new(mode.width as usize, mode.height as usize, &self.room_name, self.patch);
        let start = self.clock.now();
        Ok(Box::new(OpenCamera { contact, mode, card, clock: Arc::clone(&self.clock), start, next_tick: 1 }))
    }
}

struct OpenCamera {
    contact: Contact,
    mode: VideoMode,
    card: TestCard,
    clock: Arc<dyn Clock>,
    start: Instant,
    /// The number of the frame that comes next; frame `n` comes `n / fps` seconds after the start.
    next_tick: u64,
}

impl OpenCamera {
    fn due(&self, tick: u64) -> Instant {
        self.start + Duration::from_nanos(tick * 1_000_000_000 / u64::from(self.mode.fps))
    }

    /// Skips the ticks that nobody waited for, but the latest one: a late caller gets one frame at once, and
    /// never two.
    fn skip_missed_ticks(&mut self) {
        let passed = self.clock.now().saturating_duration_since(self.start).as_nanos();
        let latest = passed * u128::from(self.mode.fps) / 1_000_000_000;
        self.next_tick = self.next_tick.max(u64::try_from(latest).unwrap_or(u64::MAX));
    }
}

impl Camera for OpenCamera {
    fn mode(&self) -> VideoMode {
        self.mode
    }

    fn next_frame(&mut self, patience: Duration) -> Result<Frame> {
        self.contact.check()?;
        self.skip_missed_ticks();
        let due = self.due(self.next_tick);
        let deadline = self.clock.now() + patience;
        if self.contact.is_silent() || due > deadline {
            self.clock.wait_until(deadline);
            self.contact.check()?;
            return Err(self.contact.silent(patience));
        }
        self.clock.wait_until(due);
        self.contact.check()?;
        self.next_tick += 1;
        let picture = self.card.paint(self.clock.unix_time());
        Ok(Frame::new(self.mode.width, self.mode.height, picture, self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::simulated::VirtualClock;

    const PATIENCE: Duration = Duration::from_secs(1);
    const MODE: VideoMode = VideoMode { width: 320, height: 180, fps: 30 };

    fn camera() -> (SimulatedCamera, Arc<VirtualClock>) {
        let clock = Arc::new(VirtualClock::new());
        (SimulatedCamera::new("Test", PatchColour::Blue, Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    #[test]
    fn frames_come_at_the_rate_of_the_mode() {
        let (device, clock) = camera();
        let start = clock.now();
        let mut camera = device.open(MODE).unwrap();
        for _ in 0..90 {
            camera.next_frame(PATIENCE).unwrap();
        }
        assert_eq!(clock.now() - start, Duration::from_secs(3));
    }

    #[test]
    fn a_late_caller_gets_one_frame_at_once_and_no_burst() {
        let (device, clock) = camera();
        let mut camera = device.open(MODE).unwrap();
        camera.next_frame(PATIENCE).unwrap();
        clock.advance(Duration::from_millis(510));
        let late = clock.now();
        assert_eq!(camera.next_frame(PATIENCE).unwrap().captured_at, late);
        let next = camera.next_frame(PATIENCE).unwrap().captured_at;
        assert!(next > late && next - late <= Duration::from_millis(34));
    }

    #[test]
    fn odd_and_outrageous_modes_are_brought_to_the_nearest_possible() {
        let (device, _) = camera();
        let mode = device.open(VideoMode { width: 321, height: 1, fps: 1000 }).unwrap().mode();
        assert_eq!(mode, VideoMode { width: 320, height: 90, fps: 60 });
    }

    #[test]
    fn a_frame_beyond_the_patience_is_silence() {
        let (device, clock) = camera();
        let mut camera = device.open(VideoMode { fps: 1, ..MODE }).unwrap();
        let start = clock.now();
        let error = camera.next_frame(Duration::from_millis(200)).unwrap_err();
        assert_eq!(error, Error::Silent { device: "simulated camera".to_owned(), waited_ms: 200 });
        assert_eq!(clock.now() - start, Duration::from_millis(200), "the patience was spent, and no more");
    }
}
