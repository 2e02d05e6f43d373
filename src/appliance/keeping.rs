//! What the loop keeps in the store, event by event, and how meetings go on after a restart.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::appliance::calling::attending::is_call;
use crate::appliance::handle::{MemberId, Reply};
use crate::appliance::run::Appliance;
use crate::appliance::store::meetings::{self, Created, Living, RecordId, Times};
use crate::meeting::{self, ChatMessage, Event, Kept, Moment, Schedule};
use crate::refusal::Refusal;
use crate::web::wire;

/// How far the clock may be from where it was thought to be until planned times are looked at anew.
const CLOCK_JUMP: Duration = Duration::from_secs(2);

/// What is planned for later than in so long is not counted by clocks of machines, and nobody is there then.
const NEVER: Duration = Duration::from_hours(24 * 365 * 100);

/// The time of day as planned times go by it: unlike [`WallClock`](crate::sfu::WallClock) it follows a clock that is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeOfDay {
    at: Instant,
    unix: Duration,
}

impl TimeOfDay {
    pub(super) const fn new(at: Instant, unix: Duration) -> Self {
        Self { at, unix }
    }

    /// When a time of day is, or was.
    pub(super) fn moment(self, unix: Duration) -> Moment {
        let at = match unix.checked_sub(self.unix) {
            Some(later) => self.at + later.min(NEVER),
            // Before the machine was started is as good as now.
            None => self.at.checked_sub(self.unix.saturating_sub(unix)).unwrap_or(self.at),
        };
        Moment { at, unix }
    }

    pub(super) fn schedule(self, times: Times) -> Schedule {
        let moment = |unix: Option<Duration>| unix.map(|unix| self.moment(unix));
        Schedule {
            not_before: moment(times.not_before),
            starts_at: moment(times.starts_at),
            ends_at: moment(times.ends_at),
        }
    }

    fn has_jumped(self, at: Instant, unix: Duration) -> bool {
        (self.unix + at.saturating_duration_since(self.at)).abs_diff(unix) >= CLOCK_JUMP
    }
}

/// The times of a schedule as they are kept.
pub(super) fn times(schedule: &Schedule) -> Times {
    let unix = |moment: Option<Moment>| moment.map(|moment| moment.unix);
    Times {
        not_before: unix(schedule.not_before),
        starts_at: unix(schedule.starts_at),
        ends_at: unix(schedule.ends_at),
    }
}

/// The times that a word tells.
pub(super) fn times_of_word(schedule: wire::Schedule) -> Times {
    let unix = |ms: Option<u64>| ms.map(Duration::from_millis);
    Times {
        not_before: unix(schedule.not_before_ms),
        starts_at: unix(schedule.starts_at_ms),
        ends_at: unix(schedule.ends_at_ms),
    }
}

impl Appliance {
    /// Opens what had not ended when the appliance stopped; of the meetings of calls those to which somebody may come back.
    pub(super) fn restore(&mut self, living: Vec<Living>, awaited: &BTreeSet<String>) {
        for Living { id, created, state, chat, polls, known } in living {
            let name = created.name.to_string();
            let is_other = created.standing && name != self.settings.standing_meeting;
            if is_other || (is_call(&name) && !awaited.contains(&name)) {
                // The room has another name now; or the call is over.
                self.end_record(id);
                continue;
            }
            let kept = Kept { state, chat, polls, known };
            match self.reopen(id, created, kept) {
                Ok(()) => log::info!(meeting = name.as_str(); "meeting goes on"),
                Err(refusal) => {
                    log::error!(meeting = name.as_str(); "a meeting does not go on: {refusal}");
                    self.end_record(id);
                }
            }
        }
    }

    fn reopen(&mut self, id: RecordId, created: Created, kept: Kept) -> Result<(), Refusal> {
        let settings = self.settings_of(created);
        let state = kept.state.clone();
        self.meetings.restore(settings.clone(), kept, self.clock.now())?;
        self.host(&settings, id, state);
        Ok(())
    }

    /// What a meeting is created with, by what is kept of it.
    pub(super) fn settings_of(&self, created: Created) -> meeting::Settings {
        meeting::Settings {
            name: created.name,
            mode: created.mode,
            password: created.password,
            custom_info: created.custom_info,
            max_participants: created.max_participants,
            has_lobby: created.has_lobby,
            waits_for_host: created.waits_for_host,
            same_person: created.same_person,
            schedule: self.time_of_day.schedule(created.times),
            standing: created.standing,
            away_timeout: self.settings.live.away_timeout,
            idle_timeout: Some(self.settings.live.idle_timeout),
        }
    }

    /// Keeps what an event has changed.
    pub(super) fn keep(&mut self, name: &str, event: &Event) {
        let Some(id) = self.hosted.get(name).map(|hosted| hosted.record) else { return };
        let at = self.clock.unix_time();
        match event {
            Event::Joined { participant } => {
                let identity = self.meetings.find(name).and_then(|core| core.identity(participant.id));
                let (participant, identity) = (participant.clone(), identity.map(str::to_owned));
                self.store.write(move |db| meetings::join(db, id, &participant, identity.as_deref(), at));
                self.keep_state(name);
            }
            Event::Left { participant, reason } => {
                let (participant, reason) = (*participant, *reason);
                self.store.write(move |db| meetings::leave(db, id, participant, reason, at));
                self.keep_state(name);
            }
            Event::Renamed { participant, .. } | Event::Role { participant, .. } => {
                self.keep_description(name, *participant);
            }
            Event::Rights { .. } | Event::Locked { .. } | Event::Lobby { .. } => self.keep_state(name),
            Event::Attribute { participant: None, .. } => self.keep_state(name),
            Event::Rescheduled { schedule } => {
                let times = times(schedule);
                self.store.write(move |db| meetings::reschedule(db, id, times));
            }
            Event::Ended => {
                self.keep_polls(name);
                self.end_record(id);
            }
            Event::Presence { .. }
            | Event::Track { .. }
            | Event::Held { .. }
            | Event::Hand { .. }
            | Event::SentBack { .. }
            | Event::Attribute { .. }
            | Event::Poll { .. }
            | Event::Voted { .. } => {}
        }
    }

    fn keep_state(&mut self, name: &str) {
        let Some(hosted) = self.hosted.get_mut(name) else { return };
        let Some(core) = self.meetings.find(name) else { return };
        let state = core.state();
        if hosted.kept != state {
            hosted.kept = state.clone();
            let id = hosted.record;
            self.store.write(move |db| meetings::decide(db, id, &state));
        }
    }

    fn keep_description(&mut self, name: &str, who: meeting::ParticipantId) {
        let Some(id) = self.hosted.get(name).map(|hosted| hosted.record) else { return };
        let Ok(core) = self.meetings.get(name) else { return };
        let Some((name, role)) = core.participant(who).map(|one| (one.name.clone(), one.role)) else {
            return;
        };
        self.store.write(move |db| meetings::describe(db, id, who, &name, role));
    }

    /// Keeps a message before its author is told that it was sent.
    pub(super) fn keep_message(&mut self, name: &str, message: &ChatMessage) {
        let Some(id) = self.hosted.get(name).map(|hosted| hosted.record) else { return };
        let message = message.clone();
        self.store.write(move |db| meetings::say(db, id, &message));
    }

    /// Keeps what has changed in the polls of a meeting.
    pub(super) fn keep_polls(&mut self, name: &str) {
        let Some(id) = self.hosted.get(name).map(|hosted| hosted.record) else { return };
        let Some(core) = self.meetings.iter_mut().find(|core| core.name().as_str() == name) else { return };
        while let Some((poll_id, voter)) = core.poll_changed_poll() {
            let Some(poll) = core.poll(poll_id).cloned() else {
                self.store.write(move |db| meetings::discard(db, id, poll_id));
                continue;
            };
            match voter.and_then(|voter| Some((poll.votes.get(&voter)?.clone(), voter))) {
                None => self.store.write(move |db| meetings::poll(db, id, &poll)),
                Some((vote, voter)) => {
                    self.store
                        .write(move |db| meetings::vote(db, id, poll_id, (&voter, &vote), &poll.counts));
                }
            }
        }
    }

    fn end_record(&mut self, id: RecordId) {
        let at = self.clock.unix_time();
        self.store.write(move |db| meetings::end(db, id, at));
    }

    /// Wipes records that are older than they may be.
    pub(super) fn forget_records(&mut self) {
        let before = self.clock.unix_time().saturating_sub(self.settings.live.records_kept);
        self.store.write(move |db| {
            let count = meetings::forget(db, before)?;
            if count > 0 {
                log::info!("the records of {count} meetings were wiped, as the configuration says");
            }
            Ok(())
        });
    }

    /// Somebody has set the clock: what is planned is where the clock says now.
    pub(super) fn follow_the_clock(&mut self) {
        let (now, unix) = (self.clock.now(), self.clock.unix_time());
        if !self.time_of_day.has_jumped(now, unix) {
            return;
        }
        log::info!("the clock was set; planned meetings follow it");
        self.time_of_day = TimeOfDay::new(now, unix);
        let time = self.time_of_day;
        self.meetings.iter_mut().for_each(|core| core.follow_clock(|unix| time.moment(unix), now));
        self.pump();
    }

    /// Answers a member's request when what it has changed is kept.
    pub(super) fn answer_when_kept(&mut self, id: MemberId, re: u32, outcome: Result<(), Refusal>) {
        if outcome.is_err() || !self.store.is_unanswered() {
            return self.tell(id, super::members::done(re, outcome));
        }
        let Some(frames) = self.members.get(&id).and_then(|member| member.frames.clone()) else { return };
        self.store.answer(move |kept| {
            // Full or closed: the loop notices with its next word.
            drop(frames.try_send(super::members::done(re, kept)));
        });
    }

    /// Replies to the edge when what was changed is kept.
    pub(super) fn reply_when_kept<T: Send + 'static>(
        &mut self,
        reply: Reply<T>,
        outcome: Result<T, Refusal>,
    ) {
        self.store.answer(move |kept| {
            // It fails only when whoever asked is gone.
            drop(reply.send(outcome.and_then(|value| kept.map(|()| value))));
        });
    }
}
