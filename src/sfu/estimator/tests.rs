//! The estimator over a path with one queue, in virtual time.

use super::*;

const FEEDBACK: Duration = Duration::from_millis(50);
const STEP: Duration = Duration::from_millis(5);
const SOUND: Duration = Duration::from_millis(20);
const SOUND_BYTES: usize = 140;
const FRAME: Duration = Duration::from_millis(33);
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
    /// Packets arrive up to so much later, one after the other.
    jitter: Duration,
    newest_at: Instant,
    /// One in so many packets is lost at random.
    loses_one_in: Option<u64>,
    answers: bool,
    free_at: Instant,
    random: u64,
    owed_bytes: f64,
    frames: u32,
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
            jitter: Duration::ZERO,
            newest_at: began,
            loses_one_in: None,
            answers: true,
            free_at: began,
            random: 0x9e37_79b9_7f4a_7c15,
            owed_bytes: 0.0,
            frames: 0,
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
        let later_us = self.random % (self.jitter.as_micros() as u64 + 1);
        let at = (self.free_at + self.delay + Duration::from_micros(later_us)).max(self.newest_at);
        self.newest_at = at;
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
            self.pass();
        }
        self.estimator.bps()
    }

    /// Sends sound and a picture of up to this rate, with some distance to the estimate: each frame at once, every
    /// hundredth a key frame.
    fn show(&mut self, time: Duration, bps: f64, wanted_bps: u64) -> u64 {
        self.estimator.want(wanted_bps);
        let until = self.now + time;
        let (mut frame_at, mut sound_at) = (self.now, self.now);
        while self.now < until {
            self.now += STEP;
            if self.now >= frame_at {
                frame_at += FRAME;
                self.frames += 1;
                let size = if self.frames.is_multiple_of(100) { 8.0 } else { 0.93 };
                let rate_bps = bps.min(self.estimator.bps() as f64 * 0.6);
                let bytes = size * rate_bps / 8.0 * FRAME.as_secs_f64();
                let packets = (bytes / PACKET_BYTES as f64).ceil();
                for _ in 0..packets as usize {
                    self.send((bytes / packets) as usize);
                }
            }
            if self.now >= sound_at {
                sound_at += SOUND;
                self.send(SOUND_BYTES);
            }
            self.pass();
        }
        self.estimator.bps()
    }

    /// What happens without being asked: probes, and reports.
    fn pass(&mut self) {
        self.estimator.tick(self.now);
        while self.estimator.padding(self.now) > 0 {
            self.send(PACKET_BYTES);
        }
        if self.now - self.reported_at >= FEEDBACK {
            self.reported_at = self.now;
            self.report();
        }
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
fn a_picture_smaller_than_the_path_does_not_make_the_path_seem_as_small() {
    for (path_bps, picture_bps) in [(1e6, 300e3), (600e3, 200e3), (300e3, 100e3)] {
        let mut path = Path::new(2_000_000, path_bps);
        path.run(Duration::from_secs(5), WANTED);
        path.show(Duration::from_secs(5), picture_bps, WANTED);
        let mut sum = 0;
        for _ in 0..600 {
            sum += path.show(Duration::from_millis(100), picture_bps, WANTED);
        }
        let mean = sum as f64 / 600.0;
        assert!((0.75..1.1).contains(&(mean / path_bps)), "{mean} of {path_bps} bit/s");
    }
}

#[test]
fn packets_that_wait_by_a_whim_of_the_path_do_not_make_it_seem_narrow() {
    for jitter_ms in [60, 100, 200, 300] {
        for seed in 1..4 {
            let mut path = Path::new(2_000_000, 100e6);
            path.random ^= seed << 20;
            path.jitter = Duration::from_millis(jitter_ms);
            let mut sum = 0;
            for _ in 0..60 {
                sum += path.show(Duration::from_secs(1), 1.7e6, 1_700_000);
            }
            assert!(sum / 60 >= 1_200_000, "{jitter_ms} ms, seed {seed}: {} bit/s", sum / 60);
        }
    }
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
