//! Whether the values of a whole document are in their ranges and fit together.

use std::net::Ipv6Addr;

use super::change::can_be_locked;
use super::keys::{KEYS, Key};
use super::texts::{document, value};
use super::{Choice, Config};
use crate::meeting::NAME_CHARS_MAX;

/// The longest secret, in bytes.
const SECRET_BYTES_MAX: usize = 512;

/// The port of TURN (RFC 8656, 3.1), and the longest user name (RFC 8489, 14.3).
const TURN_PORT: u16 = 3478;
const USERNAME_BYTES_MAX: usize = 508;

/// A key whose value is out of its range.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) key: &'static str,
    pub(crate) cause: String,
}

/// Whether all values are in their ranges: numbers by the table, the rest one by one.
pub(super) fn check(config: &Config) -> Result<(), Fault> {
    let document = document(config);
    for key in KEYS {
        if let Some(cause) = value(&document, key).and_then(|value| unfit(key, value)) {
            return Err(Fault { key: key.name, cause });
        }
    }
    check_words(config)
}

/// What is wrong with a value whose range the table knows.
fn unfit(key: &Key, value: &toml::Value) -> Option<String> {
    let is_long = |text: &str| key.is_private && !(1..=SECRET_BYTES_MAX).contains(&text.len());
    match value.as_str() {
        Some(text) => is_long(text).then(|| format!("a secret has 1 to {SECRET_BYTES_MAX} bytes")),
        None => key.range.excludes(value.as_integer()),
    }
}

fn check_words(config: &Config) -> Result<(), Fault> {
    let room = &config.room;
    let fault = |key, cause: &str| Err(Fault { key, cause: cause.to_owned() });
    if room.name.trim().is_empty() || room.name.chars().count() > NAME_CHARS_MAX {
        return fault("room.name", "a room's name has 1 to 64 characters");
    }
    if room.name.chars().any(char::is_control) {
        return fault("room.name", "a room's name has no control characters");
    }
    let devices = [
        ("room.camera", &room.camera),
        ("room.microphone", &room.microphone),
        ("room.speaker", &room.speaker),
        ("room.display", &room.display),
    ];
    for (key, choice) in devices {
        if matches!(choice, Choice::Named(name) if name.trim().is_empty()) {
            return fault(key, "it is empty; give \"auto\", \"none\", \"simulated\" or a part of a name");
        }
    }
    check_turn(config)?;
    config.network.check()?;
    config.mail.check()?;
    config.maintenance.check()?;
    config.fleet.check()?;
    config.acme.check()?;
    check_calls(config)?;
    match (&config.tls.certificate, &config.tls.key) {
        (Some(_), None) => fault("tls.certificate", "it needs its private key; set tls.key, too"),
        (None, Some(_)) => fault("tls.key", "it needs its certificate; set tls.certificate, too"),
        _ if config.tls.names.iter().any(|name| !is_host_name(name)) => {
            fault("tls.names", "one of them is no host name; use letters, digits, '-' and '.'")
        }
        _ => Ok(()),
    }
}

/// Whether what is to be locked are keys or sections.
pub(super) fn check_locked(locked: &[String]) -> Result<(), Fault> {
    match locked.iter().find(|name| !can_be_locked(name)) {
        Some(name) => Err(Fault { key: "locked", cause: format!("there is no key or section {name:?}") }),
        None => Ok(()),
    }
}

fn check_turn(config: &Config) -> Result<(), Fault> {
    let fault = |key, cause: &str| Err(Fault { key, cause: cause.to_owned() });
    let turn = &config.turn;
    if turn.password.is_some() && turn.password_file.is_some() {
        return fault("turn.password", "there is turn.password_file already; keep one of the two");
    }
    let has_password = turn.password.is_some() || turn.password_file.is_some();
    match (&turn.server, &turn.username, has_password) {
        (None, None, false) => Ok(()),
        (None, ..) => fault("turn.server", "it is missing; give turn:host:port"),
        (Some(server), ..) if host_and_port(server).is_none() => {
            fault("turn.server", "it is no TURN server over UDP; give turn:host or turn:host:port")
        }
        (_, Some(username), true) if (1..=USERNAME_BYTES_MAX).contains(&username.len()) => Ok(()),
        (_, _, true) => fault("turn.username", "it is missing or too long; give 1 to 508 bytes"),
        (_, _, false) => {
            fault("turn.server", "it needs a password; set turn.password or turn.password_file, too")
        }
    }
}

fn check_calls(config: &Config) -> Result<(), Fault> {
    let fault = |key, cause: &str| Err(Fault { key, cause: cause.to_owned() });
    let begins = |text: &Option<String>, schemes: [&str; 2]| {
        text.as_ref().is_none_or(|text| schemes.iter().any(|scheme| text.starts_with(scheme)))
    };
    let calls = &config.calls;
    if !begins(&calls.contact, ["mailto:", "https://"]) {
        return fault("calls.contact", "it is neither mailto:… nor https://…");
    }
    if !begins(&calls.webhook, ["https://", "http://"]) {
        return fault("calls.webhook", "it is no address that begins with https:// or http://");
    }
    match (&calls.webhook, &calls.webhook_secret, &calls.webhook_secret_file) {
        (_, Some(_), Some(_)) => {
            fault("calls.webhook_secret", "there is calls.webhook_secret_file already; keep one of the two")
        }
        (Some(_), None, None) => {
            fault("calls.webhook", "it needs a secret to be signed with; set calls.webhook_secret, too")
        }
        (None, Some(_), _) => fault("calls.webhook_secret", "it is for a webhook; set calls.webhook, too"),
        (None, _, Some(_)) => {
            fault("calls.webhook_secret_file", "it is for a webhook; set calls.webhook, too")
        }
        _ => Ok(()),
    }
}

/// What stands behind `turn:` (RFC 7065, 3.1), with the port.
pub(super) fn host_and_port(server: &str) -> Option<String> {
    place(server, "turn:", TURN_PORT).map(|(host, port)| format!("{host}:{port}"))
}

/// The host and port behind a scheme.
pub(super) fn place(server: &str, scheme: &str, usual: u16) -> Option<(String, u16)> {
    let place = server.strip_prefix(scheme)?;
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !port.ends_with(']') => (host, port.parse::<u16>().ok()?),
        _ => (place, usual),
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = inner.map_or_else(|| is_host_name(host), |inner| inner.parse::<Ipv6Addr>().is_ok());
    (is_host && port > 0).then(|| (host.to_owned(), port))
}

/// Letters, digits and `-` in labels of 1 to 63 that do not begin or end with `-` (RFC 1123, 2.1).
pub(crate) fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}
