//! The estimator over a path with one queue, in virtual time.

use super::*;

const FEEDBACK: Duration = Duration::from_millis(50);
const STEP: Duration = Duration::from_millis(5);
const PACKET_BYTES: usize = 1200;
/// What the queue holds, in time at the path's rate: more is dropped.
const QUEUE: Duration = Duration::from_millis(300);

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
fn origin() -> Instant {
    Instant::now()
}

/// A sender, the path and the receiver.
struct Path {
    began: Instant,
    now: Instant,
    estimator: Estimator,
    rate_bps: f64,
    delay: Duration,
    /// One in so many packets is lost at random.
    loses_one_in: Option<u64>,
    answers: bool,
    free_at: Instant,
    random: u64,
    owed_bytes: f64,
    reported_at: Instant,
    /// Number and time of arrival, reported or not.
    arrived: VecDeque<(Instant, u16, Option<i64>)>,
}

impl Path {
    fn new(start_bps: u64, rate_bps: f64) -> Self {
        let began = origin();
        Self {
            began,
            now: began,
            estimator: Estimator::new(start_bps, began),
            rate_bps,
            delay: Duration::from_millis(20),
            loses_one_in: None,
            answers: true,
            free_at: began,
            random: 0x9e37_79b9_7f4a_7c15,
            owed_bytes: 0.0,
            reported_at: began,
            arrived: VecDeque::new(),
        }
    }

    fn send(&mut self, bytes: usize) {
        let number = self.estimator.on_sent(bytes, self.now);
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let waits = self.free_at.saturating_duration_since(self.now);
        let is_lost = waits > QUEUE || self.loses_one_in.is_some_and(|of| self.random.is_multiple_of(of));
        if is_lost {
            self.arrived.push_back((self.now + self.delay * 2, number, None));
            return;
        }
        self.free_at =
            self.free_at.max(self.now) + Duration::from_secs_f64(bytes as f64 * 8.0 / self.rate_bps);
        let at = self.free_at + self.delay;
        let at_us = (at - self.began).as_micros() as i64;
        self.arrived.push_back((at + self.delay, number, Some(at_us)));
    }

    /// Sends as much as the estimate allows, up to what there is.
    fn run(&mut self, time: Duration, wanted_bps: u64) -> u64 {
        self.estimator.want(wanted_bps);
        let until = self.now + time;
        while self.now < until {
            self.now += STEP;
            let bps = self.estimator.bps().min(wanted_bps) as f64;
            self.owed_bytes += bps / 8.0 * STEP.as_secs_f64();
            while self.owed_bytes >= PACKET_BYTES as f64 {
                self.owed_bytes -= PACKET_BYTES as f64;
                self.send(PACKET_BYTES);
            }
            self.estimator.tick(self.now);
            while self.estimator.padding(self.now) > 0 {
                self.send(PACKET_BYTES);
            }
            if self.now - self.reported_at >= FEEDBACK {
                self.reported_at = self.now;
                self.report();
            }
        }
        self.estimator.bps()
    }

    fn report(&mut self) {
        let mut told: Vec<Arrival> = Vec::new();
        while let Some((_, number, at_us)) = self.arrived.front().copied().filter(|(at, ..)| *at <= self.now)
        {
            self.arrived.pop_front();
            told.push(Arrival { number, at_us });
        }
        if self.answers {
            self.estimator.on_round_trip(self.delay * 2);
            self.estimator.on_arrivals(told.into_iter(), self.now);
        }
    }

    /// How long it takes until the estimate fits, in whole tenths of a second.
    fn seconds_until(&mut self, fits: impl Fn(u64) -> bool, wanted_bps: u64, at_most_s: u32) -> f64 {
        for tenth in 0..at_most_s * 10 {
            if fits(self.run(Duration::from_millis(100), wanted_bps)) {
                return f64::from(tenth + 1) / 10.0;
            }
        }
        panic!("{} bit/s after {at_most_s} s", self.estimator.bps());
    }
}

const WANTED: u64 = 4_000_000;

#[test]
fn on_a_wide_path_everything_wanted_is_allowed_from_the_start() {
    let mut path = Path::new(10_000_000, 100e6);
    for _ in 0..100 {
        let bps = path.run(Duration::from_millis(300), WANTED);
        assert!(bps >= WANTED, "{bps}");
    }
}

#[test]
fn a_path_that_becomes_narrow_is_followed_within_three_seconds() {
    let mut path = Path::new(10_000_000, 20e6);
    path.run(Duration::from_secs(10), WANTED);
    path.rate_bps = 500e3;
    let took = path.seconds_until(|bps| bps <= 550_000, WANTED, 3);
    assert!(took <= 3.0);
    let mut sum = 0;
    for _ in 0..100 {
        sum += path.run(Duration::from_millis(100), WANTED);
    }
    assert!((300_000..650_000).contains(&(sum / 100)), "stays near it: {}", sum / 100);
}

#[test]
fn a_path_that_becomes_wide_again_is_used_within_fifteen_seconds() {
    let mut path = Path::new(10_000_000, 500e3);
    path.run(Duration::from_secs(20), WANTED);
    path.rate_bps = 20e6;
    let took = path.seconds_until(|bps| bps >= WANTED * 9 / 10, WANTED, 15);
    assert!(took <= 15.0, "{took} s");
}

#[test]
fn random_loss_is_no_narrow_path() {
    for of in [50, 10, 3] {
        let mut path = Path::new(4_000_000, 20e6);
        path.loses_one_in = Some(of);
        let bps = path.run(Duration::from_secs(30), WANTED);
        assert!(bps >= 1_000_000, "one in {of} lost: {bps} bit/s");
    }
}

#[test]
fn without_any_report_less_and_less_is_sent() {
    let mut path = Path::new(4_000_000, 20e6);
    path.run(Duration::from_secs(2), WANTED);
    path.answers = false;
    let bps = path.run(Duration::from_secs(10), WANTED);
    assert!(bps < 1_000_000, "{bps}");
}

#[test]
fn one_that_sends_little_keeps_what_it_knows() {
    let mut path = Path::new(4_000_000, 20e6);
    path.run(Duration::from_secs(5), WANTED);
    let before = path.estimator.bps();
    let after = path.run(Duration::from_secs(30), 200_000);
    assert!(after >= before * 9 / 10, "{before} became {after}");
}

#[test]
fn reports_about_what_was_never_sent_change_nothing() {
    let mut estimator = Estimator::new(1_000_000, origin());
    let told = (0..=u16::MAX).map(|number| Arrival { number, at_us: Some(i64::from(number)) });
    estimator.on_arrivals(told, origin() + Duration::from_secs(1));
    assert_eq!(estimator.bps(), 1_000_000);
}
