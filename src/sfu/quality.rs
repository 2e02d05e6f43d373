//! How good a peer's way is, up and down, as one number each: from loss, delay and what has to be left out.
//!
//! | grade | people notice | lost, at most | there and back, at most | of what is wanted, shown at least |
//! | --- | --- | --- | --- | --- |
//! | 5 | nothing | 1 % | 150 ms | 95 % |
//! | 4 | hardly anything | 3 % | 300 ms | 60 % |
//! | 3 | smaller pictures, a pause now and then | 8 % | 500 ms | 30 % |
//! | 2 | trouble to follow | 20 % | 1 s | 10 % |
//! | 1 | it is hardly of use | | | |
//! | 0 | the way is lost | | | |
//!
//! The worst of the three counts. Worse is told at once, better only when it has lasted.

use std::time::{Duration, Instant};

use crate::sfu::WayReport;

/// How often it is judged.
const EVERY: Duration = Duration::from_secs(2);
/// How long it must have been better.
const BETTER_AFTER: Duration = Duration::from_secs(4);
/// Fewer packets than this say nothing about loss.
const PACKETS: u64 = 20;

/// Row by row for 5 to 2: loss, round trip, share shown.
const GRADES: [(f64, Duration, f64); 4] = [
    (0.01, Duration::from_millis(150), 0.95),
    (0.03, Duration::from_millis(300), 0.6),
    (0.08, Duration::from_millis(500), 0.3),
    (0.2, Duration::from_secs(1), 0.1),
];
const BEST: u8 = 5;

/// What arrived and what did not, since it was last looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) arrived: u64,
    pub(super) lost: u64,
}

impl Tally {
    /// The share that was lost, if enough is known.
    fn loss(self) -> Option<f64> {
        let all = self.arrived + self.lost;
        (all >= PACKETS).then(|| self.lost as f64 / all as f64)
    }
}

/// What a judgement is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) is_there: bool,
    pub(super) up: Tally,
    pub(super) down: Tally,
    pub(super) round_trip: Option<Duration>,
    /// Of the bits that would be shown with all the bandwidth in the world, what is shown: 0 to 1.
    pub(super) shown: f64,
}

/// Both grades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grades {
    pub(super) up: u8,
    pub(super) down: u8,
}

/// What was told of one peer.
#[derive(Debug)]
pub(super) struct Quality {
    up: Steady,
    down: Steady,
    due: Instant,
    told: Grades,
    /// What was lost last, up and down.
    losses: (Option<f64>, Option<f64>),
}

impl Quality {
    pub(super) fn new(now: Instant) -> Self {
        let best = Grades { up: BEST, down: BEST };
        Self {
            up: Steady::new(BEST),
            down: Steady::new(BEST),
            due: now + EVERY,
            told: best,
            losses: (None, None),
        }
    }

    /// Whether it is time to judge.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// What was judged last.
    pub(super) const fn report(&self) -> WayReport {
        let (Grades { up, down }, (up_loss, down_loss)) = (self.told, self.losses);
        WayReport { up_grade: up, down_grade: down, up_loss, down_loss }
    }

    /// Judges; returns what is to be told if it has changed.
    pub(super) fn judge(&mut self, measured: &Measured, now: Instant) -> Option<Grades> {
        self.due = now + EVERY;
        self.losses = (measured.up.loss(), measured.down.loss());
        let grades = if measured.is_there {
            Grades {
                up: grade(measured.up.loss(), measured.round_trip, 1.0),
                down: grade(measured.down.loss(), measured.round_trip, measured.shown),
            }
        } else {
            Grades { up: 0, down: 0 }
        };
        let grades = Grades { up: self.up.take(grades.up, now), down: self.down.take(grades.down, now) };
        (std::mem::replace(&mut self.told, grades) != grades).then_some(grades)
    }
}

fn grade(loss: Option<f64>, round_trip: Option<Duration>, shown: f64) -> u8 {
    let holds = |(most_loss, most_delay, least_shown): &(f64, Duration, f64)| {
        loss.is_none_or(|loss| loss <= *most_loss)
            && round_trip.is_none_or(|delay| delay <= *most_delay)
            && shown >= *least_shown
    };
    GRADES.iter().position(holds).map_or(1, |row| BEST - row as u8)
}

/// Down at once, up after a while.
#[derive(Debug)]
struct Steady {
    grade: u8,
    /// Since when it has been better, and the least that it was then.
    better: Option<(Instant, u8)>,
}

impl Steady {
    const fn new(grade: u8) -> Self {
        Self { grade, better: None }
    }

    fn take(&mut self, grade: u8, now: Instant) -> u8 {
        if grade <= self.grade {
            (self.grade, self.better) = (grade, None);
            return grade;
        }
        let (since, least) = self.better.map_or((now, grade), |(since, least)| (since, least.min(grade)));
        self.better = Some((since, least));
        if now.saturating_duration_since(since) >= BETTER_AFTER {
            (self.grade, self.better) = (least, None);
        }
        self.grade
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn measured(lost_of_100: u64, round_trip_ms: u64, shown: f64) -> Measured {
        Measured {
            is_there: true,
            up: Tally { arrived: 100, lost: 0 },
            down: Tally { arrived: 100 - lost_of_100, lost: lost_of_100 },
            round_trip: Some(Duration::from_millis(round_trip_ms)),
            shown,
        }
    }

    fn down_of(measured: Measured) -> u8 {
        let mut quality = Quality::new(origin());
        quality.judge(&measured, origin()).map_or(BEST, |grades| grades.down)
    }

    #[test]
    fn the_worst_of_loss_delay_and_what_is_left_out_counts() {
        let table = [
            (0, 20, 1.0, 5),
            (1, 150, 0.95, 5),
            (2, 20, 1.0, 4),
            (0, 200, 1.0, 4),
            (0, 20, 0.8, 4),
            (5, 20, 1.0, 3),
            (0, 20, 0.3, 3),
            (15, 20, 1.0, 2),
            (0, 900, 1.0, 2),
            (30, 20, 1.0, 1),
            (0, 20, 0.0, 1),
        ];
        for (lost, delay, shown, grade) in table {
            assert_eq!(down_of(measured(lost, delay, shown)), grade, "{lost} %, {delay} ms, {shown}");
        }
    }

    #[test]
    fn what_comes_up_and_what_goes_down_are_graded_apart() {
        let mut quality = Quality::new(origin());
        let bad_up = Measured { up: Tally { arrived: 70, lost: 30 }, ..measured(0, 20, 1.0) };
        assert_eq!(quality.judge(&bad_up, origin()), Some(Grades { up: 1, down: 5 }));
    }

    #[test]
    fn a_few_packets_say_nothing_and_a_lost_way_says_it_all() {
        let few = Measured { down: Tally { arrived: 10, lost: 9 }, ..measured(0, 20, 1.0) };
        assert_eq!(down_of(few), 5);
        let lost = Measured { is_there: false, ..measured(0, 20, 1.0) };
        assert_eq!(down_of(lost), 0);
    }

    #[test]
    fn worse_is_told_at_once_and_better_when_it_has_lasted() {
        let mut quality = Quality::new(origin());
        let mut told = Vec::new();
        for (at_s, lost) in [(0, 0), (2, 30), (4, 30), (6, 5), (8, 0), (10, 0), (12, 0), (14, 0), (16, 0)] {
            let now = origin() + Duration::from_secs(at_s);
            told.extend(quality.judge(&measured(lost, 20, 1.0), now).map(|grades| (at_s, grades.down)));
        }
        assert_eq!(told, [(2, 1), (10, 3), (16, 5)]);
    }
}
