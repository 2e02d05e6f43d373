//! The living meetings by their unique names.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Kept, Meeting, MeetingName, Settings};
use crate::refusal::{Code, Refusal};

/// The most meetings that live, or are planned, at a time; one more is refused with `busy`.
pub const MEETINGS_MAX: usize = 1000;

/// All living meetings. A name is free again as soon as its meeting is over.
#[derive(Debug, Default)]
pub struct Meetings {
    by_name: BTreeMap<MeetingName, Meeting>,
}

impl Meetings {
    /// Creates a meeting.
    ///
    /// # Errors
    /// `meeting-exists`, `invalid-parameter`, `busy` at [`MEETINGS_MAX`].
    pub fn create(&mut self, settings: Settings, now: Instant) -> Result<&mut Meeting, Refusal> {
        settings.check()?;
        self.enter(Meeting::new(settings, now))
    }

    fn enter(&mut self, meeting: Meeting) -> Result<&mut Meeting, Refusal> {
        let name = meeting.name().clone();
        match self.by_name.get(&name) {
            Some(living) if !living.is_over() => return Err(exists(&name)),
            Some(_) => {}
            None if self.by_name.len() >= MEETINGS_MAX => return Err(too_many()),
            None => {}
        }
        let entry = self.by_name.entry(name).insert_entry(meeting);
        Ok(entry.into_mut())
    }

    /// A meeting that was there before goes on.
    ///
    /// # Errors
    /// Those of [`Meetings::create`].
    pub fn restore(&mut self, settings: Settings, kept: Kept, now: Instant) -> Result<&mut Meeting, Refusal> {
        self.enter(Meeting::restore(settings, kept, now))
    }

    /// Living meetings, and with them whoever is away at the moment, have other time limits from now on.
    pub fn set_timeouts(&mut self, away: Duration, idle: Duration) {
        self.by_name.values_mut().for_each(|meeting| meeting.set_timeouts(away, idle));
    }

    /// The meeting of that name, be it over: until it is taken, it can be asked what it was.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Meeting> {
        self.by_name.get(name)
    }

    /// The living meeting of that name.
    ///
    /// # Errors
    /// `meeting-not-found`.
    pub fn get(&self, name: &str) -> Result<&Meeting, Refusal> {
        self.by_name.get(name).filter(|meeting| !meeting.is_over()).ok_or_else(|| not_found(name))
    }

    /// The living meeting of that name, to be changed.
    ///
    /// # Errors
    /// `meeting-not-found`.
    pub fn get_mut(&mut self, name: &str) -> Result<&mut Meeting, Refusal> {
        self.by_name.get_mut(name).filter(|meeting| !meeting.is_over()).ok_or_else(|| not_found(name))
    }

    /// The meetings in the order of their names, among them those that are over and were not taken yet.
    pub fn iter(&self) -> impl Iterator<Item = &Meeting> {
        self.by_name.values()
    }

    /// The meetings to be changed, in the order of their names.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Meeting> {
        self.by_name.values_mut()
    }

    /// How many meetings live.
    #[must_use]
    pub fn living(&self) -> usize {
        self.iter().filter(|meeting| !meeting.is_over()).count()
    }

    /// Takes out a meeting that is over and whose events were all polled; call until `None`.
    pub fn take_over(&mut self) -> Option<Meeting> {
        let over = |meeting: &&Meeting| meeting.is_over() && meeting.has_told_all();
        let name = self.by_name.values().find(over)?.name().clone();
        self.by_name.remove(&name)
    }

    /// When [`Meetings::handle_timeout`] is to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.iter().filter_map(Meeting::poll_timeout).min()
    }

    /// Lets the time pass in all meetings.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.iter_mut().for_each(|meeting| meeting.handle_timeout(now));
    }
}

fn exists(name: &MeetingName) -> Refusal {
    Refusal::new(
        Code::MeetingExists,
        format!("a meeting named '{name}' is going on; join it, or choose another name"),
    )
}

fn too_many() -> Refusal {
    Refusal::new(
        Code::Busy,
        format!(
            "{MEETINGS_MAX} meetings are going on, or planned, which is as many as can be; end one first"
        ),
    )
}

/// Names that no meeting can have are not repeated: they come from outside and may be long.
fn not_found(name: &str) -> Refusal {
    let detail = match MeetingName::new(name) {
        Ok(name) => format!("there is no meeting named '{name}'; check the name, or create it"),
        Err(_) => "there is no meeting of that name; check the name, or create it".to_owned(),
    };
    Refusal::new(Code::MeetingNotFound, detail)
}
