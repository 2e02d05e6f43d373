//! Who wants to be told how loud everybody is, and how often.

use std::time::{Duration, Instant};

use crate::appliance::handle::MemberId;
use crate::appliance::run::{Appliance, participant_of};
use crate::appliance::words;
use crate::appliance::worker::Order;
use crate::refusal::{Code, Refusal};
use crate::sfu::PeerId;
use crate::web::wire::{Frame, LEVELS_EVERY_MS, Level, Tell};

/// How often a member is told, and when next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telling {
    every: Duration,
    due: Instant,
}

impl Appliance {
    /// A member wants to be told so often how loud everybody is; 0: no longer.
    pub(super) fn tell_levels(&mut self, id: MemberId, every_ms: u32) -> Result<(), Refusal> {
        if every_ms != 0 && !LEVELS_EVERY_MS.contains(&every_ms) {
            let (least, most) = (LEVELS_EVERY_MS.start(), LEVELS_EVERY_MS.end());
            let detail =
                format!("`every_ms` is {every_ms}; say {least} to {most}, or 0 to be told no longer");
            return Err(Refusal::new(Code::InvalidParameter, detail));
        }
        let every = Duration::from_millis(every_ms.into());
        let due = self.clock.now();
        let Some(member) = self.members.get_mut(&id) else { return Ok(()) };
        member.levels = (every_ms > 0).then_some(Telling { every, due });
        let meeting = member.meeting.clone();
        self.levels_follow(&meeting);
        Ok(())
    }

    /// Levels are told only while somebody wants them.
    pub(super) fn levels_follow(&self, meeting: &str) {
        let Some(hosted) = self.hosted.get(meeting) else { return };
        let wants = |id: &MemberId| self.members.get(id).is_some_and(|member| member.levels.is_some());
        let wanted = hosted.members.iter().any(wants);
        self.order(hosted, Order::TellLevels { meeting: hosted.id, wanted });
    }

    /// Ten times a second: whoever's turn it is, is told.
    pub(super) fn levels(&mut self, name: &str, worker: usize, levels: &[(PeerId, i8)]) {
        // Every branch hears everybody; one of them is believed.
        let Some(hosted) = self.hosted.get(name).filter(|hosted| hosted.worker == worker) else { return };
        let now = self.clock.now();
        let word = |(peer, dbov): &(PeerId, i8)| Level {
            participant: words::id_word(participant_of(*peer)),
            dbov: *dbov,
        };
        let tell = Tell::Levels { levels: levels.iter().map(word).collect() };
        for id in hosted.members.iter().copied().collect::<Vec<_>>() {
            let Some(telling) = self.members.get_mut(&id).and_then(|member| member.levels.as_mut()) else {
                continue;
            };
            if telling.due <= now {
                telling.due = now + telling.every;
                self.tell(id, Frame::Told { tell: tell.clone() });
            }
        }
    }
}
