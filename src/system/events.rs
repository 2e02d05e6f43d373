//! What has happened, for programs that follow it: numbered, kept over restarts, and read by each at its own pace.
//!
//! ```text
//!   add ──▶ ring (the last EVENTS_MAX) ──▶ readers: each asks for what comes after the number that it has
//!                                     └──▶ keeper, a reader too: appends them to files in the state directory
//! ```
//! Nobody is waited for. A reader that is too slow finds that events are gone, and is told how many.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use super::lines::{Limits, Lines};

/// The most events that are kept to be read again.
pub const EVENTS_MAX: usize = 16_384;

/// The most bytes that they are.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// The longest event, in bytes; of a longer one the data are left out.
const EVENT_BYTES_MAX: usize = 32 * 1024;

/// The numbers of the next start begin at a multiple of this: one that a power cut took away is not given out twice.
const NUMBERS_OF_A_START: u64 = 1_000_000;

/// The keeper writes so many at once.
const BATCH: usize = 256;

const FILE: &str = "events.log";
const LIMITS: Limits = Limits { file_bytes: 2 * 1024 * 1024, aside: 4 };

/// What happened, as a structured CloudEvent (CloudEvents 1.0.2, JSON format).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Counts up; numbers are left out between one start and the next.
    pub number: u64,
    /// Its `type`, such as `alcove.condition.changed`.
    pub kind: Arc<str>,
    /// The whole event as JSON, in one line.
    pub json: Arc<str>,
}

/// What comes after a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In their order.
    pub events: Vec<Event>,
    /// Events between the number and the first of these are not kept any more: up to this one.
    pub lost_to: Option<u64>,
}

/// What has happened.
pub struct Events {
    source: String,
    inner: Mutex<Inner>,
    newest: watch::Sender<u64>,
}

struct Inner {
    ring: VecDeque<Event>,
    bytes: usize,
    last: u64,
    /// The last one that is kept no more.
    lost: u64,
}

/// Writes down what happens, so that it is known after the next start.
pub struct Keeper {
    lines: Lines,
    kept: u64,
    is_told: bool,
}

impl Events {
    /// Goes on where the files in the state directory end. `source` says whose events they are (an URI reference).
    #[must_use]
    pub fn open(state: &Path, source: String) -> (Self, Keeper) {
        let lines = Lines::new(state, FILE, LIMITS);
        let mut inner = Inner { ring: VecDeque::new(), bytes: 0, last: 0, lost: 0 };
        for event in lines.files().flatten().filter_map(|line| parse(&line)) {
            // What a copied file repeats is not told twice.
            if event.number > inner.last {
                if inner.last == 0 {
                    inner.lost = event.number - 1;
                }
                inner.push(event);
            }
        }
        let kept = inner.last;
        inner.last = match inner.last {
            0 => 0,
            last => (last / NUMBERS_OF_A_START + 1) * NUMBERS_OF_A_START,
        };
        let (newest, _) = watch::channel(inner.last);
        (Self { source, inner: Mutex::new(inner), newest }, Keeper { lines, kept, is_told: false })
    }

    /// Adds one. `kind` is its type without the `alcove.` in front, `subject` what it is about.
    pub fn add(&self, kind: &str, subject: Option<&str>, data: &Value, at_unix_ms: u64) {
        let kind: Arc<str> = format!("alcove.{kind}").into();
        let mut inner = self.inner();
        let number = inner.last + 1;
        let mut event = json!({
            "specversion": "1.0",
            "id": number.to_string(),
            "source": self.source,
            "type": &*kind,
            "time": rfc3339(at_unix_ms),
            "datacontenttype": "application/json",
            "data": data,
        });
        if let Some(subject) = subject {
            event["subject"] = subject.into();
        }
        let mut json = event.to_string();
        if json.len() > EVENT_BYTES_MAX {
            event["data"] = Value::Null;
            json = event.to_string();
        }
        inner.push(Event { number, kind, json: json.into() });
        drop(inner);
        self.newest.send_replace(number);
    }

    /// The first events after that number, at most so many.
    #[must_use]
    pub fn after(&self, number: u64, most: usize) -> Page {
        let inner = self.inner();
        let from = inner.ring.partition_point(|event| event.number <= number);
        let events = inner.ring.iter().skip(from).take(most).cloned().collect();
        Page { events, lost_to: (number < inner.lost).then_some(inner.lost) }
    }

    /// The number of the last event.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.inner().last
    }

    /// What somebody is told who wanted to go on where events are kept no more: those after the one number, up to
    /// the other.
    #[must_use]
    pub fn lost(&self, after: u64, up_to: u64) -> Event {
        let kind = "alcove.events.lost";
        let data = json!({ "after": after.to_string(), "up_to": up_to.to_string() });
        let json = json!({
            "specversion": "1.0",
            "id": up_to.to_string(),
            "source": self.source,
            "type": kind,
            "datacontenttype": "application/json",
            "data": data,
        });
        Event { number: up_to, kind: kind.into(), json: json.to_string().into() }
    }

    /// Tells when there are more.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Events are pushed whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn push(&mut self, event: Event) {
        self.last = event.number;
        self.bytes += event.json.len();
        self.ring.push_back(event);
        while self.ring.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.ring.pop_front() else { return };
            self.bytes -= oldest.json.len();
            self.lost = oldest.number;
        }
    }
}

impl Keeper {
    /// Writes down what has happened up to now. Takes as long as the disk does.
    pub fn keep(&mut self, events: &Events) {
        loop {
            let page = events.after(self.kept, BATCH);
            let Some(last) = page.events.last() else { return };
            self.kept = last.number;
            let text: String = page.events.iter().map(|event| format!("{}\n", event.json)).collect();
            match self.lines.add(&text) {
                Ok(()) => self.is_told = false,
                Err(error) if !self.is_told => {
                    self.is_told = true;
                    log::warn!("events are not known after the next start: {error}; free some space");
                }
                Err(_) => {}
            }
        }
    }
}

/// Milliseconds since the Unix epoch as CloudEvents want them.
fn rfc3339(unix_ms: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000);
    let time = time.ok().and_then(|time| time.format(&Rfc3339).ok());
    time.unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}

fn parse(line: &str) -> Option<Event> {
    let event: Value = serde_json::from_str(line).ok()?;
    let number = event["id"].as_str()?.parse().ok()?;
    Some(Event { number, kind: event["type"].as_str()?.into(), json: line.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> (Events, Keeper) {
        Events::open(folder, "urn:alcove:box".to_owned())
    }

    fn numbers(page: &Page) -> Vec<u64> {
        page.events.iter().map(|event| event.number).collect()
    }

    #[test]
    fn an_event_is_a_cloud_event() {
        let folder = tempfile::tempdir().unwrap();
        let (events, _) = open(folder.path());
        events.add("meeting.ended", Some("board"), &json!({"meeting": "board"}), 1_700_000_000_250);
        let event = events.after(0, 10).events.remove(0);
        let told: Value = serde_json::from_str(&event.json).unwrap();
        let wanted = json!({
            "specversion": "1.0", "id": "1", "source": "urn:alcove:box", "type": "alcove.meeting.ended",
            "subject": "board", "time": "2023-11-14T22:13:20.25Z", "datacontenttype": "application/json",
            "data": {"meeting": "board"},
        });
        assert_eq!(told, wanted);
        assert_eq!((event.number, &*event.kind), (1, "alcove.meeting.ended"));
    }

    #[test]
    fn readers_go_on_where_they_were_over_a_restart_and_no_number_is_given_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (events, mut keeper) = open(folder.path());
        for number in 0..3 {
            events.add("condition.changed", None, &json!(number), 0);
        }
        keeper.keep(&events);
        events.add("condition.changed", None, &json!("not written when the power went"), 0);
        let (events, mut keeper) = open(folder.path());
        assert_eq!(events.newest(), NUMBERS_OF_A_START);
        events.add("condition.changed", None, &json!(4), 0);
        assert_eq!(numbers(&events.after(1, 10)), [2, 3, NUMBERS_OF_A_START + 1]);
        assert_eq!(events.after(0, 10).lost_to, None);
        keeper.keep(&events);
        keeper.keep(&events);
        let (events, _) = open(folder.path());
        assert_eq!(numbers(&events.after(0, 10)), [1, 2, 3, NUMBERS_OF_A_START + 1], "each was written once");
        assert_eq!(events.after(events.newest(), 10), Page { events: vec![], lost_to: None });
    }

    #[test]
    fn the_oldest_go_and_who_wanted_them_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (events, _) = open(folder.path());
        let count = EVENTS_MAX as u64 + 10;
        for _ in 0..count {
            events.add("a", None, &Value::Null, 0);
        }
        let page = events.after(3, 2);
        assert_eq!((numbers(&page), page.lost_to), (vec![11, 12], Some(10)));
        assert_eq!(events.after(10, 1).lost_to, None);
        for _ in 0..300 {
            events.add("a", None, &"x".repeat(EVENT_BYTES_MAX - 500).into(), 0);
        }
        let inner = events.inner();
        assert!(inner.bytes <= BYTES_MAX && inner.ring.len() < 300);
    }

    #[test]
    fn of_an_event_that_is_too_long_the_data_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let (events, _) = open(folder.path());
        events.add("a", None, &"x".repeat(EVENT_BYTES_MAX).into(), 0);
        let event: Value = serde_json::from_str(&events.after(0, 1).events[0].json).unwrap();
        assert_eq!(event["data"], Value::Null);
    }

    #[test]
    fn what_is_no_event_in_a_file_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "{\"id\":\"7\",\"type\":\"a\"}\n{\"id\":\nnonsense\n")
            .unwrap();
        let (events, _) = open(folder.path());
        assert_eq!(numbers(&events.after(6, 10)), [7]);
        assert_eq!(events.after(0, 10).lost_to, Some(6));
    }
}
