//! A peer on the network: one str0m `Rtc` that answers, connects and receives, and our own sender beside it.
//!
//! ```text
//!   offer ─▶ waiting ── ICE and DTLS ──▶ connected ── silence ──▶ lost ── too long ──▶ gone
//!               │                          ▲    │                  │
//!               │                          └────┼── heard again ───┘
//!               └── never ──▶ gone              └── goodbye, error, panic ──▶ gone
//! ```

mod answer;
mod arrival_numbers;
mod events;
mod proposal;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::media::{KeyframeRequestKind, Mid, Pt, Rid};
use str0m::net::{Protocol as Transport, Receive};
use str0m::rtp::Ssrc;
use str0m::{Input, Output, Rtc, RtcError};

use arrival_numbers::ArrivalNumbers;
use proposal::Proposed;

use crate::sfu::descriptor::Structure;
use crate::sfu::egress::{Egress, Reported};
use crate::sfu::guard::guarded;
use crate::sfu::inbound::{FromPeer, Packet};
use crate::sfu::offer::Plan;
use crate::sfu::outbox::Outbox;
use crate::sfu::quality::Tally;
use crate::sfu::rewrite::Numbers;
use crate::sfu::{GoneWhy, PeerId, Protocol, Route};
use crate::track::{Layer, Source, VideoCodec};

/// The most steps at once, so that one peer cannot hold up the others.
const STEPS_MAX: usize = 8;
/// The most SSRCs of a peer that are remembered; the oldest is forgotten.
const SSRCS_MAX: usize = 24;
/// The most of each that the transport is told of, because it forgets none: addresses that checks come from and
/// candidates, since the last ICE restart; SSRCs that are received.
const CHECKERS_MAX: usize = 256;
const CANDIDATES_MAX: usize = 256;
const SSRCS_HEARD_MAX: usize = 64;
/// How long the first connection may take, and how long a lost one is waited for.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
const LOST_FOR: Duration = Duration::from_secs(30);
/// Without a datagram for this long, a peer that sends media or reports is silent ...
const SILENT_AFTER: Duration = Duration::from_secs(2);
/// ... and one that only proves its consent every few seconds (RFC 7675, 5.1).
const QUIET_SILENT_AFTER: Duration = Duration::from_secs(7);
/// What the estimator is told to reach at least, in bits per second. It probes for no more than twice what is
/// wanted and takes the outcome for the truth: one that is told of thumbnails alone would find room for
/// thumbnails alone, and need many seconds once a stage is wanted.
const DESIRED_AT_LEAST_BPS: u64 = 4_000_000;

/// What a payload type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Opus,
    /// Opus behind copies of earlier packets, whose blocks have this payload type.
    Red {
        opus: u8,
    },
    Video(VideoCodec),
}

/// A media line that receives what the peer sends.
#[derive(Debug)]
struct Inlet {
    mid: Mid,
    source: Source,
    rids: Vec<Rid>,
}

/// An SSRC of the peer.
#[derive(Debug)]
struct Flow {
    ssrc: Ssrc,
    /// The index of its line among the inlets.
    line: usize,
    source: Source,
    layer: Layer,
    /// What the templates of its dependency descriptors mean.
    structure: Option<Structure>,
    /// How many spatial layers its VP9 has, as it told last.
    vp9_layers: u8,
}

/// A peer on the network.
pub(super) struct RtcPeer {
    id: PeerId,
    rtc: Rtc,
    plan: Plan,
    ufrag: String,
    deadline: Instant,
    /// The newest time that the transport has seen; it must not run back.
    latest: Instant,
    destination: Option<(Protocol, SocketAddr)>,
    inlets: Vec<Inlet>,
    egress: Egress,
    /// What we have offered, until it is answered.
    proposed: Option<Proposed>,
    flows: Vec<Flow>,
    checkers: Vec<SocketAddr>,
    candidates: usize,
    ssrcs_heard: Vec<u32>,
    arrival_numbers: ArrivalNumbers,
    payload_types: Vec<(Pt, Coding)>,
    connected: bool,
    /// Waits for its first connection, or for a lost one to come back, since then.
    lost_since: Option<Instant>,
    heard_at: Instant,
    media_heard_at: Option<Instant>,
    media_sent_at: Option<Instant>,
    told_silent: bool,
    /// Written to, and not yet flushed.
    dirty: bool,
    /// The transport itself was asked for something.
    rtc_dirty: bool,
    over: bool,
}

impl RtcPeer {
    /// A peer that has neither connected nor sent anything yet.
    fn new(
        id: PeerId,
        mut rtc: Rtc,
        plan: Plan,
        egress: Egress,
        arrival_numbers: ArrivalNumbers,
        now: Instant,
    ) -> Self {
        Self {
            id,
            ufrag: rtc.direct_api().local_ice_credentials().ufrag,
            rtc,
            plan,
            deadline: now,
            latest: now,
            destination: None,
            inlets: Vec::new(),
            egress,
            proposed: None,
            flows: Vec::new(),
            checkers: Vec::new(),
            candidates: 0,
            ssrcs_heard: Vec::new(),
            arrival_numbers,
            payload_types: Vec::new(),
            connected: false,
            lost_since: Some(now),
            heard_at: now,
            media_heard_at: None,
            media_sent_at: None,
            told_silent: true,
            dirty: true,
            rtc_dirty: true,
            over: false,
        }
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected
    }

    /// What can be decoded in the slot with this index.
    pub(super) fn decodes(&self, slot: usize) -> Vec<VideoCodec> {
        let types = self.egress.outlets().get(slot).map_or(&[][..], |outlet| &outlet.payload_types);
        types.iter().filter_map(|one| one.codec).collect()
    }

    /// It negotiated sound with copies of what went before.
    pub(super) fn takes_copies(&self) -> bool {
        self.egress.outlets().iter().flat_map(|outlet| &outlet.payload_types).any(|one| one.red.is_some())
    }

    /// When it wants to be stepped next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        // One that only receives has nothing to do that could not wait for the next tick.
        let is_patient = self.connected && self.lost_since.is_none() && self.inlets.is_empty();
        let rtc = (!is_patient).then_some(self.deadline);
        [rtc, self.egress.deadline()].into_iter().flatten().min().filter(|_| !self.over)
    }

    /// A datagram arrived. Returns whether it is really this peer's.
    pub(super) fn receive(
        &mut self,
        route: Route,
        contents: &[u8],
        now: Instant,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
    ) -> bool {
        if Content::of(contents) == Content::Reports && self.receive_report(contents, now, out, up) {
            return true;
        }
        self.receive_rtc(route, contents, now, out, up)
    }

    /// A report about what we sent. Returns whether there is nothing else in it. The rest is about what the peer sends:
    /// nothing, where it can send nothing, and the transport would set tens of kilobytes aside to read it.
    fn receive_report(
        &mut self,
        contents: &[u8],
        now: Instant,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
    ) -> bool {
        let mut reported = Reported::AlsoForeign;
        self.step(out, up, |peer, out, up| {
            reported = peer.egress.receive(contents, now, up);
            if reported == Reported::AlsoForeign && peer.inlets.is_empty() {
                reported = Reported::Taken;
            }
            if reported == Reported::Taken {
                peer.heard(now);
                peer.egress.flush(now, out, up);
            }
            Ok(())
        });
        reported == Reported::Taken
    }

    fn receive_rtc(
        &mut self,
        route: Route,
        contents: &[u8],
        now: Instant,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
    ) -> bool {
        let mut accepted = false;
        self.step(out, up, |peer, out, up| {
            let transport = match route.protocol {
                Protocol::Udp => Transport::Udp,
                Protocol::Tcp => Transport::Tcp,
            };
            let Ok(receive) = Receive::new(transport, route.source, route.destination, contents) else {
                return Ok(());
            };
            let now = now.max(peer.latest);
            let input = Input::Receive(now, receive);
            if !peer.rtc.accepts(&input) || !peer.lets_in(route.source, contents, now) {
                return Ok(());
            }
            accepted = true;
            peer.heard(now);
            peer.latest = now;
            peer.rtc.handle_input(input)?;
            peer.drain(out, up)?;
            if Content::of(contents) == Content::Check {
                peer.find_route((route.protocol, route.source), now, out, up)?;
            }
            Ok(())
        });
        accepted
    }

    /// Whether the transport is fit for what a datagram brings.
    fn lets_in(&mut self, source: SocketAddr, contents: &[u8], now: Instant) -> bool {
        let heard_max = SSRCS_HEARD_MAX.max(2 * self.ssrcs_max());
        match Content::of(contents) {
            Content::Check => insert_bounded(&mut self.checkers, source, CHECKERS_MAX),
            Content::Media { ssrc } => {
                // Without a connection there are no keys.
                self.connected
                    && self.arrival_numbers.admits(contents, now)
                    && insert_bounded(&mut self.ssrcs_heard, ssrc, heard_max)
            }
            Content::Reports | Content::Other => true,
        }
    }

    /// A check of ICE may have chosen another pair. str0m tells which in the datagrams that it sends, so it is made
    /// to send one: a request that no receiver can have a use for.
    fn find_route(
        &mut self,
        checked: (Protocol, SocketAddr),
        now: Instant,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
    ) -> Result<(), RtcError> {
        if !self.connected || self.destination == Some(checked) || self.egress.outlets().is_empty() {
            return Ok(());
        }
        self.rtc.direct_api().send_pli_feedback(Ssrc::from(1), Ssrc::from(1));
        self.advance(now, out, up)
    }

    fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.told_silent = false;
    }

    /// Writes a packet to the slot with this index; it leaves with the next [`flush`](Self::flush). Returns
    /// whether the peer was clean before.
    pub(super) fn write(
        &mut self,
        slot: usize,
        packet: &Packet,
        numbers: Numbers,
        is_blank: bool,
        now: Instant,
    ) -> bool {
        if self.over || !self.egress.write(slot, packet, numbers, is_blank, now) {
            return false;
        }
        if packet.codec.is_some() {
            self.media_sent_at = Some(now);
        }
        !std::mem::replace(&mut self.dirty, true)
    }

    /// The most SSRCs that are remembered: of every layer of every line, and some that were replaced.
    fn ssrcs_max(&self) -> usize {
        let layers: usize = self.inlets.iter().map(|inlet| inlet.rids.len().max(1)).sum();
        SSRCS_MAX.max(layers + layers / 2)
    }

    /// The line on which the peer sends a source, by its index.
    pub(super) fn line_of(&self, source: Source) -> Option<usize> {
        self.inlets.iter().position(|inlet| inlet.source == source)
    }

    /// The line with this `a=mid` on which the peer sends, by its index.
    pub(super) fn line_at(&self, mid: &str) -> Option<usize> {
        self.inlets.iter().position(|inlet| inlet.mid == Mid::from(mid))
    }

    /// Asks the peer for a key frame of one of its layers. Returns whether the layer is known.
    pub(super) fn ask_keyframe(&mut self, line: usize, layer: Layer) -> bool {
        let known = self.flows.iter().rev().find(|flow| flow.line == line && flow.layer == layer);
        let (Some(Flow { ssrc, .. }), false) = (known, self.over) else { return false };
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_rx(ssrc) else { return false };
        stream.request_keyframe(KeyframeRequestKind::Pli);
        (self.dirty, self.rtc_dirty) = (true, true);
        true
    }

    /// Tells the bandwidth estimator what would be sent with all the bandwidth in the world.
    pub(super) fn want_bandwidth(&mut self, desired_bps: u64) {
        self.egress.want(desired_bps.max(DESIRED_AT_LEAST_BPS));
    }

    /// What arrived at the peer since the last call, and what did not.
    pub(super) fn take_tally(&mut self) -> Tally {
        self.egress.take_tally()
    }

    /// Whether it tells of each packet that was sent to it.
    pub(super) fn tells_arrivals(&self) -> bool {
        self.egress.tells_arrivals()
    }

    /// Something was heard of it lately.
    pub(super) fn is_heard(&self) -> bool {
        self.connected && !self.told_silent && !self.over
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty && !self.over
    }

    /// Sends what was written, and does what time has come for.
    pub(super) fn flush(&mut self, now: Instant, out: &mut Outbox, up: &mut Vec<FromPeer>) {
        self.dirty = false;
        self.step(out, up, |peer, out, up| {
            if peer.rtc_dirty || peer.deadline <= now {
                peer.advance(now, out, up)?;
            }
            peer.egress.flush(now, out, up);
            Ok(())
        });
    }

    /// Time has passed, and the peer is to be flushed; returns whether it has just fallen silent.
    pub(super) fn tick(&mut self, now: Instant, up: &mut Vec<FromPeer>) -> bool {
        if self.over {
            return false;
        }
        self.dirty = true;
        let patience = if self.connected { LOST_FOR } else { CONNECT_WITHIN };
        if self.lost_since.is_some_and(|since| now.saturating_duration_since(since) >= patience) {
            self.over = true;
            up.push(FromPeer::Gone(GoneWhy::IceFailed));
            return false;
        }
        let silence = now.saturating_duration_since(self.heard_at);
        let limit = if self.was_talkative() { SILENT_AFTER } else { QUIET_SILENT_AFTER };
        let fell_silent = self.connected && !self.told_silent && silence >= limit;
        self.told_silent |= fell_silent;
        fell_silent
    }

    /// When last heard it was sending media, or reporting on pictures that we went on sending.
    fn was_talkative(&self) -> bool {
        let close = Duration::from_millis(300);
        let sent_media =
            self.media_heard_at.is_some_and(|at| self.heard_at.saturating_duration_since(at) < close);
        let owes_reports = self
            .media_sent_at
            .is_some_and(|at| at.saturating_duration_since(self.heard_at) > SILENT_AFTER / 2);
        sent_media || owes_reports
    }

    /// Says goodbye.
    pub(super) fn close(&mut self, now: Instant, out: &mut Outbox) {
        let mut nobody = Vec::new();
        self.step(out, &mut nobody, |peer, out, up| {
            peer.rtc.close()?;
            peer.advance(now, out, up)
        });
        self.over = true;
    }

    /// Runs a step behind the fence; after a failure the transport is not touched again.
    fn step(
        &mut self,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
        step: impl FnOnce(&mut Self, &mut Outbox, &mut Vec<FromPeer>) -> Result<(), RtcError>,
    ) {
        if self.over {
            return;
        }
        if let Err(why) = guarded(|| step(self, out, up)) {
            self.over = true;
            up.push(FromPeer::Gone(why));
        }
    }

    /// Moves the transport's time on.
    fn advance(&mut self, now: Instant, out: &mut Outbox, up: &mut Vec<FromPeer>) -> Result<(), RtcError> {
        self.rtc_dirty = false;
        for _ in 0..STEPS_MAX {
            self.latest = now.max(self.latest);
            self.rtc.handle_input(Input::Timeout(self.latest))?;
            self.drain(out, up)?;
            if self.deadline > now || self.over {
                break;
            }
        }
        Ok(())
    }

    /// Takes everything that the transport has to say.
    fn drain(&mut self, out: &mut Outbox, up: &mut Vec<FromPeer>) -> Result<(), RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.deadline = at;
                    break;
                }
                Output::Transmit(transmit) => self.transmit(transmit, out, up),
                Output::Event(event) => self.on_event(event, up),
            }
        }
        if !self.rtc.is_alive() && !self.over {
            self.over = true;
            up.push(FromPeer::Gone(GoneWhy::Error("the transport closed itself".to_owned())));
        }
        Ok(())
    }
}

/// Whether a value is known, or is from now on.
fn insert_bounded<T: PartialEq>(known: &mut Vec<T>, value: T, max: usize) -> bool {
    let is_known = known.contains(&value);
    if !is_known && known.len() < max {
        known.push(value);
        return true;
    }
    is_known
}

/// What a datagram carries (RFC 7983; RFC 5761, 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// STUN.
    Check,
    /// SRTCP.
    Reports,
    /// SRTP.
    Media {
        ssrc: u32,
    },
    Other,
}

impl Content {
    const fn of(datagram: &[u8]) -> Self {
        match datagram {
            [0..=3, ..] => Self::Check,
            [128..=191, 192..=223, ..] => Self::Reports,
            [128..=191, _, _, _, _, _, _, _, a, b, c, d, ..] => {
                Self::Media { ssrc: u32::from_be_bytes([*a, *b, *c, *d]) }
            }
            _ => Self::Other,
        }
    }
}
