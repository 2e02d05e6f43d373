//! The configuration as text: shown, explained, and as the packaged document that sets nothing.

use std::fmt::Write as _;

use super::Config;
use super::keys::{Applies, KEYS, Key};

/// The configuration as a document that says every key; those that are not set are comments.
#[must_use]
pub fn show(config: &Config) -> String {
    each_key(config, |key, text, name, value| match value {
        Some(_) if key.is_private => writeln!(text, "# {name} is set, and not shown"),
        Some(value) => writeln!(text, "{name} = {value}"),
        None => writeln!(text, "# {name} is not set"),
    })
}

/// The same, each key with its meaning, its range and its default.
#[must_use]
pub fn explain(config: &Config) -> String {
    let defaults = document(&Config::default());
    each_key(config, |key, text, name, value| {
        let default = self::value(&defaults, key).map_or_else(|| "not set".to_owned(), ToString::to_string);
        let (range, takes_effect) = (key.range.words(), takes_effect(key.applies));
        writeln!(text, "\n# {}\n# Range: {range}. Default: {default}. {takes_effect}", key.meaning)?;
        match value {
            Some(_) if key.is_private => writeln!(text, "# {name} is set, and not shown"),
            Some(value) => writeln!(text, "{name} = {value}"),
            None => writeln!(text, "# {name} ="),
        }
    })
}

/// A document with every key explained and none set: a later version's defaults hold.
#[cfg(test)]
pub(super) fn template() -> String {
    let comment = |line: &str| match line.chars().next() {
        None | Some('#' | '[') => format!("{line}\n"),
        Some(_) => format!("# {line}\n"),
    };
    let head = "# The configuration of the Alcove room appliance. Take the mark from a line to set what it says;\n\
                # `alcove config show` then tells whether it is understood. Restart alcove.service to use it.\n\n";
    head.to_owned() + &explain(&Config::default()).lines().map(comment).collect::<String>()
}

/// One line or more of each key under the heads of the sections.
fn each_key(
    config: &Config,
    line: impl Fn(&Key, &mut String, &str, Option<&toml::Value>) -> std::fmt::Result,
) -> String {
    let document = document(config);
    let mut text = String::new();
    let mut open_section = "";
    for key in KEYS {
        let (section, name) = key.place();
        if section != open_section {
            let gap = if open_section.is_empty() { "" } else { "\n" };
            writeln!(text, "{gap}[{section}]").expect("a String takes everything");
            open_section = section;
        }
        line(key, &mut text, name, value(&document, key)).expect("a String takes everything");
    }
    text
}

pub(super) fn document(config: &Config) -> toml::Table {
    toml::Table::try_from(config).expect("every configuration is a TOML document: paths were read from one")
}

/// What a document says at a key.
pub(super) fn value<'a>(document: &'a toml::Table, key: &Key) -> Option<&'a toml::Value> {
    let (section, name) = key.place();
    document.get(section)?.get(name)
}

const fn takes_effect(applies: Applies) -> &'static str {
    match applies {
        Applies::Live => "Takes effect at once.",
        Applies::Media => "Takes effect within a second, as the device is opened.",
        Applies::Restart => "Takes effect with a restart of the daemon.",
    }
}
