//! The layers that the configuration is made of, who has set what, and what may no longer be set.
//!
//! ```text
//!   factory  <  maker  <  site  <  provisioned  <  local
//!   the program  files of the machine   over the API      the last one that sets a key wins,
//!                                                         unless one before it has locked the key
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::checks::{self, Fault};
use super::keys::{self, KEYS, Key};
use super::{Config, texts};

/// A layer; a later one goes before an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The defaults of the program.
    Factory,
    /// A file of whoever makes the box.
    Maker,
    /// A file of whoever runs the room: `/etc/alcove/alcove.toml`.
    Site,
    /// What a fleet has said.
    Provisioned,
    /// What was said to this box alone.
    Local,
}

impl Layer {
    /// The layers with a document of their own, the first to be overruled first.
    pub const DOCUMENTS: [Self; 4] = [Self::Maker, Self::Site, Self::Provisioned, Self::Local];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Factory => "factory",
            Self::Maker => "maker",
            Self::Site => "site",
            Self::Provisioned => "provisioned",
            Self::Local => "local",
        }
    }
}

/// The value of a key in one layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// As it stands in JSON.
    pub value: Value,
    /// Who has set it: a file, or whoever asked.
    pub by: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
}

/// What one layer says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Document {
    /// By key, with its section.
    pub settings: BTreeMap<String, Setting>,
    /// Keys, or whole sections, that later layers do not set.
    pub locked: BTreeSet<String>,
}

impl Document {
    /// What a file says, as it was checked.
    ///
    /// # Panics
    /// Never: what TOML can say of a configuration, JSON can say, too.
    #[must_use]
    pub fn of_file(text: &toml::Table, by: &str, at_unix_ms: u64) -> Self {
        let setting = |value: &toml::Value| {
            let value = serde_json::to_value(value).expect("texts, numbers and lists are JSON");
            Setting { value, by: by.to_owned(), at_unix_ms }
        };
        let said = |key: &'static Key| Some((key.name.to_owned(), setting(texts::value(text, key)?)));
        let locked = text.get("locked").and_then(toml::Value::as_array).into_iter().flatten();
        Self {
            settings: KEYS.iter().filter_map(said).collect(),
            locked: locked.filter_map(toml::Value::as_str).map(str::to_owned).collect(),
        }
    }

    /// The values as a document in sections, without those that are never shown.
    #[must_use]
    pub fn values(&self) -> Value {
        let shown = KEYS.iter().filter(|key| !key.is_private);
        let mut document =
            nest(shown.filter_map(|key| Some((key, self.settings.get(key.name)?.value.clone()))));
        if !self.locked.is_empty() {
            document.insert("locked".to_owned(), Value::from_iter(self.locked.iter().cloned()));
        }
        Value::Object(document)
    }

    fn locks(&self, key: &Key) -> bool {
        self.locked.contains(key.name) || self.locked.contains(key.place().0)
    }
}

/// All layers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layers {
    documents: [Document; Layer::DOCUMENTS.len()],
}

impl Layers {
    /// What a layer says; nothing at all of the factory's, which is the program.
    #[must_use]
    pub fn document(&self, layer: Layer) -> Option<&Document> {
        Some(&self.documents[Self::index(layer)?])
    }

    /// The same with another document in a layer.
    #[must_use]
    pub fn with(mut self, layer: Layer, document: Document) -> Self {
        if let Some(index) = Self::index(layer) {
            self.documents[index] = document;
        }
        self
    }

    fn index(layer: Layer) -> Option<usize> {
        Layer::DOCUMENTS.iter().position(|other| *other == layer)
    }

    fn each(&self) -> impl DoubleEndedIterator<Item = (Layer, &Document)> {
        Layer::DOCUMENTS.into_iter().zip(&self.documents)
    }

    /// The layer that keeps this one from setting a key, if one does.
    #[must_use]
    pub fn lock_on(&self, key: &Key, layer: Layer) -> Option<Layer> {
        let mut before = self.each().take_while(|(other, _)| *other < layer);
        before.find(|(_, document)| document.locks(key)).map(|(other, _)| other)
    }

    /// Whose value of a key is in force.
    #[must_use]
    pub fn origin(&self, key: &Key) -> (Layer, Option<&Setting>) {
        let said = self.each().rev().find_map(|(layer, document)| {
            let setting = document.settings.get(key.name)?;
            self.lock_on(key, layer).is_none().then_some((layer, setting))
        });
        said.map_or((Layer::Factory, None), |(layer, setting)| (layer, Some(setting)))
    }

    /// The configuration in force.
    ///
    /// # Errors
    /// The key that is wrong by itself or does not fit the others.
    pub(crate) fn config(&self) -> Result<Config, Fault> {
        let said = || KEYS.iter().filter_map(|key| Some((key, &self.origin(key).1?.value)));
        // Before the types of the document, whose limits mean nothing to people.
        let unfit =
            |(key, value): (&'static Key, &Value)| Some((key.name, key.range.excludes(value.as_i64())?));
        if let Some((key, cause)) = said().find_map(unfit) {
            return Err(Fault { key, cause });
        }
        let document = Value::Object(nest(said().map(|(key, value)| (key, value.clone()))));
        let config: Config = serde_path_to_error::deserialize(&document).map_err(|error| Fault {
            key: keys::find(&error.path().to_string()).map_or("", |key| key.name),
            cause: error.inner().to_string(),
        })?;
        checks::check(&config)?;
        Ok(config)
    }
}

/// Keys and their values, in sections.
fn nest<'a>(said: impl Iterator<Item = (&'a Key, Value)>) -> Map<String, Value> {
    let mut document = Map::new();
    for (key, value) in said {
        let (section, name) = key.place();
        let section = document.entry(section).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(section) = section {
            section.insert(name.to_owned(), value);
        }
    }
    document
}

/// The configuration in sections, as it stands in JSON, without what is never shown.
///
/// # Panics
/// Never: every configuration is a document.
#[must_use]
pub fn shown(config: &Config) -> Value {
    let document = texts::document(config);
    let value = |key: &'static Key| {
        let value = texts::value(&document, key).filter(|_| !key.is_private)?;
        Some((key, serde_json::to_value(value).expect("texts, numbers and lists are JSON")))
    };
    Value::Object(nest(KEYS.iter().filter_map(value)))
}
