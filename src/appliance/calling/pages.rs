//! The pages of users: signed in, asked by, cut, back.

use std::collections::BTreeSet;

use super::notices::check_subscription;
use super::{Page, PageId, SignOn, no_such, words};
use crate::appliance::run::Appliance;
use crate::appliance::store::calls as kept;
use crate::calling::{Command, DeviceId, Leg, UserId};
use crate::refusal::{Code, Refusal};
use crate::web::wire::Refused;
use crate::web::wire::calling::{Answer, Ask, DEVICE_BYTES_MAX, Frame, VERSION, Welcome};

impl Appliance {
    /// A page says hello: it is new, or one that was cut.
    pub(super) fn page_signs_on(&mut self, sign_on: SignOn) -> Result<(PageId, Frame), Refusal> {
        let SignOn { user, number, device: name, frames } = sign_on;
        let user = UserId(user);
        if self.exchange.ledger.kept(user).is_none_or(|kept| kept.number != number) {
            let detail = "this sign-in link is no longer good; ask for a new one";
            return Err(Refusal::new(Code::NotPermitted, detail));
        }
        if !(1..=DEVICE_BYTES_MAX).contains(&name.len()) {
            let detail = format!("`device` has {} bytes; give 1 to {DEVICE_BYTES_MAX}", name.len());
            return Err(Refusal::new(Code::InvalidParameter, detail));
        }
        let known = self.exchange.pages.iter().find(|(_, page)| page.user == user && page.name == name);
        let device = match known.map(|(device, _)| *device) {
            Some(device) => {
                // Whoever still holds the old socket is cut by this.
                self.exchange.pages.insert(device, Page { user, name, frames: None, watches: None });
                let is_signed_in = self.exchange.calls.devices_of(user).any(|known| known == device);
                self.call_command(match is_signed_in {
                    true => Command::Return { device },
                    false => Command::SignOn { user, device },
                })?;
                device
            }
            None => {
                let device = DeviceId(self.next_id());
                self.call_command(Command::SignOn { user, device })?;
                self.exchange.pages.insert(device, Page { user, name, frames: None, watches: None });
                device
            }
        };
        let welcome = self.page_welcome(user, device);
        if let Some(page) = self.exchange.pages.get_mut(&device) {
            page.frames = Some(frames);
        }
        self.enter_again(user, device);
        Ok((PageId(device.0), Frame::Answered { re: 0, ok: Answer::Welcome(Box::new(welcome)) }))
    }

    fn page_welcome(&self, user: UserId, device: DeviceId) -> Welcome {
        let calls = &self.exchange.calls;
        Welcome {
            version: VERSION,
            you: user.to_string(),
            device: words::device_word(device),
            users: calls.users().map(|user| self.exchange.entry(user)).collect(),
            calls: calls.calls_of(user).map(|call| self.call_word(call)).collect(),
            missed: self.exchange.ledger.kept(user).map_or(0, |kept| kept.missed),
            push_key: self.settings.calling.notifier.key.public().to_owned(),
        }
    }

    pub(super) fn page_asks(&mut self, page: PageId, re: u32, ask: Ask) {
        let device = DeviceId(page.0);
        let Some(user) = self.exchange.pages.get(&device).map(|page| page.user) else { return };
        let frame = match self.do_for_page(user, device, ask) {
            Ok(ok) => Frame::Answered { re, ok },
            Err(refusal) => refused(re, refusal),
        };
        let frames = self.exchange.pages.get(&device).and_then(|page| page.frames.clone());
        match frames {
            Some(frames) if self.store.is_unanswered() => self.store.answer(move |kept| {
                // Full or closed: the loop notices with its next word.
                drop(frames.try_send(kept.map_or_else(|refusal| refused(re, refusal), |()| frame)));
            }),
            _ => self.tell_page(device, frame),
        }
    }

    fn do_for_page(&mut self, user: UserId, device: DeviceId, ask: Ask) -> Result<Answer, Refusal> {
        let call_of = |word: String| words::call_of_word(&word).ok_or_else(|| no_such("call", &word));
        let command = match ask {
            Ask::Hello(_) => {
                return Err(Refusal::new(Code::InvalidParameter, "`hello` was said already"));
            }
            Ask::Watch { users } => {
                let watches = users.map(|users| users_of(&users)).transpose()?;
                if let Some(page) = self.exchange.pages.get_mut(&device) {
                    page.watches = watches.map(BTreeSet::from_iter);
                }
                return Ok(Answer::Done {});
            }
            Ask::Ring { users, media, meeting } => {
                if let Some(meeting) = &meeting {
                    let (_, member) = self.member_of(user, meeting).ok_or_else(not_there)?;
                    self.meetings.get(meeting)?.check_invite(member)?;
                }
                let call = self.ring((user, device), &users, media, meeting)?;
                return Ok(Answer::Ringing { call: call.to_string() });
            }
            Ask::History { before } => {
                return Ok(Answer::History { records: self.exchange.ledger.records(Some(user), before) });
            }
            Ask::SeenMissed {} => {
                self.exchange.ledger.see_missed(user);
                self.keep_user(user);
                return Ok(Answer::Done {});
            }
            Ask::Push(subscription) => {
                check_subscription(&subscription)?;
                self.exchange.ledger.subscribe(user, subscription.clone())?;
                self.store.write(move |db| kept::subscribe(db, user, &subscription));
                return Ok(Answer::Done {});
            }
            Ask::Unpush { endpoint } => {
                self.endpoint_gone(&endpoint);
                return Ok(Answer::Done {});
            }
            Ask::Invite { call, users } => {
                let (call, callees) = (call_of(call)?, users_of(&users)?);
                let meeting = self.exchange.meetings.get(&call);
                if let Some((meeting, member)) = meeting.and_then(|name| self.member_of(user, name)) {
                    self.meetings.get(meeting)?.check_invite(member)?;
                }
                Command::Invite { call, by: user, callees }
            }
            Ask::Accept { call } => Command::Accept { call: call_of(call)?, user, device },
            Ask::Decline { call } => Command::Decline { call: call_of(call)?, user, device },
            Ask::HangUp { call } => Command::HangUp { call: call_of(call)?, user },
            Ask::DoNotDisturb { on } => Command::SetDisturb { user, off: on },
        };
        self.call_command(command)?;
        Ok(Answer::Done {})
    }

    pub(super) fn page_cut(&mut self, page: PageId) {
        let device = DeviceId(page.0);
        let Some(page) = self.exchange.pages.get_mut(&device) else { return };
        // The edge tells of the old socket's end also after a new one took over.
        if page.frames.as_ref().is_some_and(|frames| !frames.is_closed()) {
            return;
        }
        page.frames = None;
        self.page_is_cut(device);
    }

    pub(super) fn page_is_cut(&mut self, device: DeviceId) {
        if let Err(refusal) = self.call_command(Command::Cut { device }) {
            log::debug!(device = device.0; "not cut: {refusal}");
        }
    }

    /// Pages whose devices were away too long are forgotten, but for those to whose calls somebody may come back.
    pub(super) fn forget_lost_pages(&mut self) {
        let calls = &self.exchange.calls;
        let is_in = |leg: &Leg, device| leg.is_live() && leg.device == Some(device);
        let takes_part = |user, device| {
            calls.calls_of(user).any(|call| call.leg(user).is_some_and(|leg| is_in(leg, device)))
        };
        self.exchange.pages.retain(|device, page| {
            calls.devices_of(page.user).any(|known| known == *device) || takes_part(page.user, *device)
        });
    }
}

/// The users of some ids.
pub(super) fn users_of(words: &[String]) -> Result<Vec<UserId>, Refusal> {
    words.iter().map(|word| words::user_of_word(word).ok_or_else(|| no_such("user", word))).collect()
}

fn not_there() -> Refusal {
    let detail = "you are not in that meeting as the one who rings; join it with your `user` token first";
    Refusal::new(Code::NotPermitted, detail)
}

fn refused(re: u32, refusal: Refusal) -> Frame {
    let refused = Refused { code: refusal.code.to_string(), detail: refusal.detail };
    Frame::Refused { re: Some(re), refused }
}
