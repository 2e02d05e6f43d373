//! When pictures may leave: bursts are spread over time where the path is narrow, and not where it is wide.

use std::time::{Duration, Instant};

/// How much faster than the estimate pictures leave: a frame shall not wait for the next one.
const FACTOR: u64 = 5;
const FACTOR_OF: u64 = 2;
/// What may leave at once, in time at that rate.
const BURST: Duration = Duration::from_millis(30);
/// Never less than two packets.
const BURST_BYTES_MIN: f64 = 2500.0;

/// A bucket of bytes.
#[derive(Debug)]
pub(super) struct Pacer {
    bytes_per_s: f64,
    /// What may leave now; below zero: what left too early.
    bytes: f64,
    at: Instant,
}

impl Pacer {
    pub(super) fn new(estimate_bps: u64, now: Instant) -> Self {
        let mut pacer = Self { bytes_per_s: 0.0, bytes: 0.0, at: now };
        pacer.set(estimate_bps);
        pacer.bytes = pacer.burst();
        pacer
    }

    /// Another estimate.
    pub(super) fn set(&mut self, estimate_bps: u64) {
        self.bytes_per_s = (estimate_bps * FACTOR / FACTOR_OF) as f64 / 8.0;
    }

    fn burst(&self) -> f64 {
        (self.bytes_per_s * BURST.as_secs_f64()).max(BURST_BYTES_MIN)
    }

    pub(super) fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now.max(self.at);
        self.bytes = (self.bytes + elapsed * self.bytes_per_s).min(self.burst());
    }

    pub(super) const fn is_open(&self) -> bool {
        self.bytes > 0.0
    }

    /// Something leaves, paced or not.
    pub(super) const fn spend(&mut self, bytes: usize) {
        self.bytes -= bytes as f64;
    }

    /// When it is open again.
    pub(super) fn opens_at(&self) -> Instant {
        let lacking = (1.0 - self.bytes).max(0.0);
        self.at + Duration::from_secs_f64(lacking / self.bytes_per_s.max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// How long so many packets of 1200 bytes take to leave.
    fn leaves_in(estimate_bps: u64, packets: usize) -> Duration {
        let began = origin();
        let mut pacer = Pacer::new(estimate_bps, began);
        let mut now = began;
        for _ in 0..packets {
            pacer.refill(now);
            if !pacer.is_open() {
                now = pacer.opens_at();
                pacer.refill(now);
            }
            assert!(pacer.is_open());
            pacer.spend(1200);
        }
        now - began
    }

    #[test]
    fn a_key_frame_leaves_at_once_on_a_wide_path() {
        assert_eq!(leaves_in(10_000_000, 60), Duration::ZERO);
    }

    #[test]
    fn on_a_narrow_path_it_leaves_at_two_and_a_half_times_the_estimate() {
        let took = leaves_in(500_000, 60).as_secs_f64();
        assert!((0.4..0.5).contains(&took), "{took}");
    }
}
