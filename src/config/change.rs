//! A change to one layer of the configuration, tried out before anything is kept.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::keys::{self, Applies, KEYS, Key, Setter};
use super::layers::{Document, Layer, Layers, Setting};
use super::{Config, texts};

/// The longest document of a layer, in bytes of JSON.
pub const LAYER_BYTES_MAX: usize = 16 * 1024;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Change {
    /// Where it is written.
    pub layer: Layer,
    /// Who asks.
    pub by: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// Sections with their keys; `null` takes a key, or a section, out of the layer (RFC 7396).
    pub body: Value,
    /// Whether keys that are not mentioned are taken out, but for those that are never shown.
    pub is_whole: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The layers afterwards.
    pub layers: Layers,
    /// The configuration afterwards.
    pub config: Config,
    /// What is in force afterwards and was not before.
    pub differences: Vec<Difference>,
    /// What will surprise whoever asked, a sentence each.
    pub warnings: Vec<String>,
}

/// A key whose value in force changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub key: &'static Key,
    /// The value in force before; `None` where it was not set, or is never shown.
    pub before: Option<Value>,
    /// The value in force afterwards, likewise.
    pub after: Option<Value>,
}

/// Why a change is not made: the key in question, empty where it is none, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// With its section.
    pub key: String,
    /// Whether somebody else has the say over that key.
    pub is_forbidden: bool,
    /// What is wrong, and what would be right.
    pub cause: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => f.write_str(&self.cause),
            key => write!(f, "{key}: {}", self.cause),
        }
    }
}

impl Refused {
    fn wrong(key: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { key: key.into(), is_forbidden: false, cause: cause.into() }
    }

    fn forbidden(key: &Key, cause: String) -> Self {
        Self { key: key.name.to_owned(), is_forbidden: true, cause }
    }
}

/// Makes the change on a copy.
///
/// # Errors
/// When a key is unknown, not to be set there, or its value does not fit: nothing has changed then.
pub fn change(layers: &Layers, asked: &Change) -> Result<Outcome, Refused> {
    let document = written(layers, asked)?;
    if serde_json::to_string(&document).map_or(usize::MAX, |text| text.len()) > LAYER_BYTES_MAX {
        return Err(Refused::wrong("", format!("a layer has at most {LAYER_BYTES_MAX} bytes; say less")));
    }
    let changed = layers.clone().with(asked.layer, document);
    let config = changed.config().map_err(|fault| Refused::wrong(fault.key, fault.cause))?;
    let before = layers.config().unwrap_or_default();
    let (differences, warnings) = (differences(&before, &config), warnings(&changed, asked));
    Ok(Outcome { layers: changed, config, differences, warnings })
}

/// The layer's document afterwards.
fn written(layers: &Layers, asked: &Change) -> Result<Document, Refused> {
    let Some(document) = layers.document(asked.layer).filter(|_| asked.layer >= Layer::Provisioned) else {
        let cause =
            format!("the {} layer is not written over the network; change its file", asked.layer.as_str());
        return Err(Refused::wrong("", cause));
    };
    let mut document = document.clone();
    let Value::Object(sections) = &asked.body else {
        return Err(Refused::wrong(
            "",
            "a configuration is an object of sections: {\"room\": {\"name\": …}}",
        ));
    };
    if asked.is_whole {
        document.settings.retain(|name, _| keys::find(name).is_some_and(|key| key.is_private));
        document.locked.clear();
    }
    for (section, content) in sections {
        match content {
            _ if section == "locked" => document.locked = locked(content)?,
            Value::Null => document.settings.retain(|name, _| !name.starts_with(&format!("{section}."))),
            Value::Object(content) => {
                for (name, value) in content {
                    set(&mut document, layers, asked, (&format!("{section}.{name}"), value))?;
                }
            }
            _ => return Err(Refused::wrong(section, "it is a section: an object of keys")),
        }
        if content.is_null() && !KEYS.iter().any(|key| key.place().0 == section) && section != "locked" {
            return Err(unknown(section));
        }
    }
    Ok(document)
}

fn set(
    document: &mut Document,
    layers: &Layers,
    asked: &Change,
    (name, value): (&str, &Value),
) -> Result<(), Refused> {
    let key = keys::find(name).ok_or_else(|| unknown(name))?;
    if let Some(cause) = why_not(layers, key, asked.layer) {
        return Err(Refused::forbidden(key, cause));
    }
    if value.is_null() {
        document.settings.remove(name);
        return Ok(());
    }
    // Whoever says the same again has not set it anew.
    if document.settings.get(name).is_none_or(|setting| setting.value != *value) {
        let setting = Setting { value: value.clone(), by: asked.by.clone(), at_unix_ms: asked.at_unix_ms };
        document.settings.insert(name.to_owned(), setting);
    }
    Ok(())
}

/// Why a key is not to be set in a layer over the network, if it is not.
#[must_use]
pub fn why_not(layers: &Layers, key: &Key, layer: Layer) -> Option<String> {
    if key.setter == Setter::Files {
        return Some("it names a file of the machine, and is set by files there alone".to_owned());
    }
    let by = layers.lock_on(key, layer)?;
    Some(format!("the {} layer has locked it; ask whoever keeps that layer", by.as_str()))
}

fn locked(content: &Value) -> Result<BTreeSet<String>, Refused> {
    let wrong =
        || Refused::wrong("locked", "it is a list of keys and sections, such as \"room.name\" or \"tls\"");
    let names = match content {
        Value::Null => return Ok(BTreeSet::new()),
        Value::Array(names) => names.iter().map(|name| name.as_str().map(str::to_owned)),
        _ => return Err(wrong()),
    };
    let names = names.collect::<Option<BTreeSet<_>>>().ok_or_else(wrong)?;
    match names.iter().find(|name| !can_be_locked(name)) {
        Some(name) => Err(unknown(name)),
        None => Ok(names),
    }
}

/// Whether that is a key, or a section.
pub(super) fn can_be_locked(name: &str) -> bool {
    KEYS.iter().any(|key| key.name == name || key.place().0 == name)
}

fn unknown(name: &str) -> Refused {
    Refused::wrong(name, "there is no such key; the schema of the configuration lists those that there are")
}

/// What is in force afterwards and was not before; of secrets, only that they changed.
#[must_use]
pub fn differences(before: &Config, after: &Config) -> Vec<Difference> {
    let (before, after) = (texts::document(before), texts::document(after));
    let shown = |key: &Key, value: Option<&toml::Value>| {
        value.filter(|_| !key.is_private).and_then(|value| serde_json::to_value(value).ok())
    };
    let differs = |key: &'static Key| {
        let (old, new) = (texts::value(&before, key), texts::value(&after, key));
        (old != new).then(|| Difference { key, before: shown(key, old), after: shown(key, new) })
    };
    KEYS.iter().filter_map(differs).collect()
}

/// The latest moment at which one of them takes effect.
#[must_use]
pub fn applies(differences: &[Difference]) -> Applies {
    differences.iter().map(|difference| difference.key.applies).max().unwrap_or(Applies::Live)
}

/// Values that were set and are not in force.
fn warnings(layers: &Layers, asked: &Change) -> Vec<String> {
    let Some(document) = layers.document(asked.layer) else { return Vec::new() };
    let shadowed = |name: &String| {
        let (by, _) = layers.origin(keys::find(name)?);
        let warning = || format!("{name} is set in the {} layer, too, which goes before", by.as_str());
        (by != asked.layer).then(warning)
    };
    document.settings.keys().filter_map(shadowed).collect()
}
