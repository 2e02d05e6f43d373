//! A meeting on several workers: each carries a branch of it, a forwarder with the peers that were placed there.
//!
//! ```text
//!   peers ─▶ branch A ── what its peers publish, as far as B watches it ──▶ branch B ─▶ peers
//!               ▲                                                              │
//!               └── layers watched, key frames wanted: events, and orders ─────┘
//! ```
//!
//! A publisher of another branch is a peer without transport and without slots. What came from another branch goes to no
//! third one: every branch hears from every other one.

use std::time::Instant;

use crate::sfu::forwarder::{Forwarder, find};
use crate::sfu::inbound::Packet;
use crate::sfu::peer::{Link, Peer};
use crate::sfu::slot::Feed;
use crate::sfu::{Codecs, Event, PeerId, TrackFlow};
use crate::track::{Layer, Source};

/// A track that a peer publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackSetup {
    /// What it shows.
    pub source: Source,
    /// Its layers: 1 to [`Layer::MAX`].
    pub layers: usize,
    /// Their heights in pixels, smallest first; empty where only packets tell.
    pub heights: Vec<u16>,
}

/// A packet that a peer of another branch published. Cloning copies no payload.
#[derive(Debug, Clone)]
pub struct Crossing {
    peer: PeerId,
    source: Source,
    layer: Layer,
    /// Another epoch counts its sequence numbers anew.
    epoch: u32,
    packet: Packet,
}

impl Crossing {
    /// The layer of a picture; 0 for a sound.
    #[must_use]
    pub const fn layer(&self) -> Layer {
        self.layer
    }

    /// Whether it is seen, not heard.
    #[must_use]
    pub const fn is_picture(&self) -> bool {
        self.packet.codec.is_some()
    }
}

/// What the branches of a meeting know of each other.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// By the number that the appliance gave them.
    branches: Vec<usize>,
    /// What their subscribers need.
    codecs: Option<Codecs>,
}

impl Forwarder {
    /// Other branches of the meeting, by numbers of the caller's: from now on what is published here is
    /// [handed](Self::poll_crossing) to all of them.
    pub fn set_branches(&mut self, branches: Vec<usize>) {
        self.others.branches = branches;
    }

    /// The codecs that the subscribers of other branches need.
    pub fn set_codecs_elsewhere(&mut self, codecs: Codecs) {
        self.others.codecs = Some(codecs);
    }

    /// Codecs that suit the other branches, too.
    pub(super) fn with_others(&self, codecs: Codecs) -> Codecs {
        self.others.codecs.map_or(codecs, |others| codecs.and(others, self.config.preferred_codec))
    }

    /// A peer of another branch publishes these tracks. They are off until [`set_track`](Self::set_track), as anybody's;
    /// told anew, those that are on stay so.
    pub fn add_elsewhere(&mut self, peer: PeerId, tracks: Vec<TrackSetup>, now: Instant) {
        let flows: Vec<(Source, TrackFlow)> = match find(&self.places, &mut self.peers, peer) {
            Some((_, Peer { link: Link::Elsewhere, tracks, .. })) => {
                let of_track = |at: &usize| self.tracks[*at].as_ref().map(|track| (track.source, track.flow));
                tracks.iter().filter_map(of_track).collect()
            }
            Some(_) => return,
            None => Vec::new(),
        };
        if let Some(place) = self.places.get(&peer).copied() {
            self.leave(place, now);
        }
        self.admit(Peer::elsewhere(peer), tracks, now);
        for (source, flow) in flows {
            self.set_track(peer, source, flow, now);
        }
    }

    /// The highest layer of a track of ours that anybody in another branch watches.
    pub fn watched_elsewhere(
        &mut self,
        peer: PeerId,
        source: Source,
        branch: usize,
        highest: Option<Layer>,
        now: Instant,
    ) {
        let Some(index) = self.track_of(peer, source) else { return };
        if let Some(track) = self.tracks[index].as_mut() {
            track.set_elsewhere(branch, highest);
        }
        self.judge_layers(now);
    }

    /// Somebody in another branch needs a key frame.
    pub fn want_keyframe_elsewhere(&mut self, peer: PeerId, source: Source, layer: Layer, now: Instant) {
        let Some(index) = self.track_of(peer, source) else { return };
        self.ask_keyframe(Feed { track: index, layer, epoch: 0, shared: false }, now);
    }

    /// A packet of a peer of another branch.
    pub fn handle_crossing(&mut self, crossing: Crossing, now: Instant) {
        self.latest = Some(now);
        let Crossing { peer, source, layer, epoch, packet } = crossing;
        let Some(index) = self.track_of(peer, source) else { return };
        let Some(track) = self.tracks[index].as_mut() else { return };
        // In one flow numbers begin anew for all layers at once.
        let flow = if packet.spatial.is_some() { Layer(0) } else { layer };
        let Some(state) = track.layers.get_mut(usize::from(flow.0)) else { return };
        let before = state.epoch_elsewhere.replace(epoch);
        let place = track.publisher;
        let is_elsewhere = self.peers[place].as_ref().is_some_and(Peer::is_elsewhere);
        if is_elsewhere {
            self.forward(place, source, flow, before.is_some_and(|before| before != epoch), packet, now);
        }
    }

    /// The next packet for the other branches.
    pub fn poll_crossing(&mut self) -> Option<Crossing> {
        self.outbox.poll_crossing()
    }

    /// Hands a packet of a track of ours to the other branches, if any of them has a use for it.
    pub(super) fn cross(&mut self, feed: Feed, packet: &Packet) {
        if self.others.branches.is_empty() {
            return;
        }
        let Some(track) = self.tracks[feed.track].as_ref() else { return };
        if self.peers[track.publisher].as_ref().is_none_or(Peer::is_elsewhere) {
            return;
        }
        // A flow crosses whole or not at all: its numbers must have no holes.
        let least = if feed.shared { Layer(0) } else { feed.layer };
        if packet.codec.is_none() || self.highest_elsewhere(feed.track) >= Some(least) {
            self.outbox.cross(Crossing {
                peer: track.publisher_id,
                source: track.source,
                layer: feed.layer,
                epoch: feed.epoch,
                packet: packet.clone(),
            });
        }
    }

    /// The highest layer of a track that other branches watch; all of them count as watched until it is told otherwise.
    pub(super) fn highest_elsewhere(&self, index: usize) -> Option<Layer> {
        let track = self.tracks[index].as_ref()?;
        if self.peers[track.publisher].as_ref().is_none_or(Peer::is_elsewhere) {
            return None;
        }
        self.others.branches.iter().filter_map(|branch| track.elsewhere(*branch)).max()
    }

    /// Other branches are to know what a peer of ours publishes.
    pub(super) fn tell_publishes(&mut self, peer: PeerId, tracks: Vec<TrackSetup>) {
        if !tracks.is_empty() {
            self.outbox.tell(Event::Publishes { peer, tracks });
        }
    }

    fn track_of(&mut self, peer: PeerId, source: Source) -> Option<usize> {
        let (_, known) = find(&self.places, &mut self.peers, peer)?;
        let of_source = |at: &usize| self.tracks[*at].as_ref().is_some_and(|track| track.source == source);
        known.tracks.iter().copied().find(of_source)
    }
}
