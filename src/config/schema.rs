//! The JSON Schema (2020-12) of the configuration, made from the table of its keys.

use serde_json::{Map, Value, json};

use super::keys::{KEYS, Key, Range};
use super::{Config, texts};

/// The schema: one object of sections. Beside the words of the standard, each key has `x-applies` (`live`, `media`
/// or `restart`), `x-set-by` (`administrators` or `files`), `x-unit` where it has one, and `x-confirm` where a change undoes
/// itself unless it is confirmed; `writeOnly` marks secrets.
#[must_use]
pub fn schema() -> Value {
    let defaults = texts::document(&Config::default());
    let mut sections = Map::new();
    for key in KEYS {
        let (section, name) = key.place();
        let empty = || json!({"type": "object", "additionalProperties": false, "properties": {}});
        let section = sections.entry(section).or_insert_with(empty);
        section["properties"][name] = property(key, texts::value(&defaults, key));
    }
    let locked = json!({
        "type": "array",
        "items": {"type": "string"},
        "description": "Keys, or whole sections, that later layers may not set.",
    });
    sections.insert("locked".to_owned(), locked);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:alcove:config",
        "title": "The configuration of an Alcove appliance",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    })
}

fn property(key: &Key, default: Option<&toml::Value>) -> Value {
    let mut property = match key.range {
        Range::Number(least, most, unit) => {
            json!({"type": "integer", "minimum": least, "maximum": most, "x-unit": unit})
        }
        Range::Switch => json!({"type": "boolean"}),
        Range::OneOf(words) => json!({"type": "string", "enum": words}),
        Range::Text(_) => json!({"type": "string"}),
        Range::List(_) => json!({"type": "array", "items": {"type": "string"}}),
    };
    property["description"] = format!("{} Range: {}.", key.meaning, key.range.words()).into();
    property["x-applies"] = key.applies.as_str().into();
    property["x-set-by"] = key.setter.as_str().into();
    if let Some(default) = default.and_then(|value| serde_json::to_value(value).ok()) {
        property["default"] = default;
    }
    if key.is_private {
        property["writeOnly"] = true.into();
    }
    if key.is_guarded {
        property["x-confirm"] = true.into();
    }
    property
}
