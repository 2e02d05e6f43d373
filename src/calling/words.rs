//! What can be asked of the calls, what happens in them, and what they are called by.

use std::fmt;
use std::time::Instant;

use super::call::{Call, LegEnd};
use super::directory::{Presence, User};

/// An entry of the directory. Given out by the appliance, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub u64);

/// A place where a user has signed in: a page, an appliance. Given out by the appliance, unique in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(pub u64);

/// A call. Given out by the appliance, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "u{}", self.0)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// What a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Media {
    /// Sound alone.
    Audio,
    /// Sound and pictures.
    Video,
}

/// Somebody rings others.
#[derive(Debug, Clone)]
pub struct Ring {
    /// The id of the call; never used before.
    pub call: CallId,
    /// Who rings.
    pub caller: UserId,
    /// From where: this device enters when somebody accepts.
    pub device: DeviceId,
    /// Whom, one or many.
    pub callees: Vec<UserId>,
    /// What it shall carry.
    pub media: Media,
    /// They are rung into a meeting in which the caller is already.
    pub into_meeting: bool,
}

/// What can be asked of the calls. Whoever asks was checked by the edge.
#[derive(Debug, Clone)]
pub enum Command {
    /// Somebody is in the directory from now on.
    AddUser(User),
    /// An entry of the directory gets another name.
    Rename {
        /// Whose.
        user: UserId,
        /// 1 to [`USER_NAME_CHARS_MAX`](super::USER_NAME_CHARS_MAX) characters.
        name: String,
    },
    /// An entry of the directory goes, with its devices and its part in calls.
    RemoveUser {
        /// Whose.
        user: UserId,
    },
    /// A user signs in on a device, and is online from then on.
    SignOn {
        /// Who.
        user: UserId,
        /// Where; never used before by anybody else.
        device: DeviceId,
    },
    /// A device is signed out.
    SignOff {
        /// Which.
        device: DeviceId,
    },
    /// The socket of a device is gone; it may come back.
    Cut {
        /// Which.
        device: DeviceId,
    },
    /// The device is back.
    Return {
        /// Which.
        device: DeviceId,
    },
    /// A user does not want to be rung, or does again.
    SetDisturb {
        /// Who.
        user: UserId,
        /// Whether they do not want to be disturbed.
        off: bool,
    },
    /// A user is busy with something else than a call, or is no longer.
    SetEngaged {
        /// Who.
        user: UserId,
        /// Which of the two.
        engaged: bool,
    },
    /// A call begins: others are rung.
    Ring(Ring),
    /// More are rung into a call that goes on.
    Invite {
        /// Which.
        call: CallId,
        /// Who of it asks.
        by: UserId,
        /// Whom.
        callees: Vec<UserId>,
    },
    /// Somebody who is rung comes in.
    Accept {
        /// Into which call.
        call: CallId,
        /// Who.
        user: UserId,
        /// From where; the other devices stop ringing.
        device: DeviceId,
    },
    /// Somebody who is rung does not come in.
    Decline {
        /// Which call.
        call: CallId,
        /// Who.
        user: UserId,
        /// From where.
        device: DeviceId,
    },
    /// Somebody of another appliance who is rung does not come in; that appliance tells why.
    TakenElsewhere {
        /// Which call.
        call: CallId,
        /// Who.
        user: UserId,
        /// How they took it.
        end: LegEnd,
    },
    /// The caller takes back what nobody has answered, or somebody leaves.
    HangUp {
        /// Which call.
        call: CallId,
        /// Who.
        user: UserId,
    },
    /// Somebody who was let in is in the meeting.
    Arrived {
        /// Of which call.
        call: CallId,
        /// Who.
        user: UserId,
    },
    /// Somebody is no longer in the meeting.
    Departed {
        /// Of which call.
        call: CallId,
        /// Who.
        user: UserId,
        /// They were not heard of any more, and did not leave by their own wish.
        lost: bool,
    },
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody can be reached in another way than before.
    Presence {
        /// Who.
        user: UserId,
        /// How from now on.
        presence: Presence,
    },
    /// An entry of the directory is new, or another than before.
    User {
        /// As it is now.
        user: User,
    },
    /// An entry of the directory is gone.
    UserGone {
        /// Whose.
        user: UserId,
    },
    /// A call is another than before; those whose legs it has are told. The last one of a call has its end.
    Call {
        /// As it is now.
        call: Call,
    },
    /// Somebody begins to be rung: whoever has no device at hand is notified.
    Rings {
        /// By which call.
        call: CallId,
        /// Who.
        user: UserId,
    },
    /// Somebody is not rung any more.
    Stops {
        /// By which call.
        call: CallId,
        /// Who.
        user: UserId,
    },
    /// Somebody may enter the meeting of a call, from that device. It is made for the first of them.
    Enters {
        /// Of which call.
        call: CallId,
        /// Who.
        user: UserId,
        /// Where.
        device: DeviceId,
    },
    /// Somebody is out of a call that goes on, or ends: nothing keeps them in its meeting.
    Out {
        /// Of which call.
        call: CallId,
        /// Who.
        user: UserId,
    },
    /// Somebody was rung, or would have been, and did not answer.
    Missed {
        /// Which call.
        call: CallId,
        /// Who.
        user: UserId,
        /// Who has rung them.
        by: UserId,
        /// When.
        at: Instant,
    },
}
