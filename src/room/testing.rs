//! What the tests of the room share: a clock that is turned by hand.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;

/// How long a test waits in real time for threads before it says that they hang.
const HANG: Duration = Duration::from_secs(20);

/// Time that stands still until a test turns it.
pub(super) struct TestClock {
    origin: Instant,
    unix_origin: Duration,
    turned: Mutex<Turned>,
    changed: Condvar,
}

#[derive(Default)]
struct Turned {
    elapsed: Duration,
    waiting: Vec<Instant>,
    released: bool,
}

impl TestClock {
    /// Some instant, for values that need one and tests that do not look at it.
    #[expect(clippy::disallowed_methods, reason = "an Instant to count from can be made in no other way")]
    pub(super) fn origin_of_time() -> Instant {
        Instant::now()
    }

    /// A clock that stands at `unix_origin`.
    pub(super) fn new(unix_origin: Duration) -> Arc<Self> {
        Arc::new(Self {
            origin: Self::origin_of_time(),
            unix_origin,
            turned: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Waits until at least `waiters` threads wait for the clock, then turns it to the earliest deadline.
    pub(super) fn turn_to_next(&self, waiters: usize) {
        let turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut turned, waited) = self
            .changed
            .wait_timeout_while(turned, HANG, |turned| turned.waiting.len() < waiters)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "{} of {waiters} threads wait for the clock", turned.waiting.len());
        if let Some(first) = turned.waiting.iter().min() {
            turned.elapsed = turned.elapsed.max(*first - self.origin);
        }
        let now = self.origin + turned.elapsed;
        turned.waiting.retain(|deadline| *deadline > now);
        self.changed.notify_all();
    }

    /// Turns the clock on by `by`, as a thread that was kept from running would see it.
    pub(super) fn turn(&self, by: Duration) {
        let mut turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        turned.elapsed += by;
        let now = self.origin + turned.elapsed;
        turned.waiting.retain(|deadline| *deadline > now);
        self.changed.notify_all();
    }

    /// From now on nobody waits any more: each deadline is at once. For stopping threads.
    pub(super) fn release(&self) {
        self.turned.lock().unwrap_or_else(PoisonError::into_inner).released = true;
        self.changed.notify_all();
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        self.origin + self.turned.lock().unwrap_or_else(PoisonError::into_inner).elapsed
    }

    fn unix_time(&self) -> Duration {
        self.unix_origin + self.turned.lock().unwrap_or_else(PoisonError::into_inner).elapsed
    }

    fn wait_until(&self, deadline: Instant) {
        let mut turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        if deadline <= self.origin + turned.elapsed {
            return;
        }
        if turned.released {
            turned.elapsed = deadline - self.origin;
            return;
        }
        turned.waiting.push(deadline);
        self.changed.notify_all();
        while deadline > self.origin + turned.elapsed && !turned.released {
            turned = self.changed.wait(turned).unwrap_or_else(PoisonError::into_inner);
        }
        if turned.released {
            turned.elapsed = turned.elapsed.max(deadline - self.origin);
        }
    }
}
