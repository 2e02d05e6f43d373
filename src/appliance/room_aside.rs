//! What the room's screen tells besides pictures: raised hands, the poll of the moment, and chat where that is wished.

use std::time::{Duration, Instant};

use crate::appliance::run::Appliance;
use crate::meeting::{Meeting, Poll, PollId, PollState, Snapshot};
use crate::room::{SceneAside, SceneMessage, ScenePoll};

/// How long the result of a poll is shown once it is closed.
const RESULT_SHOWN: Duration = Duration::from_secs(60);

/// The most messages that are handed to the screen; it shows as many as fit.
const MESSAGES_MAX: usize = 6;

/// The poll whose result stands on the screen.
#[derive(Debug, Clone)]
pub(super) struct ShownResult {
    meeting: String,
    poll: PollId,
    until: Instant,
}

impl Appliance {
    /// When the result of a poll has been shown for long enough.
    pub(super) fn result_due(&self) -> Option<Instant> {
        self.shown_result.as_ref().map(|shown| shown.until)
    }

    /// A poll was opened or closed: if the room is there, its result is to be seen for a while.
    pub(super) fn poll_on_screen(&mut self, meeting: &str, poll: &Poll) {
        if self.seat.meeting() == Some(meeting) && poll.state == PollState::Closed {
            let until = self.clock.now() + RESULT_SHOWN;
            self.shown_result = Some(ShownResult { meeting: meeting.to_owned(), poll: poll.id, until });
        }
    }

    /// The result of a poll makes room once it was shown for long enough.
    pub(super) fn take_result_down(&mut self, now: Instant) {
        if self.result_due().is_some_and(|due| due <= now) {
            self.shown_result = None;
            self.refresh_scene();
        }
    }

    /// What is told beside the pictures of a meeting.
    pub(super) fn scene_aside(&self, core: &Meeting, snapshot: &Snapshot) -> SceneAside {
        let mut raised: Vec<_> =
            snapshot.participants.iter().filter_map(|one| Some((one.hand?, one.name.clone()))).collect();
        raised.sort_unstable();
        let last =
            if self.settings.live.chat_on_screen { core.last_for_all(MESSAGES_MAX) } else { Vec::new() };
        SceneAside {
            hands: raised.into_iter().map(|(_, name)| name).collect(),
            poll: self.poll_of_the_moment(core, snapshot).map(scene_poll),
            messages: last
                .into_iter()
                .map(|message| SceneMessage { name: message.name, text: message.text })
                .collect(),
        }
    }

    /// The last poll that is open, else the one that was closed a moment ago.
    fn poll_of_the_moment<'a>(&self, core: &Meeting, snapshot: &'a Snapshot) -> Option<&'a Poll> {
        let polls = &snapshot.polls;
        let shown = self.shown_result.as_ref().filter(|shown| core.name().as_str() == shown.meeting);
        let closed = || polls.iter().find(|poll| shown.is_some_and(|shown| shown.poll == poll.id));
        polls.iter().rev().find(|poll| poll.state == PollState::Open).or_else(closed)
    }
}

fn scene_poll(poll: &Poll) -> ScenePoll {
    let result = poll.result();
    let count = |index: usize| result.and_then(|counts| counts.get(index).copied());
    let options = poll.question.options.iter().enumerate();
    ScenePoll {
        question: poll.question.text.clone(),
        options: options.map(|(index, option)| (option.clone(), count(index))).collect(),
        voters: poll.voters(),
        is_open: poll.state == PollState::Open,
    }
}
