//! The configuration: one TOML document with a default for every key, checked as a whole before use.

mod acme;
pub mod change;
mod checks;
mod fleet;
pub mod kept;
mod keys;
#[cfg(test)]
mod layer_tests;
pub mod layers;
mod mail;
mod maintenance;
mod network;
mod role;
pub mod schema;
mod secret;
#[cfg(test)]
mod tests;
mod texts;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};

pub use acme::{Acme, AcmeProof};
use checks::Fault;
pub(crate) use checks::is_host_name;
pub use fleet::Fleet;
pub use keys::{Applies, KEYS, Key, Range, Setter};
pub use mail::{Mail, MailSecurity, MailServer};
pub use maintenance::Maintenance;
pub use network::{Address, Network};
pub use role::GivenRole;
pub use secret::Secret;
pub use texts::{explain, show};

use crate::meeting::MeetingName;
use layers::{Document, Layer, Layers};

/// Where the document is looked for when no other place is named; it need not exist.
pub const DEFAULT_PATH: &str = "/etc/alcove/alcove.toml";

/// Where whoever makes the box says what is different on it.
pub const MAKER_PATH: &str = "/usr/share/alcove/maker.toml";

/// The largest document, in bytes.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// The whole document. What each key means, and its range, is told by [`explain`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The room and its devices.
    pub room: Room,
    /// The pages and the API.
    pub http: Http,
    /// The address of the machine.
    pub network: Network,
    /// Sound and pictures on the network.
    pub media: Media,
    /// A relay for media.
    pub turn: Turn,
    /// Certificates.
    pub tls: Tls,
    /// Certificates that an authority issues by itself.
    pub acme: Acme,
    /// Meetings that are held here.
    pub meetings: Meetings,
    /// Mail that the appliance sends.
    pub mail: Mail,
    /// Calls.
    pub calls: Calls,
    /// When the appliance may be disturbed.
    pub maintenance: Maintenance,
    /// What a fleet wants of the appliance.
    pub fleet: Fleet,
    /// Keys, or whole sections, that later layers may not set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locked: Vec<String>,
}

/// The room and its devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Room {
    /// The name to show, 1 to 64 characters; the standing meeting is named after it.
    pub name: String,
    /// The camera to use.
    pub camera: Choice,
    /// The microphone to use.
    pub microphone: Choice,
    /// The loudspeaker to use.
    pub speaker: Choice,
    /// The display to use.
    pub display: Choice,
    /// Whether the screen shows what people write to everybody.
    pub show_chat: bool,
}

/// The pages and the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// The TCP port of HTTPS; 0 takes any free one.
    pub https_port: u16,
    /// The TCP port of plain HTTP; 0 takes any free one.
    pub http_port: u16,
}

/// Sound and pictures on the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// The first UDP and TCP port, one per worker; 0 takes any free ones.
    pub port: u16,
    /// How many threads forward packets; `None`: one less than the machine has cores, at least one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<u16>,
    /// How many people of one meeting a thread carries before another thread helps.
    pub people_per_worker: u16,
    /// Addresses told to browsers besides those of the interfaces, such as that of a router.
    pub announce: Vec<IpAddr>,
}

/// A relay for media, where guests cannot reach the appliance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// The TURN server, `turn:host:port`, over UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The user name there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// A file with the password in its first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// That password itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

/// Certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// A certificate chain (PEM) to use instead of the appliance's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The private key (PEM) of that certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Names by which the appliance is reached besides its host name; they are put into its own certificate.
    pub names: Vec<String>,
    /// The authority (PEM) whose certificates let programs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_authority: Option<PathBuf>,
    /// What they may do.
    pub client_role: GivenRole,
}

/// Calls: who is rung, for how long, how loud, and who is told elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Calls {
    /// How long somebody is rung, in seconds.
    pub ring_seconds: u16,
    /// How loud the room rings, in percent of the loudest.
    pub ring_volume: u8,
    /// Whether appliances on the local network find each other.
    pub nearby: bool,
    /// How the people of push services reach the owner: `mailto:` or `https:`; the appliance's own address else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// An address that is told who is rung and signed in nowhere, and who has missed a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// A file with the secret that the webhook is signed with in its first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_secret_file: Option<PathBuf>,
    /// That secret itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<Secret>,
}

/// Meetings that are held here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Meetings {
    /// The most participants of a meeting that is created without saying how many.
    pub max_participants: u32,
    /// How long a participant may be cut off before it is gone, in seconds.
    pub away_seconds: u32,
    /// How long a meeting may stand empty before it ends, in seconds.
    pub idle_seconds: u32,
    /// How long it is kept who was in a meeting and how polls went, in days.
    pub records_days: u32,
    /// What pages send in it.
    pub codec: MeetingCodec,
}

/// What pages send, where everybody in a meeting can receive it; else H.264, or VP8 where that cannot be received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MeetingCodec {
    /// H.264.
    #[default]
    Auto,
    /// VP8.
    Vp8,
    /// VP9: fewer bits for the same picture, and more work for those who send.
    Vp9,
    /// AV1: fewer bits still, and more work still.
    Av1,
}

/// Which device to use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Choice {
    /// The best that is plugged in; a simulated one where there is none.
    #[default]
    Auto,
    /// None at all.
    None,
    /// A simulated one.
    Simulated,
    /// The one whose name, as `alcove devices` shows it, contains this.
    Named(String),
}

impl From<String> for Choice {
    fn from(text: String) -> Self {
        match text.as_str() {
            "auto" => Self::Auto,
            "none" => Self::None,
            "simulated" => Self::Simulated,
            _ => Self::Named(text),
        }
    }
}

impl From<Choice> for String {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Auto => "auto".to_owned(),
            Choice::None => "none".to_owned(),
            Choice::Simulated => "simulated".to_owned(),
            Choice::Named(name) => name,
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        let auto = Choice::Auto;
        Self {
            name: "room".to_owned(),
            camera: auto.clone(),
            microphone: auto.clone(),
            speaker: auto.clone(),
            display: auto,
            show_chat: false,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { https_port: 8443, http_port: 8080 }
    }
}

impl Default for Media {
    fn default() -> Self {
        Self { port: 7800, workers: None, people_per_worker: 16, announce: vec![] }
    }
}

impl Default for Meetings {
    fn default() -> Self {
        Self {
            max_participants: 50,
            away_seconds: 15,
            idle_seconds: 300,
            records_days: 30,
            codec: MeetingCodec::Auto,
        }
    }
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            ring_seconds: 60,
            ring_volume: 60,
            nearby: true,
            contact: None,
            webhook: None,
            webhook_secret_file: None,
            webhook_secret: None,
        }
    }
}

impl Config {
    /// Host and port of the TURN server, if there is one.
    #[must_use]
    pub fn turn_server(&self) -> Option<String> {
        self.turn.server.as_deref().and_then(checks::host_and_port)
    }

    /// The name of the room's standing meeting.
    #[must_use]
    pub fn standing_meeting(&self) -> MeetingName {
        MeetingName::nearest(&self.room.name)
    }
}

/// Why a configuration cannot be used: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not there, or may not be read.
    #[error("cannot read the configuration {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The document is not as it should be.
    #[error("the configuration {path} is wrong in line {line}{}: {cause}", after_comma(key))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key with its section, `http.https_port`; empty where none is meant.
        key: String,
        /// What is wrong, and what would be right.
        cause: String,
    },
}

fn after_comma(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(", key {key}") }
}

/// Reads and checks the files of the configuration: the maker's, where there is one, and the one at `path`, or at
/// [`DEFAULT_PATH`] where there is one.
///
/// # Errors
/// One sentence that names the file and, of a wrong document, the line, the key and the cause.
pub fn files(path: Option<&Path>) -> Result<Layers, Error> {
    let maker = read(Path::new(MAKER_PATH), false, Layer::Maker, Layers::default())?;
    let (path, is_needed) = path.map_or_else(|| (Path::new(DEFAULT_PATH), false), |path| (path, true));
    read(path, is_needed, Layer::Site, maker)
}

/// The files for the daemon. A file that was named must be good; the usual ones may be spoilt by a cut or a slip, and
/// a room that still opens is worth more than one that does not: then everything is as by default, the file is left as
/// it is, and the fault is told.
///
/// # Errors
/// When the file that was named cannot be used.
pub fn files_for_service(path: Option<&Path>) -> Result<(Layers, Option<Error>), Error> {
    match (files(path), path) {
        (Ok(layers), _) => Ok((layers, None)),
        (Err(fault), None) => Ok((Layers::default(), Some(fault))),
        (Err(fault), Some(_)) => Err(fault),
    }
}

/// The configuration that layers make which were checked as they were put together.
#[must_use]
pub fn merged(layers: &Layers) -> Config {
    layers.config().unwrap_or_default()
}

/// Adds what a file says, if there is one.
fn read(path: &Path, is_needed: bool, layer: Layer, layers: Layers) -> Result<Layers, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let written = std::fs::metadata(path).and_then(|data| data.modified()).ok();
            let at = written.and_then(|written| written.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            parse(path, &text, u64::try_from(at.as_millis()).unwrap_or(0), layer, layers)
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound && !is_needed => Ok(layers),
        Err(cause) => Err(Error::Unreadable { path: path.to_owned(), cause }),
    }
}

/// Checks the text of a document, and how it fits over the layers before it; `path` is what errors call it.
fn parse(path: &Path, text: &str, at_unix_ms: u64, layer: Layer, layers: Layers) -> Result<Layers, Error> {
    let wrong = |offset: usize, key: String, cause: String| {
        let line = text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
        Error::Wrong { path: path.to_owned(), line, key, cause }
    };
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(wrong(0, String::new(), format!("it has more than {DOCUMENT_BYTES_MAX} bytes")));
    }
    let not_parsed = |error: &toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        wrong(offset, key_at(text, offset), error.message().trim().replace('\n', ", "))
    };
    let typed: Config = toml::from_str(text).map_err(|error| not_parsed(&error))?;
    let unfit = |fault: Fault| wrong(offset_of(text, fault.key), fault.key.to_owned(), fault.cause);
    checks::check_locked(&typed.locked).map_err(unfit)?;
    let said: toml::Table = toml::from_str(text).map_err(|error| not_parsed(&error))?;
    let document = Document::of_file(&said, &path.display().to_string(), at_unix_ms);
    let layers = layers.with(layer, document);
    layers.config().map_err(unfit)?;
    Ok(layers)
}

/// The key that stands, or whose value stands, at that byte of the text; empty where there is none.
fn key_at(text: &str, offset: usize) -> String {
    let Ok(document) = DeTable::parse(text) else { return String::new() };
    let mut path = String::new();
    let mut table = Some(document.get_ref());
    while let Some(entries) = table {
        let here = |(key, value): &(&toml::Spanned<_>, &toml::Spanned<_>)| {
            key.span().contains(&offset) || value.span().contains(&offset) || holds(value, offset)
        };
        let Some((key, value)) = entries.iter().find(here) else { break };
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key.get_ref());
        table = match value.get_ref() {
            DeValue::Table(inner) if !key.span().contains(&offset) => Some(inner),
            _ => None,
        };
    }
    path
}

/// Whether something inside a value stands there: the span of a `[section]` is that of its head alone.
fn holds(value: &toml::Spanned<DeValue<'_>>, offset: usize) -> bool {
    let DeValue::Table(table) = value.get_ref() else { return false };
    table.iter().any(|(key, value)| {
        key.span().contains(&offset) || value.span().contains(&offset) || holds(value, offset)
    })
}

/// The byte at which a key stands, 0 where it does not.
fn offset_of(text: &str, key: &str) -> usize {
    let Ok(document) = DeTable::parse(text) else { return 0 };
    let (section, name) = key.split_once('.').unwrap_or((key, ""));
    let Some(DeValue::Table(table)) = document.get_ref().get(section).map(toml::Spanned::get_ref) else {
        return 0;
    };
    table.get_key_value(name).map_or(0, |(key, _)| key.span().start)
}
