//! Rights: which roles may do what in a meeting; hosts change them while it goes on.

use super::{Meeting, ParticipantId, Role};
use crate::refusal::{Code, Refusal};

/// Who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// Hosts and cohosts.
    Hosts,
    /// Whoever may send.
    Speakers,
    /// The audience too.
    Everybody,
}

impl Who {
    /// Whether a role is among them.
    #[must_use]
    pub const fn includes(self, role: Role) -> bool {
        match self {
            Self::Hosts => role.may_moderate(),
            Self::Speakers => role.may_publish(),
            Self::Everybody => true,
        }
    }
}

/// Who may do what. The rules of roles come first: the audience never sends, whatever is said here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Write to all and to one person; everybody may always write to the hosts.
    pub chat: Who,
    /// Share a screen.
    pub share: Who,
    /// Switch the own microphone on. Whoever was asked to by a host may.
    pub unmute: Who,
    /// Change the own name.
    pub rename: Who,
    /// Be told the link that lets others in.
    pub invite: Who,
}

impl Default for Rights {
    fn default() -> Self {
        Self {
            chat: Who::Everybody,
            share: Who::Speakers,
            unmute: Who::Speakers,
            rename: Who::Everybody,
            invite: Who::Everybody,
        }
    }
}

impl Meeting {
    /// Whether somebody may be told the link that lets others in.
    ///
    /// # Errors
    /// `not-permitted`, `peer-lost`.
    pub fn check_invite(&self, id: ParticipantId) -> Result<(), Refusal> {
        let gone = || Refusal::new(Code::PeerLost, "you are not in this meeting any more");
        let role = self.participant(id).ok_or_else(gone)?.role;
        check(self.rights.invite, role, "invite others")
    }
}

/// Refuses what a right does not include.
pub(super) fn check(who: Who, role: Role, what: &str) -> Result<(), Refusal> {
    if who.includes(role) {
        return Ok(());
    }
    let others = match who {
        Who::Hosts => "hosts",
        Who::Speakers | Who::Everybody => "those who may speak",
    };
    Err(Refusal::new(Code::NotPermitted, format!("only {others} may {what} in this meeting; ask a host")))
}
