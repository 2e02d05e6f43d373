//! What the media workers have to tell, and what the loop does about it.

use crate::appliance::handle::MemberId;
use crate::appliance::relay::RelayNews;
use crate::appliance::run::{Appliance, Member, participant_of};
use crate::appliance::words;
use crate::appliance::worker::News;
use crate::meeting::{LeaveReason, ParticipantKind};
use crate::sfu::{Codecs, Event, GoneWhy, PeerId, SlotId};
use crate::track::{Layer, Source};
use crate::web::wire::{Frame, SlotTrack, Tell};

impl Appliance {
    pub(super) fn handle_news(&mut self, news: News) {
        let (worker, meeting, event) = match news {
            News::Meeting { worker, meeting, event } => (worker, meeting, event),
            News::Relay { worker, news } => return self.relay_news(worker, news),
        };
        let Some(name) = self.hosted.iter().find(|(_, h)| h.id == meeting).map(|(name, _)| name.clone())
        else {
            // It has ended while this was under way.
            return;
        };
        match event {
            Event::Connected { peer } => {
                log::info!(meeting = name.as_str(), participant = peer.0; "media connected")
            }
            Event::Gone { peer, why } => self.peer_gone(&name, peer, &why),
            Event::Silent { peer } => self.tell(member_of(peer), Frame::Told { tell: Tell::RestartIce {} }),
            Event::SlotFilled { peer, slot, track, rtp_timestamp } => {
                self.slot_filled(peer, slot, track, rtp_timestamp);
            }
            Event::Speakers { active, heard } => self.speakers(&name, worker, active, heard),
            Event::Decodes { peer, codecs } => self.decodes(peer, codecs),
            Event::Levels(levels) => self.levels(&name, worker, &levels),
            Event::Publishes { peer, tracks } => self.publishes(&name, worker, peer, tracks),
            Event::Codecs(codecs) => self.codecs(&name, worker, codecs),
            Event::KeyframeWanted { peer, source, layer } => {
                let elsewhere = self.keyframe_elsewhere(&name, worker, peer, source, layer);
                if !elsewhere && self.seat.is(participant_of(peer)) {
                    self.room.request_keyframe(source, layer);
                }
            }
            Event::LayersWanted { peer, source, highest } => {
                if !self.watched_elsewhere(&name, worker, peer, source, highest)
                    && !self.guest_layers(&name, peer, source, highest)
                {
                    self.layers(peer, source, highest);
                }
            }
            Event::Quality { peer, up, down } => self.quality(&name, peer, (up, down)),
        }
    }

    fn relay_news(&mut self, worker: usize, news: RelayNews) {
        match news {
            Ok(address) => {
                log::info!("media can be relayed through {address}");
                self.relay_troubles.remove(&Some(worker));
            }
            Err(trouble) => {
                log::warn!("{trouble}");
                self.relay_troubles.insert(Some(worker), trouble);
            }
        }
    }

    fn peer_gone(&mut self, name: &str, peer: PeerId, why: &GoneWhy) {
        log::warn!(meeting = name, participant = peer.0; "media lost: {why}");
        if let GoneWhy::Panicked = why {
            log::error!(meeting = name, participant = peer.0; "a peer panicked and was dropped alone");
        }
        let id = member_of(peer);
        if !self.members.contains_key(&id) {
            return;
        }
        let core = self.meetings.find(name).and_then(|core| core.participant(Member::participant(id)));
        let is_page = core.is_some_and(|one| one.kind == ParticipantKind::Browser);
        // Who leaves says so in words and closes the media; the goodbye of the media may be here first, and is also
        // that of a page which is loaded anew.
        let outcome = match why {
            GoneWhy::ClosedByPeer if is_page => self.step_out(id),
            GoneWhy::ClosedByPeer => self.leave_because(id, LeaveReason::Left),
            _ => self.leave_because(id, LeaveReason::TransportFailed),
        };
        if let Err(refusal) = outcome {
            log::debug!(meeting = name, participant = peer.0; "had left already: {refusal}");
        }
    }

    fn slot_filled(
        &mut self,
        peer: PeerId,
        slot: SlotId,
        track: Option<(PeerId, Source)>,
        rtp_timestamp: u32,
    ) {
        if self.seat.is(participant_of(peer)) {
            let track = track.map(|(publisher, source)| (publisher.0, source));
            return self.room.slot(crate::room::SlotWord { slot, track, rtp_timestamp });
        }
        let track = track.map(|(publisher, source)| SlotTrack {
            participant: words::id_word(participant_of(publisher)),
            source: words::source_word(source),
        });
        let tell = Tell::Slot { mid: slot.to_string(), track, rtp_timestamp };
        self.tell_and_remember(member_of(peer), format!("slot {slot}"), tell);
    }

    /// Nobody shall encode and send what nobody watches.
    fn layers(&mut self, peer: PeerId, source: Source, highest: Option<Layer>) {
        if self.seat.is(participant_of(peer)) {
            return self.room.set_layers(source, highest);
        }
        let source = words::source_word(source);
        let tell =
            Tell::Layers { source, watched: highest.map_or(0, |layer| layer.0 + 1), participant: None };
        self.tell_and_remember(member_of(peer), format!("layers {source:?}"), tell);
    }

    fn quality(&mut self, name: &str, peer: PeerId, grades: (u8, u8)) {
        let Some(hosted) = self.hosted.get_mut(name) else { return };
        hosted.qualities.insert(peer, grades);
        self.tell_all(name, &quality_word(peer, grades));
    }

    /// What one member alone was told is told again after a cut.
    pub(super) fn tell_and_remember(&mut self, id: MemberId, what: String, tell: Tell) {
        if let Some(member) = self.members.get_mut(&id) {
            member.told.insert(what, tell.clone());
        }
        self.tell(id, Frame::Told { tell });
    }

    fn speakers(&mut self, name: &str, worker: usize, active: Option<PeerId>, heard: Vec<PeerId>) {
        // Every branch hears everybody; one of them is believed.
        let Some(hosted) = self.hosted.get_mut(name).filter(|hosted| hosted.worker == worker) else { return };
        let began = active.filter(|_| hosted.active != active);
        hosted.active = active;
        hosted.heard = heard;
        let tell = hosted.speaking();
        self.tell_all(name, &tell);
        self.scene_follows(name);
        if let Some(peer) = began {
            self.has_spoken(name, participant_of(peer));
        }
    }

    fn codecs(&mut self, name: &str, worker: usize, codecs: Codecs) {
        let Some(codecs) = self.codecs_of_branch(name, worker, codecs) else { return };
        let Some(hosted) = self.hosted.get_mut(name) else { return };
        let before = std::mem::replace(&mut hosted.codecs, codecs);
        if before.of_pages() != codecs.of_pages() {
            let codec = codecs.of_pages();
            log::info!(meeting = name; "video codec is now {codec}");
            self.tell_all(name, &Tell::VideoCodec { codec: words::codec_word(codec) });
        }
        if before.plain != codecs.plain && self.seat.meeting() == Some(name) {
            self.room.set_codec(codecs.plain);
        }
    }

    fn tell_all(&mut self, name: &str, tell: &Tell) {
        let Some(hosted) = self.hosted.get(name) else { return };
        for id in hosted.members.iter().copied().collect::<Vec<_>>() {
            self.tell(id, Frame::Told { tell: tell.clone() });
        }
    }
}

/// See [`super::run::peer_of`].
const fn member_of(peer: PeerId) -> MemberId {
    let id = MemberId(peer.0);
    debug_assert!(Member::participant(id).0 == peer.0);
    id
}

/// A participant's grades, up and down, in words.
pub(super) fn quality_word(peer: PeerId, (up, down): (u8, u8)) -> Tell {
    Tell::Quality { participant: words::id_word(participant_of(peer)), up, down }
}
