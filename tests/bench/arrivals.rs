//! What arrived at one fake participant in a window, and what it sent itself.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::player::{Flow, micros, stamp};

/// Larger delays are no delays: the payload has no stamp.
const DELAY_MAX_US: u64 = 60_000_000;

/// Counts of a window. Packets that belong together have a key in common, and count up by one.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    flows: HashMap<u32, Counted>,
    /// From before encryption at the sender until the receiver's kernel took it, in microseconds; stamped
    /// packets alone.
    pub(crate) delays_us: Vec<u32>,
    /// The same until after decryption: the generator's own work is in it.
    pub(crate) delays_decrypted_us: Vec<u32>,
    pub(crate) bytes: u64,
    /// Packets that it sent itself, by [`Flow::index`].
    pub(crate) sent: [u64; Flow::COUNT],
    /// What its socket dropped because the generator did not come in time.
    pub(crate) dropped: u32,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    /// The last number before the window.
    base: u64,
    last: u64,
    count: u64,
}

/// When a packet was taken by the kernel, and when it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) epoch: Instant,
    pub(crate) now: Instant,
    /// From the kernel to `now`.
    pub(crate) waited: Duration,
}

impl Arrivals {
    /// Packets that arrived.
    pub(crate) fn packets(&self) -> u64 {
        self.flows.values().map(|flow| flow.count).sum()
    }

    /// Numbers of the window that were left out for good.
    pub(crate) fn lost(&self) -> u64 {
        self.flows.values().map(|flow| (flow.last - flow.base).saturating_sub(flow.count)).sum()
    }

    /// A packet has arrived.
    pub(crate) fn count(&mut self, key: u32, number: u64, payload: &[u8], times: Times) {
        let first = Counted { base: number.saturating_sub(1), last: number, count: 0 };
        let flow = self.flows.entry(key).or_insert(first);
        flow.last = flow.last.max(number);
        flow.count += 1;
        self.bytes += payload.len() as u64;
        if let Some(sent) = stamp(payload) {
            self.note_delay(sent, times);
        }
    }

    fn note_delay(&mut self, sent: u64, times: Times) {
        let now = micros(times.epoch, times.now);
        let waited = u64::try_from(times.waited.as_micros()).unwrap_or(u64::MAX);
        if let Some(all) = now.checked_sub(sent).filter(|all| *all < DELAY_MAX_US) {
            self.delays_decrypted_us.extend(u32::try_from(all));
            self.delays_us.extend(u32::try_from(all.saturating_sub(waited)));
        }
    }

    /// Hands over this window and begins the next one: what is missing between the two counts in it.
    pub(crate) fn turn(&mut self) -> Self {
        let next = |flow: &Counted| Counted { base: flow.last, last: flow.last, count: 0 };
        let flows = self.flows.iter().map(|(key, flow)| (*key, next(flow))).collect();
        std::mem::replace(self, Self { flows, ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn times(now_us: u64, waited_us: u64) -> Times {
        let epoch = Instant::now();
        Times { epoch, now: epoch + Duration::from_micros(now_us), waited: Duration::from_micros(waited_us) }
    }

    #[test]
    fn a_gap_is_lost_also_between_two_windows() {
        let mut arrivals = Arrivals::default();
        for number in [7, 8, 10] {
            arrivals.count(1, number, &[], times(0, 0));
        }
        let first = arrivals.turn();
        assert_eq!((first.packets(), first.lost()), (3, 1));
        arrivals.count(1, 12, &[], times(0, 0));
        assert_eq!((arrivals.packets(), arrivals.lost()), (1, 1));
    }

    #[test]
    fn what_comes_late_is_not_lost() {
        let mut arrivals = Arrivals::default();
        for number in [1, 3, 2] {
            arrivals.count(9, number, &[], times(0, 0));
        }
        assert_eq!(arrivals.lost(), 0);
    }

    #[test]
    fn waiting_in_the_socket_is_no_delay() {
        let mut arrivals = Arrivals::default();
        arrivals.count(1, 1, &1_000_u64.to_be_bytes(), times(1_500, 300));
        assert_eq!((arrivals.delays_us[0], arrivals.delays_decrypted_us[0]), (200, 500));
    }

    #[test]
    fn a_payload_without_a_stamp_has_no_delay() {
        let mut arrivals = Arrivals::default();
        arrivals.count(1, 1, &[0xff; 20], times(1_500, 300));
        assert_eq!((arrivals.packets(), arrivals.delays_us.len()), (1, 0));
    }
}
