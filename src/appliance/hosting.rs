//! Meetings in the loop: created, planned, shown, opened again after a restart, closed.

use std::collections::{BTreeMap, BTreeSet};

use crate::appliance::handle::{MeetingView, NewMeeting};
use crate::appliance::happenings::Happening;
use crate::appliance::keeping;
use crate::appliance::members::gone;
use crate::appliance::run::{Appliance, Hosted};
use crate::appliance::store::meetings::{self as records, Created, RecordId};
use crate::appliance::words;
use crate::appliance::worker::{MeetingId, Order};
use crate::meeting::{self, By, Command, MeetingName, Password, Paths, State};
use crate::refusal::{Code, Refusal};
use crate::sfu::Codecs;
use crate::web::wire;

impl Appliance {
    pub(super) fn open_standing(&mut self) -> Result<(), Refusal> {
        if self.hosted.contains_key(&self.settings.standing_meeting) {
            return Ok(());
        }
        let new = NewMeeting { name: self.settings.standing_meeting.clone(), ..NewMeeting::default() };
        self.open_meeting(new, true)
    }

    pub(super) fn create_meeting(&mut self, new: NewMeeting) -> Result<MeetingView, Refusal> {
        let name = new.name.clone();
        self.open_meeting(new, false)?;
        self.meeting_view(&name)
    }

    fn open_meeting(&mut self, new: NewMeeting, standing: bool) -> Result<(), Refusal> {
        let limit = self.settings.live.participants_max;
        let max_participants = new.max_participants.unwrap_or(limit);
        if !(2..=limit).contains(&max_participants) {
            return Err(Refusal::new(
                Code::InvalidParameter,
                format!("max_participants is {max_participants}; it must be between 2 and {limit}"),
            ));
        }
        let name = MeetingName::new(new.name.as_str())?;
        let created = Created {
            mode: words::mode_of_word(new.mode),
            password: new.password.as_deref().map(|text| Password::new(&name, text)).transpose()?,
            custom_info: words::text_of_json(new.custom_info.as_ref()),
            max_participants,
            has_lobby: new.lobby,
            waits_for_host: new.wait_for_host,
            same_person: words::same_person_of_word(new.same_person),
            times: keeping::times_of_word(new.schedule),
            report_to: new.report_to,
            created_at: self.clock.unix_time(),
            standing,
            name,
        };
        let settings = self.settings_of(created.clone());
        let now = self.clock.now();
        settings.schedule.check(now)?;
        let state = self.meetings.create(settings.clone(), now)?.state();
        let id = self.next_record();
        self.host(&settings, id, state.clone());
        log::info!(meeting = settings.name.as_str(); "meeting opened");
        self.store.write(move |db| records::create(db, id, &created, &state));
        Ok(())
    }

    const fn next_record(&mut self) -> RecordId {
        self.last_record.0 += 1;
        self.last_record
    }

    /// Has the media follow what the meeting is; its rules are there already.
    pub(super) fn host(&mut self, settings: &meeting::Settings, record: RecordId, kept: State) {
        let id = MeetingId(self.next_id());
        let worker = self.calmest_worker();
        let codec = words::preferred_codec(self.settings.live.codec);
        let hosted = Hosted {
            id,
            record,
            kept,
            worker,
            branches: vec![worker],
            preferred_codec: codec,
            codecs: Codecs::preferring(codec),
            needed: BTreeMap::new(),
            published: BTreeMap::new(),
            standing: settings.standing,
            members: BTreeSet::new(),
            active: None,
            heard: Vec::new(),
            qualities: BTreeMap::new(),
            paths: Paths::new(self.box_name.clone()),
        };
        self.order(&hosted, Order::Open { meeting: id, video: settings.mode == meeting::Mode::Video, codec });
        self.happened(&Happening::MeetingOpened { meeting: &settings.name.to_string() });
        self.hosted.insert(settings.name.to_string(), hosted);
    }

    pub(super) fn meeting_views(&self) -> Vec<MeetingView> {
        let mut views: Vec<MeetingView> =
            self.hosted.keys().filter_map(|name| self.meeting_view(name).ok()).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views
    }

    pub(super) fn meeting_view(&self, name: &str) -> Result<MeetingView, Refusal> {
        let (core, hosted) = (self.meetings.get(name)?, self.hosted.get(name).ok_or_else(gone)?);
        let settings = core.settings();
        Ok(MeetingView {
            name: name.to_owned(),
            mode: words::mode_word(settings.mode),
            has_password: settings.password.is_some(),
            custom_info: words::json_of_text(settings.custom_info.as_deref()),
            max_participants: settings.max_participants,
            lobby: core.has_lobby(),
            wait_for_host: settings.waits_for_host,
            same_person: words::same_person_word(settings.same_person),
            schedule: words::schedule_word(core.schedule()),
            standing: hosted.standing,
            participants: core.snapshot().participants.iter().map(words::participant_word).collect(),
        })
    }

    pub(super) fn end_meeting(&mut self, name: &str) -> Result<(), Refusal> {
        self.command(name, Command::End { by: By::Administrator })
    }

    /// A meeting is at another time.
    pub(super) fn reschedule(
        &mut self,
        name: &str,
        schedule: wire::Schedule,
    ) -> Result<MeetingView, Refusal> {
        let schedule = self.time_of_day.schedule(keeping::times_of_word(schedule));
        self.command(name, Command::Reschedule { by: By::Administrator, schedule })?;
        self.meeting_view(name)
    }

    /// The meeting is over: nobody is in it any more, and nothing of it is left.
    pub(super) fn close(&mut self, name: &str) {
        while self.meetings.take_over().is_some() {}
        let Some(hosted) = self.hosted.remove(name) else { return };
        for id in &hosted.members {
            if let Some(member) = self.members.remove(id) {
                self.secrets.remove(&member.secret);
            }
        }
        self.order_all(&hosted, || Order::Close { meeting: hosted.id });
        self.room_is_out_of(name);
        self.users_departed(name);
        log::info!(meeting = name; "meeting ended");
        if hosted.standing {
            // Its name was free a moment ago, and nobody else can have taken it.
            if let Err(refusal) = self.open_standing() {
                log::error!(meeting = name; "the standing meeting did not come back: {refusal}");
            }
        }
        self.refresh_scene();
    }

    /// The appliance stops. Meetings do not end by that: whoever is in one is let go of, and comes back when the
    /// appliance does.
    pub(super) fn let_go_of_everybody(&mut self) {
        self.outside.clear();
        self.members.clear();
    }
}
