//! The forwarder of one meeting: what it is asked, and when it acts.
//!
//! ```text
//!   offer, watch, set_track …  ─┐                             ┌─▶ poll_transmit  (datagrams)
//!   handle_datagram, _local    ─┼─▶ act ─▶ forward ─▶ settle ─┼─▶ poll_delivery  (local packets)
//!   handle_timeout             ─┘    (forward.rs) (settle.rs) └─▶ poll_event
//!                                         flush: one step per subscriber that was written to
//! ```

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::sfu::branch::Others;
use crate::sfu::capture::{Captured, Making, WallClock};
use crate::sfu::inbound::{FromPeer, Packet};
use crate::sfu::local::{Delivered, Published};
use crate::sfu::outbox::Outbox;
use crate::sfu::peer::{Link, Peer};
use crate::sfu::speakers::Speakers;
use crate::sfu::statistics::Totals;
use crate::sfu::track::Track;
use crate::sfu::transport::DtlsIdentity;
use crate::sfu::{Codecs, Event, PeerId, PeerStats, Permit, Route, Run, SlotId, TrackFlow, Wish};
use crate::track::{Kind, Source, VideoCodec};

/// The most peers of a meeting; the next one is refused.
pub const PEERS_MAX: usize = 256;
/// The most wishes of a subscriber; later ones are not looked at.
const WISHES_MAX: usize = 64;
/// The most words about peers that have not offered yet; the oldest is forgotten.
const EARLY_MAX: usize = 256;
/// How often levels, silences and retries are judged.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// What a meeting's forwarder is made with.
#[derive(Debug, Clone)]
pub struct ForwarderConfig {
    /// Where media arrives: the host candidates of every answer, UDP. Real addresses, never unspecified ones.
    pub ice_addresses: Vec<SocketAddr>,
    /// The same for TCP sockets that browsers open to us.
    pub ice_tcp_addresses: Vec<SocketAddr>,
    /// An address elsewhere that passes datagrams on, both ways (RFC 8656); the last resort.
    pub ice_relayed_address: Option<SocketAddr>,
    /// The certificate that every peer presents.
    pub certificate: DtlsIdentity,
    /// The codec that pages send while everybody who watches can decode it.
    pub preferred_codec: VideoCodec,
    /// Whether the meeting has pictures; without, offered video lines are answered and never filled.
    pub video: bool,
    /// What a subscriber is sent before its bandwidth is known, in bits per second.
    pub start_bitrate_bps: u64,
    /// The time of day that capture times are told by.
    pub wall: WallClock,
}

/// The selective forwarding of one meeting.
///
/// After each batch of inputs call [`flush`](Self::flush), then take what
/// [`poll_transmit`](Self::poll_transmit), [`poll_delivery`](Self::poll_delivery) and
/// [`poll_event`](Self::poll_event) have until they return `None`, then wait until
/// [`poll_timeout`](Self::poll_timeout). Time must not run back.
pub struct Forwarder {
    pub(super) config: ForwarderConfig,
    /// A place keeps its index while its peer lives.
    pub(super) peers: Vec<Option<Peer>>,
    pub(super) places: HashMap<PeerId, usize>,
    pub(super) tracks: Vec<Option<Track>>,
    pub(super) speakers: Speakers<usize>,
    pub(super) told_speakers: (Option<PeerId>, Vec<PeerId>),
    pub(super) tells_levels: bool,
    pub(super) chosen: Vec<usize>,
    /// What the peers of this branch need.
    pub(super) codecs: Codecs,
    pub(super) others: Others,
    pub(super) outbox: Outbox,
    /// The places of peers that were written to.
    pub(super) dirty: Vec<usize>,
    /// Reused by every step.
    pub(super) inbox: Vec<FromPeer>,
    pub(super) next_tick: Option<Instant>,
    pub(super) latest: Option<Instant>,
    pub(super) early_flows: VecDeque<(PeerId, Source, TrackFlow)>,
    pub(super) early_wishes: VecDeque<(PeerId, Vec<Wish>)>,
    /// The counters of those who are gone.
    pub(super) departed: Totals,
}

impl Forwarder {
    /// A meeting without peers.
    #[must_use]
    pub fn new(config: ForwarderConfig) -> Self {
        Self {
            codecs: Codecs::preferring(config.preferred_codec),
            config,
            others: Others::default(),
            peers: Vec::new(),
            places: HashMap::new(),
            tracks: Vec::new(),
            speakers: Speakers::new(),
            told_speakers: (None, Vec::new()),
            tells_levels: false,
            chosen: Vec::new(),
            outbox: Outbox::default(),
            dirty: Vec::new(),
            inbox: Vec::new(),
            next_tick: None,
            latest: None,
            early_flows: VecDeque::new(),
            early_wishes: VecDeque::new(),
            departed: Totals::default(),
        }
    }

    /// Other addresses of the machine, for UDP and for TCP: told in the answers from now on.
    pub fn set_addresses(&mut self, udp: Vec<SocketAddr>, tcp: Vec<SocketAddr>) {
        self.config.ice_addresses = udp;
        self.config.ice_tcp_addresses = tcp;
    }

    /// Another relayed address, or none any more: told in the answers from now on.
    pub const fn set_relayed_address(&mut self, address: Option<SocketAddr>) {
        self.config.ice_relayed_address = address;
    }

    /// Whether it is told with each tick how loud everybody is.
    pub const fn tell_levels(&mut self, wanted: bool) {
        self.tells_levels = wanted;
    }

    /// What a subscriber wants to see, the most wanted first; replaces what it wanted before. Without any
    /// call a subscriber is shown screens, then the active speaker, then the others.
    pub fn watch(&mut self, peer: PeerId, mut wishes: Vec<Wish>, now: Instant) {
        wishes.truncate(WISHES_MAX);
        let Some((_, known)) = find(&self.places, &mut self.peers, peer) else {
            self.early_wishes.retain(|(of, _)| *of != peer);
            self.early_wishes.push_back((peer, wishes));
            if self.early_wishes.len() > EARLY_MAX {
                self.early_wishes.pop_front();
            }
            return;
        };
        known.wishes = Some(wishes);
        known.needs_seating = true;
        self.settle(now);
    }

    /// What a peer may do from now on; see [`Permit`].
    pub fn set_permit(&mut self, peer: PeerId, permit: Permit, now: Instant) {
        let Some((place, known)) = find(&self.places, &mut self.peers, peer) else { return };
        if known.permit == permit {
            return;
        }
        known.permit = permit;
        let (tracks, slots) = (known.tracks.clone(), known.slots.len());
        for track in tracks {
            self.judge_flow(track, now);
        }
        if !permit.receive {
            for slot in 0..slots {
                self.empty_slot(place, slot, now);
            }
        }
        self.judge_codecs();
        self.seat_everybody();
        self.settle(now);
    }

    /// Whether a track is forwarded. Every track is [off](TrackFlow::Off) until it is set on.
    pub fn set_track(&mut self, peer: PeerId, source: Source, state: TrackFlow, now: Instant) {
        let Some((_, known)) = find(&self.places, &mut self.peers, peer) else {
            self.early_flows.retain(|(of, what, _)| *of != peer || *what != source);
            self.early_flows.push_back((peer, source, state));
            if self.early_flows.len() > EARLY_MAX {
                self.early_flows.pop_front();
            }
            return;
        };
        let mut tracks = known.tracks.iter().copied();
        let of_source = |at: &usize| self.tracks[*at].as_ref().is_some_and(|track| track.source == source);
        let Some(at) = tracks.find(of_source) else { return };
        let Some(track) = self.tracks[at].as_mut() else { return };
        if track.flow == state {
            return;
        }
        track.set_flow(state);
        self.judge_flow(at, now);
        self.seat_everybody();
        self.settle(now);
    }

    /// A datagram arrived for a peer. Returns whether the peer accepted it: only then is its address to be
    /// [confirmed](crate::sfu::Demux::confirm).
    pub fn handle_datagram(&mut self, peer: PeerId, route: Route, contents: &[u8], now: Instant) -> bool {
        self.latest = Some(now);
        let Some((place, Link::Rtc(rtc))) =
            find(&self.places, &mut self.peers, peer).map(|(at, p)| (at, &mut p.link))
        else {
            return false;
        };
        let mut up = std::mem::take(&mut self.inbox);
        let accepted = rtc.receive(route, contents, now, &mut self.outbox, &mut up);
        self.act(place, up, now);
        accepted
    }

    /// A local participant published a packet.
    pub fn handle_local(&mut self, peer: PeerId, packet: Published, now: Instant) {
        self.latest = Some(now);
        let Some(place) = self.places.get(&peer).copied() else { return };
        let (source, layer) = (packet.source, packet.layer);
        // The last packet of a picture tells of it. Encoding and handing over are one here.
        let stamped = packet.codec.is_some() && packet.marker;
        let encode_ended = now.saturating_duration_since(packet.captured_at);
        let packet = Packet {
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
            codec: packet.codec,
            audio_level: packet.audio_level,
            voice: None,
            captured: stamped.then(|| Captured::here(&self.config.wall, packet.captured_at)),
            making: stamped.then_some(Making { encode_began: Duration::ZERO, encode_ended }),
            temporal: None,
            spatial: None,
            descriptor: None,
            red: None,
            payload: packet.payload,
        };
        if packet.codec.is_some() == (source.kind() == Kind::Video) && !packet.payload.is_empty() {
            self.forward(place, source, layer, false, packet, now);
        }
    }

    /// A subscriber of this process cannot decode what it is delivered: it needs a key frame.
    pub fn want_keyframe(&mut self, peer: PeerId, slot: SlotId, now: Instant) {
        let Some((place, known)) = find(&self.places, &mut self.peers, peer) else { return };
        if let Some(slot) = known.slots.iter().position(|one| one.id == slot) {
            self.on_keyframe_wanted(place, slot, now);
        }
    }

    /// Time has come: see [`poll_timeout`](Self::poll_timeout).
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = Some(now);
        for place in 0..self.peers.len() {
            let due = |peer: &Peer| match &peer.link {
                Link::Rtc(rtc) => rtc.deadline().is_some_and(|at| at <= now),
                Link::Local | Link::Elsewhere | Link::Guest { .. } => false,
            };
            if self.peers[place].as_ref().is_some_and(due) {
                self.step(place, now);
            }
        }
        if self.next_tick.is_some_and(|at| at <= now) {
            self.tick(now);
            self.next_tick = (!self.places.is_empty()).then_some(now + TICK);
        }
        self.flush(now);
    }

    /// Sends what the inputs of a batch brought: one step for each subscriber that was written to, so that
    /// the packets of a frame leave together. Returns whether there is more, once the datagrams were taken: those of a
    /// key frame for many are megabytes, which need not lie there all at once.
    pub fn flush(&mut self, now: Instant) -> bool {
        self.latest = Some(now);
        // A step can bring up a goodbye, and that writes to others: a few rounds at most.
        for _ in 0..4 {
            let mut dirty = std::mem::take(&mut self.dirty).into_iter();
            if dirty.len() == 0 {
                return false;
            }
            for place in dirty.by_ref() {
                let is_dirty = |peer: &Peer| matches!(&peer.link, Link::Rtc(rtc) if rtc.is_dirty());
                if self.peers[place].as_ref().is_some_and(is_dirty) {
                    self.step(place, now);
                    if self.outbox.is_well_filled() {
                        break;
                    }
                }
            }
            if dirty.len() > 0 {
                self.dirty.extend(dirty);
                return true;
            }
        }
        false
    }

    fn step(&mut self, place: usize, now: Instant) {
        let Some(Link::Rtc(rtc)) = self.peers[place].as_mut().map(|peer| &mut peer.link) else { return };
        let mut up = std::mem::take(&mut self.inbox);
        rtc.flush(now, &mut self.outbox, &mut up);
        self.act(place, up, now);
    }

    /// Acts upon what a step of a peer brought up.
    pub(super) fn act(&mut self, place: usize, mut up: Vec<FromPeer>, now: Instant) {
        for one in up.drain(..) {
            match one {
                FromPeer::Media { line, source, layer, fresh, packet } => {
                    // What comes on a line of a bridge that is nobody's is dropped.
                    if let Some((sender, source)) = self.sender(place, line, source) {
                        self.forward(sender, source, layer, fresh, packet, now);
                    }
                }
                FromPeer::KeyframeWanted { slot } => self.on_keyframe_wanted(place, slot, now),
                FromPeer::Estimate { bps } => self.on_estimate(place, bps, now),
                FromPeer::RoundTrip(rtt) => self.on_round_trip(place, rtt),
                FromPeer::Connected => self.on_connected(place, now),
                FromPeer::Moved => self.refresh_pictures(place, now),
                FromPeer::Gone(why) => self.on_gone(place, why, now),
            }
        }
        self.inbox = up;
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest; `None` without peers.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = |peer: &Peer| match &peer.link {
            Link::Rtc(rtc) => rtc.deadline(),
            Link::Local | Link::Elsewhere | Link::Guest { .. } => None,
        };
        let deadlines = self.peers.iter().flatten().filter_map(deadline);
        let unflushed = self.latest.filter(|_| !self.dirty.is_empty());
        deadlines.chain(self.next_tick).chain(unflushed).min()
    }

    /// The next run of datagrams to be sent, and what they say, one behind the other.
    pub fn poll_transmit(&mut self) -> Option<(Run, &[u8])> {
        self.outbox.poll_transmit()
    }

    /// The next packet for a local participant.
    pub fn poll_delivery(&mut self) -> Option<(PeerId, Delivered)> {
        self.outbox.poll_delivery()
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.outbox.poll_event()
    }

    /// The counters of a peer.
    #[must_use]
    pub fn stats(&self, peer: PeerId) -> Option<PeerStats> {
        self.peer(peer).map(|peer| peer.stats)
    }

    /// The codecs that publishers shall send now.
    #[must_use]
    pub fn codecs(&self) -> Codecs {
        self.with_others(self.codecs)
    }

    /// The local ICE ufrag of a network peer, for [`Demux::insert_ufrag`](crate::sfu::Demux::insert_ufrag);
    /// another one after an ICE restart.
    #[must_use]
    pub fn ufrag(&self, peer: PeerId) -> Option<String> {
        match &self.peer(peer)?.link {
            Link::Rtc(rtc) => Some(rtc.ufrag().to_owned()),
            Link::Local | Link::Elsewhere | Link::Guest { .. } => None,
        }
    }

    /// The `a=mid` of a slot, as it stands in the peer's offer.
    #[must_use]
    pub fn mid(&self, peer: PeerId, slot: SlotId) -> Option<String> {
        match &self.peer(peer)?.link {
            Link::Rtc(rtc) => {
                rtc.plan().receiving().into_iter().find(|line| line.slot == slot).map(|line| line.mid)
            }
            Link::Local | Link::Elsewhere | Link::Guest { .. } => None,
        }
    }

    /// The slots of a peer, in the order of its media lines.
    #[must_use]
    pub fn slots(&self, peer: PeerId) -> Vec<(SlotId, Kind)> {
        let slots = self.peer(peer).map_or(&[][..], |peer| &peer.slots);
        slots.iter().map(|slot| (slot.id, slot.kind)).collect()
    }

    fn peer(&self, peer: PeerId) -> Option<&Peer> {
        self.peers[*self.places.get(&peer)?].as_ref()
    }
}

/// A peer and its place.
pub(super) fn find<'a>(
    places: &HashMap<PeerId, usize>,
    peers: &'a mut [Option<Peer>],
    peer: PeerId,
) -> Option<(usize, &'a mut Peer)> {
    let place = *places.get(&peer)?;
    Some((place, peers[place].as_mut()?))
}

/// The first empty place, made if there is none.
pub(super) fn first_free<T>(places: &mut Vec<Option<T>>) -> usize {
    places.iter().position(Option::is_none).unwrap_or_else(|| {
        places.push(None);
        places.len() - 1
    })
}
