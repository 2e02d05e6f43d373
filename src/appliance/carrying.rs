//! What bridges carry between two meetings: the tracks of guests as they are at home, and ours as far as there are lines.

use std::collections::{BTreeMap, BTreeSet};

use crate::appliance::handle::MemberId;
use crate::appliance::run::{Appliance, Member, peer_of};
use crate::appliance::words;
use crate::appliance::worker::{BridgeOrder, Order};
use crate::meeting::{Command, ParticipantId, TrackState};
use crate::refusal::{Code, Refusal};
use crate::sfu::Outward;
use crate::track::Source;
use crate::web::wire::{BehindPerson, CARRIED_MAX, CarriedLine, LEFT_OUT_MAX, LeftOut, Tell};

/// Tracks that are not carried, by whose they are.
pub(super) type LeftOuts = BTreeMap<ParticipantId, Vec<Source>>;

impl Appliance {
    /// The tracks of guests become what they have become at home, as far as the meeting here allows: whom a host here has
    /// muted stays so until they switch it on themselves.
    pub(super) fn guests_publish(&mut self, id: MemberId, meeting: &str, people: &[BehindPerson]) {
        for person in people {
            let Some(participant) = self.guest(id, &person.id) else { continue };
            for source in Source::ALL {
                let state = state_of(person, source);
                let seat = self.members.get(&id).and_then(|member| member.bridge.as_ref());
                let known = seat.and_then(|seat| seat.home.get(&(participant, source))).copied();
                if known != Some((state, true)) {
                    self.guest_publishes((id, participant), meeting, source, state);
                }
            }
        }
    }

    fn guest_publishes(
        &mut self,
        (bridge, participant): (MemberId, ParticipantId),
        meeting: &str,
        source: Source,
        state: TrackState,
    ) {
        let core = self.meetings.find(meeting);
        let before = core.and_then(|core| core.participant(participant)).map(|guest| guest.track(source));
        let Some(before) = before else { return };
        let set = Command::SetTrack { participant, source, state };
        let outcome = if before == state { Ok(()) } else { self.command(meeting, set) };
        if let Err(refusal) = &outcome {
            log::debug!(meeting = meeting; "a guest's {source} stays as it is: {refusal}");
        }
        let seat = self.members.get_mut(&bridge).and_then(|member| member.bridge.as_mut());
        if let Some(seat) = seat {
            seat.home.insert((participant, source), (state, outcome.is_ok()));
        }
    }

    /// A host holds somebody's track off no longer: one that comes through a bridge is what it is at home again, for
    /// nobody there knows that it was held.
    pub(super) fn guest_released(&mut self, meeting: &str, participant: ParticipantId, source: Source) {
        let core = self.meetings.find(meeting).and_then(|core| core.participant(participant));
        let Some(bridge) = core.and_then(|guest| guest.via).map(|via| MemberId(via.0)) else { return };
        let seat = self.members.get(&bridge).and_then(|member| member.bridge.as_ref());
        let home = seat.and_then(|seat| seat.home.get(&(participant, source))).copied();
        if let Some((state, _)) = home {
            self.guest_publishes((bridge, participant), meeting, source, state);
        }
    }

    /// What a bridge sends to the other end.
    pub(super) fn carry(
        &mut self,
        id: MemberId,
        lines: Vec<CarriedLine>,
        left_out: &[LeftOut],
    ) -> Result<(), Refusal> {
        let (meeting, worker) = self.bridge_of(id)?;
        for (what, count, most) in
            [("lines", lines.len(), CARRIED_MAX), ("tracks left out", left_out.len(), LEFT_OUT_MAX)]
        {
            if count > most {
                let detail = format!("{count} {what}; a bridge has at most {most}");
                return Err(Refusal::new(Code::InvalidParameter, detail));
            }
        }
        let core = self.meetings.get(&meeting)?;
        let outward = |line: CarriedLine| {
            let publisher = words::id_of_word(&line.participant)?;
            // What came through it does not go back through it.
            let via = core.participant(publisher)?.via;
            (via != Some(Member::participant(id))).then(|| Outward {
                mid: line.mid,
                publisher: peer_of(publisher),
                source: words::source_of_word(line.source),
                layers: line.layers,
            })
        };
        let outward = lines.into_iter().filter_map(outward).collect();
        let peer = peer_of(Member::participant(id));
        self.workers[worker].order(Order::Bridge { peer, order: BridgeOrder::CarryOut(outward) });
        let mut left = LeftOuts::new();
        for LeftOut { participant, source } in left_out {
            let publisher = words::id_of_word(participant);
            publisher
                .into_iter()
                .for_each(|one| left.entry(one).or_default().push(words::source_of_word(*source)));
        }
        self.leave_out(id, left);
        Ok(())
    }

    /// Whoever is not carried to the other end is told so, and whoever is again.
    pub(super) fn leave_out(&mut self, bridge: MemberId, left: LeftOuts) {
        let Some(member) = self.members.get_mut(&bridge) else { return };
        let (Some(seat), meeting) = (member.bridge.as_mut(), member.meeting.clone()) else { return };
        let before = std::mem::replace(&mut seat.left_out, left.clone());
        let via = words::id_word(Member::participant(bridge));
        for who in before.keys().chain(left.keys()).copied().collect::<BTreeSet<_>>() {
            let id = MemberId(who.0);
            let is_here = self.members.get(&id).is_some_and(|member| member.meeting == meeting);
            if is_here && before.get(&who) != left.get(&who) {
                let sources = left.get(&who).into_iter().flatten().map(|source| words::source_word(*source));
                let tell = Tell::LeftOut { via: via.clone(), sources: sources.collect() };
                self.tell_and_remember(id, format!("left out {via}"), tell);
            }
        }
    }
}

fn state_of(person: &BehindPerson, source: Source) -> TrackState {
    let track = person.tracks.iter().find(|track| words::source_of_word(track.source) == source);
    match track {
        Some(track) if track.mid.is_none() => TrackState::Off,
        Some(track) if track.muted => TrackState::Muted,
        Some(_) => TrackState::On,
        None => TrackState::Off,
    }
}
