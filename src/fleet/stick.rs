//! A USB stick that is put into the box, or the partition boot of its card: what its owner has signed is followed as if it
//! had been fetched, and while nobody owns the box, it is what the stick says.
//!
//! ```text
//!   stick named ALCOVE ─▶ udev, systemd-mount ─▶ /run/alcove-stick, to be read alone
//!   partition boot ─▶ preinit ─▶ /run/alcove-boot, without alcove.toml, which is taken before the start
//!     alcove.toml ── nobody owns the box ───────────────────────────────────────▶ the local layer
//!     BOX.toml, else all.toml, with .minisig ── signed with fleet.key, newer ───▶ the provisioned layer
//! ```
//!
//! A document that was there when the box started, and after which the box has followed a newer one, has done its work;
//! one that is put in later, and is old, is refused aloud.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::fs::symlink_metadata;
use tokio::sync::watch;
use tokio::time::interval;

use super::agent::{FOR_ALL, file, signed};
use super::follower::Follower;
use crate::config::change::Change;
use crate::config::layers::Layer;
use crate::system::configuration::Terms;
use crate::system::desired::DOCUMENT_BYTES_MAX;
use crate::system::events::Events;

/// How often is looked for one.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What configures a box that nobody owns.
const CONFIGURATION: &str = "alcove.toml";

/// Looks for sticks.
pub struct Stick {
    /// What it is, in words: it stands beside what was changed.
    pub what: &'static str,
    /// Where they are mounted.
    pub folder: PathBuf,
    /// Follows what is signed.
    pub follower: Arc<Follower>,
    /// Where it is told that one was refused.
    pub events: Arc<Events>,
    /// The claim code, for as long as nobody owns the box.
    pub claim: watch::Receiver<Option<String>>,
}

/// A file of a stick: its name, its length, and when it was last written.
type Stamp = (String, u64, Option<SystemTime>);

impl Stick {
    /// Takes what sticks bring, until it is ended: each once, for as long as it is in.
    pub async fn run(self) {
        let mut turns = interval(LOOK_EVERY);
        let (mut taken, mut is_start) = (Vec::new(), true);
        loop {
            turns.tick().await;
            let was_there = std::mem::take(&mut is_start);
            let there = self.stamps().await;
            if there == taken {
                continue;
            }
            let names: Vec<&str> = there.iter().map(|(name, ..)| name.as_str()).collect();
            if names.contains(&CONFIGURATION) {
                match self.configure().await {
                    Ok(generation) => {
                        log::info!(generation; "the configuration was changed by the {}", self.what)
                    }
                    Err(why) => {
                        self.refuse(&format!("{CONFIGURATION} of the {} is not taken: {why}", self.what));
                    }
                }
            }
            if let Some(name) = names.iter().find(|name| **name != CONFIGURATION) {
                match self.follow(name, was_there).await {
                    Ok(Some(serial)) => self.follower.tell(Ok(serial)),
                    Ok(None) => log::info!("{name} of the {} is old, and was followed", self.what),
                    Err(why) => self.follower.tell(Err(why)),
                }
            }
            taken = there;
        }
    }

    /// The files of the stick that say something, the box's own before that for all.
    async fn stamps(&self) -> Vec<Stamp> {
        let mut stamps = Vec::new();
        for name in [CONFIGURATION.to_owned(), format!("{}.toml", self.follower.box_id()), FOR_ALL.to_owned()]
        {
            match symlink_metadata(self.folder.join(&name)).await {
                Ok(about) if about.is_file() => stamps.push((name, about.len(), about.modified().ok())),
                _ => {}
            }
        }
        stamps
    }

    /// Has the box be what the stick says; the generation of the configuration.
    async fn configure(&self) -> Result<u64, String> {
        if self.claim.borrow().is_none() {
            return Err(
                "somebody owns this box; sign what it is to be with fleet.key, as all.toml".to_owned()
            );
        }
        let text = file(&self.folder.join(CONFIGURATION), DOCUMENT_BYTES_MAX).await?;
        let text = std::str::from_utf8(&text).map_err(|error| error.to_string())?;
        let table: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let body: Value = serde_json::to_value(table).map_err(|error| error.to_string())?;
        let at_unix_ms = self.follower.clock().unix_ms();
        let asked =
            Change { layer: Layer::Local, by: self.what.to_owned(), at_unix_ms, body, is_whole: false };
        let made = self.follower.configuration().make(&asked, &Terms::default());
        made.map(|(generation, _)| generation).map_err(|error| error.to_string())
    }

    /// Follows a document of the owner's; its serial, unless it was there at the start and has done its work.
    async fn follow(&self, name: &str, was_there: bool) -> Result<Option<u64>, String> {
        let key = self.follower.configuration().state().config.fleet.key.clone();
        let key =
            key.ok_or_else(|| format!("{name} of the {} is believed by nobody: set fleet.key", self.what))?;
        let (text, signature) = signed(&self.folder, name).await?;
        if was_there && self.follower.has_gone_on(&text, &signature, &key) {
            return Ok(None);
        }
        let desired = self.follower.read(&text, &signature, &key)?;
        self.follower.follow(&key, &desired)?;
        Ok(Some(desired.serial))
    }

    fn refuse(&self, why: &str) {
        log::warn!("{why}");
        self.events.add("fleet.refused", None, &json!({ "why": why }), self.follower.clock().unix_ms());
    }
}
