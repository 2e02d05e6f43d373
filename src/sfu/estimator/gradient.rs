//! Whether queues grow on the path: the trend of the delay between groups of packets (draft-ietf-rmcat-gcc-02, 5).

use std::collections::VecDeque;

/// Packets that left within this time are one group.
const GROUP_US: i64 = 5_000;
/// The trend is that of so many groups.
const GROUPS: usize = 20;
/// How much of the smoothed delay stays with each group.
const SMOOTHING: f64 = 0.9;
/// The trend is scaled by the number of groups, up to this many, and by a gain.
const COUNTED_MAX: u32 = 60;
const GAIN: f64 = 4.0;
/// The threshold follows the trend, up slowly and down fast, so that a rival cannot starve us.
const THRESHOLD_MS: f64 = 12.5;
const THRESHOLD_RANGE_MS: (f64, f64) = (6.0, 600.0);
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;
/// A trend so far above the threshold is a leap, not what is normal here.
const LEAP_MS: f64 = 15.0;
/// How long the trend must be above before it counts.
const OVER_MS: f64 = 10.0;
/// After a pause as long as this the delays before say nothing about those after.
const PAUSE_US: i64 = 2_000_000;

/// What the path's queues do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Usage {
    #[default]
    Normal,
    Over,
    /// They drain.
    Under,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent_us: i64,
    last_sent_us: i64,
    last_arrived_us: i64,
}

/// The trend of the delays.
#[derive(Debug)]
pub(super) struct Gradient {
    group: Option<Group>,
    before: Option<Group>,
    /// When each group arrived, and the smoothed sum of the delays until then, in ms.
    points: VecDeque<(f64, f64)>,
    first_arrived_us: i64,
    sum_ms: f64,
    smoothed_ms: f64,
    counted: u32,
    threshold_ms: f64,
    over_ms: f64,
    over_count: u32,
    trend: f64,
    usage: Usage,
}

impl Default for Gradient {
    fn default() -> Self {
        Self {
            group: None,
            before: None,
            points: VecDeque::with_capacity(GROUPS + 1),
            first_arrived_us: 0,
            sum_ms: 0.0,
            smoothed_ms: 0.0,
            counted: 0,
            threshold_ms: THRESHOLD_MS,
            over_ms: 0.0,
            over_count: 0,
            trend: 0.0,
            usage: Usage::Normal,
        }
    }
}

impl Gradient {
    pub(super) const fn usage(&self) -> Usage {
        self.usage
    }

    /// A packet that was sent and arrived, in the order of sending.
    pub(super) fn push(&mut self, sent_us: i64, arrived_us: i64) {
        let Some(group) = &mut self.group else {
            self.begin(sent_us, arrived_us);
            return;
        };
        if sent_us < group.first_sent_us {
            return;
        }
        if belongs(group, sent_us, arrived_us) {
            group.last_sent_us = group.last_sent_us.max(sent_us);
            group.last_arrived_us = group.last_arrived_us.max(arrived_us);
            return;
        }
        let done = *group;
        if let Some(before) = self.before {
            self.compare(before, done);
        }
        self.before = Some(done);
        self.begin(sent_us, arrived_us);
    }

    fn begin(&mut self, sent_us: i64, arrived_us: i64) {
        self.group =
            Some(Group { first_sent_us: sent_us, last_sent_us: sent_us, last_arrived_us: arrived_us });
    }

    fn compare(&mut self, before: Group, group: Group) {
        let sent_us = group.last_sent_us - before.last_sent_us;
        let arrived_us = group.last_arrived_us - before.last_arrived_us;
        if !(0..PAUSE_US).contains(&arrived_us) || sent_us > PAUSE_US {
            let threshold_ms = self.threshold_ms;
            *self = Self { threshold_ms, group: self.group, ..Self::default() };
            return;
        }
        if self.points.is_empty() {
            self.first_arrived_us = group.last_arrived_us;
        }
        self.counted = (self.counted + 1).min(COUNTED_MAX);
        self.sum_ms += (arrived_us - sent_us) as f64 / 1000.0;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.sum_ms;
        let at_ms = (group.last_arrived_us - self.first_arrived_us) as f64 / 1000.0;
        self.points.push_back((at_ms, self.smoothed_ms));
        if self.points.len() > GROUPS {
            self.points.pop_front();
        }
        if self.points.len() == GROUPS {
            let trend = slope(&self.points).unwrap_or(self.trend);
            self.detect(trend, sent_us as f64 / 1000.0);
        }
    }

    fn detect(&mut self, trend: f64, elapsed_ms: f64) {
        let scaled = f64::from(self.counted) * trend * GAIN;
        if scaled > self.threshold_ms {
            self.over_ms += elapsed_ms;
            self.over_count += 1;
            if self.over_ms > OVER_MS && self.over_count > 1 && trend >= self.trend {
                self.usage = Usage::Over;
                (self.over_ms, self.over_count) = (0.0, 0);
            }
        } else {
            (self.over_ms, self.over_count) = (0.0, 0);
            self.usage = if scaled < -self.threshold_ms { Usage::Under } else { Usage::Normal };
        }
        self.trend = trend;
        let size = scaled.abs();
        if size <= self.threshold_ms + LEAP_MS {
            let follow = if size < self.threshold_ms { THRESHOLD_DOWN } else { THRESHOLD_UP };
            let (least, most) = THRESHOLD_RANGE_MS;
            let moved = self.threshold_ms + follow * (size - self.threshold_ms) * elapsed_ms.min(100.0);
            self.threshold_ms = moved.clamp(least, most);
        }
    }
}

/// A burst that waited together arrives together, however long it took to leave.
fn belongs(group: &Group, sent_us: i64, arrived_us: i64) -> bool {
    if sent_us - group.first_sent_us <= GROUP_US {
        return true;
    }
    let apart_us = arrived_us - group.last_arrived_us;
    let catches_up = apart_us - (sent_us - group.last_sent_us) < 0;
    catches_up && apart_us <= GROUP_US
}

/// Least squares; `None` of points that have one time.
fn slope(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (x, y) = (x / count, y / count);
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), point| {
        (above + (point.0 - x) * (point.1 - y), below + (point.0 - x).powi(2))
    });
    (below > 0.0).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet every 20 ms; `delay_us` tells how long the nth takes.
    fn usages(delay_us: impl Fn(i64) -> i64) -> Vec<Usage> {
        let mut gradient = Gradient::default();
        let send = |at: i64| {
            gradient.push(at * 20_000, at * 20_000 + 30_000 + delay_us(at));
            gradient.usage()
        };
        (0..200).map(send).collect()
    }

    #[test]
    fn a_constant_delay_is_normal() {
        assert!(usages(|_| 0).iter().all(|usage| *usage == Usage::Normal));
    }

    #[test]
    fn a_little_jitter_is_normal() {
        assert!(usages(|at| at * 7919 % 5 * 1000).iter().all(|usage| *usage == Usage::Normal));
    }

    #[test]
    fn a_queue_that_grows_is_overuse_and_one_that_drains_is_not() {
        let usages =
            usages(|at| if at < 100 { at.max(50) * 4000 } else { (100 - (at - 100).min(50)) * 4000 });
        assert!(usages[50..100].contains(&Usage::Over));
        assert!(usages[110..150].contains(&Usage::Under));
    }

    #[test]
    fn after_a_pause_it_begins_anew() {
        let mut gradient = Gradient::default();
        for at in 0..40 {
            gradient.push(at * 20_000, at * 30_000);
        }
        assert_eq!(gradient.usage(), Usage::Over);
        for at in 0..3 {
            gradient.push(10_000_000 + at * 20_000, 90_000_000 + at * 20_000);
        }
        assert_eq!(gradient.usage(), Usage::Normal);
    }
}
