//! Meetings in the store: what they were created with, what was decided and said in them, who came and went.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rusqlite::{Connection as Database, Row, named_params, params};
use serde_json::json;

use super::texts::{Text, audience_of_text, audience_text, ms, of_json, of_ms, rights_of_text, rights_text};
use crate::meeting::{
    CHAT_KEPT_MAX, ChatMessage, LeaveReason, MeetingName, Mode, Participant, ParticipantId, Password, Poll,
    PollId, PollState, Question, Role, SamePerson, State, Vote,
};

/// The number of a meeting in the store; a name that is used again is another meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::appliance) struct RecordId(pub(in crate::appliance) i64);

/// The times of a schedule, since the Unix epoch.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::appliance) struct Times {
    pub(in crate::appliance) not_before: Option<Duration>,
    pub(in crate::appliance) starts_at: Option<Duration>,
    pub(in crate::appliance) ends_at: Option<Duration>,
}

/// What a meeting was created with, as it is kept.
#[derive(Debug, Clone)]
pub(in crate::appliance) struct Created {
    pub(in crate::appliance) name: MeetingName,
    pub(in crate::appliance) standing: bool,
    pub(in crate::appliance) mode: Mode,
    pub(in crate::appliance) password: Option<Password>,
    pub(in crate::appliance) custom_info: Option<String>,
    pub(in crate::appliance) max_participants: u32,
    pub(in crate::appliance) has_lobby: bool,
    pub(in crate::appliance) waits_for_host: bool,
    pub(in crate::appliance) same_person: SamePerson,
    pub(in crate::appliance) times: Times,
    pub(in crate::appliance) report_to: Option<String>,
    pub(in crate::appliance) created_at: Duration,
}

/// A meeting that has not ended, with all that is known of it.
#[derive(Debug)]
pub(in crate::appliance) struct Living {
    pub(in crate::appliance) id: RecordId,
    pub(in crate::appliance) created: Created,
    pub(in crate::appliance) state: State,
    pub(in crate::appliance) chat: Vec<ChatMessage>,
    pub(in crate::appliance) polls: Vec<Poll>,
    pub(in crate::appliance) known: BTreeMap<ParticipantId, String>,
}

pub(in crate::appliance) fn create(
    db: &Database,
    id: RecordId,
    created: &Created,
    state: &State,
) -> rusqlite::Result<()> {
    let Created { times, .. } = created;
    db.execute(
        "INSERT INTO meetings (id, name, standing, mode, password, custom_info, max_participants, has_lobby,
           waits_for_host, same_person, not_before, starts_at, ends_at, report_to, rights, created_at)
         VALUES (:id, :name, :standing, :mode, :password, :custom_info, :max_participants, :has_lobby,
           :waits_for_host, :same_person, :not_before, :starts_at, :ends_at, :report_to, :rights, :created_at)",
        named_params! {
            ":id": id.0,
            ":name": created.name.as_str(),
            ":standing": created.standing,
            ":mode": created.mode.text(),
            ":password": created.password.as_ref().map(Password::hash),
            ":custom_info": created.custom_info,
            ":max_participants": created.max_participants,
            ":has_lobby": created.has_lobby,
            ":waits_for_host": created.waits_for_host,
            ":same_person": created.same_person.text(),
            ":not_before": times.not_before.map(ms),
            ":starts_at": times.starts_at.map(ms),
            ":ends_at": times.ends_at.map(ms),
            ":report_to": created.report_to,
            ":rights": rights_text(state.rights),
            ":created_at": ms(created.created_at),
        },
    )?;
    decide(db, id, state)
}

/// Keeps what was decided.
pub(in crate::appliance) fn decide(db: &Database, id: RecordId, state: &State) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE meetings SET was_occupied = :was_occupied, rights = :rights, locked = :locked, lobby = :lobby,
           banned = :banned, attributes = :attributes WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": id.0,
        ":was_occupied": state.was_occupied,
        ":rights": rights_text(state.rights),
        ":locked": state.locked,
        ":lobby": state.lobby,
        ":banned": json!(state.banned).to_string(),
        ":attributes": json!(state.attributes).to_string(),
    })
    .map(drop)
}

pub(in crate::appliance) fn reschedule(db: &Database, id: RecordId, times: Times) -> rusqlite::Result<()> {
    let Times { not_before, starts_at, ends_at } = times;
    db.execute(
        "UPDATE meetings SET not_before = ?2, starts_at = ?3, ends_at = ?4 WHERE id = ?1",
        params![id.0, not_before.map(ms), starts_at.map(ms), ends_at.map(ms)],
    )
    .map(drop)
}

pub(in crate::appliance) fn say(db: &Database, id: RecordId, message: &ChatMessage) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO messages (meeting, id, sender, name, audience, text, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        id.0,
        message.id.cast_signed(),
        message.from.0.cast_signed(),
        message.name,
        audience_text(message.to),
        message.text,
        ms(message.at),
    ])?;
    let forgotten = message.id.saturating_sub(CHAT_KEPT_MAX as u64).cast_signed();
    db.prepare_cached("DELETE FROM messages WHERE meeting = ?1 AND id <= ?2")?
        .execute(params![id.0, forgotten])
        .map(drop)
}

pub(in crate::appliance) fn join(
    db: &Database,
    id: RecordId,
    participant: &Participant,
    identity: Option<&str>,
    at: Duration,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO attendances (meeting, participant, name, kind, role, identity, joined_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        id.0,
        participant.id.0.cast_signed(),
        participant.name,
        participant.kind.text(),
        participant.role.text(),
        identity,
        ms(at),
    ])
    .map(drop)
}

pub(in crate::appliance) fn leave(
    db: &Database,
    id: RecordId,
    participant: ParticipantId,
    reason: LeaveReason,
    at: Duration,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE attendances SET left_at = ?3, reason = ?4
         WHERE meeting = ?1 AND participant = ?2 AND left_at IS NULL",
    )?
    .execute(params![id.0, participant.0.cast_signed(), ms(at), reason.text()])
    .map(drop)
}

/// Keeps the latest name and role of somebody who is in the meeting.
pub(in crate::appliance) fn describe(
    db: &Database,
    id: RecordId,
    participant: ParticipantId,
    name: &str,
    role: Role,
) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE attendances SET name = ?3, role = ?4 WHERE meeting = ?1 AND participant = ?2")?
        .execute(params![id.0, participant.0.cast_signed(), name, role.text()])
        .map(drop)
}

pub(in crate::appliance) fn poll(db: &Database, id: RecordId, poll: &Poll) -> rusqlite::Result<()> {
    let Poll { question, .. } = poll;
    db.prepare_cached(
        "INSERT INTO polls (meeting, id, question, options, is_multiple, is_anonymous, is_hidden, state, counts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT DO UPDATE SET question = ?3, options = ?4, is_multiple = ?5, is_anonymous = ?6,
           is_hidden = ?7, state = ?8, counts = ?9",
    )?
    .execute(params![
        id.0,
        poll.id.0,
        question.text,
        json!(question.options).to_string(),
        question.is_multiple,
        question.is_anonymous,
        question.is_hidden,
        poll.state.text(),
        json!(poll.counts).to_string(),
    ])
    .map(drop)
}

pub(in crate::appliance) fn discard(db: &Database, id: RecordId, poll: PollId) -> rusqlite::Result<()> {
    db.execute("DELETE FROM polls WHERE meeting = ?1 AND id = ?2", params![id.0, poll.0]).map(drop)
}

/// Keeps a vote, and the counts with it.
pub(in crate::appliance) fn vote(
    db: &Database,
    id: RecordId,
    poll: PollId,
    (voter, vote): (&str, &Vote),
    counts: &[u32],
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO votes (meeting, poll, voter, name, choices) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET name = ?4, choices = ?5",
    )?
    .execute(params![id.0, poll.0, voter, vote.name, json!(vote.choices).to_string()])?;
    db.prepare_cached("UPDATE polls SET counts = ?3 WHERE meeting = ?1 AND id = ?2")?
        .execute(params![id.0, poll.0, json!(counts).to_string()])
        .map(drop)
}

/// The meeting is over: what was said in it is wiped, and all of it where nobody was ever in it.
pub(in crate::appliance) fn end(db: &Database, id: RecordId, at: Duration) -> rusqlite::Result<()> {
    db.execute("DELETE FROM messages WHERE meeting = ?1", [id.0])?;
    db.execute(
        "DELETE FROM polls WHERE meeting = ?1 AND state = ?2",
        params![id.0, PollState::Draft.text()],
    )?;
    db.execute(
        "UPDATE attendances SET left_at = ?2, reason = ?3 WHERE meeting = ?1 AND left_at IS NULL",
        params![id.0, ms(at), LeaveReason::Ended.text()],
    )?;
    db.execute(
        "UPDATE meetings SET ended_at = ?2, password = NULL, banned = '[]', attributes = '{}',
           report_due = iif(report_to IS NULL, NULL, ?2) WHERE id = ?1",
        params![id.0, ms(at)],
    )?;
    db.execute("DELETE FROM meetings WHERE id = ?1 AND NOT was_occupied", [id.0]).map(drop)
}

/// Wipes the records of meetings that ended before a time.
pub(in crate::appliance) fn forget(db: &Database, before: Duration) -> rusqlite::Result<usize> {
    db.execute("DELETE FROM meetings WHERE ended_at < ?1", [ms(before)])
}

/// The largest numbers that were given out: of meetings, and of participants.
pub(in crate::appliance) fn last_numbers(db: &Database) -> rusqlite::Result<(i64, u64)> {
    let largest = |of: &str| db.query_row(of, [], |row| row.get::<_, Option<i64>>(0));
    let meeting = largest("SELECT max(id) FROM meetings")?;
    let participant = largest("SELECT max(participant) FROM attendances")?;
    Ok((meeting.unwrap_or(0), participant.unwrap_or(0).cast_unsigned()))
}

/// All meetings that have not ended. Who was in one when the process ended has lost the way there and then.
pub(in crate::appliance) fn living(db: &Database, now: Duration) -> rusqlite::Result<Vec<Living>> {
    db.execute(
        "UPDATE attendances SET left_at = ?1, reason = ?2 WHERE left_at IS NULL",
        params![ms(now), LeaveReason::TransportFailed.text()],
    )?;
    let mut rows = db.prepare("SELECT * FROM meetings WHERE ended_at IS NULL ORDER BY id")?;
    let read = |row: &Row<'_>| Ok((RecordId(row.get("id")?), created(row)?, state(row)?));
    let found = rows.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let whole = |(id, created, state)| {
        let (chat, polls, known) = (chat(db, id)?, polls(db, id)?, known(db, id)?);
        Ok(Living { id, created, state, chat, polls, known })
    };
    found.into_iter().map(whole).collect()
}

fn created(row: &Row<'_>) -> rusqlite::Result<Created> {
    let time = |column: &str| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(of_ms));
    let name: String = row.get("name")?;
    Ok(Created {
        name: MeetingName::new(name)
            .map_err(|refusal| rusqlite::Error::ToSqlConversionFailure(refusal.detail.into()))?,
        standing: row.get("standing")?,
        mode: Mode::of_text(&row.get::<_, String>("mode")?)?,
        password: row.get::<_, Option<[u8; 32]>>("password")?.map(Password::of_hash),
        custom_info: row.get("custom_info")?,
        max_participants: row.get("max_participants")?,
        has_lobby: row.get("has_lobby")?,
        waits_for_host: row.get("waits_for_host")?,
        same_person: SamePerson::of_text(&row.get::<_, String>("same_person")?)?,
        times: Times {
            not_before: time("not_before")?,
            starts_at: time("starts_at")?,
            ends_at: time("ends_at")?,
        },
        report_to: row.get("report_to")?,
        created_at: time("created_at")?.unwrap_or_default(),
    })
}

fn state(row: &Row<'_>) -> rusqlite::Result<State> {
    Ok(State {
        was_occupied: row.get("was_occupied")?,
        rights: rights_of_text(&row.get::<_, String>("rights")?)?,
        locked: row.get("locked")?,
        lobby: row.get("lobby")?,
        banned: of_json(&row.get::<_, String>("banned")?)?,
        attributes: of_json(&row.get::<_, String>("attributes")?)?,
    })
}

fn chat(db: &Database, id: RecordId) -> rusqlite::Result<Vec<ChatMessage>> {
    let mut rows = db.prepare_cached("SELECT * FROM messages WHERE meeting = ?1 ORDER BY id")?;
    rows.query_map([id.0], |row| {
        Ok(ChatMessage {
            id: row.get::<_, i64>("id")?.cast_unsigned(),
            from: participant(row, "sender")?,
            name: row.get("name")?,
            to: audience_of_text(&row.get::<_, String>("audience")?)?,
            text: row.get("text")?,
            at: of_ms(row.get("at")?),
        })
    })?
    .collect()
}

fn participant(row: &Row<'_>, column: &str) -> rusqlite::Result<ParticipantId> {
    Ok(ParticipantId(row.get::<_, i64>(column)?.cast_unsigned()))
}

/// The polls of a meeting with their votes, in the order of their numbers.
pub(in crate::appliance) fn polls(db: &Database, id: RecordId) -> rusqlite::Result<Vec<Poll>> {
    let mut rows = db.prepare_cached("SELECT * FROM polls WHERE meeting = ?1 ORDER BY id")?;
    rows.query_map([id.0], |row| {
        let poll = PollId(row.get("id")?);
        Ok(Poll {
            id: poll,
            question: Question {
                text: row.get("question")?,
                options: of_json(&row.get::<_, String>("options")?)?,
                is_multiple: row.get("is_multiple")?,
                is_anonymous: row.get("is_anonymous")?,
                is_hidden: row.get("is_hidden")?,
            },
            state: PollState::of_text(&row.get::<_, String>("state")?)?,
            counts: of_json(&row.get::<_, String>("counts")?)?,
            votes: votes(db, id, poll)?,
        })
    })?
    .collect()
}

fn votes(db: &Database, id: RecordId, poll: PollId) -> rusqlite::Result<BTreeMap<String, Vote>> {
    let mut rows =
        db.prepare_cached("SELECT voter, name, choices FROM votes WHERE meeting = ?1 AND poll = ?2")?;
    rows.query_map(params![id.0, poll.0], |row| {
        let choices: BTreeSet<u8> = of_json(&row.get::<_, String>("choices")?)?;
        Ok((row.get("voter")?, Vote { name: row.get("name")?, choices }))
    })?
    .collect()
}

fn known(db: &Database, id: RecordId) -> rusqlite::Result<BTreeMap<ParticipantId, String>> {
    let mut rows = db.prepare_cached(
        "SELECT participant, identity FROM attendances WHERE meeting = ?1 AND identity IS NOT NULL",
    )?;
    rows.query_map([id.0], |row| Ok((participant(row, "participant")?, row.get("identity")?)))?.collect()
}
