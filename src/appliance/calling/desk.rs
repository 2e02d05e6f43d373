//! What administrators ask of the calls, and the room's own part in them.

use super::pages::users_of;
use super::{Asked, NewUser, Ringing, UserView, words};
use crate::appliance::run::Appliance;
use crate::calling::{CallId, Command, DeviceId, Leg, Ring, User, UserId, UserKind};
use crate::refusal::{Code, Refusal};
use crate::web::wire::calling::{CallState, Media};

impl Appliance {
    /// A reply fails only when whoever asked is gone.
    pub(in crate::appliance) fn handle_asked(&mut self, asked: Asked) {
        match asked {
            Asked::SignOn(sign_on, reply) => drop(reply.send(self.page_signs_on(sign_on))),
            Asked::Ask(page, re, ask) => self.page_asks(page, re, ask),
            Asked::Cut(page) => self.page_cut(page),
            Asked::Users(reply) => drop(reply.send(Ok(self.user_views()))),
            Asked::User(user, reply) => drop(reply.send(self.user_view(&user))),
            Asked::CreateUser(name, new, reply) => {
                let outcome = self.create_user(name, new);
                self.reply_when_kept(reply, outcome);
            }
            Asked::ChangeUser { user, name, do_not_disturb, reply } => {
                let outcome = self.change_user(&user, name, do_not_disturb);
                self.reply_when_kept(reply, outcome);
            }
            Asked::RemoveUser(user, reply) => {
                let outcome = self.remove_user(&user);
                self.reply_when_kept(reply, outcome);
            }
            Asked::Revoke(user, reply) => {
                let outcome = self.revoke_tokens(&user);
                self.reply_when_kept(reply, outcome);
            }
            Asked::Calls(reply) => {
                let calls = self.exchange.calls.calls().map(|call| self.call_word(call)).collect();
                drop(reply.send(Ok(calls)));
            }
            Asked::Records { user, before, reply } => {
                let user = user.map(|user| user_of(&user)).transpose();
                drop(reply.send(user.map(|user| self.exchange.ledger.records(user, before))));
            }
            Asked::Elsewhere(user, told, reply) => {
                drop(reply.send(self.told_elsewhere(UserId(user), told)));
            }
            Asked::RungFromElsewhere(user, media, reply) => {
                drop(reply.send(self.rung_from_elsewhere(UserId(user), media)));
            }
            Asked::RoomRings(ringing, reply) => drop(reply.send(self.room_rings(&ringing))),
            Asked::RoomAccepts(reply) => drop(reply.send(self.room_answers(true))),
            Asked::RoomDeclines(reply) => drop(reply.send(self.room_answers(false))),
            Asked::RoomHangsUp(reply) => drop(reply.send(self.room_hangs_up())),
        }
    }

    /// Begins a call; with a meeting that the caller is in, the others are rung into that.
    pub(super) fn ring(
        &mut self,
        (caller, device): (UserId, DeviceId),
        users: &[String],
        media: Media,
        meeting: Option<String>,
    ) -> Result<CallId, Refusal> {
        let callees = users_of(users)?;
        let call = CallId(self.next_id());
        let (media, into_meeting) = (words::media_of_word(media), meeting.is_some());
        // Known before anybody is rung into it.
        self.exchange.meetings.extend(meeting.map(|meeting| (call, meeting)));
        let rung =
            self.call_command(Command::Ring(Ring { call, caller, device, callees, media, into_meeting }));
        if rung.is_err() {
            self.exchange.meetings.remove(&call);
        }
        rung.map(|()| call)
    }

    fn user_views(&self) -> Vec<UserView> {
        self.exchange.calls.users().map(|user| self.view_of(user)).collect()
    }

    fn user_view(&self, word: &str) -> Result<UserView, Refusal> {
        Ok(self.view_of(self.exchange.calls.user(user_of(word)?)?))
    }

    fn view_of(&self, user: &User) -> UserView {
        let kept = self.exchange.ledger.kept(user.id);
        UserView {
            entry: self.exchange.entry(user),
            user: user.id.0,
            number: kept.map_or(0, |kept| kept.number),
            devices: self.exchange.calls.devices_of(user.id).count(),
            missed: kept.map_or(0, |kept| kept.missed),
            reach: kept.and_then(|kept| kept.reach.clone()),
        }
    }

    fn create_user(&mut self, name: String, new: NewUser) -> Result<UserView, Refusal> {
        let id = self.exchange.ledger.enrol();
        let (kind, reach) = match new {
            NewUser::Person => (UserKind::Person, None),
            NewUser::Appliance(reach) => (UserKind::Appliance, reach),
        };
        self.exchange.ledger.set_reach(id, reach);
        let user = User { id, name, kind, do_not_disturb: false };
        if let Err(refusal) = self.call_command(Command::AddUser(user)) {
            self.exchange.ledger.strike(id);
            return Err(refusal);
        }
        self.reach(id);
        self.user_view(&id.to_string())
    }

    fn change_user(
        &mut self,
        word: &str,
        name: Option<String>,
        do_not_disturb: Option<bool>,
    ) -> Result<UserView, Refusal> {
        let user = user_of(word)?;
        self.exchange.calls.user(user)?;
        if let Some(name) = name {
            if user == self.exchange.room.0 {
                let detail = "the room is named by `room.name` of the configuration; change it there";
                return Err(Refusal::new(Code::NotPermitted, detail));
            }
            self.call_command(Command::Rename { user, name })?;
        }
        if let Some(off) = do_not_disturb {
            self.call_command(Command::SetDisturb { user, off })?;
        }
        self.user_view(word)
    }

    fn remove_user(&mut self, word: &str) -> Result<(), Refusal> {
        let user = user_of(word)?;
        if user == self.exchange.room.0 {
            let detail = "the room is always in its own directory; let nobody disturb it instead";
            return Err(Refusal::new(Code::NotPermitted, detail));
        }
        self.call_command(Command::RemoveUser { user })
    }

    /// Signs every page of a user out, for good.
    fn revoke_tokens(&mut self, word: &str) -> Result<UserView, Refusal> {
        let user = user_of(word)?;
        self.exchange.calls.user(user)?;
        if user == self.exchange.room.0 {
            return Err(Refusal::new(Code::NotPermitted, "the room signs in by itself, and has no tokens"));
        }
        self.exchange.ledger.revoke(user);
        self.keep_user(user);
        for device in self.exchange.calls.devices_of(user).collect::<Vec<_>>() {
            self.exchange.pages.remove(&device);
            self.call_command(Command::SignOff { device })?;
        }
        self.user_view(word)
    }

    fn room_rings(&mut self, ringing: &Ringing) -> Result<CallState, Refusal> {
        let call = self.ring(self.exchange.room, &ringing.users, ringing.media, None)?;
        match self.exchange.calls.call(call) {
            Ok(call) => Ok(self.call_word(call)),
            // Whom it has rung was busy: the call is over, and tells why by that.
            Err(_) => {
                Err(Refusal::new(Code::Busy, "nobody whom you ring can be reached now; try again later"))
            }
        }
    }

    /// The room answers what rings there, or declines it.
    fn room_answers(&mut self, accepts: bool) -> Result<(), Refusal> {
        let (user, device) = self.exchange.room;
        let is_rung = |call: &&crate::calling::Call| call.leg(user).is_some_and(Leg::is_ringing);
        let call = self.exchange.calls.calls_of(user).find(is_rung).map(|call| call.id);
        let none = || Refusal::new(Code::PeerLost, "nobody rings the room; the call may have ended");
        let call = call.ok_or_else(none)?;
        self.call_command(if accepts {
            Command::Accept { call, user, device }
        } else {
            Command::Decline { call, user, device }
        })
    }

    fn room_hangs_up(&mut self) -> Result<(), Refusal> {
        let (user, _) = self.exchange.room;
        let is_live = |call: &&crate::calling::Call| call.leg(user).is_some_and(Leg::is_live);
        let call = self.exchange.calls.calls_of(user).find(is_live).map(|call| call.id);
        let none = || Refusal::new(Code::PeerLost, "the room is in no call");
        self.call_command(Command::HangUp { call: call.ok_or_else(none)?, user })
    }
}

fn user_of(word: &str) -> Result<UserId, Refusal> {
    let unknown = || Refusal::new(Code::UserNotFound, format!("nobody in the directory is {word:?}"));
    words::user_of_word(word).ok_or_else(unknown)
}
