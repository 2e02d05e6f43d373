//! What the forwarder looks after by itself, ten times a second: levels, silences, retries, how good the ways are.

use std::time::Instant;

use crate::sfu::forwarder::Forwarder;
use crate::sfu::inbound::FromPeer;
use crate::sfu::peer::{Link, Peer};
use crate::sfu::quality::{Grades, Measured, Tally};
use crate::sfu::slot::Feed;
use crate::sfu::{Event, PeerId};
use crate::track::{Kind, Layer};

impl Forwarder {
    /// Levels, silences, retries.
    pub(super) fn tick(&mut self, now: Instant) {
        self.speakers.tick(now);
        self.tell_speakers();
        let mut died = false;
        for track in self.tracks.iter_mut().flatten() {
            died |= track.tick(now);
        }
        if died {
            self.seat_everybody();
        }
        for place in 0..self.peers.len() {
            self.tick_peer(place, now);
            self.judge_quality(place, now);
        }
        self.settle(now);
        self.judge_layers(now);
        self.poll_asks(now);
    }

    fn tick_peer(&mut self, place: usize, now: Instant) {
        let Some(peer) = self.peers[place].as_mut() else { return };
        peer.rates.tick(&peer.stats, now);
        if peer.budget.as_mut().is_some_and(|budget| budget.tick(now)) {
            peer.needs_seating = true;
        }
        let mut up = Vec::new();
        if let Link::Rtc(rtc) = &mut peer.link {
            if rtc.tick(now, &mut up) {
                self.outbox.tell(Event::Silent { peer: peer.id });
            }
            self.dirty.push(place);
        }
        for one in up {
            if let FromPeer::Gone(why) = one {
                self.on_gone(place, why, now);
            }
        }
    }

    /// Tells how good the way of a peer is, if that has changed.
    fn judge_quality(&mut self, place: usize, now: Instant) {
        let Some(peer) = self.peers[place].as_mut() else { return };
        let Some(quality) = peer.quality.as_mut().filter(|quality| quality.is_due(now)) else { return };
        let Link::Rtc(rtc) = &mut peer.link else { return };
        if !rtc.is_connected() {
            return;
        }
        let mut up = Tally::default();
        for index in &peer.tracks {
            let layers = self.tracks[*index].as_mut().map(|track| &mut track.layers);
            for layer in layers.into_iter().flatten() {
                let tally = layer.take_tally();
                (up.arrived, up.lost) = (up.arrived + tally.arrived, up.lost + tally.lost);
            }
        }
        let down = rtc.take_tally();
        peer.stats.lost_in += up.lost;
        if rtc.tells_arrivals() {
            peer.stats.lost_out = Some(peer.stats.lost_out.unwrap_or(0) + down.lost);
        }
        let measured =
            Measured { is_there: rtc.is_heard(), up, down, round_trip: peer.stats.rtt, shown: peer.shown };
        if let Some(Grades { up, down }) = quality.judge(&measured, now) {
            self.outbox.tell(Event::Quality { peer: peer.id, up, down });
        }
    }

    /// Key frames that are still owed; slots that wait keep them wanted.
    fn poll_asks(&mut self, now: Instant) {
        let waiting = |peer: &Peer| -> Vec<Feed> {
            let slots = peer.slots.iter().filter(|slot| slot.kind == Kind::Video);
            let decodable = slots.filter(|slot| {
                let track = slot.pending().and_then(|feed| self.tracks[feed.track].as_ref());
                track.is_some_and(|track| track.codec.is_none() || slot.can_decode(track.codec))
            });
            decodable.filter_map(|slot| slot.pending()).collect()
        };
        let feeds: Vec<Feed> = self.peers.iter().flatten().flat_map(waiting).collect();
        for feed in feeds {
            self.ask_keyframe(feed, now);
        }
        for index in 0..self.tracks.len() {
            let layers = self.tracks[index].as_ref().map_or(0, |track| track.layers.len());
            for layer in 0..layers {
                self.poll_ask(index, Layer(layer as u8), now);
            }
        }
    }

    pub(super) fn tell_speakers(&mut self) {
        let id = |index: usize| self.tracks[index].as_ref().map(|track| track.publisher_id);
        let active = self.speakers.active().and_then(id);
        let heard: Vec<PeerId> = self.speakers.heard().filter_map(id).collect();
        if self.told_speakers.0 != active {
            // Whoever sees automatically sees the active speaker.
            for peer in self.peers.iter_mut().flatten().filter(|peer| peer.wishes.is_none()) {
                peer.needs_seating = true;
            }
        }
        let speakers = (active, heard);
        if speakers != self.told_speakers {
            self.outbox.tell(Event::Speakers { active: speakers.0, heard: speakers.1.clone() });
            self.told_speakers = speakers;
        }
        if self.tells_levels {
            let levels = self.speakers.levels().filter_map(|(index, level)| Some((id(index)?, level)));
            let levels = levels.collect();
            self.outbox.tell(Event::Levels(levels));
        }
    }
}
