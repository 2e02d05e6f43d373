//! The numbered deltas of a meeting: what is yet to be told, and what a returning participant has missed.

use std::collections::VecDeque;

use super::Event;

/// The most deltas kept for participants that return; the oldest is dropped.
pub const DELTAS_MAX: usize = 1024;

/// The most deltas that may wait for [`Meeting::poll_event`](super::Meeting::poll_event) before commands
/// are refused with `busy`. A timeout adds at most one per participant on top.
pub(super) const UNPOLLED_MAX: usize = 1024;

/// An event and its number: 1 for the first of a meeting, then without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// The number.
    pub seq: u64,
    /// The change.
    pub event: Event,
}

/// The last deltas, the oldest first: first those that were polled, then those that were not.
#[derive(Debug, Default)]
pub(super) struct History {
    deltas: VecDeque<Numbered>,
    last_seq: u64,
    polled_seq: u64,
}

impl History {
    pub(super) fn push(&mut self, event: Event) {
        self.last_seq += 1;
        self.deltas.push_back(Numbered { seq: self.last_seq, event });
        self.forget_old();
    }

    pub(super) fn poll(&mut self) -> Option<Numbered> {
        let index = self.deltas.len().checked_sub(self.unpolled())?;
        let next = self.deltas.get(index)?.clone();
        self.polled_seq = next.seq;
        self.forget_old();
        Some(next)
    }

    /// The number of the last event, 0 before the first.
    pub(super) const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// How many events wait to be polled.
    pub(super) fn unpolled(&self) -> usize {
        usize::try_from(self.last_seq - self.polled_seq).unwrap_or(usize::MAX)
    }

    /// What came after the event numbered `seq`; `None` when some of it is no longer known, or when there
    /// never was such an event.
    pub(super) fn since(&self, seq: u64) -> Option<Vec<Numbered>> {
        let missed = usize::try_from(self.last_seq.checked_sub(seq)?).ok()?;
        let first = self.deltas.len().checked_sub(missed)?;
        Some(self.deltas.range(first..).cloned().collect())
    }

    /// Drops the oldest beyond the limit, but none that nobody has polled yet.
    fn forget_old(&mut self) {
        while self.deltas.len() > DELTAS_MAX.max(self.unpolled()) {
            self.deltas.pop_front();
        }
    }
}
