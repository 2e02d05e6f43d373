//! Reports: what the receiver tells about what we sent, and what we tell about it (RFC 3550, 6).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Egress, Keys, RESENDS_MAX, ROUND_TRIP};
use crate::sfu::TrafficClass;
use crate::sfu::estimator::MOST_BPS;
use crate::sfu::inbound::FromPeer;
use crate::sfu::outbox::Outbox;
use crate::sfu::rtcp::{self, Report, SenderInfo};
use crate::track::Kind;

/// How often we report: often enough for sound and picture to be brought together soon.
const EVERY: Duration = Duration::from_secs(1);
/// The most own reports that are remembered, to measure round trips by.
const REPORTED_MAX: usize = 8;
/// The most lines that one report tells of (RFC 3550, 6.1: 31 are possible).
const LINES_MAX: usize = 20;
/// Our name in source descriptions (RFC 7022): one for all lines, so that sound and picture belong together.
const NAME: &str = "alcove";

/// What the receiver's datagram was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sfu) enum Reported {
    /// Not from the peer, or a replay.
    Refused,
    /// About what we sent, and nothing else.
    Taken,
    /// There is more in it, for whoever receives.
    AlsoForeign,
}

/// The state of reporting.
#[derive(Debug, Default)]
pub(super) struct Reports {
    last_at: Option<Instant>,
    /// The middle of the NTP time of our last reports, and when they left.
    reported: VecDeque<(u32, Instant)>,
    /// Reused for opening.
    plain: Vec<u8>,
}

impl Egress {
    /// A report of the receiver arrived.
    pub(in crate::sfu) fn receive(
        &mut self,
        datagram: &[u8],
        now: Instant,
        up: &mut Vec<FromPeer>,
    ) -> Reported {
        self.is_ready();
        let mut plain = std::mem::take(&mut self.reports.plain);
        let is_genuine =
            self.keys.as_mut().is_some_and(|Keys { opener, .. }| opener.open_rtcp(datagram, &mut plain));
        let mut reported = if is_genuine { Reported::Taken } else { Reported::Refused };
        if is_genuine {
            rtcp::read(&plain, |report| {
                if !self.take(report, now, up) {
                    reported = Reported::AlsoForeign;
                }
            });
            self.tell_estimate(up);
        }
        self.reports.plain = plain;
        reported
    }

    /// Returns whether it was about what we sent.
    fn take(&mut self, report: Report<'_>, now: Instant, up: &mut Vec<FromPeer>) -> bool {
        match report {
            Report::Reception { ssrc, fraction_lost, last_report, delay } => {
                if self.estimator.is_none() && self.outlet_of(ssrc).is_some() {
                    // Of 256, as if so many had been sent.
                    self.tally.lost += u64::from(fraction_lost);
                    self.tally.arrived += 256 - u64::from(fraction_lost);
                }
                return self.on_reception(ssrc, last_report, delay, now, up);
            }
            Report::Missing { ssrc, numbers } => {
                let Some(at) = self.outlet_of(ssrc) else { return false };
                self.on_missing(at, numbers, now);
            }
            Report::KeyframeWanted { ssrc } => {
                let Some(slot) = self.outlet_of(ssrc) else { return false };
                up.push(FromPeer::KeyframeWanted { slot });
            }
            Report::Arrivals(arrivals) => {
                if let Some(estimator) = &mut self.estimator {
                    let told = estimator.on_arrivals(arrivals, now);
                    self.tally.arrived += told.arrived;
                    self.tally.lost += told.lost;
                }
            }
            // The receiver's own estimate counts where it tells us nothing that we could estimate by.
            Report::Estimate { bps } if self.estimator.is_none() => {
                let bps = bps.min(MOST_BPS);
                self.pacer.set(bps);
                up.push(FromPeer::Estimate { bps });
            }
            Report::Estimate { .. } => {}
            Report::Sent { ntp } => {
                self.sender_clock.on_report(ntp, &self.wall, now);
                return false;
            }
            Report::Foreign => return false,
        }
        true
    }

    fn outlet_of(&self, ssrc: u32) -> Option<usize> {
        self.outlets.iter().position(|outlet| outlet.ssrc == ssrc || outlet.resend_ssrc == Some(ssrc))
    }

    fn on_reception(
        &mut self,
        ssrc: u32,
        last_report: u32,
        delay: u32,
        now: Instant,
        up: &mut Vec<FromPeer>,
    ) -> bool {
        let Some(at) = self.outlet_of(ssrc) else { return false };
        self.outlets[at].is_known = true;
        let reported = self.reports.reported.iter().find(|(ntp, _)| *ntp == last_report);
        if let Some((_, sent_at)) = reported.filter(|_| last_report != 0) {
            let delay = Duration::from_secs_f64(f64::from(delay) / 65_536.0);
            let round_trip = now.saturating_duration_since(*sent_at).saturating_sub(delay);
            self.round_trip = Some(round_trip);
            self.sender_clock.on_round_trip(round_trip, now);
            if let Some(estimator) = &mut self.estimator {
                estimator.on_round_trip(round_trip);
            }
            up.push(FromPeer::RoundTrip(round_trip));
        }
        true
    }

    fn on_missing(&mut self, at: usize, numbers: rtcp::Missing<'_>, now: Instant) {
        let round_trip = self.round_trip.unwrap_or(ROUND_TRIP);
        for number in numbers {
            if self.resends.len() >= RESENDS_MAX || self.resend_bytes <= 0.0 {
                return;
            }
            if let Some(sent) = self.outlets[at].again(number, round_trip, now) {
                self.resend_bytes -= sent.payload().len() as f64;
                self.resends.push_back((at, sent));
            }
        }
    }

    /// Tells the receiver how our clocks hang together.
    pub(super) fn report(&mut self, now: Instant, out: &mut Outbox) {
        if self.reports.last_at.is_some_and(|at| now.saturating_duration_since(at) < EVERY) {
            return;
        }
        let (Some(route), Some(keys)) = (self.route, self.keys.as_mut()) else { return };
        let ntp = self.wall.ntp(now);
        let mut ssrcs = Vec::new();
        let bytes = out.begin();
        let start = bytes.len();
        for outlet in self.outlets.iter_mut().filter(|outlet| outlet.owes_report).take(LINES_MAX) {
            let Some((timestamp, at)) = outlet.latest else { continue };
            outlet.owes_report = false;
            let hz = if outlet.kind == Kind::Audio { 48_000 } else { 90_000 };
            let ticks = now.saturating_duration_since(at).as_micros() * hz / 1_000_000;
            let info = SenderInfo {
                ssrc: outlet.ssrc,
                ntp,
                timestamp: timestamp.wrapping_add(ticks as u32),
                packets: outlet.packets,
                octets: outlet.octets,
            };
            rtcp::write_sender_report(&info, bytes);
            ssrcs.push(outlet.ssrc);
        }
        if ssrcs.is_empty() {
            return;
        }
        rtcp::write_names(&ssrcs, NAME, bytes);
        let protected = keys.protector.protect_rtcp(bytes, start);
        out.end(self.peer, route, TrafficClass::Audio, start, protected.is_ok());
        self.reports.last_at = Some(now);
        self.reports.reported.push_back(((ntp >> 16) as u32, now));
        if self.reports.reported.len() > REPORTED_MAX {
            self.reports.reported.pop_front();
        }
    }
}
