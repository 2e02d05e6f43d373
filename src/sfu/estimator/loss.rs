//! Whether packets are lost because too many are sent, or because the path always loses some (Wi-Fi).

use std::time::{Duration, Instant};

/// A judgement needs so many packets.
const PACKETS: u32 = 20;
/// More loss than this, beyond what the path always has, brings the rate down (draft-ietf-rmcat-gcc-02, 6).
const TOO_MUCH: f64 = 0.1;
/// With so much loss the path takes what arrives and no more.
const FLOODED: f64 = 0.3;
const FLOODED_FACTOR: f64 = 0.9;
/// Packets that are lost while others wait this long are lost to a full queue.
const FULL_QUEUE: Duration = Duration::from_millis(60);
/// After so many steps down the loss must be so much less, or it has nothing to do with the rate.
const STEPS: u32 = 3;
const UNCHANGED: f64 = 0.75;
/// What is always lost varies by this.
const MARGIN: f64 = 0.02;
/// How much of a smaller loss is believed at once, and how much of any.
const FORGETTING: f64 = 0.2;
const SMOOTHING: f64 = 0.4;

/// How the rate is to fall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fall {
    /// To what the path takes, in bits per second.
    To(f64),
    By(f64),
}

/// What was lost lately, and what is always lost.
#[derive(Debug, Default)]
pub(super) struct Loss {
    received: u32,
    lost: u32,
    judged_at: Option<Instant>,
    /// The share that is lost whatever the rate.
    inherent: f64,
    smoothed: Option<f64>,
    /// The loss before the rate was brought down, and how often it was since.
    falling: Option<(f64, u32)>,
}

impl Loss {
    /// Counts what a report tells; returns how the rate is to fall, if there is reason to. `arrived_bps` is what
    /// arrives, `waited` how long it waited in queues.
    pub(super) fn judge(
        &mut self,
        received: u32,
        lost: u32,
        arrived_bps: f64,
        waited: Duration,
        round_trip: Duration,
        now: Instant,
    ) -> Option<Fall> {
        self.received += received;
        self.lost += lost;
        let patience = round_trip + Duration::from_millis(300);
        let is_early = self.judged_at.is_some_and(|at| now.saturating_duration_since(at) < patience);
        if is_early || self.received + self.lost < PACKETS {
            return None;
        }
        let share = f64::from(self.lost) / f64::from(self.received + self.lost);
        (self.received, self.lost, self.judged_at) = (0, 0, Some(now));
        let smoothed = self.smoothed.map_or(share, |before| before + SMOOTHING * (share - before));
        self.smoothed = Some(smoothed);
        if waited >= FULL_QUEUE && share > TOO_MUCH {
            (self.inherent, self.falling) = (0.0, None);
            return Some(Fall::To(arrived_bps * FLOODED_FACTOR));
        }
        self.judge_share(share, smoothed, arrived_bps)
    }

    fn judge_share(&mut self, share: f64, smoothed: f64, arrived_bps: f64) -> Option<Fall> {
        if smoothed < self.inherent {
            self.inherent += FORGETTING * (smoothed - self.inherent);
        }
        let beyond = |share: f64| ((share - self.inherent) / (1.0 - self.inherent)).max(0.0);
        // What was lost before the last step says nothing about the rate of now.
        let excess = beyond(smoothed).min(beyond(share));
        if excess <= TOO_MUCH {
            self.falling = None;
            return None;
        }
        let (before, steps) = self.falling.unwrap_or((smoothed, 0));
        if steps >= STEPS && smoothed > before * UNCHANGED {
            (self.inherent, self.falling) = ((smoothed + MARGIN).min(0.9), None);
            return None;
        }
        self.falling = Some((before, steps + 1));
        let is_flooded = beyond(share) > FLOODED;
        Some(if is_flooded { Fall::To(arrived_bps * FLOODED_FACTOR) } else { Fall::By(1.0 - excess / 2.0) })
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
            let arrived = rate * f64::from(100 - lost) / 100.0;
            let waited = Duration::ZERO;
            rate = match loss.judge(100 - lost, lost, arrived, waited, Duration::from_millis(50), now) {
                Some(Fall::To(fitting)) => fitting,
                Some(Fall::By(factor)) => rate * factor,
                None => rate,
            };
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
        assert!((0.15..0.4).contains(&rate), "{rate}");
    }

    #[test]
    fn loss_that_has_nothing_to_do_with_the_rate_is_endured() {
        for lost in [12, 20, 30, 45] {
            let rate = rate_after(100, |_| lost);
            assert!(rate > 0.1, "{lost}: {rate}");
        }
    }

    #[test]
    fn few_packets_are_no_reason() {
        let mut loss = Loss::default();
        assert_eq!(loss.judge(1, 9, 1e6, Duration::ZERO, Duration::ZERO, origin()), None);
    }

    #[test]
    fn loss_to_a_full_queue_is_never_taken_for_the_paths_own() {
        let mut loss = Loss::default();
        for round in 1..20 {
            let now = origin() + Duration::from_millis(500) * round;
            let fitting = loss.judge(50, 50, 1e6, Duration::from_millis(200), Duration::ZERO, now);
            assert_eq!(fitting, Some(Fall::To(0.9e6)), "round {round}");
        }
    }
}
