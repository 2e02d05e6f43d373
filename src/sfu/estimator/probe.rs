//! Finding out about more: a short burst at a higher rate, filled up with padding, and how fast it arrived.
//!
//! ```text
//!            wanted > estimate, nothing amiss lately
//!   Waiting ───────────────────────────────────────▶ Sending ── enough bytes ──▶ Listening ── reported ─┐
//!     ▲                                                 │ queues grow              │ nothing for 1 s    │
//!     └─────────────────────────────────────────────────┴──────────────────────────┴────────────────────┘
//! ```

use std::time::{Duration, Instant};

/// A burst has at least this length and so many packets of at most this size.
const LENGTH: Duration = Duration::from_millis(15);
const PACKETS: u64 = 5;
const PACKET_BYTES: u64 = 1100;
/// How much faster than the estimate, and than what is wanted.
const FACTOR: f64 = 2.0;
const BEYOND_WANTED: f64 = 1.15;
/// From one burst to the next, and from when queues grew to the next.
const EVERY: Duration = Duration::from_secs(2);
const AFTER_BACK_OFF: Duration = Duration::from_secs(3);
/// Without a report on it within this time, a burst is given up.
const PATIENCE: Duration = Duration::from_secs(1);
/// So much of a burst must arrive: the rest may be lost as packets are.
const ARRIVED_SHARE: f64 = 0.6;
/// What arrives more slowly than it was sent has filled the path: a little less is taken for the truth.
const FULL: f64 = 0.9;
const FULL_FACTOR: f64 = 0.95;

/// The most that padding asks for at once, so that a probe is spread over its length.
const STEP: Duration = Duration::from_millis(1);

/// What a probe has shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Probe {
    pub(super) bps: f64,
}

/// The probes of one subscriber.
#[derive(Debug)]
pub(super) struct Probing {
    wanted_bps: u64,
    next_at: Instant,
    number: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting,
    Sending { burst: Burst, began: Instant },
    Listening { burst: Burst, until: Instant },
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    bps: f64,
    bytes: u64,
    sent: u64,
    arrived: Arrived,
}

#[derive(Debug, Clone, Copy, Default)]
struct Arrived {
    packets: u64,
    bytes: u64,
    first: Option<(i64, i64, u32)>,
    last: (i64, i64, u32),
}

impl Probing {
    pub(super) fn new(now: Instant) -> Self {
        Self { wanted_bps: 0, next_at: now + EVERY, number: 0, state: State::Waiting }
    }

    pub(super) fn want(&mut self, bps: u64) {
        self.wanted_bps = bps;
    }

    /// Begins a burst if it is time; `backed_off_at` is when queues last grew.
    pub(super) fn tick(&mut self, estimate_bps: u64, backed_off_at: Option<Instant>, now: Instant) {
        if let State::Listening { until, .. } = &self.state
            && now >= *until
        {
            self.state = State::Waiting;
        }
        let is_quiet = backed_off_at.is_none_or(|at| now.saturating_duration_since(at) >= AFTER_BACK_OFF);
        let is_idle = matches!(self.state, State::Waiting);
        if !is_idle || !is_quiet || now < self.next_at || estimate_bps >= self.wanted_bps {
            return;
        }
        let bps = (estimate_bps as f64 * FACTOR).min(self.wanted_bps as f64 * BEYOND_WANTED);
        let bytes = (bps * LENGTH.as_secs_f64() / 8.0) as u64;
        let burst =
            Burst { bps, bytes: bytes.max(PACKETS * PACKET_BYTES), sent: 0, arrived: Arrived::default() };
        self.number += 1;
        self.next_at = now + EVERY;
        self.state = State::Sending { burst, began: now };
    }

    /// How many bytes of padding are due now.
    pub(super) fn padding(&self, now: Instant) -> usize {
        let State::Sending { burst, began } = &self.state else { return 0 };
        let elapsed = now.saturating_duration_since(*began) + STEP;
        let due = (burst.bps * elapsed.as_secs_f64() / 8.0) as u64;
        due.min(burst.bytes).saturating_sub(burst.sent) as usize
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting => None,
            State::Sending { burst, began } => {
                Some(*began + Duration::from_secs_f64((burst.sent + PACKET_BYTES) as f64 * 8.0 / burst.bps))
            }
            State::Listening { until, .. } => Some(*until),
        }
    }

    /// A packet leaves; returns the number of the burst that it belongs to.
    pub(super) fn on_sent(&mut self, bytes: usize, now: Instant) -> Option<u32> {
        let State::Sending { burst, .. } = &mut self.state else { return None };
        burst.sent += bytes as u64;
        if burst.sent >= burst.bytes {
            self.state = State::Listening { burst: *burst, until: now + PATIENCE };
        }
        Some(self.number)
    }

    pub(super) fn on_arrived(&mut self, number: u32, sent_us: i64, arrived_us: i64, bytes: u32) {
        let (State::Sending { burst, .. } | State::Listening { burst, .. }) = &mut self.state else { return };
        if number != self.number {
            return;
        }
        let packet = (sent_us, arrived_us, bytes);
        burst.arrived.packets += 1;
        burst.arrived.bytes += u64::from(bytes);
        burst.arrived.first.get_or_insert(packet);
        burst.arrived.last = packet;
    }

    /// What the burst has shown, once.
    pub(super) fn outcome(&mut self) -> Option<Probe> {
        let State::Listening { burst, .. } = &self.state else { return None };
        let arrived = &burst.arrived;
        if arrived.packets < PACKETS - 1 || (arrived.bytes as f64) < burst.sent as f64 * ARRIVED_SHARE {
            return None;
        }
        let bps = burst.arrived.bps()?;
        self.state = State::Waiting;
        Some(Probe { bps })
    }

    /// Queues grow: whatever this burst shows would be wrong.
    pub(super) fn abandon(&mut self, now: Instant) {
        self.state = State::Waiting;
        self.next_at = self.next_at.max(now + AFTER_BACK_OFF);
    }
}

impl Arrived {
    /// The smaller of the rates at which it left and arrived.
    fn bps(&self) -> Option<f64> {
        let (first_sent, first_arrived, first_bytes) = self.first?;
        let (last_sent, last_arrived, last_bytes) = self.last;
        let rate = |bytes: u64, span_us: i64| {
            // Within a millisecond everything is at once.
            bytes as f64 * 8e6 / span_us.max(1000) as f64
        };
        let sent = rate(self.bytes - u64::from(last_bytes), last_sent - first_sent);
        let arrived = rate(self.bytes - u64::from(first_bytes), last_arrived - first_arrived);
        Some(if arrived < sent * FULL { arrived * FULL_FACTOR } else { sent.min(arrived) })
    }
}
