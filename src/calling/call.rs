//! One call and its legs: who is rung, who is in, and what has come of it.
//!
//! ```text
//!  a leg    caller ──▶ ┌─────────┐
//!                      │ calling │ ───────────────────────────┐ somebody accepts
//!                      └─────────┘                            ▼
//!                      ┌─────────┐       Accept          ┌─────────┐    Arrived    ┌────┐
//!           callee ──▶ │ ringing │ ────────────────────▶ │ joining │ ────────────▶ │ in │
//!                      └────┬────┘                       └────┬────┘               └─┬──┘
//!                           │ Decline, ring_for,              │ join_within,         │ HangUp, Departed
//!                           ▼ the caller hangs up             ▼ HangUp               ▼
//!                         over                              over                   over
//!
//!  a call   ringing ── somebody accepts ──▶ talking ── fewer than two are left ──▶ ended
//!              └── nobody is rung any more, the caller hangs up or is lost ──────▶ ended
//! ```
//! Who rings from a meeting is `in` from the start, and the call is over when nobody whom it has brought is left.

use std::time::Instant;

use super::words::{CallId, DeviceId, Media, Ring, UserId};

/// The most people of one call, all who ever were rung counted.
pub const LEGS_MAX: usize = 50;

/// How a leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegState {
    /// Hears the ring-back; the caller, until somebody accepts.
    Calling,
    /// Is rung until that time.
    Ringing {
        /// When it stops by itself.
        until: Instant,
        /// Is in another call: shown and heard once, not rung on and on.
        knock: bool,
    },
    /// Has accepted, or is the caller of whom somebody has; is awaited in the meeting until that time.
    Joining {
        /// When it counts as lost.
        until: Instant,
    },
    /// Is in the meeting.
    In,
    /// Has no part in the call any more.
    Over(LegEnd),
}

/// Why a leg is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LegEnd {
    /// Was in, and has left or hung up, or the call has ended.
    Left,
    /// Has taken another call.
    Moved,
    /// Did not want to.
    Declined,
    /// Did not answer in time.
    NoAnswer,
    /// The call was taken back, or has ended, before an answer came.
    Cancelled,
    /// Was in another call.
    Busy,
    /// Did not want to be disturbed.
    DoNotDisturb,
    /// Was not heard of any more.
    Lost,
}

impl LegEnd {
    /// Whether somebody has rung in vain, and shall be told of it.
    #[must_use]
    pub const fn is_missed(self) -> bool {
        matches!(self, Self::NoAnswer | Self::Cancelled | Self::Busy | Self::DoNotDisturb)
    }
}

/// The part of one user in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// Whose.
    pub user: UserId,
    /// Who has rung them; `None`: the caller.
    pub by: Option<UserId>,
    /// The device that called, accepted or declined.
    pub device: Option<DeviceId>,
    /// How it stands.
    pub state: LegState,
}

impl Leg {
    /// Whether it takes part, or is about to.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.state, LegState::Calling | LegState::Joining { .. } | LegState::In)
    }

    /// Whether it is rung.
    #[must_use]
    pub const fn is_ringing(&self) -> bool {
        matches!(self.state, LegState::Ringing { .. })
    }

    /// Whether it is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, LegState::Over(_))
    }

    /// When it ends by itself.
    pub(super) const fn due(&self) -> Option<Instant> {
        match self.state {
            LegState::Ringing { until, .. } | LegState::Joining { until } => Some(until),
            LegState::Calling | LegState::In | LegState::Over(_) => None,
        }
    }
}

/// What has come of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallEnd {
    /// It was answered, and those in it have hung up.
    Finished,
    /// The caller has taken it back.
    Cancelled,
    /// Everybody declined.
    Declined,
    /// Nobody answered in time.
    NoAnswer,
    /// Everybody was in another call.
    Busy,
    /// Nobody wanted to be disturbed.
    DoNotDisturb,
    /// The caller, or somebody that was talked with, was not heard of any more.
    Lost,
}

/// A call: an invitation that is rung; answered, a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which.
    pub id: CallId,
    /// Who has begun it.
    pub caller: UserId,
    /// What it carries.
    pub media: Media,
    /// The others are rung into a meeting in which the caller is already; it does not end with the call.
    pub into_meeting: bool,
    /// Everybody who has, or had, a part in it; the caller first. At most [`LEGS_MAX`].
    pub legs: Vec<Leg>,
    /// When it began.
    pub began: Instant,
    /// When it was first answered.
    pub answered: Option<Instant>,
    /// When the appliance stopped in the middle of it, until somebody is back.
    pub interrupted: Option<Instant>,
    /// When and how it has ended.
    pub ended: Option<(Instant, CallEnd)>,
}

impl Call {
    pub(super) fn new(ring: &Ring, now: Instant) -> Self {
        let Ring { call: id, caller, device, media, into_meeting, .. } = *ring;
        let state = if into_meeting { LegState::In } else { LegState::Calling };
        let legs = vec![Leg { user: caller, by: None, device: Some(device), state }];
        let (began, answered, interrupted, ended) = (now, None, None, None);
        Self { id, caller, media, into_meeting, legs, began, answered, interrupted, ended }
    }

    /// The part that somebody has in it.
    #[must_use]
    pub fn leg(&self, user: UserId) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.user == user)
    }

    pub(super) fn leg_mut(&mut self, user: UserId) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.user == user)
    }

    /// Whether it goes on no longer.
    pub(super) fn is_idle(&self) -> bool {
        if self.into_meeting {
            return self.legs.iter().all(|leg| leg.by.is_none() || leg.is_over());
        }
        let live = self.legs.iter().filter(|leg| leg.is_live()).count();
        let ringing = self.legs.iter().filter(|leg| leg.is_ringing()).count();
        live == 0 || live + ringing < 2
    }

    /// What has come of it, by how its legs have ended; `last` is the end that has ended it.
    pub(super) fn outcome(&self, last: LegEnd) -> CallEnd {
        let caller = self.leg(self.caller).map(|leg| leg.state);
        let has = |wanted: LegEnd| {
            self.legs.iter().any(|leg| leg.by.is_some() && leg.state == LegState::Over(wanted))
        };
        match () {
            () if self.answered.is_some() && last == LegEnd::Lost => CallEnd::Lost,
            () if self.answered.is_some() => CallEnd::Finished,
            () if caller == Some(LegState::Over(LegEnd::Lost)) => CallEnd::Lost,
            () if caller.is_some_and(|state| matches!(state, LegState::Over(_))) => CallEnd::Cancelled,
            () if has(LegEnd::NoAnswer) => CallEnd::NoAnswer,
            () if has(LegEnd::Declined) => CallEnd::Declined,
            () if has(LegEnd::Busy) => CallEnd::Busy,
            () if has(LegEnd::DoNotDisturb) => CallEnd::DoNotDisturb,
            () => CallEnd::NoAnswer,
        }
    }
}
