//! How often somebody may ring: a small stock that fills again with time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::words::UserId;
use crate::refusal::{Code, Refusal};

/// How many people somebody may ring at once, by one call or by several.
pub const RINGS_AT_ONCE: u32 = 20;

/// After which time one more may be rung.
pub const RING_EVERY: Duration = Duration::from_secs(3);

/// What everybody has left.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the stock of somebody is full again. Who is not here has a full one.
    full_at: BTreeMap<UserId, Instant>,
}

impl Pace {
    /// Takes `rings` from somebody's stock, or says when there are so many again.
    pub(super) fn take(&mut self, user: UserId, rings: usize, now: Instant) -> Result<(), Refusal> {
        self.full_at.retain(|_, full| *full > now);
        let cost = RING_EVERY * u32::try_from(rings).unwrap_or(u32::MAX);
        let full = self.full_at.get(&user).copied().unwrap_or(now) + cost;
        let beyond = full.saturating_duration_since(now).saturating_sub(RING_EVERY * RINGS_AT_ONCE);
        if beyond.is_zero() {
            self.full_at.insert(user, full);
            return Ok(());
        }
        let wait = beyond.as_secs() + u64::from(beyond.subsec_nanos() > 0);
        let detail = format!("you ring too many people in too short a time; try again in {wait} s");
        Err(Refusal::new(Code::TooManyRequests, detail))
    }

    pub(super) fn forget(&mut self, user: UserId) {
        self.full_at.remove(&user);
    }
}
