//! What can be asked of a meeting, and what happens in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::admission::Guest;
use super::ballot::{Poll, PollId, Question};
use super::chat::ChatMessage;
use super::messages::Message;
use super::rights::Rights;
use super::schedule::Schedule;
use super::{LeaveReason, Participant, ParticipantId, ParticipantKind, Presence, Role, TrackState};
use crate::track::Source;

/// Who wants to join; what its token allows was checked before.
#[derive(Debug, Clone)]
pub struct Join {
    /// Who; never used before.
    pub participant: ParticipantId,
    /// The name to show, 1 to [`NAME_CHARS_MAX`](super::NAME_CHARS_MAX) characters.
    pub name: String,
    /// What sort it is.
    pub kind: ParticipantKind,
    /// What its token lets it do.
    pub role: Role,
    /// The password, as given.
    pub password: Option<String>,
    /// Shown to every other participant: JSON text, at most [`CUSTOM_INFO_BYTES_MAX`](super::CUSTOM_INFO_BYTES_MAX).
    pub custom_info: Option<String>,
    /// What stays the same when the same person, or the same browser, joins again; up to the edge.
    pub identity: Option<String>,
}

/// Who asks for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Somebody in the meeting.
    Participant(ParticipantId),
    /// The administrator, who may everything.
    Administrator,
}

/// For whom something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody in the meeting.
    All,
    /// Hosts and cohosts.
    Hosts,
    /// One person.
    One(ParticipantId),
}

/// What can be asked of a meeting.
#[derive(Debug, Clone)]
pub enum Command {
    /// Somebody comes in.
    Join(Join),
    /// A bridge brings somebody of the meeting elsewhere that it stands for.
    Bring {
        /// The bridge.
        via: ParticipantId,
        /// The guest's id; never used before.
        participant: ParticipantId,
        /// The name to show.
        name: String,
    },
    /// The socket of a participant is gone; it may come back.
    Cut {
        /// Whose.
        participant: ParticipantId,
    },
    /// The participant is back.
    Return {
        /// Who.
        participant: ParticipantId,
    },
    /// A track begins, is muted, or ends.
    SetTrack {
        /// Whose.
        participant: ParticipantId,
        /// Which.
        source: Source,
        /// What it shall be.
        state: TrackState,
    },
    /// A participant goes, or is made to.
    Leave {
        /// Who.
        participant: ParticipantId,
        /// Why.
        reason: LeaveReason,
    },
    /// A participant has closed the page: away, and gone unless it was loaded anew and is back soon.
    StepOut {
        /// Who.
        participant: ParticipantId,
    },
    /// A participant may do more, or less, from now on.
    SetRole {
        /// Who asks for it.
        by: By,
        /// Whose role.
        participant: ParticipantId,
        /// The new one.
        role: Role,
    },
    /// The meeting ends for all.
    End {
        /// Who asks for it.
        by: By,
    },
    /// A host mutes a track, or ends a shared screen.
    Mute {
        /// Who asks for it.
        by: By,
        /// Whose track.
        participant: ParticipantId,
        /// Which.
        source: Source,
        /// It cannot be switched on again until it is released.
        hold: bool,
    },
    /// A host mutes the microphones of all but the hosts.
    MuteAll {
        /// Who asks for it.
        by: By,
        /// Whether they may switch them on again.
        may_unmute: bool,
    },
    /// What was held may be switched on again.
    Release {
        /// Who asks for it.
        by: By,
        /// Whose track.
        participant: ParticipantId,
        /// Which.
        source: Source,
    },
    /// A host asks somebody to switch something on. Nothing is switched on by force.
    AskToSend {
        /// Who asks for it.
        by: By,
        /// Whom.
        participant: ParticipantId,
        /// What.
        source: Source,
    },
    /// A host removes somebody.
    Remove {
        /// Who asks for it.
        by: By,
        /// Whom.
        participant: ParticipantId,
        /// For good, as far as its identity is known.
        ban: bool,
    },
    /// Nobody comes in but hosts, or everybody does again.
    Lock {
        /// Who asks for it.
        by: By,
        /// Which of the two.
        locked: bool,
    },
    /// Newcomers wait until a host lets them in, or come in by themselves again.
    SetLobby {
        /// Who asks for it.
        by: By,
        /// Which of the two.
        on: bool,
    },
    /// Those who wait are let in.
    Admit {
        /// Who asks for it.
        by: By,
        /// One of them; `None`: all for whom there is room.
        participant: Option<ParticipantId>,
    },
    /// Somebody who waits is sent away.
    Deny {
        /// Who asks for it.
        by: By,
        /// Who waits.
        participant: ParticipantId,
    },
    /// Somebody waits outside again.
    SendBack {
        /// Who asks for it.
        by: By,
        /// Whom.
        participant: ParticipantId,
    },
    /// Who may do what changes.
    SetRights {
        /// Who asks for it.
        by: By,
        /// From now on.
        rights: Rights,
    },
    /// Somebody gets another name.
    Rename {
        /// Who asks for it.
        by: By,
        /// Who gets it.
        participant: ParticipantId,
        /// 1 to [`NAME_CHARS_MAX`](super::NAME_CHARS_MAX) characters.
        name: String,
    },
    /// A hand goes up, or down.
    Hand {
        /// Who asks for it.
        by: By,
        /// Whose hand.
        participant: ParticipantId,
        /// Which of the two.
        up: bool,
    },
    /// Somebody was heard speaking.
    Spoke {
        /// Who.
        participant: ParticipantId,
    },
    /// Somebody shows all what it feels.
    React {
        /// Who.
        participant: ParticipantId,
        /// One emoji.
        emoji: String,
    },
    /// Somebody writes.
    Chat {
        /// Who.
        participant: ParticipantId,
        /// For whom.
        to: Audience,
        /// 1 to [`CHAT_CHARS_MAX`](super::CHAT_CHARS_MAX) characters.
        text: String,
        /// When, since the Unix epoch.
        at: Duration,
    },
    /// A feature of somebody else's says something to features elsewhere.
    Message {
        /// For whom.
        to: Audience,
        /// What, and by whom.
        message: Message,
    },
    /// A message of a feature has arrived.
    Acknowledge {
        /// Where.
        by: ParticipantId,
        /// Who sent it.
        from: ParticipantId,
        /// Which of theirs.
        number: u32,
    },
    /// Something is noted about a participant.
    SetAttribute {
        /// Who asks for it.
        by: By,
        /// About whom.
        participant: ParticipantId,
        /// Its name.
        key: String,
        /// JSON text; `None` takes it away.
        value: Option<String>,
    },
    /// Something is noted about the meeting.
    SetMeetingAttribute {
        /// Who asks for it.
        by: By,
        /// Its name.
        key: String,
        /// JSON text; `None` takes it away.
        value: Option<String>,
    },
    /// The meeting is at another time.
    Reschedule {
        /// Who asks for it.
        by: By,
        /// When it is.
        schedule: Schedule,
    },
    /// A poll is prepared, or changed while it is.
    DraftPoll {
        /// Who asks for it.
        by: By,
        /// Which draft; a new one where absent.
        poll: Option<PollId>,
        /// What it asks.
        question: Question,
    },
    /// A draft is taken away.
    DiscardPoll {
        /// Who asks for it.
        by: By,
        /// Which.
        poll: PollId,
    },
    /// Votes are taken from now on.
    OpenPoll {
        /// Who asks for it.
        by: By,
        /// Which draft.
        poll: PollId,
    },
    /// No votes are taken any more.
    ClosePoll {
        /// Who asks for it.
        by: By,
        /// Which.
        poll: PollId,
    },
    /// Somebody votes.
    Vote {
        /// Who.
        participant: ParticipantId,
        /// In which poll.
        poll: PollId,
        /// For which options, from 0 on.
        choices: BTreeSet<u8>,
    },
}

/// What has happened in a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody came.
    Joined {
        /// Who.
        participant: Participant,
    },
    /// Somebody is no longer there.
    Left {
        /// Who.
        participant: ParticipantId,
        /// Why.
        reason: LeaveReason,
    },
    /// A participant's socket was cut, or is back.
    Presence {
        /// Who.
        participant: ParticipantId,
        /// What it is from now on.
        presence: Presence,
    },
    /// A track began, was muted, or ended.
    Track {
        /// Whose.
        participant: ParticipantId,
        /// Which.
        source: Source,
        /// What it is from now on.
        state: TrackState,
    },
    /// The role of a participant changed.
    Role {
        /// Whose.
        participant: ParticipantId,
        /// From now on.
        role: Role,
    },
    /// A host holds a track off, or does so no longer.
    Held {
        /// Whose.
        participant: ParticipantId,
        /// Which.
        source: Source,
        /// Which of the two.
        held: bool,
    },
    /// A hand went up, or down.
    Hand {
        /// Whose.
        participant: ParticipantId,
        /// Its number, if it is up.
        hand: Option<u64>,
    },
    /// Somebody has another name.
    Renamed {
        /// Who.
        participant: ParticipantId,
        /// From now on.
        name: String,
    },
    /// Who may do what has changed.
    Rights {
        /// From now on.
        rights: Rights,
    },
    /// The meeting was locked, or unlocked.
    Locked {
        /// Which of the two.
        locked: bool,
    },
    /// A host has sent somebody back to the lobby: the next event is that they have left, and they may join again.
    SentBack {
        /// Who.
        participant: ParticipantId,
    },
    /// Newcomers wait until a host lets them in, or come in by themselves.
    Lobby {
        /// Which of the two.
        on: bool,
    },
    /// Something was noted, or is no longer.
    Attribute {
        /// About whom; `None`: about the meeting.
        participant: Option<ParticipantId>,
        /// Its name.
        key: String,
        /// JSON text, if it is noted.
        value: Option<String>,
    },
    /// The meeting is at another time.
    Rescheduled {
        /// When it is.
        schedule: Schedule,
    },
    /// A poll was opened, or closed.
    Poll {
        /// As it is now.
        poll: Poll,
    },
    /// Somebody has voted.
    Voted {
        /// In which poll.
        poll: PollId,
        /// How many people have.
        voters: u32,
        /// How many votes each option has, if that may be seen.
        counts: Option<Vec<u32>>,
    },
    /// The meeting is over for everybody who is in it; the last event of all.
    Ended,
}

/// What is told once to those whom it concerns, without a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A host asks you to switch something on.
    AskedToSend {
        /// Who; `None` is the administrator.
        by: Option<ParticipantId>,
        /// What.
        source: Source,
    },
    /// Somebody shows what it feels.
    Reaction {
        /// Who.
        participant: ParticipantId,
        /// One emoji.
        emoji: String,
    },
    /// Who waits outside, from now on: all of them, the longest first.
    Waiting {
        /// At most [`WAITING_MAX`](super::WAITING_MAX).
        guests: Vec<Guest>,
    },
    /// Somebody has written.
    Chat(ChatMessage),
    /// A feature says something.
    Message(Message),
    /// A message of yours has arrived.
    Acknowledged {
        /// Where.
        by: ParticipantId,
        /// Which of yours.
        number: u32,
    },
    /// The polls that are prepared are others: [`Meeting::drafts`](super::Meeting::drafts).
    Drafts,
}

/// The state of a meeting after the event numbered `seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The number of the last event that it contains, 0 before the first.
    pub seq: u64,
    /// Everybody, in the order of their ids.
    pub participants: Vec<Participant>,
    /// Who may do what.
    pub rights: Rights,
    /// Whether nobody comes in but hosts.
    pub locked: bool,
    /// Whether newcomers wait until a host lets them in.
    pub lobby: bool,
    /// When it is.
    pub schedule: Schedule,
    /// What is noted about the meeting, as JSON text.
    pub attributes: BTreeMap<String, String>,
    /// The polls that were opened, in the order of their numbers.
    pub polls: Vec<Poll>,
}
