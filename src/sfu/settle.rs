//! Bringing the meeting to rest after a change: who is seated where, in which layer, in which codec.

use std::time::Instant;

use crate::sfu::allocation::{Demand, Rung, allocate};
use crate::sfu::forwarder::Forwarder;
use crate::sfu::peer::{Link, Peer};
use crate::sfu::seating::{Chair, Guest, admit, seat};
use crate::sfu::slot::Feed;
use crate::sfu::temporal::TID_MAX;
use crate::sfu::track::Subscriber;
use crate::sfu::{Codecs, Event, PeerId};
use crate::track::{Kind, Layer, Source};

/// What each sound is reckoned to take with its headers, and what with copies of what went before (RFC 2198).
pub(super) const SOUND_BPS: u64 = 50_000;
const SOUND_WITH_COPIES_BPS: u64 = 85_000;
/// Random loss, as on Wi-Fi, can press the estimate to nearly nothing: the smallest picture of the stage goes on, with
/// its fewest frames, if it takes no more than this.
const PICTURES_AT_LEAST_BPS: u64 = 200_000;
/// Without wishes: the first is shown whole, the others small.
const AUTOMATIC_HEIGHT: u16 = 360;

impl Forwarder {
    /// Everybody's slots are to be looked at anew.
    pub(super) fn seat_everybody(&mut self) {
        for peer in self.peers.iter_mut().flatten() {
            peer.needs_seating = true;
        }
    }

    /// Seats whoever needs it.
    pub(super) fn settle(&mut self, now: Instant) {
        let chosen: Vec<usize> = self.speakers.chosen().collect();
        if chosen != self.chosen {
            self.chosen = chosen;
            self.seat_everybody();
        }
        let mut seated = false;
        for place in 0..self.peers.len() {
            let Some(peer) = self.peers[place].as_mut() else { continue };
            if std::mem::take(&mut peer.needs_seating) && peer.takes_media() {
                if peer.carrier.is_some() {
                    self.seat_lines(place, now);
                } else {
                    self.seat_sounds(place, now);
                    self.seat_pictures(place, now);
                }
                seated = true;
            }
        }
        if seated {
            self.judge_layers(now);
        }
    }

    /// The loudest others, and the sound of a screen.
    fn seat_sounds(&mut self, place: usize, now: Instant) {
        let is_others =
            |index: &usize| self.tracks[*index].as_ref().is_some_and(|track| track.publisher != place);
        let microphones = self.chosen.iter().copied().filter(is_others);
        let mut guests: Vec<Guest<usize>> = microphones.map(|key| Guest { key, is_screen: false }).collect();
        let screens = self.tracks.iter().enumerate().filter_map(|(index, track)| {
            let track = track.as_ref()?;
            let sounds = track.source == Source::ScreenAudio && track.is_on() && track.publisher != place;
            sounds.then_some(Guest { key: index, is_screen: true })
        });
        guests.extend(screens);
        let (slots, chairs) = self.chairs(place, Kind::Audio);
        let seats = seat(&chairs, &admit(&chairs, &guests));
        for (slot, guest) in slots.into_iter().zip(seats) {
            match guest {
                Some(index) => self.assign(place, slot, index, Layer(0), TID_MAX, now),
                None => self.empty_slot(place, slot, now),
            }
        }
    }

    /// Whom the subscriber wants to see, as large as its bandwidth allows.
    fn seat_pictures(&mut self, place: usize, now: Instant) {
        let wishes = self.wished_tracks(place);
        let (slots, chairs) = self.chairs(place, Kind::Video);
        let is_screen =
            |index: usize| self.tracks[index].as_ref().is_some_and(|one| one.source == Source::Screen);
        let guest = |(key, _): &(usize, u16)| Guest { key: *key, is_screen: is_screen(*key) };
        let mut guests = admit(&chairs, &wishes.iter().map(guest).collect::<Vec<_>>());
        let demand = |guest: &Guest<usize>| Demand {
            rungs: self.tracks[guest.key].as_ref().map(|track| track.rungs()).unwrap_or_default(),
            max_height: wishes.iter().find(|(key, _)| *key == guest.key).map_or(0, |(_, height)| *height),
        };
        let demands: Vec<Demand> = guests.iter().map(demand).collect();
        let least = demands.first().map_or(0, Demand::least_bps).min(PICTURES_AT_LEAST_BPS);
        let rungs = allocate(&demands, self.picture_budget(place).max(least));
        self.want_bandwidth(place, &demands, &rungs);
        let mut rungs = rungs.into_iter();
        let mut chosen = Vec::with_capacity(guests.len());
        guests.retain(|guest| {
            let rung = rungs.next().flatten();
            chosen.extend(rung.map(|rung| (guest.key, rung)));
            rung.is_some()
        });
        for (slot, guest) in slots.into_iter().zip(seat(&chairs, &guests)) {
            match guest.and_then(|key| chosen.iter().find(|(one, _)| *one == key)) {
                Some((index, rung)) => self.assign(place, slot, *index, rung.layer, rung.frames, now),
                None => self.empty_slot(place, slot, now),
            }
        }
    }

    fn picture_budget(&self, place: usize) -> u64 {
        let Some(peer) = self.peers[place].as_ref() else { return 0 };
        let sounds =
            peer.slots.iter().filter(|slot| slot.kind == Kind::Audio && slot.holds().is_some()).count();
        let Some(budget) = &peer.budget else { return u64::MAX };
        let each = match &peer.link {
            Link::Rtc(rtc) if rtc.takes_copies() => SOUND_WITH_COPIES_BPS,
            _ => SOUND_BPS,
        };
        budget.media_bps().saturating_sub(sounds as u64 * each)
    }

    /// The estimator probes for what would be shown with all the bandwidth in the world.
    fn want_bandwidth(&mut self, place: usize, demands: &[Demand], chosen: &[Option<Rung>]) {
        let Some(peer) = self.peers[place].as_mut() else { return };
        let Link::Rtc(rtc) = &mut peer.link else { return };
        let desired: u64 = demands.iter().map(Demand::ideal_bps).sum();
        let shown: u64 = chosen.iter().flatten().map(|rung| rung.bps).sum();
        peer.shown = if desired == 0 { 1.0 } else { shown as f64 / desired as f64 };
        rtc.want_bandwidth(desired);
    }

    /// The slots of one kind: their indices, and what they hold.
    fn chairs(&self, place: usize, kind: Kind) -> (Vec<usize>, Vec<Chair<usize>>) {
        let slots = self.peers[place].as_ref().map_or(&[][..], |peer| &peer.slots);
        slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.kind == kind)
            .map(|(at, slot)| (at, Chair { holds: slot.holds(), for_screen: slot.for_screen }))
            .unzip()
    }

    /// The tracks that a subscriber wishes and that there are, each once.
    fn wished_tracks(&self, place: usize) -> Vec<(usize, u16)> {
        let Some(peer) = self.peers[place].as_ref() else { return Vec::new() };
        let Some(wishes) = &peer.wishes else { return self.automatic_wishes(place) };
        let mut wished: Vec<(usize, u16)> = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let Some(publisher) = self.places.get(&wish.publisher).filter(|at| **at != place) else {
                continue;
            };
            let Some(publisher) = self.peers[*publisher].as_ref() else { continue };
            let found = publisher.tracks.iter().copied().find(|index| {
                let track = self.tracks[*index].as_ref();
                track.is_some_and(|track| track.source == wish.source && track.is_on())
            });
            let video = wish.source.kind() == Kind::Video;
            if let Some(index) = found.filter(|index| video && wished.iter().all(|(one, _)| one != index)) {
                wished.push((index, wish.max_height));
            }
        }
        wished
    }

    /// For whoever cannot wish (WHEP): screens, the active speaker, then the others as they joined.
    fn automatic_wishes(&self, place: usize) -> Vec<(usize, u16)> {
        let active = self.told_speakers.0;
        let mut shown: Vec<(u8, PeerId, usize)> = self
            .tracks
            .iter()
            .enumerate()
            .filter_map(|(index, track)| {
                let track = track.as_ref().filter(|one| one.is_on() && one.publisher != place)?;
                match track.source {
                    Source::Screen => Some((0, track.publisher_id, index)),
                    Source::Camera if active == Some(track.publisher_id) => {
                        Some((1, track.publisher_id, index))
                    }
                    Source::Camera => Some((2, track.publisher_id, index)),
                    Source::Microphone | Source::ScreenAudio => None,
                }
            })
            .collect();
        shown.sort_unstable();
        let height = |at| if at == 0 { u16::MAX } else { AUTOMATIC_HEIGHT };
        shown.into_iter().enumerate().map(|(at, (_, _, index))| (index, height(at))).collect()
    }

    /// Puts a track into a slot, in the layer that comes closest to the one it should have.
    fn assign(&mut self, place: usize, at: usize, index: usize, ideal: Layer, frames: u8, now: Instant) {
        let Some(track) = self.tracks[index].as_ref() else { return };
        let feed = track.nearest(index, ideal);
        // A smaller one that stands in has room for all of its frames.
        let frames = if feed.layer == ideal { frames } else { TID_MAX };
        self.fill((place, at), feed, ideal, frames, now);
    }

    /// Puts a layer of a track into a slot, of which `ideal` would be the right one.
    pub(super) fn fill(
        &mut self,
        (place, at): (usize, usize),
        feed: Feed,
        ideal: Layer,
        frames: u8,
        now: Instant,
    ) {
        let Some(track) = self.tracks[feed.track].as_mut() else { return };
        let Some(slot) = self.peers[place].as_mut().and_then(|peer| peer.slots.get_mut(at)) else { return };
        let subscriber = Subscriber { peer: place, slot: at };
        track.subscribe(subscriber);
        let before = [slot.current(), slot.pending()];
        slot.ideal = Some(ideal);
        let awaits = slot.assign(feed, frames);
        for old in before.into_iter().flatten() {
            if !slot.is_fed_by(old.track)
                && let Some(track) = self.tracks[old.track].as_mut()
            {
                track.unsubscribe(subscriber);
            }
        }
        if awaits {
            self.bring_keyframe(subscriber, feed, now);
        }
    }

    /// Empties a slot.
    pub(super) fn empty_slot(&mut self, place: usize, at: usize, now: Instant) {
        let Some(peer) = self.peers[place].as_mut() else { return };
        let Some(slot) = peer.slots.get_mut(at) else { return };
        let subscriber = Subscriber { peer: place, slot: at };
        for feed in [slot.current(), slot.pending()].into_iter().flatten() {
            if let Some(track) = self.tracks[feed.track].as_mut() {
                track.unsubscribe(subscriber);
            }
        }
        slot.clear();
        self.tell_empty(place, at, now);
    }

    fn tell_empty(&mut self, place: usize, at: usize, now: Instant) {
        let Some(peer) = self.peers[place].as_mut() else { return };
        let slot = &mut peer.slots[at];
        if slot.told.take().is_some() {
            let rtp_timestamp = slot.timestamp_at(now);
            self.outbox.tell(Event::SlotFilled { peer: peer.id, slot: slot.id, track: None, rtp_timestamp });
        }
    }

    /// A track's flow or its publisher's permit changed: silence is enforced here.
    pub(super) fn judge_flow(&mut self, index: usize, now: Instant) {
        let Some(track) = self.tracks[index].as_mut() else { return };
        track.permitted = self.peers[track.publisher].as_ref().is_some_and(|peer| peer.permit.send);
        let microphone = track.source == Source::Microphone;
        if track.is_on() {
            if microphone {
                self.speakers.insert(index);
            }
            return;
        }
        if microphone {
            self.speakers.remove(index);
        }
        self.silence(index, now);
    }

    /// Takes a track out of every slot.
    fn silence(&mut self, index: usize, now: Instant) {
        let Some(track) = self.tracks[index].as_mut() else { return };
        for subscriber in std::mem::take(&mut track.subscribers) {
            let Some(peer) = self.peers[subscriber.peer].as_mut() else { continue };
            let slot = &mut peer.slots[subscriber.slot];
            slot.release(index);
            if slot.told == Some(index) {
                self.tell_empty(subscriber.peer, subscriber.slot, now);
            }
        }
    }

    /// Removes a peer with everything that hangs on it.
    pub(super) fn leave(&mut self, place: usize, now: Instant) {
        let Some(peer) = self.peers[place].as_mut() else { return };
        if let Link::Rtc(rtc) = &mut peer.link {
            rtc.close(now, &mut self.outbox);
        }
        if !peer.is_elsewhere() {
            self.departed.add(&peer.stats);
        }
        let (id, tracks, slots) = (peer.id, std::mem::take(&mut peer.tracks), peer.slots.len());
        for slot in &mut peer.slots {
            slot.told = None;
        }
        for slot in 0..slots {
            self.empty_slot(place, slot, now);
        }
        for index in tracks {
            self.speakers.remove(index);
            self.silence(index, now);
            self.tracks[index] = None;
        }
        self.places.remove(&id);
        self.peers[place] = None;
        self.tell_speakers();
        self.judge_codecs();
        self.seat_everybody();
    }

    /// The highest layer of each track that anybody is to be shown.
    pub(super) fn judge_layers(&mut self, now: Instant) {
        for index in 0..self.tracks.len() {
            let Some(track) = self.tracks[index].as_ref() else { continue };
            if track.source.kind() == Kind::Audio || !track.is_on() {
                continue;
            }
            let ideal = |subscriber: &Subscriber| {
                let slot = &self.peers[subscriber.peer].as_ref()?.slots[subscriber.slot];
                slot.ideal.filter(|_| slot.holds() == Some(index))
            };
            let highest = track.subscribers.iter().filter_map(ideal).max().max(self.highest_elsewhere(index));
            let Some(track) = self.tracks[index].as_mut() else { continue };
            if let Some(highest) = track.judge_wanted(highest, now) {
                let (peer, source) = (track.publisher_id, track.source);
                self.outbox.tell(Event::LayersWanted { peer, source, highest });
            }
        }
    }

    /// What everybody who watches decodes, as far as that is possible.
    pub(super) fn codecs_with(&self, newcomer: Option<&Peer>) -> Codecs {
        let everybody = || {
            let replaced = newcomer.map(|peer| peer.id);
            self.peers.iter().flatten().filter(move |peer| Some(peer.id) != replaced).chain(newcomer)
        };
        let preferred = self.config.preferred_codec;
        let all_decode = |codec| everybody().filter_map(|peer| peer.decodes(codec)).all(|decodes| decodes);
        if self.config.video { Codecs::choose(preferred, all_decode) } else { Codecs::preferring(preferred) }
    }

    pub(super) fn judge_codecs(&mut self) {
        let codecs = self.codecs_with(None);
        if codecs != self.codecs {
            self.codecs = codecs;
            self.outbox.tell(Event::Codecs(codecs));
        }
        self.tell_bridges();
    }
}
