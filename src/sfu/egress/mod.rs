//! What we send to a peer: RTP and its retransmissions, sender reports, paced by what the path carries.
//!
//! str0m answers, connects and receives; sending is ours, because a forwarder does little else: it costs one
//! header, one encryption and a share of a system call per packet.
//!
//! ```text
//!   write ─▶ sounds ──────────────────┐
//!        └─▶ pictures ─▶ pacer ───────┼─▶ header ▸ SRTP ─▶ outbox
//!   missing packets ─▶ resends ───────┤      ▲
//!   probe ─▶ padding ─────────────────┘      └─ transport-wide number ◀─ estimator ◀─ reports
//! ```

mod header;
mod outlet;
mod pacer;
mod reports;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub(super) use header::ExtensionIds;
use header::{Extensions, FIXED_BYTES, Header};
use outlet::Sent;
pub(super) use outlet::{Outlet, PayloadType};
use pacer::Pacer;
pub(super) use reports::Reported;
use str0m::rtp::AbsCaptureTime;

use crate::sfu::capture::{Captured, SenderClock, WallClock};
use crate::sfu::dtls::SecretsCell;
use crate::sfu::estimator::Estimator;
use crate::sfu::inbound::{FromPeer, Packet};
use crate::sfu::outbox::Outbox;
use crate::sfu::quality::Tally;
use crate::sfu::rewrite::Numbers;
use crate::sfu::srtp::{self, Opener, Protector};

use crate::sfu::{PeerId, Route, TrafficClass, vp8, vp9};
use crate::track::{Kind, VideoCodec};

/// The most pictures' packets that wait; with more the path is too narrow for them by far.
const QUEUED_MAX: usize = 2048;
/// How long the oldest may wait: then everything goes, and a key frame is asked for.
const QUEUED_FOR: Duration = Duration::from_millis(600);
/// Room for so many is kept where none wait: a key frame comes seldom.
const QUEUED_USUALLY: usize = 16;
/// The most retransmissions that wait; the newest are not answered.
const RESENDS_MAX: usize = 256;
/// What retransmissions may take of the estimate.
const RESEND_SHARE: f64 = 0.5;
/// How often the estimator is looked at without news.
const TICK: Duration = Duration::from_millis(100);
/// A change of the estimate that is told: down by a little, up by more.
const TOLD_DOWN: f64 = 0.98;
const TOLD_UP: f64 = 1.05;
/// RFC 3550, 5.1: the most that a single byte can tell.
const PADDING_BYTES: usize = 255;
/// What a round trip is taken for until one was measured.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// The sending half of a peer's transport.
pub(super) struct Egress {
    peer: PeerId,
    origin: Instant,
    wall: WallClock,
    sender_clock: SenderClock,
    secrets: SecretsCell,
    keys: Option<Keys>,
    route: Option<Route>,
    outlets: Vec<Outlet>,
    sounds: VecDeque<Queued>,
    pictures: VecDeque<Queued>,
    resends: VecDeque<(usize, Sent)>,
    /// Bytes that may still be sent again.
    resend_bytes: f64,
    pacer: Pacer,
    /// `None`: the peer is sent no pictures, or does not tell what arrives.
    estimator: Option<Estimator>,
    told_bps: u64,
    round_trip: Option<Duration>,
    /// What the receiver told of since it was last looked at.
    tally: Tally,
    next_tick: Instant,
    reports: reports::Reports,
}

struct Keys {
    protector: Protector,
    opener: Opener,
}

/// A packet that waits to leave.
struct Queued {
    outlet: usize,
    sent: Sent,
    audio_level: Option<(i8, bool)>,
    capture_time: Option<(u64, Option<i64>)>,
}

/// Why a packet is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Media,
    Resend,
    /// Zeros like a retransmission, to fill a probe up (RFC 3550, 5.1).
    Padding,
}

impl Egress {
    pub(super) fn new(
        peer: PeerId,
        secrets: SecretsCell,
        outlets: Vec<Outlet>,
        start_bps: u64,
        wall: WallClock,
        now: Instant,
    ) -> Self {
        let tells = |outlet: &Outlet| outlet.kind == Kind::Video && outlet.extensions.has_transport_number();
        let estimator = outlets.iter().any(tells).then(|| Estimator::new(start_bps, now));
        Self {
            peer,
            origin: now,
            wall,
            sender_clock: SenderClock::default(),
            secrets,
            keys: None,
            route: None,
            outlets,
            sounds: VecDeque::new(),
            pictures: VecDeque::new(),
            resends: VecDeque::new(),
            resend_bytes: 0.0,
            pacer: Pacer::new(start_bps, now),
            estimator,
            told_bps: start_bps,
            round_trip: None,
            tally: Tally::default(),
            next_tick: now + TICK,
            reports: reports::Reports::default(),
        }
    }

    pub(super) fn outlets(&self) -> &[Outlet] {
        &self.outlets
    }

    /// What arrived at the receiver since the last call, and what did not.
    pub(super) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Whether the receiver tells of each packet, whether it arrived.
    pub(super) fn tells_arrivals(&self) -> bool {
        self.estimator.is_some()
    }

    /// What the peer tells of a capture, with what its reports tell of its clock.
    pub(super) fn captured(&self, told: AbsCaptureTime, now: Instant) -> Option<Captured> {
        Captured::elsewhere(told, self.sender_clock.ahead(), &self.wall, now)
    }

    /// Where media goes from now on.
    pub(super) const fn set_route(&mut self, route: Route) {
        self.route = Some(route);
    }

    /// What would be sent with all the bandwidth in the world.
    pub(super) fn want(&mut self, bps: u64) {
        if let Some(estimator) = &mut self.estimator {
            estimator.want(bps);
        }
    }

    /// Puts a packet into the slot with this index; it leaves with the next [`flush`](Self::flush). Returns
    /// whether there is a payload type for it.
    pub(super) fn write(
        &mut self,
        slot: usize,
        packet: &Packet,
        numbers: Numbers,
        is_blank: bool,
        now: Instant,
    ) -> bool {
        let Some(outlet) = self.outlets.get(slot) else { return false };
        let Some(payload_type) = outlet.payload_type(packet.codec) else { return false };
        let queued = Queued {
            outlet: slot,
            sent: Sent::new(packet, numbers, is_blank, payload_type, now),
            audio_level: packet.audio_level.map(|dbov| (dbov, packet.voice.unwrap_or(false))),
            capture_time: packet.captured.map(|captured| (captured.ntp, captured.offset)),
        };
        let queue = match outlet.kind {
            Kind::Audio => &mut self.sounds,
            Kind::Video => &mut self.pictures,
        };
        if queue.len() < QUEUED_MAX {
            queue.push_back(queued);
        }
        true
    }

    /// When it wants to be flushed next, besides ten times a second: all peers together, so that not each of them wakes
    /// the worker.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.keys.as_ref()?;
        let waits = !self.pictures.is_empty() || !self.resends.is_empty();
        let paced = waits.then(|| self.pacer.opens_at());
        let probe = self.estimator.as_ref().and_then(Estimator::deadline);
        [paced, probe].into_iter().flatten().min()
    }

    /// Sends what may leave now.
    pub(super) fn flush(&mut self, now: Instant, out: &mut Outbox, up: &mut Vec<FromPeer>) {
        if !self.is_ready() {
            self.sounds.clear();
            self.pictures.clear();
            return;
        }
        if now >= self.next_tick {
            self.tick(now, out);
        }
        self.pacer.refill(now);
        while let Some(queued) = self.sounds.pop_front() {
            self.send(queued, now, out);
        }
        while self.pacer.is_open()
            && let Some((outlet, sent)) = self.resends.pop_front()
        {
            self.resend(outlet, &sent, now, out);
        }
        while self.pacer.is_open()
            && let Some(queued) = self.pictures.pop_front()
        {
            self.send(queued, now, out);
        }
        self.send_padding(now, out);
        self.shed(now, up);
        self.tell_estimate(up);
    }

    fn is_ready(&mut self) -> bool {
        if self.keys.is_none()
            && let Some(secrets) = self.secrets.get()
        {
            let keys = Protector::new(secrets)
                .and_then(|protector| Ok(Keys { protector, opener: Opener::new(secrets)? }));
            match keys {
                Ok(keys) => self.keys = Some(keys),
                Err(error) => log::warn!(peer = self.peer.0; "{error}: nothing is sent to it"),
            }
        }
        self.keys.is_some() && self.route.is_some()
    }

    fn tick(&mut self, now: Instant, out: &mut Outbox) {
        self.next_tick = now + TICK;
        for queue in [&mut self.sounds, &mut self.pictures] {
            queue.shrink_to(QUEUED_USUALLY);
        }
        let bps = match &mut self.estimator {
            Some(estimator) => {
                estimator.tick(now);
                estimator.bps()
            }
            None => self.told_bps,
        };
        let most = bps as f64 / 8.0 * RESEND_SHARE;
        self.resend_bytes = (self.resend_bytes + most * TICK.as_secs_f64()).min(most);
        self.report(now, out);
    }

    fn send(&mut self, queued: Queued, now: Instant, out: &mut Outbox) {
        let Queued { outlet: at, mut sent, audio_level, capture_time } = queued;
        let outlet = &mut self.outlets[at];
        let is_video = outlet.kind == Kind::Video;
        outlet.count(sent.timestamp, sent.payload().len(), now);
        let extensions = Extensions { is_video, audio_level, capture_time, ..Extensions::default() };
        self.emit(at, &sent, Purpose::Media, extensions, now, out);
        let outlet = &mut self.outlets[at];
        if is_video && outlet.resend_ssrc.is_some() && sent.payload_type.resend.is_some() {
            sent.at = now;
            outlet.keep(sent);
        }
    }

    fn resend(&mut self, at: usize, sent: &Sent, now: Instant, out: &mut Outbox) {
        let extensions = Extensions { is_video: true, ..Extensions::default() };
        self.emit(at, sent, Purpose::Resend, extensions, now, out);
    }

    /// Writes, numbers and protects one packet.
    fn emit(
        &mut self,
        at: usize,
        sent: &Sent,
        purpose: Purpose,
        extensions: Extensions<'_>,
        now: Instant,
        out: &mut Outbox,
    ) {
        let (Some(route), Some(keys)) = (self.route, self.keys.as_ref()) else { return };
        let outlet = &mut self.outlets[at];
        let (ssrc, number, index) = match (purpose, outlet.resend_ssrc, sent.payload_type.resend) {
            (Purpose::Media, ..) => (outlet.ssrc, sent.payload_type.number, sent.sequence),
            (_, Some(ssrc), Some(number)) => (ssrc, number, outlet.next_resend_sequence()),
            _ => return,
        };
        let header = Header {
            payload_type: number,
            marker: sent.marker && purpose != Purpose::Padding,
            has_padding: purpose == Purpose::Padding,
            sequence: index as u16,
            timestamp: sent.timestamp,
            ssrc,
        };
        let payload = if purpose == Purpose::Padding { PADDING_BYTES } else { sent.payload().len() };
        let rough = FIXED_BYTES + payload + srtp::OVERHEAD_BYTES;
        let is_resent = purpose != Purpose::Media;
        // A report on a layer does not tell that the SSRC of its retransmissions is known.
        let names = !outlet.is_known || (is_resent && outlet.rid.is_some());
        let extensions = Extensions {
            mid: names.then_some(outlet.mid.as_str()),
            rid: outlet.rid.as_deref().filter(|_| names).map(|rid| (rid, is_resent)),
            transport_number: self.estimator.as_mut().map(|estimator| estimator.on_sent(rough, now)),
            send_time: send_time(now.saturating_duration_since(self.origin)),
            descriptor: sent.descriptor().filter(|_| purpose != Purpose::Padding),
            ..extensions
        };
        let bytes = out.begin();
        let start = bytes.len();
        let length = header.write(&outlet.extensions, &extensions, bytes);
        write_payload(sent, purpose, bytes);
        let protected = keys.protector.protect_rtp(bytes, start, length, ssrc, index);
        self.pacer.spend(bytes.len() - start);
        let class = match outlet.kind {
            Kind::Audio => TrafficClass::Audio,
            Kind::Video => TrafficClass::Video,
        };
        out.end(self.peer, route, class, start, protected.is_ok());
    }

    /// Fills a probe up: with what was sent last, or with zeros.
    fn send_padding(&mut self, now: Instant, out: &mut Outbox) {
        let Some(estimator) = &self.estimator else { return };
        let mut left = estimator.padding(now);
        while left > 0 {
            let can_resend = |outlet: &Outlet| outlet.resend_ssrc.is_some() && outlet.newest().is_some();
            let Some(at) = self.outlets.iter().position(can_resend) else { return };
            let Some(newest) = self.outlets[at].newest().cloned() else { return };
            let fits = newest.payload().len() <= 2 * left.max(PADDING_BYTES);
            let purpose = if fits { Purpose::Resend } else { Purpose::Padding };
            self.emit(at, &newest, purpose, Extensions::default(), now, out);
            left = left.saturating_sub(if fits { newest.payload().len() } else { PADDING_BYTES });
        }
    }

    /// Pictures that waited too long are not sent any more: rather a key frame now than a late one.
    fn shed(&mut self, now: Instant, up: &mut Vec<FromPeer>) {
        let is_late = |queued: &Queued| now.saturating_duration_since(queued.sent.at) >= QUEUED_FOR;
        if self.pictures.len() < QUEUED_MAX && !self.pictures.front().is_some_and(is_late) {
            return;
        }
        let mut slots: Vec<usize> = self.pictures.drain(..).map(|queued| queued.outlet).collect();
        slots.sort_unstable();
        slots.dedup();
        up.extend(slots.into_iter().map(|slot| FromPeer::KeyframeWanted { slot }));
    }

    fn tell_estimate(&mut self, up: &mut Vec<FromPeer>) {
        let Some(estimator) = &self.estimator else { return };
        let bps = estimator.bps();
        let told = self.told_bps as f64;
        if (bps as f64) < told * TOLD_DOWN || bps as f64 > told * TOLD_UP {
            self.told_bps = bps;
            self.pacer.set(bps);
            up.push(FromPeer::Estimate { bps });
        }
    }
}

fn write_payload(sent: &Sent, purpose: Purpose, bytes: &mut Vec<u8>) {
    if purpose == Purpose::Padding {
        // The last byte tells how many there are.
        bytes.resize(bytes.len() + PADDING_BYTES - 1, 0);
        bytes.push(PADDING_BYTES as u8);
        return;
    }
    if purpose == Purpose::Resend {
        // RFC 4588, 4: the number that it had comes first.
        bytes.extend_from_slice(&(sent.sequence as u16).to_be_bytes());
    }
    let start = bytes.len();
    bytes.extend_from_slice(sent.payload());
    match (sent.ids, sent.payload_type.codec) {
        (Some(ids), Some(VideoCodec::Vp8)) => vp8::renumber(&mut bytes[start..], ids),
        (Some(ids), Some(VideoCodec::Vp9)) => vp9::renumber(&mut bytes[start..], ids),
        _ => {}
    }
}

/// Seconds modulo 64, with 18 bits after the point.
const fn send_time(since: Duration) -> u32 {
    let fraction = ((since.subsec_nanos() as u64) << 18) / 1_000_000_000;
    ((since.as_secs() << 18 | fraction) & 0x00ff_ffff) as u32
}
