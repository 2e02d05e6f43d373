//! Records of meetings, as the API asks for them: looked up behind everything that was written before.

use std::time::Duration;

use crate::appliance::handle::{AttendanceView, PollResult, RecordSummary, RecordView, Reply, ReportOutcome};
use crate::appliance::run::Appliance;
use crate::appliance::store::meetings::RecordId;
use crate::appliance::store::records::{self, Attendance, Record, Summary};
use crate::appliance::words;
use crate::meeting::Poll;
use crate::refusal::{Code, Refusal};

impl Appliance {
    pub(super) fn list_records(&mut self, reply: Reply<Vec<RecordSummary>>) {
        self.store.read(move |db| {
            let found = records::list(db).map(|found| found.into_iter().map(summary).collect());
            drop(reply.send(found.map_err(|cause| unreadable(&cause))));
        });
    }

    pub(super) fn show_record(&mut self, id: i64, reply: Reply<RecordView>) {
        self.store.read(move |db| {
            let found = records::show(db, RecordId(id)).map_err(|cause| unreadable(&cause));
            drop(reply.send(found.and_then(|record| record.map(view).ok_or_else(missing))));
        });
    }
}

impl Appliance {
    pub(super) fn due_reports(&mut self, reply: Reply<Vec<(i64, String)>>) {
        let now = self.clock.unix_time();
        self.store.read(move |db| {
            let due = records::due(db, now).map(|due| due.into_iter().map(|(id, to)| (id.0, to)).collect());
            drop(reply.send(due.map_err(|cause| unreadable(&cause))));
        });
    }

    pub(super) fn report_tried(&mut self, id: i64, outcome: ReportOutcome, reply: Reply<()>) {
        let (id, now) = (RecordId(id), self.clock.unix_time());
        self.store.write(move |db| match outcome {
            ReportOutcome::Sent | ReportOutcome::Refused => records::done(db, id),
            ReportOutcome::Later => records::later(db, id, now),
        });
        self.reply_when_kept(reply, Ok(()));
    }
}

fn summary(summary: Summary) -> RecordSummary {
    RecordSummary {
        id: summary.id.0,
        meeting: summary.name,
        created_at_ms: ms(summary.created_at),
        ended_at_ms: summary.ended_at.map(ms),
        attendances: summary.attendances,
        polls: summary.polls,
    }
}

fn view(record: Record) -> RecordView {
    RecordView {
        attendances: record.attendances.into_iter().map(attendance).collect(),
        polls: record.polls.iter().map(result).collect(),
        summary: summary(record.summary),
    }
}

fn attendance(one: Attendance) -> AttendanceView {
    AttendanceView {
        name: one.name,
        kind: words::kind_word(one.kind),
        role: words::role_word(one.role),
        joined_at_ms: ms(one.joined_at),
        left_at_ms: one.left_at.map(ms),
        reason: one.reason.map(words::reason_word),
    }
}

fn result(poll: &Poll) -> PollResult {
    let votes = poll.votes.values();
    PollResult {
        question: words::question_word(&poll.question),
        state: words::poll_state_word(poll.state),
        voters: poll.voters(),
        counts: poll.counts.clone(),
        votes: votes.map(|vote| (vote.name.clone(), vote.choices.iter().copied().collect())).collect(),
    }
}

fn ms(unix: Duration) -> u64 {
    u64::try_from(unix.as_millis()).unwrap_or(u64::MAX)
}

fn missing() -> Refusal {
    let detail = "there is no record of that number; it may have been wiped, as meetings.records_days says";
    Refusal::new(Code::MeetingNotFound, detail)
}

fn unreadable(cause: &rusqlite::Error) -> Refusal {
    Refusal::new(Code::Internal, format!("the records cannot be read: {cause}"))
}
