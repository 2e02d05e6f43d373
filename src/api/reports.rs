//! Sends the reports of meetings that are over to whoever asked for them when the meeting was created.
//!
//! ```text
//!   ended ──▶ ┌─────┐ ── sent, or refused for good ──▶ done
//!             │ due │
//!             └─────┘ ◀── the server is out of reach: later, each time twice as long ──┐
//!                └────────────────────────── tried ───────────────────────────────────┘
//! ```

use std::fmt::Write as _;
use std::time::Duration;

use super::sheets;
use super::timestamp::Timestamp;
use crate::appliance::Handle;
use crate::appliance::handle::{RecordView, ReportOutcome};
use crate::refusal::Refusal;
use crate::system::mail::{Error, Mail, Mailer};

/// How often it is looked whether a report is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Sends what is due, for as long as the appliance runs.
pub async fn send_reports(handle: Handle, mailer: Mailer) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        // A loop that is busy, or stops, is asked again.
        for (id, to) in handle.due_reports().await.unwrap_or_default() {
            let outcome = send(&handle, &mailer, id, to).await;
            handle.report_tried(id, outcome).await;
        }
    }
}

async fn send(handle: &Handle, mailer: &Mailer, id: i64, to: String) -> ReportOutcome {
    let mail = match handle.record(id).await.and_then(|record| mail(&record, to)) {
        Ok(mail) => mail,
        Err(refusal) => {
            log::warn!("the report of meeting {id} cannot be written, and is tried later: {refusal}");
            return ReportOutcome::Later;
        }
    };
    match mailer.send(mail).await {
        Ok(()) => ReportOutcome::Sent,
        Err(Error::NotNow(cause)) => {
            log::warn!("the report of meeting {id} was not sent, and is tried later: {cause}");
            ReportOutcome::Later
        }
        Err(Error::Refused(cause)) => {
            log::warn!("the report of meeting {id} was refused, and is not sent: {cause}");
            ReportOutcome::Refused
        }
    }
}

fn mail(record: &RecordView, to: String) -> Result<Mail, Refusal> {
    let name = &record.summary.meeting;
    let mut tables = vec![(format!("{name}-attendance.csv"), sheets::attendance(record)?)];
    if !record.polls.is_empty() {
        tables.push((format!("{name}-polls.csv"), sheets::polls(record)?));
    }
    Ok(Mail { to, subject: format!("Meeting {name}: attendance and polls"), text: text(record), tables })
}

fn text(record: &RecordView) -> String {
    let RecordView { summary, attendances, polls } = record;
    let time = |ms| serde_json::to_value(Timestamp(ms)).ok().and_then(|at| at.as_str().map(str::to_owned));
    let mut text = format!("The meeting {} is over.\n\n", summary.meeting);
    let line = |text: &mut String, line: std::fmt::Arguments<'_>| {
        // Writing to memory does not fail.
        let _ = text.write_fmt(line);
    };
    let end = summary.ended_at_ms.and_then(time).unwrap_or_default();
    line(&mut text, format_args!("It ended at {end}. People came {} times:\n", attendances.len()));
    for one in attendances {
        line(&mut text, format_args!("  {}\n", one.name));
    }
    for poll in polls {
        line(&mut text, format_args!("\n{} ({} voted)\n", poll.question.text, poll.voters));
        for (option, count) in poll.question.options.iter().zip(&poll.counts) {
            line(&mut text, format_args!("  {count}  {option}\n"));
        }
    }
    text.push_str("\nThe tables are attached.\n");
    text
}
