//! What a fleet wants of an appliance: a document that its owner has signed, for this box and newer than the last one.
//!
//! A document is TOML: `for` names the boxes that it is meant for (or is `"*"`), `serial` counts up, and the rest is the
//! provisioned layer of the configuration. Its signature is minisign's (Ed25519 over BLAKE2b).

use std::path::{Path, PathBuf};

use minisign_verify::{PublicKey, Signature};
use serde_json::{Map, Value, json};

use super::files::{self, Readers};

/// The longest document, and the longest signature, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// See [`DOCUMENT_BYTES_MAX`].
pub const SIGNATURE_BYTES_MAX: usize = 4 * 1024;

const FILE: &str = "desired.json";

/// What is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Counts up from one document to the next.
    pub serial: u64,
    /// The provisioned layer: sections with their keys, and `locked`.
    pub body: Value,
}

/// Why a document is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Somebody else has signed it, or nobody.
    #[error("it is not signed with fleet.key: {0}")]
    Stranger(String),
    /// It is no such document.
    #[error("it is signed, and no desired state: {0}")]
    Document(String),
    /// It is meant for others.
    #[error("it is meant for other boxes, and this is {0}")]
    OtherBox(String),
    /// There was a newer one.
    #[error("its serial is {told}, and {known} was there before: make the serial larger than that")]
    Old {
        /// What it says.
        told: u64,
        /// What was followed last.
        known: u64,
    },
}

/// The last document that was followed.
pub struct Followed {
    path: PathBuf,
    /// Whose it was.
    key: String,
    serial: u64,
}

impl Followed {
    /// What the state directory knows.
    #[must_use]
    pub fn open(state: &Path) -> Self {
        let path = state.join(FILE);
        let text = files::read(&path).ok().flatten().unwrap_or_default();
        let kept: Value = serde_json::from_str(&text).unwrap_or_default();
        let key = kept["key"].as_str().unwrap_or_default().to_owned();
        Self { path, key, serial: kept["serial"].as_u64().unwrap_or(0) }
    }

    /// The serial of the last one that was signed with that key; 0 where there was none.
    #[must_use]
    pub fn serial(&self, key: &str) -> u64 {
        if self.key == key { self.serial } else { 0 }
    }

    /// One was followed.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub fn note(&mut self, key: &str, serial: u64) -> Result<(), files::Error> {
        if (self.key.as_str(), self.serial) == (key, serial) {
            return Ok(());
        }
        let text = json!({ "key": key, "serial": serial });
        files::write(&self.path, &format!("{text}\n"), Readers::OwnerAlone)?;
        key.clone_into(&mut self.key);
        self.serial = serial;
        Ok(())
    }
}

/// Checks a document with its signature; `known` is the serial of the last one that was followed.
///
/// # Errors
/// See [`Refused`]. Nothing of a document is looked at before its signature was found to be good.
pub fn read(
    (text, signature): (&[u8], &str),
    key: &str,
    box_id: &str,
    known: u64,
) -> Result<Desired, Refused> {
    let stranger = |error: minisign_verify::Error| Refused::Stranger(error.to_string());
    let key = PublicKey::from_base64(key).map_err(stranger)?;
    let signature = Signature::decode(signature).map_err(stranger)?;
    key.verify(text, &signature, false).map_err(stranger)?;
    let document = |cause: String| Refused::Document(cause);
    let text = std::str::from_utf8(text).map_err(|error| document(error.to_string()))?;
    let table: toml::Table = toml::from_str(text).map_err(|error| document(error.message().to_owned()))?;
    let value = serde_json::to_value(table).map_err(|error| document(error.to_string()))?;
    let Value::Object(mut sections) = value else { return Err(document("it has no sections".to_owned())) };
    let is_meant = meant_for(&mut sections, box_id).map_err(document)?;
    let serial = sections.remove("serial").and_then(|serial| serial.as_u64()).filter(|serial| *serial > 0);
    let serial =
        serial.ok_or_else(|| document("serial is missing; give a number that counts up".to_owned()))?;
    if !is_meant {
        return Err(Refused::OtherBox(box_id.to_owned()));
    }
    if serial < known {
        return Err(Refused::Old { told: serial, known });
    }
    Ok(Desired { serial, body: Value::Object(sections) })
}

fn meant_for(sections: &mut Map<String, Value>, box_id: &str) -> Result<bool, String> {
    let is_box = |value: &Value| value.as_str().is_some_and(|name| name.eq_ignore_ascii_case(box_id));
    match sections.remove("for") {
        Some(Value::String(all)) if all == "*" => Ok(true),
        Some(one @ Value::String(_)) => Ok(is_box(&one)),
        Some(Value::Array(boxes)) => Ok(boxes.iter().any(is_box)),
        _ => Err("for is missing; give \"*\", or a list of boxes".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use minisign::KeyPair;

    use super::*;

    struct Owner(KeyPair);

    impl Owner {
        fn new() -> Self {
            Self(KeyPair::generate_unencrypted_keypair().unwrap())
        }

        fn key(&self) -> String {
            self.0.pk.to_base64()
        }

        fn sign(&self, text: &str) -> String {
            minisign::sign(None, &self.0.sk, Cursor::new(text), None, None).unwrap().to_string()
        }
    }

    fn read_as(owner: &Owner, text: &str, known: u64) -> Result<Desired, Refused> {
        read((text.as_bytes(), &owner.sign(text)), &owner.key(), "b4", known)
    }

    #[test]
    fn what_the_owner_has_signed_for_this_box_is_followed() {
        let owner = Owner::new();
        let text = "for = [\"a1\", \"B4\"]\nserial = 7\nlocked = [\"room.name\"]\n[room]\nname = \"Den\"\n";
        let wanted = json!({"locked": ["room.name"], "room": {"name": "Den"}});
        assert_eq!(read_as(&owner, text, 7), Ok(Desired { serial: 7, body: wanted }));
        assert_eq!(read_as(&owner, "for = \"*\"\nserial = 1\n", 0).unwrap().body, json!({}));
    }

    #[test]
    fn strangers_others_and_the_past_are_refused() {
        let (owner, stranger) = (Owner::new(), Owner::new());
        let text = "for = \"*\"\nserial = 7\n";
        let signed = owner.sign(text);
        let altered = text.replace('7', "8");
        for (text, signature) in [(text, stranger.sign(text)), (&altered, signed), (text, String::new())] {
            let refused = read((text.as_bytes(), &signature), &owner.key(), "b4", 0).unwrap_err();
            assert!(matches!(refused, Refused::Stranger(_)), "{refused}");
        }
        let other = read_as(&owner, "for = [\"a1\"]\nserial = 7\n", 0).unwrap_err();
        assert_eq!(other, Refused::OtherBox("b4".to_owned()));
        assert_eq!(read_as(&owner, text, 8).unwrap_err(), Refused::Old { told: 7, known: 8 });
    }

    #[test]
    fn what_is_signed_and_no_document_says_why() {
        let owner = Owner::new();
        for (text, why) in [
            ("serial = 7\n", "for is missing"),
            ("for = \"*\"\n", "serial is missing"),
            ("for = \"*\"\nserial = -7\n", "serial is missing"),
            ("for = 5\nserial = 7\n", "for is missing"),
            ("for = \"*\n", "string"),
        ] {
            let refused = read_as(&owner, text, 0).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn the_last_one_is_known_after_a_restart_and_belongs_to_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let mut followed = Followed::open(folder.path());
        assert_eq!(followed.serial("RWa"), 0);
        followed.note("RWa", 7).unwrap();
        let followed = Followed::open(folder.path());
        assert_eq!((followed.serial("RWa"), followed.serial("RWb")), (7, 0));
    }
}
