//! Bridges to meetings of other appliances: whom they bring, what they carry, and which boxes are reached by them.
//!
//! ```text
//!   another appliance ── behind, carry ──▶ bridge (a member) ──▶ guests in the meeting, lines of the media (carrying.rs)
//!                     ◀── bridge, layers ──
//! ```

use std::collections::{BTreeMap, BTreeSet};

use crate::appliance::carrying::LeftOuts;
use crate::appliance::handle::{JoinUser, MemberId};
use crate::appliance::members::{AnswerReply, DoneReply, done, gone, offer_refusal};
use crate::appliance::run::{Appliance, Member, participant_of, peer_of};
use crate::appliance::words;
use crate::appliance::worker::{BridgeOrder, Order};
use crate::calling::{UserId, UserKind};
use crate::meeting::{By, Command, LeaveReason, ParticipantId, TrackState};
use crate::refusal::{Code, Refusal};
use crate::sfu::{BridgeLines, Inward, PeerId};
use crate::track::{Layer, Source, VideoCodec};
use crate::web::wire::{BEHIND_MAX, Behind, BehindPerson, BehindTrack, Tell};

/// What we offer to another appliance: so many people are heard and seen each way, and a screen with its sound.
const LINES: BridgeLines = BridgeLines { audio: 9, video: 9 };

/// The longest id that the other end may have for somebody, in bytes.
const ID_BYTES_MAX: usize = 64;

/// What the loop knows of a member that is a bridge.
#[derive(Debug, Default)]
pub(super) struct BridgeSeat {
    /// Whom it has brought, by what they are called at the other end; `None`: removed here.
    guests: BTreeMap<String, Option<ParticipantId>>,
    /// What everybody here decodes, as the media tells.
    decodes: Vec<VideoCodec>,
    /// What the tracks of its guests are at home, and whether that was taken over here.
    pub(super) home: BTreeMap<(ParticipantId, Source), (TrackState, bool)>,
    /// Whose tracks find no line to the other end.
    pub(super) left_out: LeftOuts,
}

impl Appliance {
    /// Whether somebody may be a bridge in a meeting: an appliance of the directory that closes no loop.
    pub(super) fn check_bridge(
        &self,
        meeting: &str,
        user: Option<JoinUser>,
        boxes: &[String],
    ) -> Result<(), Refusal> {
        let user = user.and_then(|user| self.exchange.calls.user(UserId(user.user)).ok());
        if user.is_none_or(|user| user.kind != UserKind::Appliance) {
            let detail =
                "only an appliance of the directory is a bridge; put it there, and call with its token";
            return Err(Refusal::new(Code::NotPermitted, detail));
        }
        let Some(hosted) = self.hosted.get(meeting) else { return Ok(()) };
        hosted.paths.check(ParticipantId(0), boxes)
    }

    /// A bridge has come in.
    pub(super) fn seat_bridge(&mut self, id: MemberId, boxes: Vec<String>) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.bridge = Some(BridgeSeat::default());
        let meeting = member.meeting.clone();
        if let Some(hosted) = self.hosted.get_mut(&meeting)
            && let Err(refusal) = hosted.paths.reach(Member::participant(id), boxes)
        {
            log::error!(meeting = meeting.as_str(); "a bridge was let in that was not to be: {refusal}");
        }
        self.tell_paths(&meeting);
    }

    /// Every bridge of a meeting is told what the other end shall know.
    fn tell_paths(&mut self, meeting: &str) {
        let Some(hosted) = self.hosted.get(meeting) else { return };
        for bridge in hosted.paths.bridges().collect::<Vec<_>>() {
            self.tell_bridge(MemberId(bridge.0));
        }
    }

    fn tell_bridge(&mut self, id: MemberId) {
        let Some(member) = self.members.get(&id) else { return };
        let (Some(seat), Some(hosted)) = (&member.bridge, self.hosted.get(&member.meeting)) else { return };
        let boxes = hosted.paths.told_to(Member::participant(id));
        let decodes = seat.decodes.iter().map(|codec| words::codec_word(*codec)).collect();
        self.tell_and_remember(id, "bridge".to_owned(), Tell::Bridge { boxes, decodes });
    }

    /// Somebody has left a meeting: a bridge, or a guest whom a bridge shall not bring again.
    pub(super) fn bridge_forgets(&mut self, meeting: &str, participant: ParticipantId) {
        self.leave_out(MemberId(participant.0), LeftOuts::new());
        let Some(hosted) = self.hosted.get_mut(meeting) else { return };
        let was_bridge = hosted.paths.forget(participant);
        for bridge in hosted.paths.bridges() {
            let Some(member) = self.members.get_mut(&MemberId(bridge.0)) else { continue };
            let guests = member.bridge.iter_mut().flat_map(|seat| seat.guests.values_mut());
            guests.filter(|guest| **guest == Some(participant)).for_each(|guest| *guest = None);
            let homes = member.bridge.iter_mut().map(|seat| &mut seat.home);
            homes.for_each(|home| home.retain(|(guest, _), _| *guest != participant));
        }
        if was_bridge {
            self.tell_paths(meeting);
        }
    }

    /// What a bridge says of those for whom it stands; one that closes a loop is told so, and is out.
    pub(super) fn ask_behind(&mut self, id: MemberId, re: u32, behind: Behind) {
        let outcome = self.behind(id, behind);
        let is_loop = outcome.as_ref().is_err_and(|refusal| refusal.code == Code::MeetingLoop);
        self.tell(id, done(re, outcome));
        if is_loop && let Err(refusal) = self.leave_because(id, LeaveReason::Left) {
            log::debug!(participant = id.0; "a bridge had left already: {refusal}");
        }
    }

    fn behind(&mut self, id: MemberId, behind: Behind) -> Result<(), Refusal> {
        check(&behind)?;
        let meeting = self.bridge_of(id)?.0;
        let Behind { people, boxes, decodes } = behind;
        let before = self.hosted.get(&meeting).map(|hosted| hosted.paths.told_to(ParticipantId(0)));
        if let Some(hosted) = self.hosted.get_mut(&meeting)
            && let Err(refusal) = hosted.paths.reach(Member::participant(id), boxes)
        {
            return Err(refusal);
        }
        self.bring_and_send_home(id, &meeting, &people)?;
        let inward = self.inward(id, &people);
        let (peer, worker) = (peer_of(Member::participant(id)), self.bridge_of(id)?.1);
        let codecs: Vec<_> = decodes.into_iter().map(words::codec_of_word).collect();
        if !codecs.is_empty() {
            self.workers[worker].order(Order::Bridge { peer, order: BridgeOrder::FarDecodes(codecs) });
        }
        self.workers[worker].order(Order::Bridge { peer, order: BridgeOrder::CarryIn(inward) });
        self.guests_publish(id, &meeting, &people);
        let after = self.hosted.get(&meeting).map(|hosted| hosted.paths.told_to(ParticipantId(0)));
        if before != after {
            self.tell_paths(&meeting);
        }
        Ok(())
    }

    pub(super) fn bridge_of(&self, id: MemberId) -> Result<(String, usize), Refusal> {
        let member = self.members.get(&id).ok_or_else(gone)?;
        if member.bridge.is_none() {
            return Err(Refusal::new(Code::NotPermitted, "only a bridge says this"));
        }
        Ok((member.meeting.clone(), member.worker))
    }

    /// Those who are new come in, those who are gone leave, and whoever has another name gets it.
    fn bring_and_send_home(
        &mut self,
        id: MemberId,
        meeting: &str,
        people: &[BehindPerson],
    ) -> Result<(), Refusal> {
        let Some(seat) = self.members.get(&id).and_then(|member| member.bridge.as_ref()) else {
            return Ok(());
        };
        let known = seat.guests.clone();
        let is_there = |guest: &String| people.iter().any(|person| person.id == *guest);
        for (guest, participant) in known.iter().filter(|(guest, _)| !is_there(guest)) {
            if let Some(participant) = participant {
                self.command(
                    meeting,
                    Command::Leave { participant: *participant, reason: LeaveReason::Left },
                )?;
            }
            self.note_guest(id, guest, None, true);
        }
        for person in people {
            match known.get(&person.id) {
                None => self.bring(id, meeting, person),
                Some(Some(participant)) => self.rename_guest(meeting, *participant, &person.name),
                Some(None) => {}
            }
        }
        Ok(())
    }

    fn bring(&mut self, id: MemberId, meeting: &str, person: &BehindPerson) {
        let participant = ParticipantId(self.next_id());
        let name = person.name.clone();
        let bring = Command::Bring { via: Member::participant(id), participant, name };
        // Noted first: by the end of the command others may act on the guest.
        self.note_guest(id, &person.id, Some(participant), false);
        if let Err(refusal) = self.command(meeting, bring) {
            log::info!(meeting = meeting; "somebody behind a bridge is not brought: {refusal}");
            self.note_guest(id, &person.id, None, false);
        }
    }

    fn note_guest(&mut self, id: MemberId, guest: &str, participant: Option<ParticipantId>, gone: bool) {
        let Some(seat) = self.members.get_mut(&id).and_then(|member| member.bridge.as_mut()) else { return };
        if gone {
            seat.guests.remove(guest);
        } else {
            seat.guests.insert(guest.to_owned(), participant);
        }
    }

    fn rename_guest(&mut self, meeting: &str, participant: ParticipantId, name: &str) {
        let is_other = self
            .meetings
            .find(meeting)
            .and_then(|core| core.participant(participant))
            .is_some_and(|guest| guest.name != name);
        let rename = Command::Rename { by: By::Administrator, participant, name: name.to_owned() };
        if is_other && let Err(refusal) = self.command(meeting, rename) {
            log::info!(meeting = meeting; "a guest keeps the old name: {refusal}");
        }
    }

    pub(super) fn guest(&self, id: MemberId, guest: &str) -> Option<ParticipantId> {
        self.members.get(&id)?.bridge.as_ref()?.guests.get(guest).copied().flatten()
    }

    fn inward(&self, id: MemberId, people: &[BehindPerson]) -> Vec<Inward> {
        let line = |guest: ParticipantId, track: &BehindTrack| {
            let source = words::source_of_word(track.source);
            Some(Inward { mid: track.mid.clone()?, guest: peer_of(guest), source })
        };
        let of_person = |person: &BehindPerson| {
            let guest = self.guest(id, &person.id);
            guest
                .into_iter()
                .flat_map(|guest| person.tracks.iter().filter_map(move |track| line(guest, track)))
                .collect::<Vec<_>>()
        };
        people.iter().flat_map(of_person).collect()
    }

    /// Offers the lines of a bridge to the other end.
    pub(super) fn propose(&self, id: MemberId, reply: AnswerReply) {
        let hosted = self.members.get(&id).and_then(|member| self.hosted.get(&member.meeting));
        let (Some(hosted), Ok((_, worker))) = (hosted, self.bridge_of(id)) else { return reply(Err(gone())) };
        self.workers[worker].order(Order::Propose {
            meeting: hosted.id,
            peer: peer_of(Member::participant(id)),
            lines: LINES,
            offer: Box::new(move |offer| reply(offer.map_err(|refused| offer_refusal(&refused)))),
        });
    }

    /// The other end has answered.
    pub(super) fn accept_answer(&self, id: MemberId, sdp: String, reply: DoneReply) {
        let Ok((_, worker)) = self.bridge_of(id) else { return reply(Err(gone())) };
        self.workers[worker].order(Order::Accept {
            peer: peer_of(Member::participant(id)),
            sdp,
            done: Box::new(move |done| reply(done.map_err(|refused| offer_refusal(&refused)))),
        });
    }

    /// What everybody here decodes has changed.
    pub(super) fn decodes(&mut self, peer: PeerId, codecs: Vec<VideoCodec>) {
        let id = MemberId(participant_of(peer).0);
        if let Some(seat) = self.members.get_mut(&id).and_then(|member| member.bridge.as_mut()) {
            seat.decodes = codecs;
            self.tell_bridge(id);
        }
    }

    /// Of a guest's layers so many are watched: the other end shall know. Returns whether it is a guest.
    pub(super) fn guest_layers(
        &mut self,
        name: &str,
        peer: PeerId,
        source: Source,
        highest: Option<Layer>,
    ) -> bool {
        let guest = participant_of(peer);
        let via = self.meetings.find(name).and_then(|core| core.participant(guest)).and_then(|one| one.via);
        let Some(bridge) = via.map(|via| MemberId(via.0)) else { return false };
        let seat = self.members.get(&bridge).and_then(|member| member.bridge.as_ref());
        let called = seat.and_then(|seat| {
            seat.guests.iter().find(|(_, participant)| **participant == Some(guest)).map(|(id, _)| id.clone())
        });
        if let Some(participant) = called {
            let what = format!("layers {source} {participant}");
            let watched = highest.map_or(0, |layer| layer.0 + 1);
            let source = words::source_word(source);
            self.tell_and_remember(
                bridge,
                what,
                Tell::Layers { source, watched, participant: Some(participant) },
            );
        }
        true
    }
}

fn check(behind: &Behind) -> Result<(), Refusal> {
    let invalid = |detail: String| Err(Refusal::new(Code::InvalidParameter, detail));
    if behind.people.len() > BEHIND_MAX {
        return invalid(format!("{} people; a bridge stands for {BEHIND_MAX} at most", behind.people.len()));
    }
    let ids: BTreeSet<&str> = behind.people.iter().map(|person| person.id.as_str()).collect();
    if ids.len() < behind.people.len() || ids.iter().any(|id| !(1..=ID_BYTES_MAX).contains(&id.len())) {
        return invalid(format!("each `id` of `people` has 1 to {ID_BYTES_MAX} bytes, and is there once"));
    }
    if behind.people.iter().any(|person| person.tracks.len() > Source::ALL.len()) {
        return invalid("a participant has one track of each source".to_owned());
    }
    Ok(())
}
