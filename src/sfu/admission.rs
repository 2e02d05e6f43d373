//! Coming and going: offers answered, local participants added, peers removed.

use std::time::Instant;

use crate::sfu::forwarder::{Forwarder, PEERS_MAX, TICK, find, first_free};
use crate::sfu::local::LocalSetup;
use crate::sfu::offer::{Plan, Sending};
use crate::sfu::peer::{Link, Peer};
use crate::sfu::rtc_peer::RtcPeer;
use crate::sfu::track::Track;
use crate::sfu::transport::RtcSetup;
use crate::sfu::{OfferRefused, PeerId, Permit, TrackFlow, TrackSetup};
use crate::track::{Kind, Source};

impl Forwarder {
    /// Answers the first offer of a bridge, whose lines carry the tracks of many: see [`carry_in`](Self::carry_in)
    /// and [`carry_out`](Self::carry_out).
    ///
    /// # Errors
    /// As [`offer`](Self::offer).
    pub fn offer_of_bridge(&mut self, peer: PeerId, sdp: &str, now: Instant) -> Result<String, OfferRefused> {
        self.latest = Some(now);
        if self.places.contains_key(&peer) {
            return Err(OfferRefused::LinesChanged);
        }
        self.join(peer, Permit { send: true, receive: true }, Plan::read_of_bridge(sdp)?, sdp, now)
    }

    /// Answers a peer's offer with SDP. A second offer of the same peer with the same media lines is an ICE
    /// restart; one with another certificate replaces the peer's transport, its wishes and flows are kept.
    ///
    /// # Errors
    /// An offer that is too long, unreadable, without anything usable, or one peer too many.
    pub fn offer(
        &mut self,
        peer: PeerId,
        permit: Permit,
        sdp: &str,
        now: Instant,
    ) -> Result<String, OfferRefused> {
        self.latest = Some(now);
        let plan = Plan::read(sdp)?;
        let Some(place) = self.places.get(&peer).copied() else {
            return self.join(peer, permit, plan, sdp, now);
        };
        let Some(known) = self.peers[place].as_mut() else { return Err(OfferRefused::Internal) };
        let Link::Rtc(rtc) = &mut known.link else { return Err(OfferRefused::LinesChanged) };
        if rtc.plan().fingerprint != plan.fingerprint {
            return self.replace(place, permit, plan, sdp, now);
        }
        let mut up = std::mem::take(&mut self.inbox);
        let setup = RtcSetup::new(&self.config, self.codecs.plain);
        let answer = rtc.restart(sdp, &plan, setup, now, &mut self.outbox, &mut up);
        self.act(place, up, now);
        if answer.is_ok() {
            self.refresh_pictures(place, now);
        }
        self.set_permit(peer, permit, now);
        answer
    }

    fn join(
        &mut self,
        id: PeerId,
        permit: Permit,
        plan: Plan,
        sdp: &str,
        now: Instant,
    ) -> Result<String, OfferRefused> {
        if self.places.len() >= PEERS_MAX {
            return Err(OfferRefused::TooManyPeers(PEERS_MAX));
        }
        let (peer, answer) = self.make_peer(id, permit, plan, sdp, now)?;
        // What a bridge sends is its guests'.
        let publishes = if peer.0.carrier.is_some() { Vec::new() } else { tracks(peer.1) };
        self.admit_publisher(peer.0, publishes, now);
        Ok(answer)
    }

    /// The page was loaded anew under the same id: the old transport goes, what was asked for stays.
    fn replace(
        &mut self,
        place: usize,
        permit: Permit,
        plan: Plan,
        sdp: &str,
        now: Instant,
    ) -> Result<String, OfferRefused> {
        let Some(old) = self.peers[place].as_ref() else { return Err(OfferRefused::Internal) };
        let (id, wishes) = (old.id, old.wishes.clone());
        let flow_of = |track: &usize| self.tracks[*track].as_ref().map(|track| (track.source, track.flow));
        let flows: Vec<(Source, TrackFlow)> = old.tracks.iter().filter_map(flow_of).collect();
        let (peer, answer) = self.make_peer(id, permit, plan, sdp, now)?;
        self.leave(place, now);
        self.admit_publisher(peer.0, tracks(peer.1), now);
        for (source, flow) in flows {
            self.set_track(id, source, flow, now);
        }
        if let Some(wishes) = wishes {
            self.watch(id, wishes, now);
        }
        Ok(answer)
    }

    /// Answers the offer, once more if its receiver changes the codec of the meeting: the first codec of the
    /// answer is the one that a browser starts with.
    fn make_peer(
        &self,
        id: PeerId,
        permit: Permit,
        plan: Plan,
        sdp: &str,
        now: Instant,
    ) -> Result<((Peer, Vec<Sending>), String), OfferRefused> {
        let sending = plan.sending();
        let make = |codec, plan| {
            let setup = RtcSetup::new(&self.config, codec);
            let (rtc, answer) = RtcPeer::answer(id, setup, plan, sdp, now)?;
            Ok((Peer::over_network(rtc, id, permit, self.config.start_bitrate_bps, now), answer))
        };
        let before = self.codecs().plain;
        let (mut peer, mut answer) = make(before, plan.clone())?;
        let codec = self.with_others(self.codecs_with(Some(&peer))).plain;
        if codec != before {
            (peer, answer) = make(codec, plan)?;
        }
        Ok(((peer, sending), answer))
    }

    /// Takes a candidate of a peer: `candidate:…`, with or without `a=`. Empty ones and host names of the
    /// browser's own network are passed over.
    ///
    /// # Errors
    /// A candidate that cannot be read, or a peer that has not offered.
    pub fn trickle(&mut self, peer: PeerId, candidate: &str, now: Instant) -> Result<(), OfferRefused> {
        let Some((place, Link::Rtc(rtc))) =
            find(&self.places, &mut self.peers, peer).map(|(at, p)| (at, &mut p.link))
        else {
            return Err(OfferRefused::UnknownPeer);
        };
        let mut up = std::mem::take(&mut self.inbox);
        let outcome = rtc.add_candidate(candidate, now, &mut self.outbox, &mut up);
        self.act(place, up, now);
        outcome
    }

    /// Adds a peer of this process. Its tracks are off until [`set_track`](Self::set_track), as anybody's.
    /// A peer of that id that is already there is replaced.
    pub fn add_local(&mut self, peer: PeerId, local: LocalSetup, now: Instant) {
        self.remove(peer, now);
        let track = |(source, heights): &(Source, Vec<u16>)| TrackSetup {
            source: *source,
            layers: heights.len(),
            heights: heights.clone(),
        };
        let tracks = local.publishes.iter().map(track).collect();
        self.admit_publisher(Peer::in_process(peer, &local), tracks, now);
    }

    pub(super) fn admit_publisher(&mut self, peer: Peer, tracks: Vec<TrackSetup>, now: Instant) {
        self.tell_publishes(peer.id, tracks.clone());
        self.admit(peer, tracks, now);
    }

    pub(super) fn admit(&mut self, peer: Peer, publishes: Vec<TrackSetup>, now: Instant) {
        let id = peer.id;
        let place = first_free(&mut self.peers);
        self.places.insert(id, place);
        self.peers[place] = Some(peer);
        for TrackSetup { source, layers, heights } in publishes {
            if source.kind() == Kind::Video && !self.config.video {
                continue;
            }
            let index = first_free(&mut self.tracks);
            self.tracks[index] = Some(Track::new(place, id, source, layers, &heights));
            if let Some(peer) = self.peers[place].as_mut() {
                peer.tracks.push(index);
            }
        }
        self.latest = Some(now);
        self.next_tick.get_or_insert(now + TICK);
        self.dirty.push(place);
        self.recall_early_words(id, now);
        self.judge_codecs();
        self.settle(now);
    }

    fn recall_early_words(&mut self, id: PeerId, now: Instant) {
        let early = std::mem::take(&mut self.early_flows);
        for (peer, source, flow) in early {
            if peer == id {
                self.set_track(peer, source, flow, now);
            } else {
                self.early_flows.push_back((peer, source, flow));
            }
        }
        if let Some(at) = self.early_wishes.iter().position(|(peer, _)| *peer == id)
            && let Some((_, wishes)) = self.early_wishes.remove(at)
        {
            self.watch(id, wishes, now);
        }
    }

    /// Removes a peer; it is told goodbye. No event follows.
    pub fn remove(&mut self, peer: PeerId, now: Instant) {
        self.early_flows.retain(|(of, _, _)| *of != peer);
        self.early_wishes.retain(|(of, _)| *of != peer);
        if let Some(place) = self.places.get(&peer).copied() {
            self.leave(place, now);
            self.settle(now);
        }
    }
}

/// What the sending lines of an offer publish.
fn tracks(lines: Vec<Sending>) -> Vec<TrackSetup> {
    let track =
        |line: Sending| TrackSetup { source: line.source, layers: line.rids.len(), heights: Vec::new() };
    lines.into_iter().map(track).collect()
}
