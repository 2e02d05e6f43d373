//! A clock for tests that jumps instead of waiting, so that an hour of sound takes no time at all.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::clock::Clock;

/// The Unix time at which every [`VirtualClock`] starts: 2026-01-01 00:00:00 UTC.
const UNIX_START: Duration = Duration::from_secs(1_767_225_600);

/// Virtual time. Whoever waits turns the clock to the deadline; nobody sleeps.
///
/// Meant for one thread that paces itself: with several, each of them pushes the time forward.
#[derive(Debug)]
pub struct VirtualClock {
    start: Instant,
    passed: Mutex<Duration>,
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl VirtualClock {
    /// A clock that stands at its start.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can be had from the system only; the time itself does not matter here"
    )]
    pub fn new() -> Self {
        Self { start: Instant::now(), passed: Mutex::new(Duration::ZERO) }
    }

    /// Turns the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.lock() += by;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Duration> {
        self.passed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        self.start + *self.lock()
    }

    fn unix_time(&self) -> Duration {
        UNIX_START + *self.lock()
    }

    fn wait_until(&self, deadline: Instant) {
        let mut passed = self.lock();
        *passed = (*passed).max(deadline.saturating_duration_since(self.start));
    }
}
