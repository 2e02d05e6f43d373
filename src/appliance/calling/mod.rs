//! Calls in the loop: it owns who is rung, makes a meeting of what is answered, and tells everybody concerned.
//!
//! ```text
//!   pages, HTTP ── Asked ──▶ ┌──────────────────┐ ── Command ──▶ ┌─────────┐
//!                            │ Appliance        │ ◀── Event ──── │ calling │
//!        ◀── Frame ───────── │  its Exchange    │                └─────────┘
//!                            └──┬────▲───────┬──┘
//!            made, joined, ended│    │come,  │ rings, notifies
//!                               ▼    │gone   ▼
//!                            meetings       the room, Web Push, webhook
//! ```

mod asked;
pub(super) mod attending;
mod desk;
mod elsewhere;
mod interrupted;
mod ledger;
mod notices;
mod notifier;
mod pages;
pub(super) mod room;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;
use tokio::sync::mpsc;

pub(super) use asked::{Asked, Ringing};
pub use asked::{NewUser, PageId, SignOn, UserView};
pub use elsewhere::{ERRANDS_MAX, Errand, Reach, errands};
pub(super) use interrupted::is_recent;
pub use notifier::{NotifierSettings, Webhook};

use crate::appliance::handle::MemberId;
use crate::appliance::happenings::Happening;
use crate::appliance::run::Appliance;
use crate::appliance::store::calls::{self as kept, KeptCalls, KeptUser};
use crate::calling::{self, Call, CallId, Calls, Command, DeviceId, Event, User, UserId, UserKind};
use crate::refusal::{Code, Refusal};
use crate::web::wire::calling::{CallLeg, CallRecord, CallState, Frame, RecordParty, Tell, UserEntry};
use attending::{Attending, is_call};
use ledger::{Ledger, RECORDS_KEPT_MAX};
use notifier::Notifier;

/// Makes a token that lets somebody into the meeting of a call.
pub type Admit = Arc<dyn Fn(Admission<'_>) -> String + Send + Sync>;

/// Who is let into the meeting of a call.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    /// The meeting's name.
    pub meeting: &'a str,
    /// The name to show.
    pub name: &'a str,
    /// Who, as a number.
    pub user: u64,
    /// The caller is the host.
    pub is_host: bool,
}

/// What calls are set to.
#[derive(Clone)]
pub struct CallingSettings {
    /// Makes tokens.
    pub admit: Admit,
    /// Where those are told who have no page open.
    pub notifier: NotifierSettings,
    /// Whoever speaks with other appliances.
    pub errands: mpsc::Sender<Errand>,
}

/// What the loop knows of calls.
pub(super) struct Exchange {
    pub(super) calls: Calls,
    ledger: Ledger,
    notifier: Notifier,
    /// Endpoints of push services that are no more.
    pub(super) gone: mpsc::Receiver<String>,
    /// The pages that are signed in.
    pages: BTreeMap<DeviceId, Page>,
    /// The meetings of answered calls, and those into which others are rung.
    meetings: BTreeMap<CallId, String>,
    /// The members of meetings who are users.
    attending: BTreeMap<MemberId, Attending>,
    /// Who was notified of being rung, and by which call.
    rung: BTreeSet<(CallId, UserId)>,
    /// The room as a user, and its one device.
    room: (UserId, DeviceId),
    /// The appliances that we reach, and their devices here once they have answered.
    remotes: BTreeMap<UserId, Option<DeviceId>>,
    errands: mpsc::Sender<Errand>,
}

/// A page that is signed in.
struct Page {
    user: UserId,
    /// What the page calls itself, to be known again.
    name: String,
    /// Absent while its socket is cut.
    frames: Option<mpsc::Sender<Frame>>,
    /// Whose presence it is told of; everybody's where absent.
    watches: Option<BTreeSet<UserId>>,
}

impl Exchange {
    /// Whoever was in the directory; the room is, in any case, and online.
    pub(super) fn open(
        settings: &CallingSettings,
        (room_name, ring_for): (&str, Duration),
        device: DeviceId,
        (clock, kept): (&Arc<dyn Clock>, KeptCalls),
    ) -> anyhow::Result<Self> {
        let now = clock.now();
        let (notifier, gone) = Notifier::start(settings.notifier.clone(), Arc::clone(clock))?;
        let (mut ledger, mut directory) = Ledger::restore(kept);
        let mut calls = Calls::new(calling::Settings { ring_for, ..calling::Settings::default() });
        let room = match directory.iter_mut().find(|user| user.kind == UserKind::Room) {
            Some(room) => {
                room_name.clone_into(&mut room.name);
                room.id
            }
            None => {
                let (id, name) = (ledger.enrol(), room_name.to_owned());
                directory.push(User { id, name, kind: UserKind::Room, do_not_disturb: false });
                id
            }
        };
        for user in directory {
            calls.handle(Command::AddUser(user), now)?;
        }
        calls.handle(Command::SignOn { user: room, device }, now)?;
        while calls.poll_event().is_some() {}
        Ok(Self {
            calls,
            ledger,
            notifier,
            gone,
            pages: BTreeMap::new(),
            meetings: BTreeMap::new(),
            attending: BTreeMap::new(),
            rung: BTreeSet::new(),
            room: (room, device),
            remotes: BTreeMap::new(),
            errands: settings.errands.clone(),
        })
    }

    /// The room as a user.
    pub(super) const fn room(&self) -> UserId {
        self.room.0
    }

    fn entry(&self, user: &User) -> UserEntry {
        UserEntry {
            id: user.id.to_string(),
            name: user.name.clone(),
            kind: words::kind_word(user.kind),
            presence: words::presence_word(self.calls.presence(user.id)),
        }
    }

    fn name_of(&self, user: UserId) -> String {
        self.calls.user(user).map_or_else(|_| user.to_string(), |user| user.name.clone())
    }
}

impl Appliance {
    /// Has the calls carry out a command, and acts on what comes of it.
    pub(super) fn call_command(&mut self, command: Command) -> Result<(), Refusal> {
        self.exchange.calls.handle(command, self.clock.now())?;
        self.pump_calls();
        Ok(())
    }

    /// Lets the time pass for those who ring, are rung, or are away.
    pub(super) fn let_calls_wait(&mut self, now: Instant) {
        self.exchange.calls.handle_timeout(now);
        self.pump_calls();
        self.forget_lost_pages();
    }

    /// A push service knows an endpoint no more.
    pub(super) fn endpoint_gone(&mut self, endpoint: &str) {
        self.exchange.ledger.forget_endpoint(endpoint);
        let endpoint = endpoint.to_owned();
        self.store.write(move |db| kept::unsubscribe(db, &endpoint));
    }

    /// Keeps an entry of the directory as it is now.
    pub(super) fn keep_user(&mut self, id: UserId) {
        let (Ok(user), Some(kept)) = (self.exchange.calls.user(id), self.exchange.ledger.kept(id)) else {
            return;
        };
        let (number, missed, reach) = (kept.number, kept.missed, kept.reach.clone());
        let kept = KeptUser { user: user.clone(), number, missed, reach };
        self.store.write(move |db| kept::keep_user(db, &kept));
    }

    /// Acts on what has come of commands and deadlines.
    pub(super) fn pump_calls(&mut self) {
        while let Some(event) = self.exchange.calls.poll_event() {
            match event {
                Event::Presence { user, .. } => self.tell_of_user(user, true),
                Event::User { user } => {
                    self.keep_user(user.id);
                    self.tell_of_user(user.id, false);
                }
                Event::UserGone { user } => self.tell_user_gone(user),
                Event::Call { call } => self.call_changed(&call),
                Event::Rings { call, user } => self.begin_ringing(call, user),
                Event::Stops { call, user } => self.stop_ringing(call, user),
                Event::Enters { call, user, device } => self.let_enter(call, user, device),
                Event::Out { call, user } => self.put_out(call, user),
                Event::Missed { call, user, by, .. } => self.missed(call, user, by),
            }
        }
    }

    fn tell_of_user(&mut self, id: UserId, is_presence: bool) {
        let Ok(user) = self.exchange.calls.user(id) else { return };
        let tell = Tell::User { user: self.exchange.entry(user) };
        let watches = |page: &Page| {
            let chosen = page.watches.as_ref().is_none_or(|watched| watched.contains(&id));
            chosen || !is_presence || page.user == id
        };
        let pages: Vec<_> =
            self.exchange.pages.iter().filter(|(_, page)| watches(page)).map(|(id, _)| *id).collect();
        for page in pages {
            self.tell_page(page, Frame::Told { tell: tell.clone() });
        }
    }

    fn tell_user_gone(&mut self, id: UserId) {
        self.exchange.ledger.strike(id);
        self.reach(id);
        self.store.write(move |db| kept::strike_user(db, id));
        // Who is gone has no pages; dropping their frames ends their sockets.
        self.exchange.pages.retain(|_, page| page.user != id);
        for page in self.exchange.pages.keys().copied().collect::<Vec<_>>() {
            self.tell_page(page, Frame::Told { tell: Tell::UserGone { user: id.to_string() } });
        }
    }

    fn call_changed(&mut self, call: &Call) {
        let parties: BTreeSet<_> = call.legs.iter().map(|leg| leg.user).collect();
        let word = self.call_word(call);
        self.happened(&Happening::Call(&word));
        self.tell_users(&parties, &Tell::Call { call: word });
        self.take_back_notices(call);
        self.keep_call(call);
        if call.ended.is_some() {
            self.over_elsewhere(call);
            self.call_ended(call, &parties);
        }
        if parties.contains(&self.exchange.room.0) {
            self.room_hears(self.exchange.room.0);
        }
    }

    fn call_ended(&mut self, call: &Call, parties: &BTreeSet<UserId>) {
        let Some(record) = self.record_of(call) else { return };
        let record = self.exchange.ledger.record(record);
        let written = record.clone();
        self.store.write(move |db| kept::record(db, &written, RECORDS_KEPT_MAX));
        log::info!(call = record.number; "a call has ended: {:?}", record.end);
        self.happened(&Happening::CallEnded(&record));
        self.tell_users(parties, &Tell::Record { record });
        for attending in self.exchange.attending.values_mut().filter(|one| one.call == Some(call.id)) {
            attending.call = None;
        }
        // A meeting that was there before the call is there after it.
        if let Some(meeting) = self.exchange.meetings.remove(&call.id).filter(|meeting| is_call(meeting))
            && let Err(refusal) = self.end_meeting(&meeting)
        {
            log::debug!(meeting = meeting.as_str(); "had ended already: {refusal}");
        }
        self.room_returns();
    }

    fn missed(&mut self, call: CallId, user: UserId, by: UserId) {
        self.notify_of_missed(call, user, by);
        let count = self.exchange.ledger.miss(user);
        self.keep_user(user);
        self.tell_users(&BTreeSet::from([user]), &Tell::Missed { count });
    }

    fn begin_ringing(&mut self, call: CallId, user: UserId) {
        log::info!(call = call.0, user = user.0; "somebody is rung");
        self.exchange.rung.insert((call, user));
        self.notify_of_ringing(call, user);
        self.ring_elsewhere(call, user);
        self.room_hears(user);
    }

    fn stop_ringing(&mut self, call: CallId, user: UserId) {
        log::debug!(call = call.0, user = user.0; "somebody is not rung any more");
        self.stop_elsewhere(call, user);
        self.room_hears(user);
    }

    /// Whoever was shown that they are rung is shown so no longer.
    fn take_back_notices(&mut self, call: &Call) {
        let of_call = self.exchange.rung.iter().filter(|(id, _)| *id == call.id).map(|(_, user)| *user);
        for user in of_call.collect::<Vec<_>>() {
            if call.leg(user).is_none_or(|leg| !leg.is_ringing()) {
                self.exchange.rung.remove(&(call.id, user));
                self.notify_of_the_end(call, user);
            }
        }
    }

    fn record_of(&self, call: &Call) -> Option<CallRecord> {
        let (ended, end) = call.ended?;
        let party = |leg: &calling::Leg| RecordParty {
            user: leg.user.to_string(),
            name: self.exchange.name_of(leg.user),
            state: words::leg_word(leg),
        };
        let talked = call.answered.map(|answered| ended.saturating_duration_since(answered));
        Some(CallRecord {
            number: 0,
            caller: party(call.leg(call.caller)?),
            media: words::media_word(call.media),
            callees: call.legs.iter().filter(|leg| leg.by.is_some()).map(party).collect(),
            began_ms: self.unix_ms(call.began),
            ended_ms: self.unix_ms(ended),
            talked_ms: talked.map_or(0, |talked| talked.as_millis().try_into().unwrap_or(u64::MAX)),
            end: words::end_word(end),
        })
    }

    fn call_word(&self, call: &Call) -> CallState {
        let leg = |leg: &calling::Leg| CallLeg {
            user: leg.user.to_string(),
            by: leg.by.map(|by| by.to_string()),
            state: words::leg_word(leg),
            device: leg.device.map(words::device_word),
            until_ms: match leg.state {
                calling::LegState::Ringing { until, .. } => Some(self.unix_ms(until)),
                _ => None,
            },
        };
        CallState {
            id: call.id.to_string(),
            caller: call.caller.to_string(),
            media: words::media_word(call.media),
            legs: call.legs.iter().map(leg).collect(),
            began_ms: self.unix_ms(call.began),
            answered_ms: call.answered.map(|answered| self.unix_ms(answered)),
            end: call.ended.map(|(_, end)| words::end_word(end)),
        }
    }

    fn tell_users(&mut self, users: &BTreeSet<UserId>, tell: &Tell) {
        let pages = self.exchange.pages.iter().filter(|(_, page)| users.contains(&page.user));
        for page in pages.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.tell_page(page, Frame::Told { tell: tell.clone() });
        }
    }

    /// Says something to one page; one that does not read is cut.
    fn tell_page(&mut self, id: DeviceId, frame: Frame) {
        let Some(page) = self.exchange.pages.get_mut(&id) else { return };
        let Some(frames) = &page.frames else { return };
        if frames.try_send(frame).is_err() {
            page.frames = None;
            self.page_is_cut(id);
        }
    }
}

/// The refusal of an id that is none.
fn no_such(what: &str, word: &str) -> Refusal {
    Refusal::new(Code::InvalidParameter, format!("`{word}` is no {what}; take one that you were told"))
}
