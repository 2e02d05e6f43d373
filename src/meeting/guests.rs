//! People of a meeting elsewhere: they are here as long as the bridge is that stands for them.

use super::participant::check_name;
use super::{Join, Meeting, Participant, ParticipantId, ParticipantKind, Role, find};
use crate::refusal::{Code, Refusal};

/// The most people that one bridge brings; the next one is refused.
pub const GUESTS_MAX: usize = 32;

impl Meeting {
    /// Somebody of a meeting elsewhere is there, through a bridge. Whoever let the bridge in has let them in.
    pub(super) fn bring(
        &mut self,
        via: ParticipantId,
        participant: ParticipantId,
        name: String,
    ) -> Result<(), Refusal> {
        check_name(&name)?;
        self.check_unused(participant)?;
        if find(&mut self.participants, via)?.kind != ParticipantKind::Bridge {
            return Err(Refusal::new(Code::NotPermitted, "only a bridge stands for others"));
        }
        if self.guests_of(via).count() >= GUESTS_MAX {
            let detail =
                format!("a bridge brings {GUESTS_MAX} people at most; the others are not shown here");
            return Err(Refusal::new(Code::MeetingFull, detail));
        }
        self.check_space()?;
        let join = Join {
            participant,
            name,
            kind: ParticipantKind::Bridge,
            role: Role::Speaker,
            password: None,
            custom_info: None,
            identity: None,
        };
        let guest = Participant { via: Some(via), ..Participant::new(participant, join.kind, join.role) };
        self.take_in(join, Some(guest));
        Ok(())
    }

    /// Those whom a bridge has brought.
    pub(super) fn guests_of(&self, via: ParticipantId) -> impl Iterator<Item = ParticipantId> {
        self.participants.values().filter(move |one| one.via == Some(via)).map(|one| one.id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{join, settings, start};
    use super::*;
    use crate::meeting::{Command, Event, LeaveReason, TrackState};
    use crate::track::Source;

    const ANN: ParticipantId = ParticipantId(1);
    const BRIDGE: ParticipantId = ParticipantId(2);
    const CAT: ParticipantId = ParticipantId(3);

    /// Ann, and a bridge that has brought Cat.
    fn joined() -> (Meeting, std::time::Instant) {
        let now = start();
        let mut meeting = Meeting::new(settings(), now);
        meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
        let bridge = Join { kind: ParticipantKind::Bridge, ..join(BRIDGE, Role::Speaker) };
        meeting.handle(Command::Join(bridge), now).unwrap();
        meeting.handle(bring(BRIDGE, CAT), now).unwrap();
        while meeting.poll_event().is_some() {}
        (meeting, now)
    }

    fn bring(via: ParticipantId, participant: ParticipantId) -> Command {
        Command::Bring { via, participant, name: "Cat".to_owned() }
    }

    #[test]
    fn a_guest_publishes_and_leaves_with_the_bridge() {
        let (mut meeting, now) = joined();
        assert_eq!(meeting.participant(CAT).and_then(|cat| cat.via), Some(BRIDGE));
        let on = Command::SetTrack { participant: CAT, source: Source::Camera, state: TrackState::On };
        meeting.handle(on, now).unwrap();
        meeting.handle(Command::Leave { participant: BRIDGE, reason: LeaveReason::Timeout }, now).unwrap();
        let left = std::iter::from_fn(|| meeting.poll_event()).filter_map(|numbered| match numbered.event {
            Event::Left { participant, reason } => Some((participant, reason)),
            _ => None,
        });
        assert_eq!(left.collect::<Vec<_>>(), [(CAT, LeaveReason::Timeout), (BRIDGE, LeaveReason::Timeout)]);
    }

    #[test]
    fn only_a_bridge_brings_others_and_not_too_many() {
        let (mut meeting, now) = joined();
        let code = |outcome: Result<(), Refusal>| outcome.unwrap_err().code;
        assert_eq!(code(meeting.handle(bring(ANN, ParticipantId(9)), now)), Code::NotPermitted);
        assert_eq!(code(meeting.handle(bring(ParticipantId(8), ParticipantId(9)), now)), Code::PeerLost);
        for more in 0..(GUESTS_MAX as u64 - 1) {
            meeting.handle(bring(BRIDGE, ParticipantId(100 + more)), now).unwrap();
            while meeting.poll_event().is_some() {}
        }
        assert_eq!(code(meeting.handle(bring(BRIDGE, ParticipantId(999)), now)), Code::MeetingFull);
    }
}
