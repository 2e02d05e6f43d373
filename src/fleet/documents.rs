//! What each appliance is to be told: one document for all, or a folder with what is common and what differs.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

/// The document that holds for all, in a folder.
const COMMON: &str = "all.toml";

/// The documents of a fleet.
#[derive(Debug)]
pub(super) struct Documents<'a> {
    path: &'a Path,
    common: Map<String, Value>,
}

impl<'a> Documents<'a> {
    /// Reads what is common.
    pub(super) fn open(path: &'a Path) -> anyhow::Result<Self> {
        let common = if path.is_dir() { path.join(COMMON) } else { path.to_owned() };
        let common = match read(&common)? {
            Some(common) => common,
            None if path.is_dir() => Map::new(),
            None => bail!("there is no {}", path.display()),
        };
        Ok(Self { path, common })
    }

    /// What that appliance is to be told: where both say something of a key, its own file counts.
    pub(super) fn of(&self, name: Option<&str>) -> anyhow::Result<Value> {
        let mut document = self.common.clone();
        let own = name.filter(|_| self.path.is_dir()).map(|name| self.path.join(format!("{name}.toml")));
        if let Some(own) = own.map(|own| read(&own)).transpose()?.flatten() {
            for (section, content) in own {
                match (document.get_mut(&section), content) {
                    (Some(Value::Object(keys)), Value::Object(own)) => keys.extend(own),
                    (_, content) => drop(document.insert(section, content)),
                }
            }
        }
        Ok(Value::Object(document))
    }
}

/// A document; none where there is no file. What the keys mean, the appliance knows.
fn read(path: &Path) -> anyhow::Result<Option<Map<String, Value>>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let table: toml::Table =
        toml::from_str(&text).with_context(|| format!("{} is no TOML", path.display()))?;
    match serde_json::to_value(table)? {
        Value::Object(document) => Ok(Some(document)),
        _ => bail!("{} is no document of sections", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_folder_has_what_is_common_and_what_differs_by_key() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "all.toml",
            "locked = [\"calls\"]\n[room]\nname = \"Room\"\nshow_chat = true\n[calls]\nring_volume = 5\n",
        );
        write("den.example.toml", "[room]\nname = \"Den\"\n");
        let documents = Documents::open(folder.path()).unwrap();
        let calls = json!({"ring_volume": 5});
        let den = json!({"room": {"name": "Den", "show_chat": true}, "calls": calls, "locked": ["calls"]});
        assert_eq!(documents.of(Some("den.example")).unwrap(), den);
        assert_eq!(documents.of(Some("attic.example")).unwrap()["room"]["name"], "Room");
        let path = folder.path().join("all.toml");
        assert_eq!(Documents::open(&path).unwrap().of(Some("den.example")).unwrap()["room"]["name"], "Room");
        write("den.example.toml", "[room");
        assert!(
            documents
                .of(Some("den.example"))
                .unwrap_err()
                .to_string()
                .contains("den.example.toml is no TOML")
        );
        assert!(Documents::open(&folder.path().join("none.toml")).is_err());
    }
}
