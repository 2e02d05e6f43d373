//! What the path carries while it is full: a packet that was already waiting when the one before it arrived took as
//! long as the path needs for it.

use std::collections::VecDeque;

const WINDOW_US: i64 = 1_000_000;
/// So many packets, and so long a time, tell something.
const PACKETS: usize = 6;
const SHORTEST_US: i64 = 10_000;
/// The most that are remembered: those of the window at 50 Mbit/s, whatever clock the receiver tells of.
const PACKETS_MAX: usize = 4096;

/// A packet that had to wait.
#[derive(Debug, Clone, Copy)]
struct Step {
    at_us: i64,
    bytes: u32,
    took_us: i64,
}

/// The packets that had to wait lately.
#[derive(Debug, Default)]
pub(super) struct Busy {
    steps: VecDeque<Step>,
    bytes: u64,
    took_us: i64,
    last_arrived_us: Option<i64>,
}

impl Busy {
    /// A packet that was sent and arrived, in the order of sending; `shortest_us` is the shortest way from our clock
    /// to the receiver's.
    pub(super) fn push(&mut self, sent_us: i64, arrived_us: i64, shortest_us: i64, bytes: u32) {
        let before = self.last_arrived_us.replace(arrived_us);
        if let Some(before) =
            before.filter(|before| sent_us + shortest_us <= *before && *before <= arrived_us)
        {
            let step = Step { at_us: arrived_us, bytes, took_us: arrived_us - before };
            self.bytes += u64::from(bytes);
            self.took_us += step.took_us;
            self.steps.push_back(step);
        }
        while let Some(oldest) = self.steps.front().copied()
            && (arrived_us - oldest.at_us > WINDOW_US || self.steps.len() > PACKETS_MAX)
        {
            self.steps.pop_front();
            self.bytes -= u64::from(oldest.bytes);
            self.took_us -= oldest.took_us;
        }
    }

    /// In bits per second; `None` where the path was hardly ever full.
    pub(super) fn bps(&self) -> Option<f64> {
        let is_enough = self.steps.len() >= PACKETS && self.took_us >= SHORTEST_US;
        is_enough.then(|| self.bytes as f64 * 8e6 / self.took_us as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY_US: i64 = 20_000;
    const BYTES: u32 = 1200;

    /// Bursts of five packets at intervals through a path that needs `took_us` for each; the rate in bits per second.
    fn rate_of(took_us: i64, every_us: i64, offset_us: i64) -> Option<f64> {
        let mut busy = Busy::default();
        let mut free_at = 0;
        for sent_us in (0..40).flat_map(|burst| [burst * every_us; 5]) {
            free_at = free_at.max(sent_us) + took_us;
            busy.push(sent_us, free_at + WAY_US + offset_us, WAY_US + offset_us, BYTES);
        }
        busy.bps()
    }

    #[test]
    fn a_path_that_is_full_now_and_then_has_its_rate_whatever_the_clocks_say() {
        for offset_us in [-7_000_000, 0, 7_000_000] {
            // 9600 bits in 16 ms; half the time there is nothing to do.
            let bps = rate_of(16_000, 160_000, offset_us).expect("enough");
            assert!((bps - 600_000.0).abs() < 1.0, "{bps}");
        }
    }

    #[test]
    fn what_never_waits_tells_nothing() {
        let mut busy = Busy::default();
        for at in 0..1000 {
            busy.push(at * 10_000, at * 10_000 + WAY_US, WAY_US, BYTES);
        }
        assert_eq!(busy.bps(), None);
    }

    #[test]
    fn what_is_long_ago_does_not_count() {
        let mut busy = Busy::default();
        for at in 0..10 {
            busy.push(0, WAY_US + at * 20_000, WAY_US, BYTES);
        }
        assert!(busy.bps().is_some());
        busy.push(3_000_000, 3_000_000 + WAY_US, WAY_US, BYTES);
        assert_eq!((busy.bps(), busy.bytes, busy.took_us), (None, 0, 0));
    }

    #[test]
    fn a_clock_that_runs_back_or_stands_fills_nothing_up() {
        let mut busy = Busy::default();
        for at in 0..100_000 {
            busy.push(-at, -at, 0, BYTES);
            busy.push(-at, -at, 0, BYTES);
        }
        assert!(busy.steps.len() <= PACKETS_MAX);
    }
}
