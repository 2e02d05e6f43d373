//! Asks the store, on a real file, what is still there when the process is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;

use super::calls::{self, KeptCall};
use super::meetings::{self, Created, RecordId, Times};
use super::texts::Text;
use super::*;
use crate::meeting::*;

const ID: RecordId = RecordId(1);
const NOW: Duration = Duration::from_secs(1_000_000);

fn created() -> Created {
    let name = MeetingName::new("weekly").unwrap();
    Created {
        password: Some(Password::new(&name, "sesame").unwrap()),
        name,
        standing: false,
        mode: Mode::Audio,
        custom_info: Some("{\"a\":1}".to_owned()),
        max_participants: 7,
        has_lobby: true,
        waits_for_host: true,
        same_person: SamePerson::IsRefused,
        times: Times { not_before: None, starts_at: Some(NOW), ends_at: Some(NOW * 2) },
        report_to: None,
        created_at: NOW,
    }
}

fn state() -> State {
    let rights = Rights { chat: Who::Hosts, ..Rights::default() };
    let attributes = BTreeMap::from([("mood".to_owned(), "1".to_owned())]);
    State {
        was_occupied: true,
        rights,
        locked: true,
        lobby: false,
        banned: vec!["mallory".to_owned()],
        attributes,
    }
}

fn message(id: u64) -> ChatMessage {
    let (from, to) = (ParticipantId(3), Audience::One(ParticipantId(4)));
    ChatMessage { id, from, name: "Ann".to_owned(), to, text: "psst".to_owned(), at: NOW }
}

fn poll() -> Poll {
    let options = vec!["yes".to_owned(), "no".to_owned()];
    let text = "Shall we?".to_owned();
    let question = Question { text, options, is_multiple: false, is_anonymous: false, is_hidden: true };
    let vote = Vote { name: "Ben".to_owned(), choices: BTreeSet::from([1]) };
    let votes = BTreeMap::from([("=ben".to_owned(), vote)]);
    Poll { id: PollId(2), question, state: PollState::Open, counts: vec![0, 1], votes }
}

/// Opens the file, has it written, and waits until it is.
fn write(path: &Path, write: impl FnOnce(&Savepoint<'_>) -> rusqlite::Result<()> + Send + 'static) {
    let (mut store, database, trouble) = Store::open(Some(path)).unwrap();
    assert_eq!(trouble, None);
    store.start(database).unwrap();
    store.write(write);
    let (sender, answered) = mpsc::channel();
    store.answer(move |outcome| sender.send(outcome).unwrap());
    answered.recv().unwrap().unwrap();
}

fn living(path: &Path) -> Vec<meetings::Living> {
    let (_store, database, _) = Store::open(Some(path)).unwrap();
    meetings::living(&database, NOW).unwrap()
}

fn fill(db: &Savepoint<'_>) -> rusqlite::Result<()> {
    meetings::create(db, ID, &created(), &State::default())?;
    meetings::decide(db, ID, &state())?;
    meetings::say(db, ID, &message(5))?;
    let ann = Participant {
        id: ParticipantId(3),
        name: "Ann".to_owned(),
        kind: ParticipantKind::Browser,
        role: Role::Host,
        custom_info: None,
        tracks: BTreeMap::new(),
        held: BTreeSet::new(),
        hand: None,
        attributes: BTreeMap::new(),
        presence: Presence::Here,
        via: None,
    };
    meetings::join(db, ID, &ann, Some("ann"), NOW)?;
    let poll = poll();
    meetings::poll(db, ID, &poll)?;
    meetings::vote(db, ID, poll.id, ("=ben", &poll.votes["=ben"]), &poll.counts)
}

#[test]
fn what_was_answered_is_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    write(&path, fill);
    let found = living(&path);
    let [meeting] = &found[..] else { panic!("{found:?}") };
    assert_eq!(format!("{:?}", meeting.created), format!("{:?}", created()));
    assert_eq!(meeting.created.password, created().password);
    assert_eq!(meeting.state, state());
    assert_eq!(meeting.chat, [message(5)]);
    assert_eq!(meeting.polls, [poll()]);
    assert_eq!(meeting.known, BTreeMap::from([(ParticipantId(3), "ann".to_owned())]));
    let (_store, database, _) = Store::open(Some(&path)).unwrap();
    assert_eq!(meetings::last_numbers(&database).unwrap(), (1, 3));
}

#[test]
fn at_the_end_what_was_said_is_wiped_and_the_records_stay_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    write(&path, fill);
    write(&path, |db| meetings::end(db, ID, NOW * 3));
    assert!(living(&path).is_empty());
    let (_store, database, _) = Store::open(Some(&path)).unwrap();
    let count = |table: &str| -> u32 {
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("messages"), count("polls"), count("attendances")), (0, 1, 1));
    assert_eq!(meetings::forget(&database, NOW * 3).unwrap(), 0);
    assert_eq!(meetings::forget(&database, NOW * 3 + Duration::from_secs(1)).unwrap(), 1);
    assert_eq!((count("votes"), count("polls"), count("attendances")), (0, 0, 0));
}

#[test]
fn of_a_meeting_to_which_nobody_came_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    write(&path, |db| {
        meetings::create(db, ID, &created(), &State::default())?;
        meetings::end(db, ID, NOW)
    });
    let (_store, database, _) = Store::open(Some(&path)).unwrap();
    assert_eq!(meetings::last_numbers(&database).unwrap(), (0, 0));
}

#[test]
fn a_name_is_free_again_when_its_meeting_has_ended_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    write(&path, fill);
    let (mut store, database, _) = Store::open(Some(&path)).unwrap();
    store.start(database).unwrap();
    let (sender, answered) = mpsc::channel();
    let again = |db: &Savepoint<'_>| meetings::create(db, RecordId(2), &created(), &State::default());
    for is_free in [false, true] {
        let sender = sender.clone();
        store.write(again);
        store.answer(move |outcome| sender.send(outcome.is_ok()).unwrap());
        assert_eq!(answered.recv(), Ok(is_free));
        store.write(|db| meetings::end(db, ID, NOW));
    }
}

#[test]
fn a_call_is_known_to_have_gone_on_until_it_was_last_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let state =
        json!({ "id": "c7", "caller": "u1", "media": "video", "legs": [], "began_ms": 5, "answered_ms": 6 });
    let kept = KeptCall {
        id: 7,
        state: serde_json::from_value(state).unwrap(),
        into_meeting: false,
        meeting: Some("call-7".to_owned()),
        devices: BTreeMap::from([("u2".to_owned(), "laptop".to_owned())]),
        seen_ms: 6,
    };
    let call = kept.clone();
    write(&path, move |db| calls::keep_call(db, &call));
    write(&path, |db| calls::see_calls(db, 10_000));
    let found = || calls::load(&Store::open(Some(&path)).unwrap().1).unwrap().calls;
    assert_eq!(found(), [KeptCall { seen_ms: 10_000, ..kept }]);
    write(&path, |db| calls::forget_call(db, 7));
    assert_eq!(found(), []);
}

#[test]
fn what_fails_is_undone_as_a_whole_and_told_to_who_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let (mut store, database, _) = Store::open(Some(&path)).unwrap();
    store.start(database).unwrap();
    store.write(|db| {
        meetings::create(db, ID, &created(), &State::default())?;
        db.execute("INSERT INTO nowhere VALUES (1)", []).map(drop)
    });
    let (sender, answered) = mpsc::channel();
    store.answer(move |outcome| sender.send(outcome).unwrap());
    assert_eq!(answered.recv().unwrap().unwrap_err().code, Code::Internal);
    drop(store);
    assert!(living(&path).is_empty());
}

#[test]
fn nobody_waits_where_nothing_was_written() {
    let (mut store, database, _) = Store::open(None).unwrap();
    store.start(database).unwrap();
    let (sender, answered) = mpsc::channel();
    store.answer(move |outcome| sender.send(outcome).unwrap());
    assert_eq!(answered.try_recv(), Ok(Ok(())), "answered on the spot");
}

#[test]
fn a_broken_file_is_set_aside_and_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, "this is no database, and long enough to be taken for a broken one").unwrap();
    let (mut store, database, trouble) = Store::open(Some(&path)).unwrap();
    let trouble = trouble.unwrap();
    assert!(trouble.contains("was broken") && trouble.contains("alcove.db.broken"), "{trouble}");
    assert!(folder.path().join("alcove.db.broken").exists());
    store.start(database).unwrap();
    drop(store);
    write(&path, fill);
    assert_eq!(living(&path).len(), 1);
}

#[test]
fn where_nothing_can_be_written_the_appliance_starts_all_the_same() {
    let (_, _, trouble) = Store::open(Some(Path::new("/proc/no/such/place.db"))).unwrap();
    assert!(trouble.unwrap().contains("lost at the next start"));
}

#[test]
fn only_as_many_messages_are_kept_as_a_meeting_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    write(&path, |db| {
        meetings::create(db, ID, &created(), &State::default())?;
        (1..=CHAT_KEPT_MAX as u64 + 2).try_for_each(|id| meetings::say(db, ID, &message(id)))
    });
    let found = living(&path);
    assert_eq!(found[0].chat.len(), CHAT_KEPT_MAX);
    assert_eq!(found[0].chat[0].id, 3);
}

#[test]
fn every_value_has_a_text_of_its_own_and_is_read_back() {
    fn check<T: Text + std::fmt::Debug>(count: usize) {
        let texts: BTreeSet<_> = T::TABLE.iter().map(|(_, text)| *text).collect();
        assert_eq!((texts.len(), T::TABLE.len()), (count, count));
        for (value, text) in T::TABLE {
            assert_eq!(value.text(), *text);
            assert_eq!(T::of_text(text).unwrap(), *value);
        }
        assert!(T::of_text("nonsense").is_err());
    }
    check::<Mode>(2);
    check::<Role>(4);
    check::<ParticipantKind>(3);
    check::<SamePerson>(3);
    check::<PollState>(3);
    check::<Who>(3);
    check::<LeaveReason>(8);
}
