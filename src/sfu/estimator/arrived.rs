//! How much arrives: the bits of the last half second, on the receiver's clock.

use std::collections::VecDeque;

const WINDOW_US: i64 = 500_000;
/// The most packets that are remembered: those of the window at 100 Mbit/s, whatever clock the receiver tells of.
const PACKETS_MAX: usize = 8192;
/// Less than this tells nothing.
const SHORTEST_US: i64 = 150_000;

/// What arrived lately.
#[derive(Debug, Default)]
pub(super) struct ArrivedRate {
    packets: VecDeque<(i64, u32)>,
    bytes: u64,
}

impl ArrivedRate {
    pub(super) fn push(&mut self, at_us: i64, bytes: u32) {
        self.packets.push_back((at_us, bytes));
        self.bytes += u64::from(bytes);
        while let Some((oldest, bytes)) = self.packets.front().copied()
            && (at_us - oldest > WINDOW_US || self.packets.len() > PACKETS_MAX)
        {
            self.packets.pop_front();
            self.bytes -= u64::from(bytes);
        }
    }

    /// `None` until enough was seen.
    pub(super) fn bps(&self) -> Option<f64> {
        let (oldest, first) = self.packets.front()?;
        let (newest, _) = self.packets.back()?;
        let span = newest - oldest;
        // The first packet arrived before the span began.
        (span >= SHORTEST_US).then(|| (self.bytes - u64::from(*first)) as f64 * 8e6 / span as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_has_its_rate_and_old_packets_do_not_count() {
        let mut rate = ArrivedRate::default();
        for at in 0..100 {
            rate.push(at * 10_000, 2500);
        }
        for at in 100..160 {
            rate.push(at * 10_000, 1250);
        }
        let bps = rate.bps().expect("enough");
        assert!((bps - 1_000_000.0).abs() < 1.0, "{bps}");
    }

    #[test]
    fn a_clock_that_runs_back_fills_nothing_up() {
        let mut rate = ArrivedRate::default();
        for at in 0..100_000 {
            rate.push(-at, 1200);
        }
        assert_eq!((rate.packets.len(), rate.bytes), (PACKETS_MAX, 1200 * PACKETS_MAX as u64));
    }

    #[test]
    fn a_single_burst_tells_nothing() {
        let mut rate = ArrivedRate::default();
        for at in 0..20 {
            rate.push(at * 100, 1200);
        }
        assert_eq!(rate.bps(), None);
    }
}
