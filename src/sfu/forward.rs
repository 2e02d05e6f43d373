//! A packet's way through the meeting, and what else a peer brings up.

use std::time::{Duration, Instant};

use crate::sfu::budget::Budget;
use crate::sfu::forwarder::Forwarder;
use crate::sfu::inbound::Packet;
use crate::sfu::keyframe::{Sight, look};
use crate::sfu::layer::LayerIn;
use crate::sfu::peer::Link;
use crate::sfu::red::Mended;
use crate::sfu::rewrite::Numbers;
use crate::sfu::slot::{Feed, Help, Passage};
use crate::sfu::track::Subscriber;
use crate::sfu::{Event, GoneWhy, descriptor, vp8, vp9};
use crate::track::{Kind, Layer, Source, VideoCodec};

/// A packet with everything that its subscribers need, found out once.
struct Passing {
    feed: Feed,
    packet: Packet,
    numbers: Numbers,
    /// A slot can be cut to this feed here.
    begins: bool,
}

impl Forwarder {
    /// A packet of a track arrived.
    pub(super) fn forward(
        &mut self,
        place: usize,
        source: Source,
        layer: Layer,
        fresh: bool,
        packet: Packet,
        now: Instant,
    ) {
        let Some(publisher) = self.peers[place].as_mut() else { return };
        publisher.stats.packets_in += 1;
        publisher.stats.bytes_in += packet.payload.len() as u64;
        let of_source = |at: &usize| self.tracks[*at].as_ref().is_some_and(|track| track.source == source);
        let Some(index) = publisher.tracks.iter().copied().find(of_source) else { return };
        let Some(track) = self.tracks[index].as_mut().filter(|track| track.is_on()) else { return };
        let (layer, packet, sight) = classify(layer, packet, track.layers.len());
        let Some(noted) = track.note(layer, fresh, &packet, sight, now) else { return };
        if source == Source::Microphone {
            self.speakers.hear(index, packet.audio_level, now);
        }
        if noted.news && source.kind() == Kind::Video {
            // Before the packet goes on: the very first one is a key frame, and slots may wait for it.
            self.seat_everybody();
            self.settle(now);
        }
        let shared = packet.spatial.is_some();
        let feed = Feed { track: index, layer, epoch: noted.feed_epoch, shared };
        self.cross(feed, &packet);
        if source.kind() == Kind::Audio {
            let mender = self.tracks[index].as_mut().map(|track| &mut track.mender);
            match mender.map(|mender| mender.take(&packet, noted.feed_epoch)) {
                Some(Mended::Whole(Some(missing))) => self.fan_out(&Passing::new(feed, missing, sight), now),
                Some(Mended::Late) => return,
                Some(Mended::Whole(None)) | None => {}
            }
        }
        let passing = Passing::new(feed, packet, sight);
        self.fan_out(&passing, now);
        // Only now: who was seated above is not to get it twice.
        self.keep(&passing, now);
    }

    /// Keeps a packet for those who will need its key frame.
    fn keep(&mut self, passing: &Passing, now: Instant) {
        let Some(track) = self.tracks[passing.feed.track].as_mut() else { return };
        let flow = track.flow_of(passing.feed.layer);
        if let Some(layer) = flow.filter(|_| passing.packet.codec.is_some()) {
            layer.cache.keep(&passing.packet, passing.begins, now);
        }
    }

    fn fan_out(&mut self, passing: &Passing, now: Instant) {
        let index = passing.feed.track;
        let Some(track) = self.tracks[index].as_mut() else { return };
        let subscribers = std::mem::take(&mut track.subscribers);
        let mut stalled = false;
        for subscriber in &subscribers {
            stalled |= self.pass(*subscriber, passing, now);
        }
        if let Some(track) = self.tracks[index].as_mut() {
            track.subscribers = subscribers;
        }
        if stalled {
            self.ask_keyframe(passing.feed, now);
        }
    }

    /// Passes a packet to one slot; returns whether the slot needs a key frame to go on.
    fn pass(&mut self, subscriber: Subscriber, passing: &Passing, now: Instant) -> bool {
        let Some(peer) = self.peers[subscriber.peer].as_mut() else { return false };
        let slot = &mut peer.slots[subscriber.slot];
        let Passing { feed, packet, begins, .. } = passing;
        let mut is_blank = false;
        let numbers = match slot.take(*feed, packet, passing.numbers, *begins, now) {
            Passage::Dropped => return false,
            Passage::Stalled => return true,
            Passage::Passed(numbers) => numbers,
            Passage::Blank(numbers) => {
                is_blank = true;
                numbers
            }
            Passage::Cut { numbers, before } => {
                if let Some(before) = before.filter(|before| *before != feed.track)
                    && let Some(track) = self.tracks[before].as_mut()
                {
                    track.unsubscribe(subscriber);
                }
                self.tell_filled(subscriber, feed.track, numbers.timestamp);
                numbers
            }
        };
        let Some(peer) = self.peers[subscriber.peer].as_mut() else { return false };
        if peer.send(subscriber.slot, packet, numbers, is_blank, now, &mut self.outbox) {
            self.dirty.push(subscriber.peer);
        }
        false
    }

    fn tell_filled(&mut self, subscriber: Subscriber, index: usize, rtp_timestamp: u32) {
        let (Some(peer), Some(track)) = (self.peers[subscriber.peer].as_mut(), self.tracks[index].as_ref())
        else {
            return;
        };
        let slot = &mut peer.slots[subscriber.slot];
        if slot.told.replace(index) == Some(index) {
            return;
        }
        let track = Some((track.publisher_id, track.source));
        self.outbox.tell(Event::SlotFilled { peer: peer.id, slot: slot.id, track, rtp_timestamp });
    }

    /// A subscriber lost something. Empty slots ask too, a while after they were emptied: in vain.
    pub(super) fn on_keyframe_wanted(&mut self, place: usize, slot: usize, now: Instant) {
        let Some(peer) = self.peers[place].as_mut() else { return };
        peer.stats.keyframes_wanted += 1;
        if let Some(feed) =
            peer.slots.get(slot).filter(|slot| slot.kind == Kind::Video).and_then(|slot| slot.needs())
        {
            self.bring_keyframe(Subscriber { peer: place, slot }, feed, now);
        }
    }

    /// A slot needs a key frame: it gets the last one of the layer if that is young, else another one is asked for.
    pub(super) fn bring_keyframe(&mut self, subscriber: Subscriber, feed: Feed, now: Instant) {
        if !self.show_again(subscriber, feed, now) {
            self.ask_keyframe(feed, now);
        }
    }

    /// Sends the last key frame of a layer to a slot that has not had it, with what followed it. Returns whether the
    /// slot is helped.
    fn show_again(&mut self, subscriber: Subscriber, feed: Feed, now: Instant) -> bool {
        let Some(peer) = self.peers[subscriber.peer].as_ref() else { return false };
        let path_bps = peer.budget.as_ref().map_or(u64::MAX, Budget::media_bps);
        let round_trip = peer.stats.rtt.unwrap_or_default();
        let Some(kept) = self.layer(feed).and_then(|layer| layer.cache.take(path_bps, now)) else {
            return false;
        };
        let slot = self.peers[subscriber.peer].as_mut().map(|peer| &mut peer.slots[subscriber.slot]);
        let help = match slot {
            Some(slot) => slot.help(feed, &kept.packets[0], kept.began + round_trip > now),
            None => Help::None,
        };
        if help == Help::Again {
            for (at, packet) in kept.packets.iter().enumerate() {
                let sight = Sight { starts_keyframe: at == 0, height: None };
                let layer = packet.spatial.map_or(feed.layer, |spatial| Layer(spatial.id));
                self.pass(subscriber, &Passing::new(Feed { layer, ..feed }, packet.clone(), sight), now);
            }
        }
        if let Some(layer) = self.layer(feed) {
            layer.cache.give_back(kept);
        }
        help != Help::None
    }

    fn layer(&mut self, feed: Feed) -> Option<&mut LayerIn> {
        let flow = self.tracks[feed.track].as_mut()?.flow_of(feed.layer);
        flow.filter(|flow| flow.epoch == feed.epoch)
    }

    /// Wants a key frame of a layer, and asks for it unless that was done a moment ago.
    pub(super) fn ask_keyframe(&mut self, feed: Feed, now: Instant) {
        let Some(track) = self.tracks[feed.track].as_mut().filter(|track| track.source.kind() == Kind::Video)
        else {
            return;
        };
        let Some(flow) = track.flow_of(feed.layer) else { return };
        flow.ask.want();
        self.poll_ask(feed.track, feed.layer, now);
    }

    /// Asks for the key frame that a layer owes, if it is time.
    pub(super) fn poll_ask(&mut self, index: usize, layer: Layer, now: Instant) {
        let Some(track) = self.tracks[index].as_mut() else { return };
        let due = track.flow_of(layer).is_some_and(|flow| flow.ask.poll(now));
        // Where layers share a flow, a key frame is one of all of them.
        let layer = if track.shared { Layer(0) } else { layer };
        let place = track.publisher;
        let source = track.source;
        let Some(publisher) = self.peers[place].as_mut().filter(|_| due) else { return };
        publisher.stats.keyframes_asked += 1;
        match &mut publisher.link {
            Link::Rtc(rtc) => {
                if rtc.line_of(source).is_some_and(|line| rtc.ask_keyframe(line, layer)) {
                    self.dirty.push(place);
                }
            }
            Link::Guest { bridge } => {
                let of_guest = (*bridge, publisher.id);
                self.ask_guest_keyframe(of_guest, source, layer);
            }
            Link::Local | Link::Elsewhere => {
                self.outbox.tell(Event::KeyframeWanted { peer: publisher.id, source, layer })
            }
        }
    }

    pub(super) fn on_connected(&mut self, place: usize, now: Instant) {
        let Some(peer) = self.peers[place].as_mut() else { return };
        peer.needs_seating = true;
        self.outbox.tell(Event::Connected { peer: peer.id });
        self.settle(now);
    }

    pub(super) fn on_estimate(&mut self, place: usize, bps: u64, now: Instant) {
        let Some(peer) = self.peers[place].as_mut() else { return };
        peer.stats.estimate_bps = Some(bps);
        if peer.budget.as_mut().is_some_and(|budget| budget.observe(bps, now)) {
            peer.needs_seating = true;
            self.settle(now);
        }
    }

    pub(super) fn on_round_trip(&mut self, place: usize, rtt: Duration) {
        if let Some(peer) = self.peers[place].as_mut() {
            peer.stats.rtt = Some(rtt);
        }
    }

    pub(super) fn on_gone(&mut self, place: usize, why: GoneWhy, now: Instant) {
        let Some(peer) = self.peers[place].as_ref() else { return };
        self.outbox.tell(Event::Gone { peer: peer.id, why });
        self.leave(place, now);
        self.settle(now);
    }

    /// After a new path: whatever was on the old one is lost, both to the peer and from it.
    pub(super) fn refresh_pictures(&mut self, place: usize, now: Instant) {
        let Some(peer) = self.peers[place].as_ref() else { return };
        let mut feeds: Vec<Feed> = peer.slots.iter().filter_map(|slot| slot.needs()).collect();
        for index in peer.tracks.clone() {
            let Some(track) = self.tracks[index].as_ref() else { continue };
            feeds.extend(track.subscribers.iter().filter_map(|subscriber| {
                let slot = &self.peers[subscriber.peer].as_ref()?.slots[subscriber.slot];
                slot.needs().filter(|feed| feed.track == index)
            }));
        }
        for feed in feeds {
            self.ask_keyframe(feed, now);
        }
    }
}

/// The layer of a track that a packet belongs to, and what it says about itself.
///
/// Layers share a flow where the first flow of several says so; a single flow passes whole, whatever is in it.
fn classify(layer: Layer, mut packet: Packet, layers: usize) -> (Layer, Packet, Sight) {
    let Some(codec) = packet.codec else {
        return (layer, packet, Sight { starts_keyframe: true, height: None });
    };
    let mut sight = look(codec, &packet.payload);
    if codec == VideoCodec::Vp8 {
        packet.temporal = vp8::temporal(&packet.payload);
    }
    match packet.spatial {
        Some(spatial) if spatial.count > 1 && layer == Layer(0) && layers > 1 => {
            (Layer(spatial.id), packet, Sight { height: None, ..sight })
        }
        Some(spatial) => {
            sight.height = sight.height.or_else(|| spatial.largest());
            packet.spatial = None;
            (layer, packet, sight)
        }
        None => (layer, packet, sight),
    }
}

impl Passing {
    fn new(feed: Feed, packet: Packet, sight: Sight) -> Self {
        let ids = match packet.codec {
            Some(VideoCodec::Vp8) => vp8::ids(&packet.payload),
            Some(VideoCodec::Vp9) => vp9::ids(&packet.payload),
            _ => None,
        };
        let numbers = Numbers {
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ids,
            frame: packet.descriptor.as_deref().and_then(descriptor::frame),
            marker: packet.marker,
        };
        Self { feed, packet, numbers, begins: sight.starts_keyframe }
    }
}
