//! What is kept of configuration that came over the network: its layers, its last revisions, and a change that still has
//! to prove itself. One document, so that a power cut leaves the old one or the new one.
//!
//! ```text
//!   accepted ──────▶ applied ─────────────────────────────▶ proven
//!                       │  a start with it fails              ▲
//!                       ├───────────────────▶ undone          │ confirmed
//!                       │  not confirmed in time              │
//!                       └─ guarded keys wait to be confirmed ─┘
//! ```

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::layers::{Document, Layer, Layers};

/// How many revisions are kept.
pub const REVISIONS_MAX: usize = 20;

/// When a change that disturbs takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// At once, whoever is in a meeting.
    Now,
    /// When nobody is in a meeting or a call.
    Idle,
    /// The same, in the hours of `maintenance.window`.
    Window,
    /// When the daemon starts for another reason.
    Reboot,
}

/// One state of the layers that came over the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Its number; the generation that it was made with.
    pub revision: u64,
    /// When, in milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// Who has made it.
    pub by: String,
    /// What it was made for, in a few words.
    pub note: String,
    /// The provisioned layer.
    pub provisioned: Document,
    /// The local layer.
    pub local: Document,
}

/// A change that undoes itself unless somebody confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unconfirmed {
    /// The revision to go back to.
    pub before: u64,
    /// How long it waits, in seconds, from the moment that it has taken effect.
    pub within_s: u32,
}

/// The kept document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Counts changes.
    pub generation: u64,
    /// The generation that the daemon was last seen to work with.
    pub proven: u64,
    /// The generation that a start has begun with and not ended.
    pub trying: Option<u64>,
    /// When what needs a start anew gets it, while something does.
    pub when: Option<When>,
    /// Of the last change, if it waits to be confirmed.
    pub unconfirmed: Option<Unconfirmed>,
    /// The last ones; the last of them is in force.
    pub revisions: VecDeque<Revision>,
}

impl Kept {
    /// The layers of the files with those that are kept.
    #[must_use]
    pub fn over(&self, files: &Layers) -> Layers {
        let layers = files.clone();
        match self.revisions.back() {
            Some(last) => layers
                .with(Layer::Provisioned, last.provisioned.clone())
                .with(Layer::Local, last.local.clone()),
            None => layers,
        }
    }

    /// A new state of the layers is in force; its generation.
    pub fn add(&mut self, layers: &Layers, (by, note): (&str, &str), at_unix_ms: u64) -> u64 {
        let document = |layer| layers.document(layer).cloned().unwrap_or_default();
        self.generation += 1;
        self.revisions.push_back(Revision {
            revision: self.generation,
            at_unix_ms,
            by: by.to_owned(),
            note: note.to_owned(),
            provisioned: document(Layer::Provisioned),
            local: document(Layer::Local),
        });
        // What an unconfirmed change goes back to has to stay, too; it is among the last ones or is the empty one.
        while self.revisions.len() > REVISIONS_MAX {
            self.revisions.pop_front();
        }
        self.generation
    }

    /// The layers as they were in a revision; 0 is the one before anything was said.
    #[must_use]
    pub fn as_of(&self, revision: u64, files: &Layers) -> Option<Layers> {
        if revision == 0 {
            return Some(files.clone());
        }
        let old = self.revisions.iter().find(|old| old.revision == revision)?;
        let layers = files.clone().with(Layer::Provisioned, old.provisioned.clone());
        Some(layers.with(Layer::Local, old.local.clone()))
    }
}
