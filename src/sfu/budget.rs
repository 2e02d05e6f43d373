//! How many bits a subscriber may be sent: its bandwidth estimate, down at once, up only after a while.

use std::time::{Duration, Instant};

/// How long an estimate must have been higher before more is sent.
const RISE_AFTER: Duration = Duration::from_millis(2500);
/// The estimate knows nothing of headers and resends: this share of it is spent on media.
const MEDIA_PERCENT: u64 = 93;

/// The bits per second that may be allocated.
///
/// ```text
///            estimate ≤ allowed: at once
///          ┌──────────────────────────┐
///          ▼                          │
///       Steady ── estimate > allowed ─▶ Rising ── 2.5 s ──▶ Steady (the least seen while rising)
/// ```
#[derive(Debug)]
pub(super) struct Budget {
    allowed_bps: u64,
    rising: Option<Rising>,
}

#[derive(Debug)]
struct Rising {
    since: Instant,
    least_bps: u64,
    newest_bps: u64,
}

impl Budget {
    pub(super) fn new(start_bps: u64) -> Self {
        Self { allowed_bps: start_bps, rising: None }
    }

    /// What may be spent on media.
    pub(super) fn media_bps(&self) -> u64 {
        self.allowed_bps / 100 * MEDIA_PERCENT
    }

    /// A new estimate; returns whether the allowance changed.
    pub(super) fn observe(&mut self, estimate_bps: u64, now: Instant) -> bool {
        if estimate_bps <= self.allowed_bps {
            self.rising = None;
            let changed = estimate_bps != self.allowed_bps;
            self.allowed_bps = estimate_bps;
            return changed;
        }
        let rising = self.rising.get_or_insert(Rising {
            since: now,
            least_bps: estimate_bps,
            newest_bps: estimate_bps,
        });
        rising.least_bps = rising.least_bps.min(estimate_bps);
        rising.newest_bps = estimate_bps;
        self.tick(now)
    }

    /// Time has passed; returns whether the allowance changed.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let Some(rising) = &self.rising else { return false };
        if now.saturating_duration_since(rising.since) < RISE_AFTER {
            return false;
        }
        self.allowed_bps = rising.least_bps;
        let newest_bps = rising.newest_bps;
        self.rising = None;
        if newest_bps > self.allowed_bps {
            self.rising = Some(Rising { since: now, least_bps: newest_bps, newest_bps });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_lower_estimate_counts_at_once() {
        let mut budget = Budget::new(1_000_000);
        assert!(budget.observe(400_000, origin()));
        assert_eq!(budget.media_bps(), 372_000);
    }

    #[test]
    fn a_higher_estimate_counts_once_it_has_lasted() {
        let t0 = origin();
        let mut budget = Budget::new(1_000_000);
        assert!(!budget.observe(3_000_000, t0));
        assert!(!budget.observe(2_000_000, t0 + Duration::from_secs(1)));
        assert!(!budget.tick(t0 + Duration::from_millis(2400)));
        assert!(budget.tick(t0 + Duration::from_millis(2500)));
        assert_eq!(budget.media_bps(), 1_860_000);
    }

    #[test]
    fn a_dip_begins_the_wait_anew() {
        let t0 = origin();
        let mut budget = Budget::new(1_000_000);
        budget.observe(3_000_000, t0);
        budget.observe(900_000, t0 + Duration::from_secs(2));
        budget.observe(3_000_000, t0 + Duration::from_secs(3));
        assert!(!budget.tick(t0 + Duration::from_secs(5)));
        assert!(budget.tick(t0 + Duration::from_millis(5500)));
    }
}
