//! Polls: a question with options, drafted by hosts, open to votes, and closed for good.
//!
//! ```text
//!   Draft ──▶ ┌───────┐ ── Open ──▶ ┌──────┐ ── Close, the meeting ends ──▶ ┌────────┐
//!             │ draft │             │ open │                                │ closed │
//!             └───────┘             └──────┘ ◀─┐                            └────────┘
//!               │   ▲                  └─ Vote ┘
//!        Discard│   └ Draft with its number
//!               ▼
//!             gone
//! ```
//!
//! Of an anonymous poll nobody keeps who voted for what: that they have voted is noted, and what was voted is counted.
//! So a vote cannot be changed there; elsewhere it can while the poll is open.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{Audience, By, Event, Note};
use super::{Meeting, ParticipantId, ParticipantKind, find};
use crate::refusal::{Code, Refusal};

/// The most polls of a meeting.
pub const POLLS_MAX: usize = 50;

/// The longest question, in characters.
pub const QUESTION_CHARS_MAX: usize = 300;

/// The most options of a poll; the fewest are two.
pub const OPTIONS_MAX: usize = 20;

/// The longest option, in characters.
pub const OPTION_CHARS_MAX: usize = 120;

/// The number of a poll in its meeting, 1 for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PollId(pub u32);

/// What a poll asks, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// 1 to [`QUESTION_CHARS_MAX`] characters.
    pub text: String,
    /// 2 to [`OPTIONS_MAX`] different ones of 1 to [`OPTION_CHARS_MAX`] characters.
    pub options: Vec<String>,
    /// Whether one may vote for several.
    pub is_multiple: bool,
    /// Whether nobody learns who voted for what.
    pub is_anonymous: bool,
    /// Whether the result is seen only once the poll is closed.
    pub is_hidden: bool,
}

/// Where a poll stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PollState {
    /// Hosts alone know of it.
    Draft,
    /// Votes are taken.
    Open,
    /// The result stands.
    Closed,
}

/// A vote that can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who voted, by the name that they had then.
    pub name: String,
    /// The options, from 0 on; empty where the poll is anonymous.
    pub choices: BTreeSet<u8>,
}

/// A poll with its votes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// Its number.
    pub id: PollId,
    /// What it asks.
    pub question: Question,
    /// Where it stands.
    pub state: PollState,
    /// How many votes each option has.
    pub counts: Vec<u32>,
    /// Who has voted: by what they are known again, or by their id in this meeting.
    pub votes: BTreeMap<String, Vote>,
}

impl Poll {
    fn new(id: PollId, question: Question) -> Self {
        let counts = vec![0; question.options.len()];
        Self { id, question, state: PollState::Draft, counts, votes: BTreeMap::new() }
    }

    /// How many votes each option has, if that may be seen now.
    #[must_use]
    pub fn result(&self) -> Option<&[u32]> {
        let is_seen = self.state == PollState::Closed || !self.question.is_hidden;
        is_seen.then_some(self.counts.as_slice())
    }

    /// How many people have voted.
    #[must_use]
    pub fn voters(&self) -> u32 {
        u32::try_from(self.votes.len()).unwrap_or(u32::MAX)
    }

    fn count(&mut self, choices: &BTreeSet<u8>, add: bool) {
        for choice in choices {
            if let Some(count) = self.counts.get_mut(usize::from(*choice)) {
                *count = if add { count.saturating_add(1) } else { count.saturating_sub(1) };
            }
        }
    }

    fn vote(&mut self, voter: String, name: String, choices: BTreeSet<u8>) -> Result<(), Refusal> {
        self.check_choices(&choices)?;
        let before = self.votes.get(&voter);
        if self.question.is_anonymous && before.is_some() {
            return Err(Refusal::new(
                Code::NotPermitted,
                "you have voted, and in an anonymous poll a vote cannot be changed",
            ));
        }
        if let Some(Vote { choices, .. }) = before.cloned() {
            self.count(&choices, false);
        }
        self.count(&choices, true);
        let choices = if self.question.is_anonymous { BTreeSet::new() } else { choices };
        self.votes.insert(voter, Vote { name, choices });
        Ok(())
    }

    fn check_choices(&self, choices: &BTreeSet<u8>) -> Result<(), Refusal> {
        let most = if self.question.is_multiple { self.counts.len() } else { 1 };
        let exist = choices.iter().all(|choice| usize::from(*choice) < self.counts.len());
        if exist && (1..=most).contains(&choices.len()) {
            return Ok(());
        }
        let detail = format!("choose from 1 to {most} of the options of the poll");
        Err(Refusal::new(Code::InvalidParameter, detail))
    }
}

/// The polls of a meeting.
#[derive(Debug, Default)]
pub(super) struct Ballot {
    polls: BTreeMap<PollId, Poll>,
    last: u32,
    /// Otherwise than when it was asked for last: polls, and single votes of them.
    changed: BTreeSet<(PollId, Option<String>)>,
}

impl Ballot {
    pub(super) fn restore(polls: Vec<Poll>) -> Self {
        let polls: BTreeMap<_, _> = polls.into_iter().map(|poll| (poll.id, poll)).collect();
        Self { last: polls.keys().next_back().map_or(0, |last| last.0), polls, changed: BTreeSet::new() }
    }

    fn find(&mut self, id: PollId) -> Result<&mut Poll, Refusal> {
        self.polls.get_mut(&id).ok_or_else(|| {
            Refusal::new(Code::InvalidParameter, "there is no such poll; it may have been discarded")
        })
    }
}

impl Meeting {
    /// The polls that everybody knows of, in the order of their numbers.
    pub fn polls(&self) -> impl Iterator<Item = &Poll> {
        self.ballot.polls.values().filter(|poll| poll.state != PollState::Draft)
    }

    /// The polls that hosts prepare.
    pub fn drafts(&self) -> impl Iterator<Item = &Poll> {
        self.ballot.polls.values().filter(|poll| poll.state == PollState::Draft)
    }

    /// The poll of that number.
    #[must_use]
    pub fn poll(&self, id: PollId) -> Option<&Poll> {
        self.ballot.polls.get(&id)
    }

    /// What a participant has voted, poll by poll.
    #[must_use]
    pub fn votes_of(&self, id: ParticipantId) -> Vec<(PollId, BTreeSet<u8>)> {
        let voter = self.voter(id);
        let vote = |poll: &Poll| Some((poll.id, poll.votes.get(&voter)?.choices.clone()));
        self.polls().filter_map(vote).collect()
    }

    /// Prepares a poll, or changes what was prepared under that number.
    pub(super) fn draft(&mut self, by: By, id: Option<PollId>, question: Question) -> Result<(), Refusal> {
        self.moderator(by, "prepare polls")?;
        check_question(&question)?;
        let id = match id {
            Some(id) => self.only_draft(id)?,
            None if self.ballot.polls.len() >= POLLS_MAX => {
                let detail = format!("the meeting has {POLLS_MAX} polls already; discard a draft first");
                return Err(Refusal::new(Code::TooManyRequests, detail));
            }
            None => {
                self.ballot.last += 1;
                PollId(self.ballot.last)
            }
        };
        self.ballot.polls.insert(id, Poll::new(id, question));
        self.ballot.changed.insert((id, None));
        self.tell_drafts();
        Ok(())
    }

    pub(super) fn discard(&mut self, by: By, id: PollId) -> Result<(), Refusal> {
        self.moderator(by, "discard polls")?;
        let id = self.only_draft(id)?;
        self.ballot.polls.remove(&id);
        self.ballot.changed.insert((id, None));
        self.tell_drafts();
        Ok(())
    }

    /// From now on votes are taken.
    pub(super) fn open_poll(&mut self, by: By, id: PollId) -> Result<(), Refusal> {
        self.moderator(by, "open polls")?;
        let id = self.only_draft(id)?;
        self.set_poll_state(id, PollState::Open);
        self.tell_drafts();
        Ok(())
    }

    /// From now on the result stands.
    pub(super) fn close_poll(&mut self, by: By, id: PollId) -> Result<(), Refusal> {
        self.moderator(by, "close polls")?;
        if self.ballot.find(id)?.state != PollState::Open {
            return Err(Refusal::new(Code::InvalidParameter, "this poll is not open"));
        }
        self.set_poll_state(id, PollState::Closed);
        Ok(())
    }

    /// A meeting that ends leaves no poll open.
    pub(super) fn close_polls(&mut self) {
        let open = self.ballot.polls.values().filter(|poll| poll.state == PollState::Open);
        for id in open.map(|poll| poll.id).collect::<Vec<_>>() {
            self.set_poll_state(id, PollState::Closed);
        }
    }

    fn set_poll_state(&mut self, id: PollId, state: PollState) {
        if let Some(poll) = self.ballot.polls.get_mut(&id) {
            poll.state = state;
            self.history.push(Event::Poll { poll: poll.clone() });
            self.ballot.changed.insert((id, None));
        }
    }

    /// A person votes, or votes otherwise.
    pub(super) fn vote(
        &mut self,
        id: ParticipantId,
        poll: PollId,
        choices: BTreeSet<u8>,
    ) -> Result<(), Refusal> {
        let voter = self.voter(id);
        let participant = find(&mut self.participants, id)?;
        if participant.kind != ParticipantKind::Browser {
            return Err(Refusal::new(Code::NotPermitted, "people vote, and rooms and bridges do not"));
        }
        let name = participant.name.clone();
        let its = self.ballot.find(poll)?;
        match its.state {
            PollState::Open => its.vote(voter.clone(), name, choices)?,
            PollState::Closed => {
                return Err(Refusal::new(Code::NotPermitted, "the poll is closed; its result stands"));
            }
            PollState::Draft => {
                return Err(Refusal::new(Code::InvalidParameter, "there is no such poll yet"));
            }
        }
        let (voters, counts) = (its.voters(), its.result().map(<[u32]>::to_vec));
        self.history.push(Event::Voted { poll, voters, counts });
        self.ballot.changed.insert((poll, Some(voter)));
        Ok(())
    }

    /// The next poll that is otherwise than when this was last asked (one that is not there any more was discarded), or
    /// whose vote in it is.
    pub fn poll_changed_poll(&mut self) -> Option<(PollId, Option<String>)> {
        self.ballot.changed.pop_first()
    }

    fn only_draft(&mut self, id: PollId) -> Result<PollId, Refusal> {
        if self.ballot.find(id)?.state == PollState::Draft {
            return Ok(id);
        }
        Err(Refusal::new(Code::NotPermitted, "this poll was opened already; prepare another one"))
    }

    /// Whoever comes back is the same voter, if it is known by what.
    fn voter(&self, id: ParticipantId) -> String {
        self.known.get(&id).map_or_else(|| id.to_string(), |identity| format!("={identity}"))
    }

    fn tell_drafts(&mut self) {
        self.notes.push(Audience::Hosts, Note::Drafts);
    }
}

fn check_question(question: &Question) -> Result<(), Refusal> {
    let is_text = |text: &str, most: usize| {
        !text.trim().is_empty() && text.chars().count() <= most && !text.contains(char::is_control)
    };
    let Question { text, options, .. } = question;
    let different: BTreeSet<&str> = options.iter().map(|option| option.trim()).collect();
    let wrong = if !is_text(text, QUESTION_CHARS_MAX) {
        format!("a question has 1 to {QUESTION_CHARS_MAX} characters in one line")
    } else if !(2..=OPTIONS_MAX).contains(&options.len()) {
        format!("a poll has 2 to {OPTIONS_MAX} options")
    } else if !options.iter().all(|option| is_text(option, OPTION_CHARS_MAX)) {
        format!("an option has 1 to {OPTION_CHARS_MAX} characters in one line")
    } else if different.len() < options.len() {
        "two options are the same; change one".to_owned()
    } else {
        return Ok(());
    };
    Err(Refusal::new(Code::InvalidParameter, wrong))
}
