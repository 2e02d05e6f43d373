//! The rooms of a fleet in each other's directory: whoever is on NATS and wants it is known, and can be rung.
//!
//! ```text
//!   alcove_directory: {"room": "Birch", "calls": true}   of B
//!        │ A and B both see the other's card; the one with the smaller id reaches the other
//!        ▼
//!   A ── alcove.box.B.introduce.A {"room": "Aspen"} ──▶ B     B has A in its directory
//!   A ◀── {"token", "fingerprint"} ─────────────────── B     A has B in its own, reached through a tunnel
//! ```
//! A card that goes, or wants no calls any more, takes the entry along. Whoever may publish to those subjects is
//! believed to be the box that the subject names: the rights of NATS say who may.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_nats::jetstream::kv::{Entry, Operation, Store};
use async_nats::{Client, Message};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use super::tunnels::box_of;
use crate::system::files::{self, Readers};

/// The most rooms of a fleet that are in a directory.
const ROOMS_MAX: usize = 200;

/// How long another box may take to introduce itself, and how often one that did not answer is asked again.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const AGAIN_EVERY: Duration = Duration::from_secs(15);

/// The longest introduction, in bytes.
const WORDS_BYTES_MAX: usize = 4096;

/// Which entries of the directory are boxes of the fleet.
const FILE: &str = "fleet-rooms.json";

/// What lets a box in at another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Signs it in there.
    pub token: String,
    /// The SHA-256 of the other one's authority, or certificate: `AB:CD:…`.
    pub fingerprint: String,
}

/// What comes of something that the directory is asked.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send>>;

/// The directory of calls, as the fleet fills it. An entry that is not there any more is made anew.
pub trait Directory: Send + Sync {
    /// A room that signs in here: its entry, and what lets it in.
    fn admit(&self, entry: Option<String>, name: String) -> Answer<(String, Invitation)>;
    /// A room that is reached through a tunnel to its box: its entry.
    fn reach(&self, entry: Option<String>, name: String, to: String, by: Invitation) -> Answer<String>;
    /// A room that is no more.
    fn strike(&self, entry: String) -> Answer<()>;
}

/// The rooms of the fleet, as one box knows them.
pub(super) struct Rooms {
    own: String,
    name: String,
    directory: Arc<dyn Directory>,
    path: PathBuf,
    /// By box: the entry of the directory.
    entries: BTreeMap<String, String>,
    /// By box: the name of a room that has still to introduce itself.
    awaited: BTreeMap<String, String>,
}

impl Rooms {
    pub(super) fn open(state: &Path, own: &str, name: &str, directory: Arc<dyn Directory>) -> Self {
        let path = state.join(FILE);
        let text = files::read(&path).ok().flatten().unwrap_or_default();
        let entries = serde_json::from_str(&text).unwrap_or_default();
        Self {
            own: own.to_owned(),
            name: name.to_owned(),
            directory,
            path,
            entries,
            awaited: BTreeMap::new(),
        }
    }

    /// The box takes no calls over NATS, or no longer: none of the rooms stays.
    pub(super) async fn strike_all(mut self) -> Option<Self> {
        for id in self.entries.keys().cloned().collect::<Vec<_>>() {
            self.strike(&id).await;
        }
        None
    }

    /// Knows who is there, until NATS is left.
    pub(super) async fn run(&mut self, client: &Client, cards: &Store) -> anyhow::Result<()> {
        let mut introduced = client.subscribe(format!("alcove.box.{}.introduce.*", self.own)).await?;
        let mut told = timeout(ANSWER_WITHIN, cards.watch_with_history(">")).await??;
        let mut again = interval(AGAIN_EVERY);
        loop {
            tokio::select! {
                entry = told.next() => {
                    self.told(client, &entry.context("the directory is told no longer")??).await;
                }
                message = introduced.next() => {
                    self.introduced(client, message.context("NATS is left")?).await;
                }
                _ = again.tick() => {
                    for (id, name) in std::mem::take(&mut self.awaited) {
                        self.meet(client, id, name).await;
                    }
                }
            }
        }
    }

    /// A card was put into the directory, or has gone.
    async fn told(&mut self, client: &Client, entry: &Entry) {
        if entry.key == self.own {
            return;
        }
        let card: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
        self.awaited.remove(&entry.key);
        match card["room"].as_str() {
            Some(name) if entry.operation == Operation::Put && card["calls"] == true => {
                self.meet(client, entry.key.clone(), name.to_owned()).await;
            }
            _ => self.strike(&entry.key).await,
        }
    }

    /// Has a room in the directory that wants to be there.
    async fn meet(&mut self, client: &Client, id: String, name: String) {
        if !self.entries.contains_key(&id) && self.entries.len() >= ROOMS_MAX {
            log::warn!("{name} of the fleet is not in the directory, which takes {ROOMS_MAX} of its rooms");
            return;
        }
        let entry = self.entries.get(&id).cloned();
        let met = if self.own < id {
            match self.ask_for_invitation(client, &id).await {
                Ok(by) => self.directory.reach(entry, name, id.clone(), by).await,
                Err(why) => {
                    log::debug!("{name} of the fleet is asked again: {why:#}");
                    self.awaited.insert(id, name);
                    return;
                }
            }
        } else {
            self.directory.admit(entry, name).await.map(|(entry, _)| entry)
        };
        match met {
            Ok(entry) => self.keep(id, entry),
            Err(why) => log::warn!("the room of the box {id} cannot be put into the directory: {why}"),
        }
    }

    async fn ask_for_invitation(&self, client: &Client, id: &str) -> anyhow::Result<Invitation> {
        let subject = format!("alcove.box.{id}.introduce.{}", self.own);
        let words = json!({ "room": self.name }).to_string();
        let answer = timeout(ANSWER_WITHIN, client.request(subject, words.into())).await??;
        let answer: Value = serde_json::from_slice(&answer.payload)?;
        let (Some(token), Some(fingerprint)) = (answer["token"].as_str(), answer["fingerprint"].as_str())
        else {
            bail!("it says {answer}");
        };
        Ok(Invitation { token: token.to_owned(), fingerprint: fingerprint.to_owned() })
    }

    /// Another box introduces itself, and asks to be let in.
    async fn introduced(&mut self, client: &Client, message: Message) {
        let Some(reply) = message.reply else { return };
        let answer = match self.admit(&message.subject, &message.payload).await {
            Ok(Invitation { token, fingerprint }) => json!({ "token": token, "fingerprint": fingerprint }),
            Err(detail) => json!({ "detail": detail }),
        };
        // Whoever asked may be gone.
        let _ = client.publish(reply, answer.to_string().into()).await;
    }

    async fn admit(&mut self, subject: &str, words: &[u8]) -> Result<Invitation, String> {
        let id =
            box_of(subject).filter(|id| *id < self.own).ok_or("a box with a smaller id reaches the other")?;
        let words: Option<Value> =
            (words.len() <= WORDS_BYTES_MAX).then(|| serde_json::from_slice(words).ok()).flatten();
        let name = words.as_ref().and_then(|words| words["room"].as_str()).ok_or("room is missing")?;
        if !self.entries.contains_key(&id) && self.entries.len() >= ROOMS_MAX {
            return Err(format!("the directory takes {ROOMS_MAX} rooms of the fleet"));
        }
        let entry = self.entries.get(&id).cloned();
        let (entry, invitation) = self.directory.admit(entry, name.to_owned()).await?;
        self.keep(id, entry);
        Ok(invitation)
    }

    async fn strike(&mut self, id: &str) {
        let Some(entry) = self.entries.remove(id) else { return };
        if let Err(why) = self.directory.strike(entry).await {
            log::warn!("the room of the box {id} stays in the directory: {why}");
        }
        self.write();
    }

    fn keep(&mut self, id: String, entry: String) {
        if self.entries.get(&id) != Some(&entry) {
            self.entries.insert(id, entry);
            self.write();
        }
    }

    fn write(&self) {
        if let Err(error) =
            files::write(&self.path, &format!("{}\n", json!(self.entries)), Readers::OwnerAlone)
        {
            log::warn!("after the next start rooms of the fleet may be in the directory twice: {error}");
        }
    }
}
