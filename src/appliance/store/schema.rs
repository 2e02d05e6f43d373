//! The tables, and how a file of an older appliance gets them.

use rusqlite::Connection as Database;

/// What each version adds to the one before. Never changed once it was delivered: a new one is added at the end.
const VERSIONS: &[&str] = &[MEETINGS, CALLS, ROOM, APPLIANCES, CALLS_THAT_GO_ON];

/// Times are milliseconds since 1970. Lists are JSON. A meeting that has ended stays for its records, without what was
/// said in it.
const MEETINGS: &str = "
CREATE TABLE meetings (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  standing INTEGER NOT NULL,
  mode TEXT NOT NULL,
  password BLOB,
  custom_info TEXT,
  max_participants INTEGER NOT NULL,
  has_lobby INTEGER NOT NULL,
  waits_for_host INTEGER NOT NULL,
  same_person TEXT NOT NULL,
  not_before INTEGER,
  starts_at INTEGER,
  ends_at INTEGER,
  report_to TEXT,
  report_due INTEGER,
  report_tries INTEGER NOT NULL DEFAULT 0,
  was_occupied INTEGER NOT NULL DEFAULT 0,
  rights TEXT NOT NULL,
  locked INTEGER NOT NULL DEFAULT 0,
  lobby INTEGER NOT NULL DEFAULT 0,
  banned TEXT NOT NULL DEFAULT '[]',
  attributes TEXT NOT NULL DEFAULT '{}',
  created_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE UNIQUE INDEX living_meetings ON meetings (name) WHERE ended_at IS NULL;
CREATE TABLE messages (
  meeting INTEGER NOT NULL REFERENCES meetings ON DELETE CASCADE,
  id INTEGER NOT NULL,
  sender INTEGER NOT NULL,
  name TEXT NOT NULL,
  audience TEXT NOT NULL,
  text TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (meeting, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE polls (
  meeting INTEGER NOT NULL REFERENCES meetings ON DELETE CASCADE,
  id INTEGER NOT NULL,
  question TEXT NOT NULL,
  options TEXT NOT NULL,
  is_multiple INTEGER NOT NULL,
  is_anonymous INTEGER NOT NULL,
  is_hidden INTEGER NOT NULL,
  state TEXT NOT NULL,
  counts TEXT NOT NULL,
  PRIMARY KEY (meeting, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE votes (
  meeting INTEGER NOT NULL,
  poll INTEGER NOT NULL,
  voter TEXT NOT NULL,
  name TEXT NOT NULL,
  choices TEXT NOT NULL,
  PRIMARY KEY (meeting, poll, voter),
  FOREIGN KEY (meeting, poll) REFERENCES polls ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE attendances (
  meeting INTEGER NOT NULL REFERENCES meetings ON DELETE CASCADE,
  participant INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  role TEXT NOT NULL,
  identity TEXT,
  joined_at INTEGER NOT NULL,
  left_at INTEGER,
  reason TEXT,
  PRIMARY KEY (meeting, participant)
) STRICT, WITHOUT ROWID;
";

/// Ids of users and numbers of records are never given out twice. Records are JSON, as the words have them.
const CALLS: &str = "
CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  do_not_disturb INTEGER NOT NULL,
  token_number INTEGER NOT NULL,
  missed INTEGER NOT NULL
) STRICT;
CREATE TABLE subscriptions (
  endpoint TEXT PRIMARY KEY,
  user INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  p256dh TEXT NOT NULL,
  auth TEXT NOT NULL
) STRICT;
CREATE TABLE call_records (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  record TEXT NOT NULL
) STRICT;
";

/// How the room was left, in one row, and who controls it for good.
const ROOM: &str = "
CREATE TABLE room (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  volume INTEGER NOT NULL,
  arrangement TEXT NOT NULL
) STRICT;
CREATE TABLE controllers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL
) STRICT;
";

/// How other appliances of the directory are reached.
const APPLIANCES: &str = "
CREATE TABLE appliances (
  user INTEGER PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  address TEXT NOT NULL,
  token TEXT NOT NULL,
  fingerprint TEXT
) STRICT;
";

/// The calls that go on, their states as the words have them, and when each was last known to; ids are never given out
/// twice. What was muted in the room stays so.
const CALLS_THAT_GO_ON: &str = "
CREATE TABLE calls (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  state TEXT NOT NULL,
  into_meeting INTEGER NOT NULL,
  meeting TEXT,
  devices TEXT NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT;
ALTER TABLE room ADD COLUMN microphone_on INTEGER NOT NULL DEFAULT 1;
ALTER TABLE room ADD COLUMN camera_on INTEGER NOT NULL DEFAULT 1;
";

/// Adds what is missing. A file of a newer appliance is used as it is: versions only add.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn bring_up_to_date(database: &mut Database) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (number, addition) in (1_u32..).zip(VERSIONS).skip(version as usize) {
        transaction.execute_batch(addition)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.commit()
}
