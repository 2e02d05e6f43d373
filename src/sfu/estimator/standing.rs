//! How long packets wait in the path's queues, beyond the shortest way that was seen: a full queue does not grow, and
//! still is one.

use std::collections::VecDeque;
use std::time::Duration;

/// The shortest way is that of so many spans of time; clocks drift apart by less than a millisecond meanwhile.
const SPANS: usize = 3;
const SPAN_US: i64 = 10_000_000;

/// What stands is still there after this time; what a burst or a whim of the path makes wait is not.
const LATELY_US: i64 = 250_000;

/// The shortest ways, by span, and the shortest of the last report.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// When the span began, and the shortest way in it: from our clock to the receiver's, in microseconds.
    spans: Vec<(i64, i64)>,
    latest_us: Option<i64>,
    /// When packets were sent lately, and their ways: those that no later one undercuts, so the first is the shortest.
    lately: VecDeque<(i64, i64)>,
}

impl Standing {
    /// A report begins.
    pub(super) const fn begin(&mut self) {
        self.latest_us = None;
    }

    pub(super) fn push(&mut self, sent_us: i64, arrived_us: i64) {
        let way_us = arrived_us - sent_us;
        self.latest_us = Some(self.latest_us.map_or(way_us, |latest| latest.min(way_us)));
        while self.lately.back().is_some_and(|(_, way)| *way >= way_us) {
            self.lately.pop_back();
        }
        self.lately.push_back((sent_us, way_us));
        while self.lately.front().is_some_and(|(at, _)| sent_us - at > LATELY_US) {
            self.lately.pop_front();
        }
        match self.spans.last_mut() {
            Some((began, shortest)) if sent_us - *began < SPAN_US => *shortest = way_us.min(*shortest),
            _ => {
                if self.spans.len() == SPANS {
                    self.spans.remove(0);
                }
                self.spans.push((sent_us, way_us));
            }
        }
    }

    /// The shortest way lately, from our clock to the receiver's, in microseconds.
    pub(super) fn shortest_us(&self) -> Option<i64> {
        self.spans.iter().map(|(_, shortest)| *shortest).min()
    }

    /// How long every packet waited lately.
    pub(super) fn lately(&self) -> Duration {
        let waited =
            self.lately.front().zip(self.shortest_us()).map_or(0, |((_, way), shortest)| way - shortest);
        Duration::from_micros(waited.unsigned_abs())
    }

    /// How long the packets of the last report waited at least.
    pub(super) fn delay(&self) -> Duration {
        let waited = self.latest_us.zip(self.shortest_us()).map_or(0, |(latest, shortest)| latest - shortest);
        Duration::from_micros(waited.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_stands_whatever_the_clocks_say() {
        for offset in [-5_000_000, 0, 7_000_000] {
            let mut standing = Standing::default();
            let mut delays = Vec::new();
            for at in 0..100_i64 {
                let queued = if at < 50 { 0 } else { 200_000 };
                standing.begin();
                standing.push(at * 20_000, at * 20_000 + 15_000 + offset + queued);
                delays.push(standing.delay().as_millis());
            }
            assert_eq!((delays[49], delays[50], delays[99]), (0, 200, 200));
        }
    }

    #[test]
    fn what_one_packet_in_ten_does_not_wait_for_does_not_stand() {
        let mut standing = Standing::default();
        let way_us = |at: i64| if at % 10 == 0 { 15_000 } else { 75_000 };
        for at in 0..100_i64 {
            standing.push(at * 20_000, at * 20_000 + way_us(at));
            assert_eq!(standing.lately(), Duration::ZERO, "{at}");
        }
        for at in 100..113_i64 {
            standing.push(at * 20_000, at * 20_000 + 75_000);
        }
        assert_eq!(standing.lately(), Duration::from_millis(60));
    }

    #[test]
    fn a_way_that_became_longer_for_good_is_the_shortest_after_a_while() {
        let mut standing = Standing::default();
        for at in 0..3000_i64 {
            standing.begin();
            standing.push(at * 20_000, at * 20_000 + if at < 100 { 10_000 } else { 60_000 });
        }
        assert_eq!(standing.delay(), Duration::ZERO);
    }
}
