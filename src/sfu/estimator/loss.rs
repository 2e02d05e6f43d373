//! Whether packets are lost because too many are sent, or because the path always loses some (Wi-Fi).

use std::time::{Duration, Instant};

/// A judgement needs so many packets.
const PACKETS: u32 = 20;
/// More loss than this, beyond what the path always has, brings the rate down (draft-ietf-rmcat-gcc-02, 6).
const TOO_MUCH: f64 = 0.1;
/// If less was sent and still about as much is lost, the loss has nothing to do with the rate.
const UNCHANGED: f64 = 0.75;
/// So many times in a row.
const UNCHANGED_TIMES: u32 = 2;
/// How much of a smaller loss is believed at once.
const FORGETTING: f64 = 0.2;

/// What was lost lately, and what is always lost.
#[derive(Debug, Default)]
pub(super) struct Loss {
    received: u32,
    lost: u32,
    judged_at: Option<Instant>,
    /// The share that is lost whatever the rate.
    inherent: f64,
    /// The loss at which the rate was last brought down.
    brought_down_at: Option<f64>,
    unchanged: u32,
}

impl Loss {
    /// Counts what a report tells; returns the factor for the rate if it is to fall.
    pub(super) fn judge(
        &mut self,
        received: u32,
        lost: u32,
        round_trip: Duration,
        now: Instant,
    ) -> Option<f64> {
        self.received += received;
        self.lost += lost;
        let patience = round_trip + Duration::from_millis(300);
        let is_early = self.judged_at.is_some_and(|at| now.saturating_duration_since(at) < patience);
        if is_early || self.received + self.lost < PACKETS {
            return None;
        }
        let share = f64::from(self.lost) / f64::from(self.received + self.lost);
        (self.received, self.lost, self.judged_at) = (0, 0, Some(now));
        self.judge_share(share)
    }

    fn judge_share(&mut self, share: f64) -> Option<f64> {
        if share < self.inherent {
            self.inherent += FORGETTING * (share - self.inherent);
        }
        let excess = ((share - self.inherent) / (1.0 - self.inherent)).max(0.0);
        if excess <= TOO_MUCH {
            (self.brought_down_at, self.unchanged) = (None, 0);
            return None;
        }
        if self.brought_down_at.is_some_and(|before| share > before * UNCHANGED) {
            self.unchanged += 1;
            if self.unchanged >= UNCHANGED_TIMES {
                (self.inherent, self.brought_down_at, self.unchanged) = (share, None, 0);
                return None;
            }
        }
        self.brought_down_at = Some(share);
        Some(1.0 - excess / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// A hundred packets each half second; `lost_of` tells how many of them are lost at which rate.
    fn rate_after(rounds: u32, mut lost_of: impl FnMut(f64) -> u32) -> f64 {
        let mut loss = Loss::default();
        let mut rate = 1.0;
        for round in 0..rounds {
            let lost = lost_of(rate);
            let now = origin() + Duration::from_millis(500) * (round + 1);
            rate *= loss.judge(100 - lost, lost, Duration::from_millis(50), now).unwrap_or(1.0);
        }
        rate
    }

    #[test]
    fn a_little_loss_changes_nothing() {
        assert!((rate_after(20, |_| 8) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn loss_of_sending_too_much_brings_the_rate_down_until_it_fits() {
        // The path carries a quarter.
        let rate = rate_after(40, |rate| if rate > 0.25 { ((1.0 - 0.25 / rate) * 100.0) as u32 } else { 0 });
        assert!((0.2..0.4).contains(&rate), "{rate}");
    }

    #[test]
    fn loss_that_has_nothing_to_do_with_the_rate_is_endured() {
        let rate = rate_after(100, |_| 30);
        assert!(rate > 0.5, "{rate}");
    }

    #[test]
    fn few_packets_are_no_reason() {
        let mut loss = Loss::default();
        assert_eq!(loss.judge(1, 9, Duration::ZERO, origin()), None);
    }
}
