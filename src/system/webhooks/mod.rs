//! Addresses that are told what happens: each is a reader of the events, at its own pace, and nothing is left out.
//!
//! ```text
//!   next event ──▶ sent ── 2xx ──────────────────────────────▶ noted, the next one
//!                   │ ── 408, 425, 429, 5xx, no answer ──▶ waits 1, 2, 4 … 300 s ──▶ sent again
//!                   └── another answer ──▶ noted as refused, the next one
//! ```
//! An address that was out of reach for so long that events are kept no more is told how far they are lost. What was
//! sent when the power went may be sent again: receivers know an event by its id.

mod delivery;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alcove_hal::clock::Clock;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::events::Events;
use super::files::{self, Readers};

/// The most webhooks; one more is refused.
pub const WEBHOOKS_MAX: usize = 32;

/// The longest address, in bytes.
pub const URL_BYTES_MAX: usize = 2048;

/// How many deliveries of each are remembered.
pub const DELIVERIES_MAX: usize = 100;

/// What the text of a secret begins with; behind it stands base64 (Standard Webhooks).
const MARK: &str = "whsec_";
const SECRET_BYTES: usize = 32;
const FILE: &str = "webhooks.json";

/// Whether a type of event is wanted.
pub type Wants = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Makes [`Wants`] of what was asked for.
pub type ReadTypes = fn(&str) -> Option<Wants>;

/// An address that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its number.
    pub id: u64,
    /// Where to: `https://` or `http://`.
    pub url: Url,
    /// Which types of events, as they were asked for; all where absent.
    pub types: Option<String>,
    /// When it was made, in seconds since the Unix epoch.
    pub made_unix: u64,
    /// The last event that it was told.
    pub told: u64,
}

/// One attempt to tell an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event's number.
    pub event: u64,
    /// Its type.
    pub kind: Arc<str>,
    /// When, in milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// Which attempt it was, from 1 on.
    pub attempt: u32,
    /// What has come of it.
    pub outcome: Outcome,
}

/// What has come of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken, with that HTTP status.
    Taken(u16),
    /// It is never taken; the HTTP status.
    Refused(u16),
    /// It is sent again; why.
    Again(String),
}

/// Why none is made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are too many.
    #[error("there are {WEBHOOKS_MAX} webhooks already; remove one that is not needed")]
    TooMany,
    /// The address cannot be used.
    #[error("{0} cannot be told: give an address with https:// or http:// and no name or password in it")]
    Address(String),
    /// It could not be written down.
    #[error(transparent)]
    File(#[from] files::Error),
}

/// All of them.
pub struct Webhooks {
    path: PathBuf,
    events: Arc<Events>,
    read_types: ReadTypes,
    inner: Mutex<Inner>,
    /// Counts how often there was one more or one less.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    last_id: u64,
    table: BTreeMap<u64, Kept>,
    /// More was told than is written down.
    is_ahead: bool,
}

struct Kept {
    webhook: Webhook,
    secret: String,
    deliveries: VecDeque<Delivery>,
}

impl Webhooks {
    /// Reads those in the state directory; what of the file cannot be used is said in a sentence.
    #[must_use]
    pub fn open(state: &Path, events: Arc<Events>, read_types: ReadTypes) -> (Self, Option<String>) {
        let path = state.join(FILE);
        let read = files::read(&path).and_then(|text| match text {
            None => Ok(Inner::default()),
            Some(text) => parse(&text).ok_or_else(|| {
                files::Error::broken(&path, "it is no list of webhooks", "remove it, and make them anew")
            }),
        });
        let (inner, trouble) = match read {
            Ok(inner) => (inner, None),
            Err(error) => (Inner::default(), Some(format!("{error}; no webhook is told until then"))),
        };
        let (changes, _) = watch::channel(0);
        (Self { path, events, read_types, inner: Mutex::new(inner), changes }, trouble)
    }

    /// Makes one, that is told what happens from now on. Its secret, drawn where none is given, is told this once.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn make(
        &self,
        (url, types): (&str, Option<&str>),
        secret: Option<&[u8]>,
        now_unix: u64,
    ) -> Result<(Webhook, String), Error> {
        let url = address(url).ok_or_else(|| Error::Address(url.chars().take(200).collect()))?;
        let mut inner = self.inner();
        if inner.table.len() >= WEBHOOKS_MAX {
            return Err(Error::TooMany);
        }
        let mut drawn = [0; SECRET_BYTES];
        rand::fill(&mut drawn).expect("the system has random numbers once it has started");
        let secret = format!("{MARK}{}", STANDARD.encode(secret.unwrap_or(&drawn)));
        let id = inner.last_id + 1;
        let types = types.map(str::to_owned);
        let webhook = Webhook { id, url, types, made_unix: now_unix, told: self.events.newest() };
        let kept = Kept { webhook: webhook.clone(), secret: secret.clone(), deliveries: VecDeque::new() };
        inner.table.insert(id, kept);
        inner.last_id = id;
        if let Err(error) = self.write(&inner) {
            inner.table.remove(&id);
            return Err(error.into());
        }
        drop(inner);
        self.changes.send_modify(|count| *count += 1);
        Ok((webhook, secret))
    }

    /// All of them, in the order in which they were made.
    #[must_use]
    pub fn list(&self) -> Vec<Webhook> {
        self.inner().table.values().map(|kept| kept.webhook.clone()).collect()
    }

    /// The last attempts to tell one, the last one last; `None` if there is none of that number.
    #[must_use]
    pub fn deliveries(&self, id: u64) -> Option<Vec<Delivery>> {
        self.inner().table.get(&id).map(|kept| kept.deliveries.iter().cloned().collect())
    }

    /// Removes one. Whether there was one.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub fn remove(&self, id: u64) -> Result<bool, files::Error> {
        let mut inner = self.inner();
        let Some(kept) = inner.table.remove(&id) else { return Ok(false) };
        if let Err(error) = self.write(&inner) {
            inner.table.insert(id, kept);
            return Err(error);
        }
        drop(inner);
        self.changes.send_modify(|count| *count += 1);
        Ok(true)
    }

    /// Tells all of them what happens, until it is ended.
    pub async fn run(self: Arc<Self>, http: reqwest::Client, clock: Arc<dyn Clock>) {
        let mut changes = self.changes.subscribe();
        let mut told: BTreeMap<u64, tokio::task::AbortHandle> = BTreeMap::new();
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            let there: Vec<u64> = self.inner().table.keys().copied().collect();
            told.retain(|id, task| {
                let stays = there.contains(id);
                if !stays {
                    task.abort();
                }
                stays
            });
            for id in there {
                told.entry(id).or_insert_with(|| {
                    tasks.spawn(delivery::tell(Arc::clone(&self), id, http.clone(), Arc::clone(&clock)))
                });
            }
            while tasks.try_join_next().is_some() {}
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Writes down how far each was told.
    ///
    /// # Errors
    /// When that fails; they are told some things again after the next start.
    pub fn keep(&self) -> Result<(), files::Error> {
        let mut inner = self.inner();
        if inner.is_ahead {
            self.write(&inner)?;
            inner.is_ahead = false;
        }
        Ok(())
    }

    fn note(&self, id: u64, delivery: Delivery) {
        let mut inner = self.inner();
        let Inner { table, is_ahead, .. } = &mut *inner;
        let Some(kept) = table.get_mut(&id) else { return };
        if !matches!(delivery.outcome, Outcome::Again(_)) {
            kept.webhook.told = delivery.event;
            *is_ahead = true;
        }
        kept.deliveries.push_back(delivery);
        while kept.deliveries.len() > DELIVERIES_MAX {
            kept.deliveries.pop_front();
        }
    }

    fn pass_over(&self, id: u64, event: u64) {
        let mut inner = self.inner();
        inner.is_ahead = true;
        if let Some(kept) = inner.table.get_mut(&id) {
            kept.webhook.told = event;
        }
    }

    fn write(&self, inner: &Inner) -> Result<(), files::Error> {
        let webhooks: Vec<_> = inner.table.values().map(document).collect();
        let text = json!({ "last_id": inner.last_id, "webhooks": webhooks });
        files::write(&self.path, &format!("{text:#}\n"), Readers::OwnerAlone)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change of the table is one step.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn address(text: &str) -> Option<Url> {
    let url: Url = (text.len() <= URL_BYTES_MAX).then(|| text.parse().ok())??;
    let is_fit = matches!(url.scheme(), "https" | "http")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none();
    is_fit.then_some(url)
}

fn document(Kept { webhook, secret, .. }: &Kept) -> Value {
    let Webhook { id, url, types, made_unix, told } = webhook;
    json!({ "id": id, "url": url.as_str(), "types": types, "made_unix": made_unix, "told": told, "secret": secret })
}

fn parse(text: &str) -> Option<Inner> {
    let file: Value = serde_json::from_str(text).ok()?;
    let read = |one: &Value| {
        let webhook = Webhook {
            id: one["id"].as_u64()?,
            url: address(one["url"].as_str()?)?,
            types: one["types"].as_str().map(str::to_owned),
            made_unix: one["made_unix"].as_u64()?,
            told: one["told"].as_u64()?,
        };
        let secret = one["secret"].as_str()?.to_owned();
        Some((webhook.id, Kept { webhook, secret, deliveries: VecDeque::new() }))
    };
    let table: Option<BTreeMap<u64, Kept>> = file["webhooks"].as_array()?.iter().map(read).collect();
    Some(Inner { last_id: file["last_id"].as_u64()?, table: table?, is_ahead: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> Webhooks {
        let (events, _) = Events::open(folder, "urn:alcove:box".to_owned());
        let (webhooks, trouble) = Webhooks::open(folder, Arc::new(events), |_| None);
        assert_eq!(trouble, None);
        webhooks
    }

    #[test]
    fn they_are_kept_and_their_secrets_are_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let webhooks = open(folder.path());
        let (first, secret) = webhooks.make(("https://a.example/x?y=1", None), None, 5).unwrap();
        assert!(secret.starts_with(MARK) && STANDARD.decode(&secret[MARK.len()..]).unwrap().len() == 32);
        let (second, secret) =
            webhooks.make(("http://192.0.2.1:81/", Some("alcove.call.*")), Some(b"given"), 6).unwrap();
        assert_eq!(secret, "whsec_Z2l2ZW4=");
        assert!(webhooks.remove(first.id).unwrap() && !webhooks.remove(first.id).unwrap());
        let again = open(folder.path());
        assert_eq!(again.list(), [second]);
        assert_eq!(
            again.make(("http://b.example/", None), None, 7).unwrap().0.id,
            3,
            "no number is given twice"
        );
    }

    #[test]
    fn addresses_that_cannot_be_told_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let webhooks = open(folder.path());
        let long = format!("https://a.example/{}", "x".repeat(URL_BYTES_MAX));
        for wrong in
            ["", "a.example", "ftp://a.example/", "https://u:p@a.example/", "file:///etc/passwd", &long]
        {
            assert!(matches!(webhooks.make((wrong, None), None, 1), Err(Error::Address(_))), "{wrong}");
        }
        for _ in 0..WEBHOOKS_MAX {
            webhooks.make(("http://a.example/", None), None, 1).unwrap();
        }
        assert!(matches!(webhooks.make(("http://a.example/", None), None, 1), Err(Error::TooMany)));
    }

    #[test]
    fn a_file_that_is_none_is_said_to_be_none_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "{}").unwrap();
        let (events, _) = Events::open(folder.path(), "urn:alcove:box".to_owned());
        let (webhooks, trouble) = Webhooks::open(folder.path(), Arc::new(events), |_| None);
        assert!(trouble.unwrap().contains("webhooks.json"));
        webhooks.keep().unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap(), "{}");
    }
}
