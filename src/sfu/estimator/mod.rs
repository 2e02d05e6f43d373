//! How much a subscriber's path carries, from when what we sent arrived there (draft-ietf-rmcat-gcc-02, with probes).
//!
//! ```text
//!   on_sent ─▶ history ◀─ on_arrivals ─┬─▶ gradient: queues grow ─▶ standing: and stay ─▶ patience: and
//!                                      │      falling helps ─▶ down to what the full path carries ──┐
//!                                      ├─▶ loss: a full queue, or more than always? ─▶ down ────────┼─▶ estimate
//!                                      ├─▶ nothing of these ─▶ up, slowly                           │
//!                                      └─▶ probe: a short burst at twice the rate ─▶ up ────────────┘
//! ```

mod arrived;
mod busy;
mod gradient;
mod loss;
mod patience;
mod probe;
mod standing;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use arrived::ArrivedRate;
use busy::Busy;
use gradient::{Gradient, Usage};
use loss::{Fall, Loss};
use patience::Patience;
use probe::{Probe, Probing};
use standing::Standing;

use crate::sfu::quality::Tally;
use crate::sfu::rtcp::Arrival;

/// Nobody is sent less than sound needs.
const LEAST_BPS: u64 = 60_000;
pub(super) const MOST_BPS: u64 = 100_000_000;
/// What is not reported on within this time is forgotten.
const REMEMBERED: Duration = Duration::from_secs(3);
/// Half of what 16 bits can tell apart.
const REMEMBERED_MAX: usize = 1 << 14;
/// What is left after a queue has grown, of what arrived meanwhile (GCC, 5.5: beta).
const BACK_OFF: f64 = 0.85;
/// Growth while all is well, per second: GCC's eight per cent.
const GROWTH_PER_S: f64 = 1.08;
/// The rate does not outgrow what is really sent by more than this.
const GROWTH_LIMIT: f64 = 1.5;
/// After the rate fell it grows by a packet per response time until it is where the path was full before.
const NEAR_FULL: f64 = 1.2;
const PACKET_BITS: f64 = 1200.0 * 8.0;
/// Feedback comes every 50 to 250 ms; without any for this long the rate falls.
const NO_FEEDBACK: Duration = Duration::from_secs(1);
const NO_FEEDBACK_FACTOR: f64 = 0.8;

/// The estimator of one subscriber.
#[derive(Debug)]
pub(super) struct Estimator {
    origin: Instant,
    /// What was sent and not reported on, the oldest first; the front has the number `first`.
    history: VecDeque<Sent>,
    first: u64,
    bps: f64,
    gradient: Gradient,
    arrived: ArrivedRate,
    busy: Busy,
    loss: Loss,
    standing: Standing,
    patience: Patience,
    probing: Probing,
    /// The rate at which the path was full.
    full_bps: Option<f64>,
    round_trip: Duration,
    adjusted_at: Instant,
    backed_off_at: Option<Instant>,
    heard_at: Instant,
}

/// A packet on its way.
#[derive(Debug, Clone, Copy)]
struct Sent {
    /// Since the estimator's origin.
    at_us: i64,
    bytes: u32,
    probe: Option<u32>,
    is_told: bool,
}

impl Estimator {
    /// Begins with an assumption.
    pub(super) fn new(start_bps: u64, now: Instant) -> Self {
        Self {
            origin: now,
            history: VecDeque::new(),
            first: 1,
            bps: start_bps as f64,
            gradient: Gradient::default(),
            arrived: ArrivedRate::default(),
            busy: Busy::default(),
            loss: Loss::default(),
            standing: Standing::default(),
            patience: Patience::default(),
            probing: Probing::new(now),
            full_bps: None,
            round_trip: Duration::from_millis(100),
            adjusted_at: now,
            backed_off_at: None,
            heard_at: now,
        }
    }

    /// The bits per second that may be sent, headers included.
    pub(super) fn bps(&self) -> u64 {
        self.bps as u64
    }

    /// What would be sent with all the bandwidth in the world: there is no use in finding out about more.
    pub(super) fn want(&mut self, bps: u64) {
        self.probing.want(bps);
    }

    pub(super) fn on_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// A packet leaves; returns its transport-wide number.
    pub(super) fn on_sent(&mut self, bytes: usize, now: Instant) -> u16 {
        if self.history.is_empty() {
            // Nothing was owed, so nothing is overdue.
            self.heard_at = now;
        }
        let at_us = self.since_origin(now);
        while self.history.len() >= REMEMBERED_MAX
            || self
                .history
                .front()
                .is_some_and(|sent| sent.is_told || at_us - sent.at_us > REMEMBERED.as_micros() as i64)
        {
            self.history.pop_front();
            self.first += 1;
        }
        let probe = self.probing.on_sent(bytes, now);
        self.history.push_back(Sent { at_us, bytes: bytes as u32, probe, is_told: false });
        (self.first + self.history.len() as u64 - 1) as u16
    }

    /// How much padding a probe lacks now, in bytes.
    pub(super) fn padding(&self, now: Instant) -> usize {
        self.probing.padding(now)
    }

    /// When there is something to do without being asked.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.probing.deadline()
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Instant) {
        let owed = self.history.iter().any(|sent| !sent.is_told);
        if owed && now.saturating_duration_since(self.heard_at) >= NO_FEEDBACK {
            self.heard_at = now;
            self.set(self.bps * NO_FEEDBACK_FACTOR);
        }
        let quiet = self.backed_off_at;
        self.probing.tick(self.bps as u64, quiet, now);
    }

    /// The receiver tells what arrived; returns how much of it was not known before.
    pub(super) fn on_arrivals(&mut self, arrivals: impl Iterator<Item = Arrival>, now: Instant) -> Tally {
        self.heard_at = now;
        let (mut received, mut lost) = (0, 0);
        self.standing.begin();
        for arrival in arrivals {
            let Some(sent) = self.take(arrival.number) else { continue };
            let Some(at_us) = arrival.at_us else {
                lost += 1;
                continue;
            };
            received += 1;
            self.gradient.push(sent.at_us, at_us);
            self.standing.push(sent.at_us, at_us);
            self.arrived.push(at_us, sent.bytes);
            let shortest_us = self.standing.shortest_us().unwrap_or(at_us - sent.at_us);
            self.busy.push(sent.at_us, at_us, shortest_us, sent.bytes);
            if let Some(probe) = sent.probe {
                self.probing.on_arrived(probe, sent.at_us, at_us, sent.bytes);
            }
        }
        if received + lost > 0 {
            self.adjust(received, lost, now);
        }
        Tally { arrived: received.into(), lost: lost.into() }
    }

    /// The packet with this number, if it was not told of before.
    fn take(&mut self, number: u16) -> Option<Sent> {
        let ahead = number.wrapping_sub(self.first as u16);
        let sent = self.history.get_mut(usize::from(ahead))?;
        (!std::mem::replace(&mut sent.is_told, true)).then_some(*sent)
    }

    fn adjust(&mut self, received: u32, lost: u32, now: Instant) {
        let seconds = now.saturating_duration_since(self.adjusted_at).as_secs_f64().min(1.0);
        self.adjusted_at = now;
        match self.gradient.usage() {
            Usage::Over if self.patience.is_queue(self.standing.lately(), now) => self.back_off(now),
            Usage::Over => {}
            Usage::Normal => self.grow(seconds),
            Usage::Under => {}
        }
        let arrived = self.arrived.bps().unwrap_or(self.bps);
        let waited = self.standing.delay();
        match self.loss.judge(received, lost, arrived, waited, self.round_trip, now) {
            Some(Fall::To(fitting)) => {
                self.backed_off_at = Some(now);
                self.set(self.bps.min(fitting));
            }
            Some(Fall::By(factor)) => self.set(self.bps * factor),
            None => {}
        }
        if let Some(Probe { bps }) = self.probing.outcome()
            && bps > self.bps
        {
            self.full_bps = None;
            self.set(bps);
        }
    }

    /// At most once per response time: what was sent before is still on its way.
    fn back_off(&mut self, now: Instant) {
        let response = self.round_trip + Duration::from_millis(100);
        if self.backed_off_at.is_some_and(|at| now.saturating_duration_since(at) < response) {
            return;
        }
        self.backed_off_at = Some(now);
        self.probing.abandon(now);
        // Where little was sent, little arrived: only what had to wait tells how much there is room for.
        let arrived = self.arrived.bps().unwrap_or(self.bps);
        let full = self.busy.bps().map_or(arrived, |busy| busy.max(arrived));
        let fallen = (full * BACK_OFF).min(self.bps);
        let in_vain = self.patience.fall(fallen, self.standing.lately(), now);
        self.full_bps = in_vain.is_none().then_some(full);
        self.set(in_vain.unwrap_or(fallen));
    }

    fn grow(&mut self, seconds: f64) {
        let Some(arrived) = self.arrived.bps() else { return };
        let limit = arrived * GROWTH_LIMIT + 10_000.0;
        if self.bps >= limit {
            // Too little is sent to learn anything: probes do.
            return;
        }
        let near_full =
            self.full_bps.is_some_and(|full| self.bps > full / NEAR_FULL && self.bps < full * NEAR_FULL);
        let grown = if near_full {
            let response = self.round_trip.as_secs_f64() + 0.1;
            self.bps + PACKET_BITS * seconds / response
        } else {
            self.bps * GROWTH_PER_S.powf(seconds)
        };
        self.set(grown.min(limit));
    }

    fn set(&mut self, bps: f64) {
        self.bps = bps.clamp(LEAST_BPS as f64, MOST_BPS as f64);
    }

    fn since_origin(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.origin).as_micros() as i64
    }
}

#[cfg(test)]
mod tests;
