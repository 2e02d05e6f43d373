//! A peer that stands for a meeting elsewhere: it carries the tracks of many, each on a line of its own.
//!
//! ```text
//!   tracks here ── outward: which track on which line ──▶ a slot for each layer ──▶ the other end
//!   guests here ◀── inward: which line is whose ───────── lines ◀────────────────── the other end
//! ```
//!
//! Nothing is chosen by loudness or by wishes: what is told to be carried is carried, each layer as it is, as far as
//! the way allows and the other end watches it. Guests are those of the other end: peers without a transport of their
//! own, which publish what arrives on their lines.

use std::time::Instant;

use crate::sfu::forwarder::{Forwarder, PEERS_MAX, find};
use crate::sfu::offer::Plan;
use crate::sfu::peer::{Link, Peer};
use crate::sfu::rtc_peer::RtcPeer;
use crate::sfu::settle::SOUND_BPS;
use crate::sfu::slot::{Feed, Slot};
use crate::sfu::temporal::TID_MAX;
use crate::sfu::transport::RtcSetup;
use crate::sfu::{Codecs, Event, OfferRefused, PeerId, Permit, TrackSetup};
use crate::track::{Kind, Layer, Source, VideoCodec};

/// What a bridge carries each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BridgeLines {
    /// Sounds.
    pub audio: usize,
    /// Pictures.
    pub video: usize,
}

/// A track that a bridge sends to the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outward {
    /// The `a=mid` of the line.
    pub mid: String,
    /// Whose.
    pub publisher: PeerId,
    /// Which.
    pub source: Source,
    /// How many of its layers the other end watches, from the smallest on.
    pub layers: u8,
}

/// A track that arrives at a bridge from the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inward {
    /// The `a=mid` of the line.
    pub mid: String,
    /// Whose it is.
    pub guest: PeerId,
    /// Which.
    pub source: Source,
}

/// What a peer that is a bridge knows besides.
#[derive(Debug, Default)]
pub(super) struct Carrier {
    outward: Vec<Outward>,
    /// By the index of the line on which the other end sends.
    inward: Vec<Option<(PeerId, Source)>>,
    /// The line and the layer of each slot.
    chairs: Vec<(String, Option<Layer>)>,
    /// What everybody at the other end decodes; `None` until it is told.
    decodes: Option<Vec<VideoCodec>>,
    /// What the other end was told that everybody here decodes.
    told: Option<Vec<VideoCodec>>,
}

impl Carrier {
    pub(super) fn of(plan: &Plan) -> Self {
        let chair = |line: crate::sfu::offer::Receiving| (line.mid, line.rid.map(|(layer, _)| layer));
        Self { chairs: plan.receiving().into_iter().map(chair).collect(), ..Self::default() }
    }

    pub(super) fn decodes(&self, codec: VideoCodec) -> Option<bool> {
        self.decodes.as_ref().map(|known| known.contains(&codec))
    }
}

/// What a slot of a bridge is to send.
#[derive(Debug, Clone, Copy)]
struct Seat {
    slot: usize,
    track: usize,
    layer: Layer,
    bps: u64,
}

impl Forwarder {
    /// Offers lines to another appliance. The [answer](Self::accept) makes a peer of it.
    ///
    /// # Errors
    /// One peer too many.
    pub fn propose(
        &mut self,
        peer: PeerId,
        lines: BridgeLines,
        now: Instant,
    ) -> Result<String, OfferRefused> {
        self.latest = Some(now);
        if self.places.len() >= PEERS_MAX {
            return Err(OfferRefused::TooManyPeers(PEERS_MAX));
        }
        let setup = RtcSetup::new(&self.config, self.codecs.plain);
        let (rtc, offer) = RtcPeer::propose(peer, setup, lines, now)?;
        let permit = Permit { send: true, receive: true };
        self.admit(
            Peer::over_network(rtc, peer, permit, self.config.start_bitrate_bps, now),
            Vec::new(),
            now,
        );
        Ok(offer)
    }

    /// The other end has answered.
    ///
    /// # Errors
    /// An answer that does not fit what was offered, or a peer that is gone.
    pub fn accept(&mut self, peer: PeerId, answer: &str, now: Instant) -> Result<(), OfferRefused> {
        self.latest = Some(now);
        let Some(place) = self.places.get(&peer).copied() else { return Err(OfferRefused::UnknownPeer) };
        let Some(known) = self.peers[place].as_mut() else { return Err(OfferRefused::UnknownPeer) };
        let Link::Rtc(rtc) = &mut known.link else { return Err(OfferRefused::LinesChanged) };
        let setup = RtcSetup::new(&self.config, self.codecs.plain);
        rtc.accept(answer, setup, now, &mut self.outbox)?;
        known.slots = Peer::slots_of(rtc);
        let told = known.carrier.take();
        let carrier = Carrier::of(rtc.plan());
        known.carrier = Some(Box::new(match told {
            Some(told) => Carrier { chairs: carrier.chairs, ..*told },
            None => carrier,
        }));
        known.needs_seating = true;
        self.dirty.push(place);
        self.judge_codecs();
        self.settle(now);
        Ok(())
    }

    /// The lines on which a bridge sends, by their `a=mid`: the sounds first.
    #[cfg(test)]
    pub(super) fn bridge_mids(&self, bridge: PeerId) -> Vec<(String, Kind)> {
        let peer = self.places.get(&bridge).and_then(|place| self.peers[*place].as_ref());
        let Some((peer, carrier)) = peer.and_then(|peer| Some((peer, peer.carrier.as_ref()?))) else {
            return Vec::new();
        };
        let line = |((mid, _), slot): (&(String, Option<Layer>), &Slot)| (mid.clone(), slot.kind);
        let mut lines: Vec<_> = carrier.chairs.iter().zip(&peer.slots).map(line).collect();
        lines.dedup();
        lines
    }

    /// What a bridge sends from now on.
    pub fn carry_out(&mut self, bridge: PeerId, outward: Vec<Outward>, now: Instant) {
        let Some((_, Some(carrier))) = self.carrier_of(bridge) else { return };
        carrier.outward = outward;
        if let Some((_, known)) = find(&self.places, &mut self.peers, bridge) {
            known.needs_seating = true;
        }
        self.settle(now);
    }

    /// Whose the lines are on which a bridge receives, from now on. Guests that are new come to be by this.
    pub fn carry_in(&mut self, bridge: PeerId, inward: &[Inward], now: Instant) {
        for one in inward {
            if !self.places.contains_key(&one.guest) && self.places.len() < PEERS_MAX {
                self.admit_publisher(Peer::guest(one.guest, bridge), guest_tracks(), now);
            }
        }
        let Some((place, _)) = find(&self.places, &mut self.peers, bridge) else { return };
        let Some(known) = self.peers[place].as_mut() else { return };
        let Link::Rtc(rtc) = &known.link else { return };
        let lines: Vec<_> = inward.iter().filter_map(|one| Some((rtc.line_at(&one.mid)?, one))).collect();
        let Some(carrier) = known.carrier.as_mut() else { return };
        carrier.inward.clear();
        for (line, one) in lines {
            if carrier.inward.len() <= line {
                carrier.inward.resize(line + 1, None);
            }
            carrier.inward[line] = Some((one.guest, one.source));
        }
    }

    /// What everybody at the other end of a bridge decodes.
    pub fn set_far_decodes(&mut self, bridge: PeerId, codecs: Vec<VideoCodec>) {
        if let Some((_, Some(carrier))) = self.carrier_of(bridge) {
            carrier.decodes = Some(codecs);
            self.judge_codecs();
        }
    }

    fn carrier_of(&mut self, bridge: PeerId) -> Option<(usize, Option<&mut Carrier>)> {
        let (place, known) = find(&self.places, &mut self.peers, bridge)?;
        Some((place, known.carrier.as_deref_mut()))
    }

    /// Whose a packet is that a peer has sent on one of its lines: the peer's own where it is no bridge.
    pub(super) fn sender(&self, place: usize, line: usize, source: Source) -> Option<(usize, Source)> {
        let peer = self.peers[place].as_ref()?;
        let Some(carrier) = &peer.carrier else { return Some((place, source)) };
        let (guest, of_guest) = carrier.inward.get(line).copied().flatten()?;
        Some((*self.places.get(&guest)?, of_guest)).filter(|_| of_guest.kind() == source.kind())
    }

    /// Asks the other end for a key frame of a guest's. Returns whether it was asked.
    pub(super) fn ask_guest_keyframe(
        &mut self,
        (bridge, guest): (PeerId, PeerId),
        source: Source,
        layer: Layer,
    ) -> bool {
        let Some((place, known)) = find(&self.places, &mut self.peers, bridge) else { return false };
        let Some(carrier) = &known.carrier else { return false };
        let Some(line) = carrier.inward.iter().position(|one| *one == Some((guest, source))) else {
            return false;
        };
        let Link::Rtc(rtc) = &mut known.link else { return false };
        let asked = rtc.ask_keyframe(line, layer);
        if asked {
            self.dirty.push(place);
        }
        asked
    }

    /// Fills the slots of a bridge: every sound, then the smallest layers of all pictures, then the next ones, as far
    /// as the way goes.
    pub(super) fn seat_lines(&mut self, place: usize, now: Instant) {
        let seats = self.seats(place);
        let mut left = self.peers[place]
            .as_ref()
            .map_or(0, |peer| peer.budget.as_ref().map_or(u64::MAX, |budget| budget.media_bps()));
        let mut desired = 0;
        let mut filled = Vec::with_capacity(seats.len());
        for seat in seats {
            desired += seat.bps;
            // The first picture of all goes in any case; then nothing is passed over for being large.
            if seat.bps <= left || filled.is_empty() {
                left = left.saturating_sub(seat.bps);
                filled.push(seat);
            } else {
                left = 0;
            }
        }
        self.tell_desired(place, desired);
        let slots = self.peers[place].as_ref().map_or(0, |peer| peer.slots.len());
        for slot in 0..slots {
            match filled.iter().find(|seat| seat.slot == slot) {
                Some(seat) => {
                    let Some(feed) = self.feed_of(seat) else { continue };
                    self.fill((place, slot), feed, seat.layer, TID_MAX, now);
                }
                None => self.empty_slot(place, slot, now),
            }
        }
    }

    /// Everything that is to be carried, the most important first.
    fn seats(&self, place: usize) -> Vec<Seat> {
        let Some(peer) = self.peers[place].as_ref() else { return Vec::new() };
        let Some(carrier) = &peer.carrier else { return Vec::new() };
        let mut seats = Vec::new();
        for (slot, (mid, layer)) in carrier.chairs.iter().enumerate() {
            let Some(line) = carrier.outward.iter().find(|line| line.mid == *mid) else { continue };
            let Some(track) = self.track_on(line.publisher, line.source) else { continue };
            seats.extend(self.seat(slot, track, *layer, line.layers));
        }
        seats.sort_by_key(|seat| {
            let is_picture = peer.slots.get(seat.slot).is_some_and(|slot| slot.kind == Kind::Video);
            (is_picture, seat.layer, seat.slot)
        });
        seats
    }

    fn feed_of(&self, seat: &Seat) -> Option<Feed> {
        let track = self.tracks[seat.track].as_ref()?;
        let epoch = track.layers.get(usize::from(seat.layer.0))?.epoch;
        Some(Feed { track: seat.track, layer: seat.layer, epoch, shared: track.shared })
    }

    fn track_on(&self, publisher: PeerId, source: Source) -> Option<usize> {
        let peer = self.peers[*self.places.get(&publisher)?].as_ref()?;
        let is_it = |index: &usize| {
            self.tracks[*index].as_ref().is_some_and(|track| track.source == source && track.is_on())
        };
        peer.tracks.iter().copied().find(is_it)
    }

    /// What a slot of that layer sends of a track, if anything.
    fn seat(&self, slot: usize, track: usize, layer: Option<Layer>, watched: u8) -> Option<Seat> {
        let known = self.tracks[track].as_ref()?;
        let Some(layer) = layer.filter(|_| known.source.kind() == Kind::Video) else {
            return Some(Seat { slot, track, layer: Layer(0), bps: SOUND_BPS });
        };
        let watched = Layer(watched.checked_sub(1)?);
        if known.shared {
            // All layers are in one flow, which the first slot carries.
            let largest = Layer((known.layers.len() - 1) as u8).min(watched);
            let bps = known.bps_up_to(largest);
            return (layer == Layer(0)).then_some(Seat { slot, track, layer: largest, bps });
        }
        // Of what is watched at all something is to be seen, and a layer that is not sent yet is waited for.
        let smallest = known.layers.iter().position(|one| one.live);
        let is_watched = layer <= watched || smallest == Some(usize::from(layer.0));
        let is_there = usize::from(layer.0) < known.layers.len();
        (is_watched && is_there).then(|| Seat { slot, track, layer, bps: known.bps_of(layer) })
    }

    fn tell_desired(&mut self, place: usize, desired_bps: u64) {
        if let Some(Peer { link: Link::Rtc(rtc), .. }) = self.peers[place].as_mut() {
            rtc.want_bandwidth(desired_bps);
        }
    }

    /// Tells the bridges what everybody on this side decodes, where that has changed.
    pub(super) fn tell_bridges(&mut self) {
        for place in 0..self.peers.len() {
            let Some(Peer { id, carrier: Some(_), .. }) = self.peers[place].as_ref() else { continue };
            let (id, decodes) = (*id, self.decoded_besides(*id));
            let Some(carrier) = self.peers[place].as_mut().and_then(|peer| peer.carrier.as_mut()) else {
                continue;
            };
            if carrier.told.as_ref() != Some(&decodes) {
                carrier.told = Some(decodes.clone());
                self.outbox.tell(Event::Decodes { peer: id, codecs: decodes });
            }
        }
    }

    fn decoded_besides(&self, bridge: PeerId) -> Vec<VideoCodec> {
        let ideal = Codecs::preferring(self.config.preferred_codec);
        let needed = self.with_others(ideal);
        let others = || self.peers.iter().flatten().filter(|peer| peer.id != bridge);
        let all_decode = |codec: &VideoCodec| {
            let here = others().filter_map(|peer| peer.decodes(*codec)).all(|decodes| decodes);
            // Other branches tell only what they need instead of what is preferred.
            here && (needed.plain == ideal.plain || *codec != ideal.plain)
                && (needed.scalable == ideal.scalable || Some(*codec) != ideal.scalable)
        };
        [VideoCodec::H264, VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::Av1]
            .into_iter()
            .filter(all_decode)
            .collect()
    }
}

impl Peer {
    /// Somebody at the other end of a bridge.
    fn guest(id: PeerId, bridge: PeerId) -> Self {
        let permit = Permit { send: true, receive: false };
        Self::without_slots(id, permit, Link::Guest { bridge })
    }

    /// The slots of a peer on the network, as they were negotiated.
    pub(super) fn slots_of(link: &RtcPeer) -> Vec<Slot> {
        let receiving = link.plan().receiving();
        let slot = |(at, line): (usize, &crate::sfu::offer::Receiving)| {
            Slot::new(line.slot, line.kind, link.decodes(at))
        };
        receiving.iter().enumerate().map(slot).collect()
    }
}

/// Whatever somebody may publish.
fn guest_tracks() -> Vec<TrackSetup> {
    let track = |source: Source| TrackSetup {
        source,
        layers: if source.kind() == Kind::Video { Layer::MAX } else { 1 },
        heights: Vec::new(),
    };
    Source::ALL.into_iter().map(track).collect()
}
