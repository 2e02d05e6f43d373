//! Those who wait outside a meeting: told what they wait for, and seated when the meeting has let them in.

use tokio::sync::mpsc;

use crate::appliance::handle::{Entry, MemberId};
use crate::appliance::run::{Appliance, Member};
use crate::appliance::words;
use crate::meeting::{self, Command, LeaveReason, Schedule, WaitsFor};
use crate::refusal::{Code, Refusal};
use crate::web::wire::{Frame, Refused, Tell};

/// Somebody whose join waits.
pub(super) struct Outside {
    meeting: String,
    frames: mpsc::Sender<Frame>,
    told: Option<(WaitsFor, Schedule)>,
}

impl Appliance {
    /// The join was taken: whoever is in is welcomed, whoever waits is told so.
    pub(super) fn enter(
        &mut self,
        id: MemberId,
        meeting: String,
        frames: mpsc::Sender<Frame>,
    ) -> Result<Entry, Refusal> {
        let now = self.clock.now();
        if self.meetings.get(&meeting)?.waits_for(Member::participant(id), now).is_none() {
            return Ok(Entry::In(id, self.seat(id, meeting, frames)?));
        }
        log::info!(meeting = meeting.as_str(), participant = id.0; "somebody waits to be let in");
        self.outside.insert(id, Outside { meeting, frames, told: None });
        self.see_outside();
        Ok(Entry::Waits(id))
    }

    /// What has become of those who wait?
    pub(super) fn see_outside(&mut self) {
        let now = self.clock.now();
        for id in self.outside.keys().copied().collect::<Vec<_>>() {
            let Some(outside) = self.outside.get_mut(&id) else { continue };
            let core = self.meetings.get(&outside.meeting);
            let who = Member::participant(id);
            let wait =
                core.as_ref().ok().and_then(|core| Some((core.waits_for(who, now)?, *core.schedule())));
            if let Some(wait) = wait {
                if outside.told.replace(wait) != Some(wait) {
                    let (until, schedule) = (words::waits_for_word(wait.0), words::schedule_word(&wait.1));
                    let tell = Tell::Waiting { until, schedule };
                    // A queue that was read since it was made has room; one that is closed is cut by its socket.
                    drop(outside.frames.try_send(Frame::Told { tell }));
                }
                continue;
            }
            let is_in = core.is_ok_and(|core| core.participant(who).is_some());
            if let Some(outside) = self.outside.remove(&id) {
                self.decided(id, outside, is_in);
            }
        }
    }

    fn decided(&mut self, id: MemberId, outside: Outside, is_in: bool) {
        let Outside { meeting, frames, .. } = outside;
        let outcome = match self.meetings.get(&meeting) {
            Err(ended) => Err(ended),
            Ok(_) if !is_in => Err(Refusal::new(
                Code::NotPermitted,
                "a host did not let you in; ask the one who invited you",
            )),
            Ok(_) => self.seat(id, meeting, frames.clone()),
        };
        let frame = outcome.unwrap_or_else(|refusal| Frame::Refused {
            re: None,
            refused: Refused { code: refusal.code.to_string(), detail: refusal.detail },
        });
        // Closed: the socket is gone, and tells of it.
        drop(frames.try_send(frame));
        if is_in {
            self.greet(id);
            self.user_arrived(id);
        } else {
            self.user_stays_out(id);
        }
    }

    /// Whoever waited is gone; returns whether they waited.
    pub(super) fn stops_waiting(&mut self, id: MemberId) -> bool {
        let Some(outside) = self.outside.remove(&id) else { return false };
        self.user_stays_out(id);
        let leave = Command::Leave { participant: Member::participant(id), reason: LeaveReason::Left };
        if let Err(refusal) = self.command(&outside.meeting, leave) {
            log::debug!(meeting = outside.meeting.as_str(); "nobody waited: {refusal}");
        }
        true
    }

    /// A host is told who waits, however they came to be here.
    pub(super) fn tell_guests(&mut self, id: MemberId) {
        let Some(member) = self.members.get(&id) else { return };
        let Ok(core) = self.meetings.get(&member.meeting) else { return };
        let is_host = core.participant(Member::participant(id)).is_some_and(|one| one.role.may_moderate());
        let guests = core.guests();
        if is_host && !guests.is_empty() {
            self.tell(id, Frame::Told { tell: guests_word(&guests) });
        }
    }
}

pub(super) fn guests_word(guests: &[meeting::Guest]) -> Tell {
    Tell::Guests { guests: guests.iter().map(words::guest_word).collect() }
}
