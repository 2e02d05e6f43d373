//! What the tests of this crate share.

use std::time::{Duration, Instant, SystemTime};

use alcove_hal::clock::Clock;

/// The system's time: codecs and real devices run in it.
pub(crate) struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the Clock that stands for the system's time")]
impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix_time(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the epoch has passed")
    }

    fn wait_until(&self, deadline: Instant) {
        std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
    }
}
