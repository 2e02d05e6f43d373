//! When a meeting is: from when on people come in, when it begins, and when it ends by itself.
//!
//! ```text
//!   created        not_before        starts_at                       ends_at
//!  ────┼───────────────┼─────────────────┼──────────────────────────────┼─────▶
//!      │ hosts come in │ everybody does  │ empty: idle_timeout runs     │ over for all
//!      │ others wait   │                 │ (only where it has no end)   │
//! ```

use std::time::{Duration, Instant};

use super::words::{By, Event};
use super::{Life, Meeting};
use crate::refusal::{Code, Refusal};

/// The last second that RFC 3339 can tell: in the year 9999.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

/// A moment by both clocks. The time of day is what was meant, and what two moments are compared by; the other is when
/// that is, as far as is known now.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By the clock that nobody sets.
    pub at: Instant,
    /// Since the Unix epoch.
    pub unix: Duration,
}

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.unix == other.unix
    }
}

impl Eq for Moment {}

/// When a meeting is. Everything is optional: without any, it is from its creation on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Schedule {
    /// Before it nobody comes in but hosts; the others wait.
    pub not_before: Option<Moment>,
    /// When it is meant to begin; it does not stand idle before.
    pub starts_at: Option<Moment>,
    /// When it ends for all; until then it may stand empty.
    pub ends_at: Option<Moment>,
}

impl Schedule {
    /// Whether the moments come in their order.
    ///
    /// # Errors
    /// `invalid-parameter`.
    pub fn check(&self, now: Instant) -> Result<(), Refusal> {
        let is_after = |late: Option<Moment>, early: Option<Moment>| match (late, early) {
            (Some(late), Some(early)) => late.unix > early.unix,
            _ => true,
        };
        let is_late = |moment: Option<Moment>| moment.is_some_and(|moment| moment.unix > LATEST);
        let wrong = if [self.not_before, self.starts_at, self.ends_at].into_iter().any(is_late) {
            "the meeting is planned for after the year 9999; give an earlier time"
        } else if self.ends_at.is_some_and(|end| end.at <= now) {
            "`ends_at` has passed; give a later time"
        } else if !is_after(self.ends_at, self.starts_at) {
            "`ends_at` is not after `starts_at`; give a later one"
        } else if !is_after(self.ends_at, self.not_before) {
            "`ends_at` is not after `not_before`; give a later one"
        } else {
            return Ok(());
        };
        Err(Refusal::new(Code::InvalidParameter, wrong))
    }

    pub(super) fn opens_later(&self, now: Instant) -> Option<Instant> {
        self.not_before.map(|opening| opening.at).filter(|opening| *opening > now)
    }
}

impl Meeting {
    /// When it is.
    #[must_use]
    pub const fn schedule(&self) -> &Schedule {
        &self.settings.schedule
    }

    /// The clock was set: the same times of day are at other moments.
    pub fn follow_clock(&mut self, moment: impl Fn(Duration) -> Moment, now: Instant) {
        let Schedule { not_before, starts_at, ends_at } = &mut self.settings.schedule;
        for planned in [not_before, starts_at, ends_at].into_iter().flatten() {
            *planned = moment(planned.unix);
        }
        self.settle(now);
    }

    /// It is at another time.
    pub(super) fn reschedule(&mut self, by: By, schedule: Schedule, now: Instant) -> Result<(), Refusal> {
        self.moderator(by, "change when the meeting is")?;
        schedule.check(now)?;
        let before = std::mem::replace(&mut self.settings.schedule, schedule);
        if before != schedule {
            self.history.push(Event::Rescheduled { schedule });
        }
        Ok(())
    }

    /// When it ends by itself, as things are.
    pub(super) fn end_deadline(&self) -> Option<Instant> {
        if self.is_over() {
            return None;
        }
        let Schedule { starts_at, ends_at, .. } = self.settings.schedule;
        let end = ends_at.map(|end| end.at);
        let idle = match (self.life, self.settings.idle_timeout) {
            (Life::Empty { since, is_new }, Some(timeout)) if !(self.settings.standing && is_new) => {
                Some(starts_at.map_or(since, |start| since.max(start.at)) + timeout)
            }
            _ => None,
        };
        end.or(idle)
    }
}
