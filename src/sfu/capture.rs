//! When pictures were captured: on which clock, and how far that is from ours (the RTP header extension
//! `abs-capture-time`, <http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time>).
//!
//! ```text
//!   publisher's clock ── its sender reports and round trip ──▶ offset ─┐
//!   capture time, offset of the publisher ─────────────────────────────┼─▶ capture time, offset to our clock ─▶ subscribers
//!                                                                       └─▶ our time of the capture ─▶ delays
//! ```
//! The capture time stays as it is all the way. The offset is told anew by each hop: the capture clock is the clock of
//! the hop's sender reports plus the offset.

use std::time::{Duration, Instant, SystemTime};

use str0m::rtp::AbsCaptureTime;

/// NTP counts from 1900, Unix time from 1970.
const FROM_1900_TO_1970: Duration = Duration::from_secs(2_208_988_800);
/// Over how long the clocks of others are compared with ours: they drift apart by less than a millisecond meanwhile.
const SPAN: Duration = Duration::from_secs(10);
/// How many spans count.
const SPANS: usize = 3;
/// What a new figure counts in a mean.
const NEW_SHARE: f64 = 0.1;
/// A picture older than this at its arrival tells of a clock that is wrong.
const DELAY_MAX: Duration = Duration::from_secs(10);

/// The time of day on the monotonic clock: it does not jump when somebody sets the machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    at: Instant,
    unix: Duration,
}

impl WallClock {
    /// At the moment `at` it was `unix` since the Unix epoch.
    #[must_use]
    pub const fn new(at: Instant, unix: Duration) -> Self {
        Self { at, unix }
    }

    /// The Unix time of a moment.
    #[must_use]
    pub fn unix(&self, moment: Instant) -> Duration {
        match moment.checked_duration_since(self.at) {
            Some(since) => self.unix + since,
            None => self.unix.saturating_sub(self.at.saturating_duration_since(moment)),
        }
    }

    /// The NTP time of a moment: seconds since 1900 modulo 2^32, and their fraction (RFC 5905, 6).
    pub(super) fn ntp(&self, moment: Instant) -> u64 {
        ntp(self.unix(moment) + FROM_1900_TO_1970)
    }

    /// The moment of an NTP time that is not far from `near`.
    fn moment(&self, ntp: u64, near: Instant) -> Option<Instant> {
        let ahead = ntp.wrapping_sub(self.ntp(near)).cast_signed();
        let distance = seconds(ahead.unsigned_abs());
        if ahead < 0 { near.checked_sub(distance) } else { near.checked_add(distance) }
    }
}

const fn ntp(since_1900: Duration) -> u64 {
    let fraction = ((since_1900.subsec_nanos() as u64) << 32) / 1_000_000_000;
    (since_1900.as_secs() << 32) | fraction
}

/// Seconds in 32.32 fixed point.
fn seconds(fixed: u64) -> Duration {
    let nanoseconds = ((fixed & 0xffff_ffff) * 1_000_000_000) >> 32;
    Duration::from_secs(fixed >> 32) + Duration::from_nanos(nanoseconds)
}

/// When a picture was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Captured {
    /// NTP time on the clock of the camera's system.
    pub(super) ntp: u64,
    /// What that clock is ahead of ours, in seconds with 32 bits after the point; `None` while it is not known.
    pub(super) offset: Option<i64>,
    /// On our clock, where the offset is known.
    pub(super) at: Option<Instant>,
}

impl Captured {
    /// By a camera of ours.
    pub(super) fn here(wall: &WallClock, at: Instant) -> Self {
        Self { ntp: wall.ntp(at), offset: Some(0), at: Some(at) }
    }

    /// By a publisher whose clock is `ahead` of ours, and who may have it from somebody else.
    pub(super) fn elsewhere(
        told: AbsCaptureTime,
        ahead: Option<i64>,
        wall: &WallClock,
        now: Instant,
    ) -> Option<Self> {
        let ntp = ntp(told.capture_time.duration_since(SystemTime::UNIX_EPOCH).ok()? + FROM_1900_TO_1970);
        let offset = ahead.map(|ahead| ahead.wrapping_add(told.clock_offset.unwrap_or(0)));
        let on_ours = |offset: i64| wall.moment(ntp.wrapping_sub(offset.cast_unsigned()), now);
        Some(Self { ntp, offset, at: offset.and_then(on_ours) })
    }
}

/// How far the clock of a peer's sender reports is ahead of ours: the report that was under way for the shortest time
/// counts, less half of the shortest round trip.
#[derive(Debug, Default)]
pub(super) struct SenderClock {
    spans: Vec<Span>,
}

#[derive(Debug)]
struct Span {
    began: Instant,
    /// Its time when a report left less ours when it came, the largest, in 32.32 seconds.
    ahead: Option<i64>,
    round_trip: Option<Duration>,
}

impl SenderClock {
    /// A sender report arrived that left at `ntp` by its clock.
    pub(super) fn on_report(&mut self, ntp: u64, wall: &WallClock, now: Instant) {
        let ahead = ntp.wrapping_sub(wall.ntp(now)).cast_signed();
        let span = self.span(now);
        span.ahead = Some(span.ahead.map_or(ahead, |before| before.max(ahead)));
    }

    /// A round trip was measured.
    pub(super) fn on_round_trip(&mut self, round_trip: Duration, now: Instant) {
        let span = self.span(now);
        span.round_trip = Some(span.round_trip.map_or(round_trip, |before| before.min(round_trip)));
    }

    /// In 32.32 seconds; `None` until both were measured.
    pub(super) fn ahead(&self) -> Option<i64> {
        let ahead = self.spans.iter().filter_map(|span| span.ahead).max()?;
        let round_trip = self.spans.iter().filter_map(|span| span.round_trip).min()?;
        Some(ahead.wrapping_add(ntp(round_trip / 2).cast_signed()))
    }

    fn span(&mut self, now: Instant) -> &mut Span {
        if self.spans.last().is_none_or(|span| now.saturating_duration_since(span.began) >= SPAN) {
            if self.spans.len() == SPANS {
                self.spans.remove(0);
            }
            self.spans.push(Span { began: now, ahead: None, round_trip: None });
        }
        let last = self.spans.len() - 1;
        &mut self.spans[last]
    }
}

/// What a publisher tells of the making of a picture: how long after the capture its encoding began and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Making {
    pub(super) encode_began: Duration,
    pub(super) encode_ended: Duration,
}

impl Making {
    /// Of the header extension `video-timing` (<http://www.webrtc.org/experiments/rtp-hdrext/video-timing>), which
    /// counts milliseconds.
    pub(super) fn new(encode_began_ms: u16, encode_ended_ms: u16) -> Self {
        let ms = |ms: u16| Duration::from_millis(ms.into());
        Self { encode_began: ms(encode_began_ms), encode_ended: ms(encode_ended_ms) }
    }
}

/// How old the pictures of a layer are when they arrive here, as means.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DelayReport {
    /// From the capture until they arrived here; `None` where the publisher does not stamp them, or its clock is not
    /// known yet.
    pub until_here: Option<Duration>,
    /// From the capture until they began to be encoded; `None` where the publisher does not tell.
    pub until_encoding: Option<Duration>,
    /// How long they were encoded; `None` where the publisher does not tell.
    pub encoding: Option<Duration>,
}

impl DelayReport {
    /// A packet arrived.
    pub(super) fn note(&mut self, captured: Option<Captured>, making: Option<Making>, now: Instant) {
        let delay = captured.and_then(|captured| captured.at).map(|at| now.saturating_duration_since(at));
        if let Some(delay) = delay.filter(|delay| *delay <= DELAY_MAX) {
            average(&mut self.until_here, delay);
        }
        if let Some(Making { encode_began, encode_ended }) = making {
            average(&mut self.until_encoding, encode_began);
            average(&mut self.encoding, encode_ended.saturating_sub(encode_began));
        }
    }
}

/// Brings a new figure into a mean.
fn average(mean: &mut Option<Duration>, new: Duration) {
    *mean = Some(mean.map_or(new, |before| before.mul_f64(1.0 - NEW_SHARE) + new.mul_f64(NEW_SHARE)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A day in 2025, when our clock was started.
    fn wall(at: Instant) -> WallClock {
        WallClock::new(at, Duration::from_secs(1_750_000_000))
    }

    fn ahead_ms(clock: &SenderClock) -> Option<i64> {
        clock.ahead().map(|fixed| ((i128::from(fixed) * 1000 + (1 << 31)) >> 32) as i64)
    }

    #[test]
    fn ntp_counts_from_1900_and_a_moment_is_found_again() {
        let start = origin();
        let wall = wall(start);
        assert_eq!(wall.ntp(start) >> 32, 1_750_000_000 + 2_208_988_800);
        assert_eq!(wall.ntp(start + ms(500)) as u32, 1 << 31);
        for at in [start + ms(1234), start + ms(80_000)] {
            let found = wall.moment(wall.ntp(at), start + ms(40_000)).expect("a moment");
            let error = found.max(at) - found.min(at);
            assert!(error < Duration::from_nanos(2), "{error:?}");
        }
    }

    #[test]
    fn the_report_that_hurried_most_tells_the_clock_and_half_a_round_trip_is_its_way() {
        let start = origin();
        let (ours, theirs) = (wall(start), WallClock::new(start, Duration::from_secs(1_750_000_007)));
        let mut clock = SenderClock::default();
        assert_eq!(clock.ahead(), None);
        for (second, way) in [(1, 90), (2, 20), (3, 300)] {
            let left = start + ms(second * 1000);
            clock.on_report(theirs.ntp(left), &ours, left + ms(way));
            assert_eq!(clock.ahead(), None, "no round trip is known");
        }
        for round_trip in [400, 40] {
            clock.on_round_trip(ms(round_trip), start + ms(4000));
        }
        assert_eq!(ahead_ms(&clock), Some(7000));
    }

    #[test]
    fn a_clock_that_was_set_is_followed_after_half_a_minute() {
        let start = origin();
        let ours = wall(start);
        let mut clock = SenderClock::default();
        for second in 0..80 {
            let left = start + ms(second * 1000);
            let ahead = Duration::from_secs(if second < 40 { 1_750_000_005 } else { 1_750_000_001 });
            clock.on_report(WallClock::new(start, ahead).ntp(left), &ours, left);
            clock.on_round_trip(Duration::ZERO, left);
        }
        assert_eq!(ahead_ms(&clock), Some(1000));
    }

    #[test]
    fn a_capture_elsewhere_is_told_with_the_offset_of_both_hops() {
        let start = origin();
        let wall = wall(start);
        let captured_at = start + ms(100);
        // The publisher is 3 s ahead of us, and the camera's system 2 s ahead of the publisher.
        let capture_time = SystemTime::UNIX_EPOCH + wall.unix(captured_at) + ms(5000);
        let told = AbsCaptureTime { capture_time, clock_offset: Some(2 << 32) };
        let captured = Captured::elsewhere(told, Some(3 << 32), &wall, start + ms(160)).expect("a capture");
        assert_eq!(captured.offset, Some(5 << 32));
        assert_eq!(captured.ntp >> 32, 1_750_000_005 + 2_208_988_800);
        let at = captured.at.expect("our time");
        assert!(at.max(captured_at) - at.min(captured_at) < Duration::from_nanos(4));
        let unknown = Captured::elsewhere(told, None, &wall, start).expect("a capture");
        assert_eq!((unknown.offset, unknown.at), (None, None));
    }

    #[test]
    fn delays_are_means_of_what_can_be_and_making_is_told_by_the_publisher() {
        let start = origin();
        let wall = wall(start);
        let mut delays = DelayReport::default();
        delays.note(None, None, start);
        assert_eq!(delays, DelayReport::default());
        for _ in 0..50 {
            delays.note(Some(Captured::here(&wall, start)), None, start + ms(80));
        }
        delays.note(Some(Captured::here(&wall, start)), None, start + ms(20_000));
        let making = Making { encode_began: ms(4), encode_ended: ms(15) };
        delays.note(None, Some(making), start);
        let until_here = delays.until_here.expect("measured");
        assert!(until_here.abs_diff(ms(80)) < ms(1), "{until_here:?}");
        assert_eq!((delays.until_encoding, delays.encoding), (Some(ms(4)), Some(ms(11))));
    }
}
