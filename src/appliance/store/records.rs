//! What is known of meetings afterwards: who was there from when to when, and how the polls went.

use std::time::Duration;

use rusqlite::{Connection as Database, OptionalExtension, Row, params};

use super::meetings::{RecordId, polls};
use super::texts::{Text, ms, of_ms};
use crate::meeting::{LeaveReason, ParticipantKind, Poll, PollState, Role};

/// The most records that are told at a time.
pub(in crate::appliance) const RECORDS_MAX: u32 = 500;

/// How many times a report is tried: for about four days.
const REPORT_TRIES_MAX: u32 = 26;

/// A meeting, going on or over.
#[derive(Debug, Clone)]
pub(in crate::appliance) struct Summary {
    pub(in crate::appliance) id: RecordId,
    pub(in crate::appliance) name: String,
    pub(in crate::appliance) created_at: Duration,
    pub(in crate::appliance) ended_at: Option<Duration>,
    pub(in crate::appliance) attendances: u32,
    pub(in crate::appliance) polls: u32,
}

/// Somebody who was in a meeting.
#[derive(Debug, Clone)]
pub(in crate::appliance) struct Attendance {
    pub(in crate::appliance) name: String,
    pub(in crate::appliance) kind: ParticipantKind,
    pub(in crate::appliance) role: Role,
    pub(in crate::appliance) joined_at: Duration,
    pub(in crate::appliance) left_at: Option<Duration>,
    pub(in crate::appliance) reason: Option<LeaveReason>,
}

/// All that is known of a meeting.
#[derive(Debug, Clone)]
pub(in crate::appliance) struct Record {
    pub(in crate::appliance) summary: Summary,
    pub(in crate::appliance) attendances: Vec<Attendance>,
    pub(in crate::appliance) polls: Vec<Poll>,
}

const SUMMARIES: &str = "
SELECT id, name, created_at, ended_at,
  (SELECT count(*) FROM attendances WHERE meeting = meetings.id) AS attendances,
  (SELECT count(*) FROM polls WHERE meeting = meetings.id AND state <> 'draft') AS polls
FROM meetings WHERE was_occupied";

/// The latest meetings in which somebody was, the latest first.
pub(in crate::appliance) fn list(db: &Database) -> rusqlite::Result<Vec<Summary>> {
    let mut rows = db.prepare_cached(&format!("{SUMMARIES} ORDER BY id DESC LIMIT ?1"))?;
    rows.query_map([RECORDS_MAX], summary)?.collect()
}

/// The record of one meeting, if there is one.
pub(in crate::appliance) fn show(db: &Database, id: RecordId) -> rusqlite::Result<Option<Record>> {
    let mut row = db.prepare_cached(&format!("{SUMMARIES} AND id = ?1"))?;
    let Some(summary) = row.query_row([id.0], summary).optional()? else { return Ok(None) };
    let opened = |poll: &Poll| poll.state != PollState::Draft;
    let polls = polls(db, id)?.into_iter().filter(opened).collect();
    Ok(Some(Record { summary, attendances: attendances(db, id)?, polls }))
}

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        id: RecordId(row.get("id")?),
        name: row.get("name")?,
        created_at: of_ms(row.get("created_at")?),
        ended_at: row.get::<_, Option<i64>>("ended_at")?.map(of_ms),
        attendances: row.get("attendances")?,
        polls: row.get("polls")?,
    })
}

fn attendances(db: &Database, id: RecordId) -> rusqlite::Result<Vec<Attendance>> {
    let mut rows =
        db.prepare_cached("SELECT * FROM attendances WHERE meeting = ?1 ORDER BY joined_at, participant")?;
    rows.query_map(params![id.0], |row| {
        let reason: Option<String> = row.get("reason")?;
        Ok(Attendance {
            name: row.get("name")?,
            kind: ParticipantKind::of_text(&row.get::<_, String>("kind")?)?,
            role: Role::of_text(&row.get::<_, String>("role")?)?,
            joined_at: of_ms(row.get("joined_at")?),
            left_at: row.get::<_, Option<i64>>("left_at")?.map(of_ms),
            reason: reason.as_deref().map(LeaveReason::of_text).transpose()?,
        })
    })?
    .collect()
}

/// The reports that are due: of which meeting, and whose.
pub(in crate::appliance) fn due(db: &Database, now: Duration) -> rusqlite::Result<Vec<(RecordId, String)>> {
    let mut rows = db.prepare_cached(
        "SELECT id, report_to FROM meetings WHERE report_due <= ?1 ORDER BY report_due LIMIT 20",
    )?;
    rows.query_map([ms(now)], |row| Ok((RecordId(row.get(0)?), row.get(1)?)))?.collect()
}

/// A report needs not be sent any more.
pub(in crate::appliance) fn done(db: &Database, id: RecordId) -> rusqlite::Result<()> {
    db.execute("UPDATE meetings SET report_due = NULL WHERE id = ?1", [id.0]).map(drop)
}

/// A report is tried again: after 15 seconds, then each time after twice as long, up to six hours, and after so many
/// tries no more.
pub(in crate::appliance) fn later(db: &Database, id: RecordId, now: Duration) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE meetings SET report_tries = report_tries + 1,
           report_due = iif(report_tries + 1 >= ?3, NULL, ?2 + min(15000 << min(report_tries, 12), 21600000))
         WHERE id = ?1",
        params![id.0, ms(now), REPORT_TRIES_MAX],
    )
    .map(drop)
}
