//! Calls in the store: the directory, the browsers in which its people are notified, and the records of calls.

use std::collections::{BTreeMap, VecDeque};

use rusqlite::{Connection as Database, Row, params};
use serde_json::json;

use super::texts::{Text, of_json};
use crate::appliance::calling::Reach;
use crate::calling::{User, UserId, UserKind};
use crate::web::wire::calling::{CallRecord, CallState, PushSubscription};

/// An entry of the directory with what is kept of it besides.
#[derive(Debug, Clone)]
pub(in crate::appliance) struct KeptUser {
    pub(in crate::appliance) user: User,
    /// Tokens with another number are good no longer.
    pub(in crate::appliance) number: u32,
    pub(in crate::appliance) missed: u32,
    /// Of an appliance that we reach.
    pub(in crate::appliance) reach: Option<Reach>,
}

/// A call that goes on.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::appliance) struct KeptCall {
    pub(in crate::appliance) id: u64,
    pub(in crate::appliance) state: CallState,
    pub(in crate::appliance) into_meeting: bool,
    /// Once there is one.
    pub(in crate::appliance) meeting: Option<String>,
    /// What the devices call themselves by which users take part.
    pub(in crate::appliance) devices: BTreeMap<String, String>,
    /// When it was last known to go on, in milliseconds since 1970.
    pub(in crate::appliance) seen_ms: u64,
}

/// All that is kept of calls.
#[derive(Debug, Default)]
pub(in crate::appliance) struct KeptCalls {
    pub(in crate::appliance) users: Vec<KeptUser>,
    /// Those that subscribed first come first.
    pub(in crate::appliance) subscriptions: Vec<(UserId, PushSubscription)>,
    /// The oldest first.
    pub(in crate::appliance) records: VecDeque<CallRecord>,
    /// Those that went on when the appliance stopped.
    pub(in crate::appliance) calls: Vec<KeptCall>,
    /// The highest numbers that were ever given out.
    pub(in crate::appliance) last_user: u64,
    pub(in crate::appliance) last_record: u64,
    pub(in crate::appliance) last_call: u64,
}

impl Text for UserKind {
    const TABLE: &'static [(Self, &'static str)] =
        &[(Self::Person, "person"), (Self::Room, "room"), (Self::Appliance, "appliance")];
}

/// Reads everything, at the start.
pub(in crate::appliance) fn load(db: &Database) -> rusqlite::Result<KeptCalls> {
    let last = |table: &str| -> rusqlite::Result<u64> {
        let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?1";
        db.query_row(sql, [table], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
    };
    let users = db
        .prepare("SELECT * FROM users LEFT JOIN appliances ON appliances.user = users.id ORDER BY id")?
        .query_map([], kept_user)?
        .collect::<Result<_, _>>()?;
    let subscriptions = db
        .prepare("SELECT * FROM subscriptions ORDER BY rowid")?
        .query_map([], |row| {
            let subscription = PushSubscription {
                endpoint: row.get("endpoint")?,
                p256dh: row.get("p256dh")?,
                auth: row.get("auth")?,
            };
            Ok((UserId(row.get::<_, i64>("user")?.cast_unsigned()), subscription))
        })?
        .collect::<Result<_, _>>()?;
    let records = db
        .prepare("SELECT record FROM call_records ORDER BY number")?
        .query_map([], |row| of_json(&row.get::<_, String>(0)?))?
        .collect::<Result<_, _>>()?;
    let calls =
        db.prepare("SELECT * FROM calls ORDER BY id")?.query_map([], kept_call)?.collect::<Result<_, _>>()?;
    Ok(KeptCalls {
        users,
        subscriptions,
        records,
        calls,
        last_user: last("users")?,
        last_record: last("call_records")?,
        last_call: last("calls")?,
    })
}

fn kept_call(row: &Row<'_>) -> rusqlite::Result<KeptCall> {
    Ok(KeptCall {
        id: row.get::<_, i64>("id")?.cast_unsigned(),
        state: of_json(&row.get::<_, String>("state")?)?,
        into_meeting: row.get("into_meeting")?,
        meeting: row.get("meeting")?,
        devices: of_json(&row.get::<_, String>("devices")?)?,
        seen_ms: row.get::<_, i64>("seen_at")?.cast_unsigned(),
    })
}

fn kept_user(row: &Row<'_>) -> rusqlite::Result<KeptUser> {
    Ok(KeptUser {
        user: User {
            id: UserId(row.get::<_, i64>("id")?.cast_unsigned()),
            name: row.get("name")?,
            kind: UserKind::of_text(&row.get::<_, String>("kind")?)?,
            do_not_disturb: row.get("do_not_disturb")?,
        },
        number: row.get("token_number")?,
        missed: row.get("missed")?,
        reach: reach(row)?,
    })
}

fn reach(row: &Row<'_>) -> rusqlite::Result<Option<Reach>> {
    let (address, token): (Option<String>, Option<String>) = (row.get("address")?, row.get("token")?);
    let fingerprint = row.get("fingerprint")?;
    Ok(address.zip(token).map(|(address, token)| Reach { address, token, fingerprint }))
}

/// Keeps an entry as it is now.
pub(in crate::appliance) fn keep_user(db: &Database, kept: &KeptUser) -> rusqlite::Result<()> {
    let KeptUser { user, number, missed, reach } = kept;
    db.prepare_cached(
        "INSERT INTO users (id, name, kind, do_not_disturb, token_number, missed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET name = ?2, do_not_disturb = ?4, token_number = ?5, missed = ?6",
    )?
    .execute(params![
        user.id.0.cast_signed(),
        user.name,
        user.kind.text(),
        user.do_not_disturb,
        number,
        missed
    ])?;
    let Some(Reach { address, token, fingerprint }) = reach else {
        return db.execute("DELETE FROM appliances WHERE user = ?1", [user.id.0.cast_signed()]).map(drop);
    };
    db.prepare_cached(
        "INSERT INTO appliances (user, address, token, fingerprint) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (user) DO UPDATE SET address = ?2, token = ?3, fingerprint = ?4",
    )?
    .execute(params![user.id.0.cast_signed(), address, token, fingerprint])
    .map(drop)
}

/// An entry is gone, with its subscriptions; the records of its calls stay.
pub(in crate::appliance) fn strike_user(db: &Database, user: UserId) -> rusqlite::Result<()> {
    db.execute("DELETE FROM users WHERE id = ?1", [user.0.cast_signed()]).map(drop)
}

/// A user is notified there, too, and nobody else is.
pub(in crate::appliance) fn subscribe(
    db: &Database,
    user: UserId,
    subscription: &PushSubscription,
) -> rusqlite::Result<()> {
    let PushSubscription { endpoint, p256dh, auth } = subscription;
    unsubscribe(db, endpoint)?;
    db.execute(
        "INSERT INTO subscriptions (endpoint, user, p256dh, auth) VALUES (?1, ?2, ?3, ?4)",
        params![endpoint, user.0.cast_signed(), p256dh, auth],
    )
    .map(drop)
}

/// Nobody is notified there any more.
pub(in crate::appliance) fn unsubscribe(db: &Database, endpoint: &str) -> rusqlite::Result<()> {
    db.execute("DELETE FROM subscriptions WHERE endpoint = ?1", [endpoint]).map(drop)
}

/// Keeps a call as it is now.
pub(in crate::appliance) fn keep_call(db: &Database, kept: &KeptCall) -> rusqlite::Result<()> {
    let KeptCall { id, state, into_meeting, meeting, devices, seen_ms } = kept;
    let (state, devices) = (json!(state).to_string(), json!(devices).to_string());
    db.prepare_cached(
        "INSERT INTO calls (id, state, into_meeting, meeting, devices, seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET state = ?2, meeting = ?4, devices = ?5, seen_at = ?6",
    )?
    .execute(params![id.cast_signed(), state, into_meeting, meeting, devices, seen_ms.cast_signed()])
    .map(drop)
}

/// All calls that are kept are known to go on.
pub(in crate::appliance) fn see_calls(db: &Database, at_ms: u64) -> rusqlite::Result<()> {
    db.execute("UPDATE calls SET seen_at = ?1", [at_ms.cast_signed()]).map(drop)
}

/// A call goes on no longer.
pub(in crate::appliance) fn forget_call(db: &Database, id: u64) -> rusqlite::Result<()> {
    db.execute("DELETE FROM calls WHERE id = ?1", [id.cast_signed()]).map(drop)
}

/// Keeps the record of a call, and forgets those that are too many.
pub(in crate::appliance) fn record(db: &Database, record: &CallRecord, most: usize) -> rusqlite::Result<()> {
    let number = record.number.cast_signed();
    db.execute(
        "INSERT INTO call_records (number, record) VALUES (?1, ?2)",
        params![number, json!(record).to_string()],
    )?;
    let forgotten = number.saturating_sub_unsigned(most as u64);
    db.execute("DELETE FROM call_records WHERE number <= ?1", [forgotten]).map(drop)
}
