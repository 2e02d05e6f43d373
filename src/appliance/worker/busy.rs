//! How busy a worker's thread is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How busy the thread is, told twice a second.
pub(super) struct Busy {
    per_mille: Arc<AtomicU32>,
    since: Instant,
    spent: Duration,
}

impl Busy {
    const EVERY: Duration = Duration::from_millis(500);

    pub(super) const fn new(per_mille: Arc<AtomicU32>, now: Instant) -> Self {
        Self { per_mille, since: now, spent: Duration::ZERO }
    }

    /// It was busy from `began` to `now`.
    pub(super) fn worked(&mut self, began: Instant, now: Instant) {
        self.spent += now.saturating_duration_since(began);
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= Self::EVERY {
            let share = self.spent.as_secs_f64() / elapsed.as_secs_f64();
            self.per_mille.store((share * 1000.0) as u32, Ordering::Relaxed);
            (self.since, self.spent) = (now, Duration::ZERO);
        }
    }
}
