//! Whether falling helps: a path whose packets wait as long as before however little is sent has a whim, not a queue.
//!
//! ```text
//!   Calm ── a fall ──▶ Falling ── to much less, and packets wait as before ──▶ Calm, such waits are endured
//!     ▲                   │
//!     └── none for 5 s ◀──┘
//! ```

use std::time::{Duration, Instant};

/// A wait that every packet has for a while is a queue, if nothing else is known.
const STANDS: Duration = Duration::from_millis(20);
/// Falls that are further apart have nothing to do with each other.
const EPISODE: Duration = Duration::from_secs(5);
/// A queue is not gone at once: what it takes until a fall shows.
const SHOWS_AFTER: Duration = Duration::from_secs(1);
/// So much less must have helped, if it was our sending that packets waited for.
const MUCH_LESS: f64 = 0.6;
const AS_BEFORE: f64 = 0.75;
/// Waits vary by this.
const MARGIN: f64 = 1.5;
/// After this time half as much is endured.
const FORGOTTEN_HALF_S: f64 = 30.0;

/// What is endured, and the falls lately.
#[derive(Debug, Default)]
pub(super) struct Patience {
    endured: Option<(Duration, Instant)>,
    falling: Option<Falling>,
}

#[derive(Debug, Clone, Copy)]
struct Falling {
    /// The rate after the first falls, and how long packets waited then.
    bps: f64,
    waited: Duration,
    first_at: Instant,
    last_at: Instant,
}

impl Patience {
    /// Whether packets that all wait so long stand in a queue.
    pub(super) fn is_queue(&self, waited: Duration, now: Instant) -> bool {
        let endured = self.endured.map_or(Duration::ZERO, |(most, since)| {
            let halves = now.saturating_duration_since(since).as_secs_f64() / FORGOTTEN_HALF_S;
            most.mul_f64(0.5_f64.powf(halves))
        });
        waited >= STANDS.max(endured)
    }

    /// The rate is to fall to `bps`; returns to what it shall be set instead, if falling was in vain.
    pub(super) fn fall(&mut self, bps: f64, waited: Duration, now: Instant) -> Option<f64> {
        let recent = |falling: &Falling| now.saturating_duration_since(falling.last_at) < EPISODE;
        let Some(falling) = self.falling.as_mut().filter(|falling| recent(falling)) else {
            self.falling = Some(Falling { bps, waited, first_at: now, last_at: now });
            return None;
        };
        falling.last_at = now;
        if now.saturating_duration_since(falling.first_at) < SHOWS_AFTER {
            (falling.bps, falling.waited) = (bps, waited);
            return None;
        }
        if bps > falling.bps * MUCH_LESS || waited < falling.waited.mul_f64(AS_BEFORE) {
            return None;
        }
        let first = falling.bps;
        self.endured = Some((waited.mul_f64(MARGIN), now));
        self.falling = None;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    const WAITED: Duration = Duration::from_millis(60);

    /// Falls by a fifth, each 400 ms, with such waits; returns the rate that it is set to instead, if at all.
    fn fall_and_fall(
        patience: &mut Patience,
        began: Instant,
        waits: impl Fn(u32) -> Duration,
    ) -> Option<f64> {
        (0..12).find_map(|step| {
            let now = began + Duration::from_millis(400) * step;
            patience.fall(1e6 * 0.8_f64.powi(step as i32), waits(step), now)
        })
    }

    #[test]
    fn a_wait_that_falling_does_not_shorten_is_endured_for_a_while() {
        let (mut patience, began) = (Patience::default(), origin());
        assert!(patience.is_queue(WAITED, began));
        let bps = fall_and_fall(&mut patience, began, |_| WAITED).expect("in vain");
        assert!(bps > 500e3, "{bps}");
        let later = began + Duration::from_secs(5);
        assert!(!patience.is_queue(WAITED, later), "endured");
        assert!(patience.is_queue(WAITED * 2, later), "more than that is not");
        assert!(patience.is_queue(WAITED, later + Duration::from_secs(60)), "forgotten");
    }

    #[test]
    fn a_wait_that_becomes_shorter_was_a_queue() {
        let mut patience = Patience::default();
        let drains = |step| WAITED.mul_f64(0.7_f64.powi(step as i32));
        assert_eq!(fall_and_fall(&mut patience, origin(), drains), None);
    }

    #[test]
    fn falls_that_are_far_apart_are_not_in_vain() {
        let (mut patience, began) = (Patience::default(), origin());
        for step in 0..20_u32 {
            let now = began + Duration::from_secs(6) * step;
            assert_eq!(patience.fall(1e6 * 0.5_f64.powi(step as i32), WAITED, now), None);
        }
    }

    #[test]
    fn one_deep_fall_is_given_time_to_show() {
        let (mut patience, began) = (Patience::default(), origin());
        assert_eq!(patience.fall(4e6, WAITED, began), None);
        assert_eq!(patience.fall(0.4e6, WAITED * 4, began + Duration::from_millis(300)), None);
        assert_eq!(patience.fall(0.38e6, WAITED * 4, began + Duration::from_millis(1500)), None);
    }
}
