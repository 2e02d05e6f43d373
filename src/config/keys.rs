//! Every key of the configuration: its range, its unit, its meaning; the one table behind checks and texts.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use super::{Choice, Config};
use crate::meeting::{NAME_CHARS_MAX, PARTICIPANTS_MAX};

/// One key.
pub(super) struct Key {
    /// With its section.
    pub(super) name: &'static str,
    /// What may stand there.
    pub(super) range: Range,
    /// What it does, in one sentence.
    pub(super) meaning: &'static str,
}

/// What may stand at a key.
pub(super) enum Range {
    /// A whole number from the first to the second, in the unit.
    Number(u32, u32, &'static str),
    /// Said in words; checked by the type or in [`check`].
    Words(&'static str),
}

const DEVICE: Range = Range::Words("\"auto\", \"none\", \"simulated\", or a part of a device's name");

/// All keys, in the order of the document.
pub(super) const KEYS: &[Key] = &[
    key(
        "room.name",
        Range::Words("1 to 64 characters"),
        "Names the room, and its standing meeting after it.",
    ),
    key("room.camera", DEVICE, "Chooses the camera; `alcove devices` lists them."),
    key("room.microphone", DEVICE, "Chooses the microphone."),
    key("room.speaker", DEVICE, "Chooses the loudspeaker."),
    key("room.display", DEVICE, "Chooses the display that shows the scene."),
    key(
        "room.show_chat",
        Range::Words("true or false"),
        "Shows on the room's screen what people write to everybody; everybody in the room reads it.",
    ),
    key(
        "http.https_port",
        PORT,
        "Serves the page, the API and the WebSocket by HTTPS, and takes media over TCP; 0 takes a free port.",
    ),
    key("http.http_port", PORT, "Serves plain HTTP, which has no microphone or camera; 0 takes a free port."),
    key(
        "media.port",
        PORT,
        "Is the first port of sound and pictures, UDP and TCP, one per worker; 0 takes free ports.",
    ),
    key(
        "media.workers",
        Range::Number(1, 64, "threads"),
        "Sets how many threads forward packets; unset: one less than the machine has cores.",
    ),
    key(
        "media.people_per_worker",
        Range::Number(1, 256, "people"),
        "Sets how many people of one meeting a thread carries before another thread helps.",
    ),
    key(
        "media.announce",
        Range::Words("a list of IP addresses"),
        "Adds addresses at which browsers reach the media ports, such as that of a router.",
    ),
    key(
        "turn.server",
        Range::Words("turn:host or turn:host:port, over UDP"),
        "Names the TURN server that relays media to guests who cannot reach the appliance.",
    ),
    key("turn.username", Range::Words("1 to 508 bytes"), "Is the user name for the TURN server."),
    key(
        "turn.password_file",
        Range::Words("the path of a file"),
        "Names the file whose first line is the password for the TURN server; it is read at the start.",
    ),
    key(
        "tls.certificate",
        Range::Words("the path of a PEM file"),
        "Uses this certificate chain instead of the appliance's own; needs tls.key.",
    ),
    key("tls.key", Range::Words("the path of a PEM file"), "Is the private key of tls.certificate."),
    key("tls.names", Range::Words("a list of host names"), "Adds names to the appliance's own certificate."),
    key(
        "meetings.max_participants",
        Range::Number(1, PARTICIPANTS_MAX, "participants"),
        "Limits meetings that are created without a limit of their own.",
    ),
    key(
        "meetings.away_seconds",
        Range::Number(1, 3600, "seconds"),
        "Keeps the place of a participant whose network is cut.",
    ),
    key(
        "meetings.idle_seconds",
        Range::Number(1, 86_400, "seconds"),
        "Ends a meeting in which nobody is any more.",
    ),
    key(
        "meetings.records_days",
        Range::Number(0, 3650, "days"),
        "Keeps who was in a meeting and how its polls went; what was said in it is wiped at its end.",
    ),
    key(
        "meetings.codec",
        Range::Words("\"auto\", \"vp8\", \"vp9\" or \"av1\""),
        "Is what pages send where all can receive it; \"auto\" is H.264, and VP8 where that cannot be received.",
    ),
    key(
        "mail.server",
        Range::Words("smtps:host, smtp:host (STARTTLS) or smtp-plain:host, and :port where it is another"),
        "Names the server through which reports of meetings are sent.",
    ),
    key("mail.from", Range::Words("a mail address"), "Is the address that mail comes from."),
    key("mail.username", Range::Words("a user name"), "Is the user name for the mail server."),
    key(
        "mail.password_file",
        Range::Words("the path of a file"),
        "Names the file whose first line is the password for the mail server; it is read at the start.",
    ),
    key(
        "calls.ring_seconds",
        Range::Number(5, 300, "seconds"),
        "Rings somebody for so long before it counts as no answer.",
    ),
    key(
        "calls.ring_volume",
        Range::Number(0, 100, "percent"),
        "Sets how loud the room rings; at 0 its screen alone tells of calls.",
    ),
    key(
        "calls.nearby",
        Range::Words("true or false"),
        "Announces this appliance on the local network, and lists the others that do.",
    ),
    key(
        "calls.contact",
        Range::Words("mailto:… or https://…"),
        "Tells push services how to reach whoever runs this appliance; unset: the appliance's own address.",
    ),
    key(
        "calls.webhook",
        Range::Words("an http or https address"),
        "Is told by POST who is rung and signed in nowhere, and who has missed a call.",
    ),
    key(
        "calls.webhook_secret_file",
        Range::Words("the path of a file"),
        "Names the file whose first line is the secret that the webhook is signed with; it is read at the start.",
    ),
];

const PORT: Range = Range::Number(0, 65_535, "port number");

const fn key(name: &'static str, range: Range, meaning: &'static str) -> Key {
    Key { name, range, meaning }
}

/// The port of TURN (RFC 8656, 3.1), and the longest user name (RFC 8489, 14.3).
const TURN_PORT: u16 = 3478;
const USERNAME_BYTES_MAX: usize = 508;

/// A key whose value is out of its range.
pub(super) struct Fault {
    pub(super) key: &'static str,
    pub(super) cause: String,
}

/// Whether all values are in their ranges: numbers by the table, the rest one by one.
pub(super) fn check(config: &Config) -> Result<(), Fault> {
    let document = document(config);
    for key in KEYS {
        let Range::Number(least, most, unit) = key.range else { continue };
        let Some(number) = value(&document, key.name).and_then(toml::Value::as_integer) else { continue };
        if !(i64::from(least)..=i64::from(most)).contains(&number) {
            let cause = format!("{number} is out of range; give {least} to {most} {unit}");
            return Err(Fault { key: key.name, cause });
        }
    }
    check_words(config)
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
    config.mail.check()?;
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

fn check_turn(config: &Config) -> Result<(), Fault> {
    let fault = |key, cause: &str| Err(Fault { key, cause: cause.to_owned() });
    let turn = &config.turn;
    match (&turn.server, &turn.username, &turn.password_file) {
        (None, None, None) => Ok(()),
        (None, ..) => fault("turn.server", "it is missing; give turn:host:port"),
        (Some(server), ..) if host_and_port(server).is_none() => {
            fault("turn.server", "it is no TURN server over UDP; give turn:host or turn:host:port")
        }
        (_, Some(username), Some(_)) if (1..=USERNAME_BYTES_MAX).contains(&username.len()) => Ok(()),
        (_, _, Some(_)) => fault("turn.username", "it is missing or too long; give 1 to 508 bytes"),
        (_, _, None) => fault("turn.server", "it needs a password; set turn.password_file, too"),
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
    match (&calls.webhook, &calls.webhook_secret_file) {
        (Some(_), None) => {
            fault("calls.webhook", "it needs a secret to be signed with; set calls.webhook_secret_file, too")
        }
        (None, Some(_)) => fault("calls.webhook_secret_file", "it is for a webhook; set calls.webhook, too"),
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

/// The configuration as a document that says every key; those that are not set are comments.
#[must_use]
pub fn show(config: &Config) -> String {
    each_key(config, |_, text, name, value| match value {
        Some(value) => writeln!(text, "{name} = {value}"),
        None => writeln!(text, "# {name} is not set"),
    })
}

/// The same, each key with its meaning, its range and its default.
#[must_use]
pub fn explain(config: &Config) -> String {
    let defaults = document(&Config::default());
    each_key(config, |key, text, name, value| {
        let range = match key.range {
            Range::Number(least, most, unit) => format!("{least} to {most} ({unit})"),
            Range::Words(words) => words.to_owned(),
        };
        let default =
            self::value(&defaults, key.name).map_or_else(|| "not set".to_owned(), ToString::to_string);
        writeln!(text, "\n# {}\n# Range: {range}. Default: {default}.", key.meaning)?;
        match value {
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
        let (section, name) = key.name.split_once('.').expect("every key stands in a section");
        if section != open_section {
            let gap = if open_section.is_empty() { "" } else { "\n" };
            writeln!(text, "{gap}[{section}]").expect("a String takes everything");
            open_section = section;
        }
        line(key, &mut text, name, value(&document, key.name)).expect("a String takes everything");
    }
    text
}

fn document(config: &Config) -> toml::Table {
    toml::Table::try_from(config).expect("every configuration is a TOML document: paths were read from one")
}

fn value<'a>(document: &'a toml::Table, key: &str) -> Option<&'a toml::Value> {
    let (section, name) = key.split_once('.')?;
    document.get(section)?.get(name)
}
