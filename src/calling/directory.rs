//! Who can be rung: users, the devices that they are signed in on, and how they can be reached.
//!
//! ```text
//!  a device     SignOn ──▶ ┌──────┐ ── Cut ──▶ ┌──────┐ ── lost_after, SignOff ──▶ gone
//!                          │ here │            │ away │
//!                          └──────┘ ◀─ Return ─└──────┘
//!
//!  a presence   do not disturb ▷ offline (no device) ▷ busy (in a call, engaged) ▷ online
//! ```

use std::collections::BTreeMap;
use std::time::Instant;

use super::words::{DeviceId, UserId};
use crate::refusal::{Code, Refusal};

/// The most users of a directory; the next one is refused.
pub const USERS_MAX: usize = 2_000;

/// The most devices that a user is signed in on; the next one is refused.
pub const DEVICES_MAX: usize = 8;

/// The longest name of a user, in characters.
pub const USER_NAME_CHARS_MAX: usize = 64;

/// What sort of user it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserKind {
    /// A person: while they talk, another call finds them busy.
    Person,
    /// A room: while it is in a call, another one knocks.
    Room,
    /// The room of another appliance: it decides there how it takes another call, but is in one of ours at a time.
    Appliance,
}

/// An entry of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// The name to show, 1 to [`USER_NAME_CHARS_MAX`] characters.
    pub name: String,
    /// What sort it is.
    pub kind: UserKind,
    /// Whether they do not want to be rung.
    pub do_not_disturb: bool,
}

/// How somebody can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presence {
    /// Signed in nowhere; a call notifies them.
    Offline,
    /// Can be rung.
    Online,
    /// In a call, or a meeting.
    Busy,
    /// Does not want to be rung.
    DoNotDisturb,
}

/// A place where a user is signed in.
#[derive(Debug)]
struct Device {
    user: UserId,
    /// Until when it may come back, if its socket was cut.
    away_until: Option<Instant>,
}

/// An entry, and what the calls know of it besides.
#[derive(Debug)]
struct Entry {
    user: User,
    engaged: bool,
    /// What was told last.
    presence: Presence,
}

/// The users and their devices.
#[derive(Debug, Default)]
pub(super) struct Directory {
    entries: BTreeMap<UserId, Entry>,
    devices: BTreeMap<DeviceId, Device>,
}

impl Directory {
    pub(super) fn add(&mut self, user: User) -> Result<(), Refusal> {
        check_name(&user.name)?;
        if self.entries.contains_key(&user.id) {
            return Err(Refusal::new(Code::Internal, format!("{} is in the directory already", user.id)));
        }
        if self.entries.len() >= USERS_MAX {
            let detail = format!("the directory has {USERS_MAX} users, which is all it takes; remove some");
            return Err(Refusal::new(Code::Busy, detail));
        }
        let presence = if user.do_not_disturb { Presence::DoNotDisturb } else { Presence::Offline };
        self.entries.insert(user.id, Entry { user, engaged: false, presence });
        Ok(())
    }

    pub(super) fn rename(&mut self, id: UserId, name: String) -> Result<(), Refusal> {
        check_name(&name)?;
        self.entry_mut(id)?.user.name = name;
        Ok(())
    }

    /// Removes a user; the devices that went along.
    pub(super) fn remove(&mut self, id: UserId) -> Result<Vec<DeviceId>, Refusal> {
        self.entry(id)?;
        self.entries.remove(&id);
        let gone: Vec<_> = self.devices_of(id).collect();
        for device in &gone {
            self.devices.remove(device);
        }
        Ok(gone)
    }

    pub(super) fn sign_on(&mut self, user: UserId, device: DeviceId) -> Result<(), Refusal> {
        self.entry(user)?;
        if self.devices.contains_key(&device) {
            return Err(Refusal::new(Code::Internal, "this device is signed in already"));
        }
        if self.devices_of(user).count() >= DEVICES_MAX {
            let detail =
                format!("you are signed in on {DEVICES_MAX} devices; close the page on one of them first");
            return Err(Refusal::new(Code::Busy, detail));
        }
        self.devices.insert(device, Device { user, away_until: None });
        Ok(())
    }

    pub(super) fn sign_off(&mut self, device: DeviceId) -> Result<UserId, Refusal> {
        self.devices.remove(&device).map(|device| device.user).ok_or_else(signed_out)
    }

    pub(super) fn set_away(&mut self, device: DeviceId, until: Option<Instant>) -> Result<(), Refusal> {
        self.devices.get_mut(&device).ok_or_else(signed_out)?.away_until = until;
        Ok(())
    }

    /// The devices that were away too long.
    pub(super) fn lost(&self, now: Instant) -> Vec<DeviceId> {
        let is_lost = |device: &Device| device.away_until.is_some_and(|until| until <= now);
        self.devices.iter().filter(|(_, device)| is_lost(device)).map(|(id, _)| *id).collect()
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.devices.values().filter_map(|device| device.away_until).min()
    }

    pub(super) fn set_disturb(&mut self, id: UserId, off: bool) -> Result<bool, Refusal> {
        let entry = self.entry_mut(id)?;
        Ok(std::mem::replace(&mut entry.user.do_not_disturb, off) != off)
    }

    pub(super) fn set_engaged(&mut self, id: UserId, engaged: bool) -> Result<(), Refusal> {
        self.entry_mut(id)?.engaged = engaged;
        Ok(())
    }

    pub(super) fn is_engaged(&self, id: UserId) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.engaged)
    }

    pub(super) fn user(&self, id: UserId) -> Result<&User, Refusal> {
        self.entry(id).map(|entry| &entry.user)
    }

    pub(super) fn users(&self) -> impl Iterator<Item = &User> {
        self.entries.values().map(|entry| &entry.user)
    }

    pub(super) fn devices_of(&self, user: UserId) -> impl Iterator<Item = DeviceId> {
        self.devices.iter().filter(move |(_, device)| device.user == user).map(|(id, _)| *id)
    }

    /// Whether the device is signed in for that user.
    pub(super) fn check_device(&self, user: UserId, device: DeviceId) -> Result<(), Refusal> {
        match self.devices.get(&device) {
            Some(known) if known.user == user => Ok(()),
            _ => Err(signed_out()),
        }
    }

    pub(super) fn presence(&self, id: UserId) -> Presence {
        self.entries.get(&id).map_or(Presence::Offline, |entry| entry.presence)
    }

    /// Notes how a user can be reached, with `talks` for their part in calls; the presence if it is news.
    pub(super) fn review(&mut self, id: UserId, talks: bool) -> Option<Presence> {
        let is_online = self.devices_of(id).next().is_some();
        let entry = self.entries.get_mut(&id)?;
        // Who sits in a meeting is busy there, even where no page of theirs is signed in.
        let sits = entry.engaged && entry.user.kind == UserKind::Person;
        let presence = match () {
            () if entry.user.do_not_disturb => Presence::DoNotDisturb,
            () if !is_online && !sits && !talks => Presence::Offline,
            () if talks || entry.engaged => Presence::Busy,
            () => Presence::Online,
        };
        let before = std::mem::replace(&mut entry.presence, presence);
        (before != presence).then_some(presence)
    }

    fn entry(&self, id: UserId) -> Result<&Entry, Refusal> {
        self.entries.get(&id).ok_or_else(|| unknown(id))
    }

    fn entry_mut(&mut self, id: UserId) -> Result<&mut Entry, Refusal> {
        self.entries.get_mut(&id).ok_or_else(|| unknown(id))
    }
}

fn unknown(id: UserId) -> Refusal {
    Refusal::new(Code::UserNotFound, format!("nobody in the directory is {id}; look whom it has now"))
}

fn signed_out() -> Refusal {
    Refusal::new(Code::PeerLost, "this device is signed out; sign in again")
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let detail = if name.trim().is_empty() {
        "the name is empty; give one of 1 to 64 characters".to_owned()
    } else if name.chars().count() > USER_NAME_CHARS_MAX {
        format!("the name has more than {USER_NAME_CHARS_MAX} characters; give a shorter one")
    } else if name.chars().any(is_invisible_control) {
        "the name has control characters; leave them out".to_owned()
    } else {
        return Ok(());
    };
    Err(Refusal::new(Code::InvalidParameter, detail))
}

/// Controls, and the marks that turn the direction of text: with them a name could pass for another.
fn is_invisible_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}
