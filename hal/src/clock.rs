//! The clock as a value: who needs the time is handed a [`Clock`], so that tests can turn it by hand.

use std::time::{Duration, Instant};

/// Tells the time and waits for it.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time.
    fn now(&self) -> Instant;

    /// Time since the Unix epoch, for people and for time codes.
    fn unix_time(&self) -> Duration;

    /// The same in whole milliseconds.
    fn unix_ms(&self) -> u64 {
        u64::try_from(self.unix_time().as_millis()).unwrap_or(u64::MAX)
    }

    /// Blocks the calling thread until `deadline`; returns at once when it has passed.
    fn wait_until(&self, deadline: Instant);
}
