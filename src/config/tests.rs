//! The document as people write it, and what they are told when it is wrong.

use super::keys::KEYS;
use super::*;

pub(super) fn parse_text(text: &str) -> Result<Config, String> {
    let layers = parse(Path::new("alcove.toml"), text, 0, Layer::Site, Layers::default());
    layers.map(|layers| merged(&layers)).map_err(|error| error.to_string())
}

/// A document that says every key, none with its default.
const FULL: &str = r#"
[room]
name = "Board Room 2"
camera = "BRIO"
microphone = "none"
speaker = "simulated"
display = "HDMI"
[http]
https_port = 0
http_port = 80
[network]
interface = "eth0"
address = "192.0.2.10/24"
gateway = "192.0.2.1"
dns = ["192.0.2.1", "2001:db8::53"]
[media]
port = 0
workers = 3
announce = ["203.0.113.7", "2001:db8::7"]
[turn]
server = "turn:turn.example.org:443"
username = "alcove"
password_file = "/etc/alcove/turn-password"
[tls]
certificate = "/etc/alcove/tls.pem"
key = "/etc/alcove/tls.key"
names = ["meet.example.org"]
client_authority = "/etc/alcove/clients.pem"
client_role = "admin"
[meetings]
max_participants = 20
away_seconds = 30
idle_seconds = 60
records_days = 7
codec = "vp9"
[mail]
server = "smtp:mx.example.org"
from = "room@example.org"
username = "room"
password_file = "/etc/alcove/mail-password"
[calls]
ring_seconds = 30
ring_volume = 80
contact = "mailto:rooms@example.org"
webhook = "https://example.org/calls"
webhook_secret_file = "/etc/alcove/webhook-secret"
"#;

/// The keys that stand instead of others.
const OTHERWISE: &str = r#"
[turn]
server = "turn:turn.example.org"
username = "alcove"
password = "open sesame"
[mail]
server = "smtp:mx.example.org"
from = "room@example.org"
username = "room"
password = "open sesame"
[calls]
webhook = "https://example.org/calls"
webhook_secret = "open sesame"
[acme]
directory = "https://acme.example/directory"
names = ["meet.example.org"]
contact = "mailto:rooms@example.org"
dns_server = "https://auth.example.org"
dns_username = "room"
dns_password = "open sesame"
dns_subdomain = "8e5700ea-a4bf-41c7-8a77-e990661dcc6a"
account = "kid-1"
account_key = "b3BlbiBzZXNhbWU"
authority = "/etc/alcove/acme-ca.pem"
[maintenance]
window = "22:30-04:00"
[fleet]
source = "https://fleet.example/rooms"
key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
report = "https://fleet.example/report"
report_token = "open sesame"
nats = "tls://nats.example"
nats_credentials_file = "/etc/alcove/nats.creds"
nats_authority = "/etc/alcove/nats.pem"
nats_domain = "hub"
"#;

#[test]
fn nothing_need_be_said() {
    let config = parse_text("").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!((config.http.https_port, config.media.port), (8443, 7800));
    assert_eq!(config.standing_meeting().as_str(), "room");
}

#[test]
fn everything_can_be_said() {
    let config = parse_text(FULL).unwrap();
    assert_eq!(config.standing_meeting().as_str(), "board-room-2");
    assert_eq!(config.room.camera, Choice::Named("BRIO".to_owned()));
    assert_eq!(config.media.workers, Some(3));
}

#[test]
fn the_table_has_every_key_of_the_document_and_no_other() {
    let documents = [FULL, OTHERWISE].map(|text| toml::Table::try_from(parse_text(text).unwrap()).unwrap());
    let sections = documents.iter().flatten();
    let names = |(section, keys): (&String, &toml::Value)| {
        let section = section.clone();
        keys.as_table().unwrap().keys().map(move |key| format!("{section}.{key}")).collect::<Vec<_>>()
    };
    let mut said: Vec<String> = sections.flat_map(names).collect();
    let mut known: Vec<_> = KEYS.iter().map(|key| key.name.to_owned()).collect();
    said.sort();
    said.dedup();
    known.sort();
    assert_eq!(said, known);
}

#[test]
fn what_is_shown_and_explained_is_a_document_again() {
    for config in [Config::default(), parse_text(FULL).unwrap()] {
        for text in [show(&config), explain(&config)] {
            assert_eq!(parse_text(&text).as_ref(), Ok(&config), "{text}");
        }
    }
    let text = explain(&Config::default());
    assert!(text.contains("Range: 0 to 65535 (port number). Default: 8443."), "{text}");
}

#[test]
fn a_turn_server_has_a_port_whether_it_is_said_or_not() {
    let servers = [
        ("turn:example.org", Some("example.org:3478")),
        ("turn:192.0.2.1:443", Some("192.0.2.1:443")),
        ("turn:[2001:db8::1]", Some("[2001:db8::1]:3478")),
        ("turn:[2001:db8::1]:443", Some("[2001:db8::1]:443")),
        ("turn:", None),
        ("turn:example.org:0", None),
        ("turn:example.org:70000", None),
        ("turn:[::x]", None),
        ("turn:a/b", None),
    ];
    for (server, place) in servers {
        assert_eq!(checks::host_and_port(server).as_deref(), place, "{server}");
    }
}

#[test]
fn what_is_wrong_is_said_with_line_key_and_cause() {
    let cases = [
        ("[http]\nhttps_prot = 1", "line 2, key http.https_prot: unknown field `https_prot`"),
        ("[htpp]\nhttps_port = 1", "line 1, key htpp: unknown field `htpp`"),
        ("[http]\nhttps_port = \"x\"", "line 2, key http.https_port: invalid type: string \"x\""),
        ("[http]\n\nhttps_port = 70000", "line 3, key http.https_port: invalid value"),
        ("http.https_port = -1", "line 1, key http.https_port: invalid value"),
        ("[meetings]\nmax_participants = 0", "key meetings.max_participants: 0 is out of range; give 1 to"),
        ("[media]\nworkers = 65", "line 2, key media.workers: 65 is out of range; give 1 to 64 threads"),
        ("[media]\nannounce = [\"router\"]", "line 2, key media.announce: invalid IP address"),
        ("[room]\nname = \" \"", "line 2, key room.name: a room's name"),
        ("[room]\ncamera = \"\"", "line 2, key room.camera: it is empty"),
        (
            "[network]\naddress = \"192.0.2.10\"",
            "line 2, key network.address: it is no address; give \"dhcp\"",
        ),
        (
            "[network]\naddress = \"192.0.2.0/24\"",
            "line 2, key network.address: it is the address of the network",
        ),
        ("[network]\ngateway = \"192.0.2.1\"", "line 2, key network.gateway: it is for network.address"),
        ("[turn]\nserver = \"stun:a\"", "line 2, key turn.server: it is no TURN server"),
        ("[turn]\nserver = \"turn:a:x\"", "line 2, key turn.server: it is no TURN server"),
        ("[turn]\nserver = \"turn:a\"", "line 2, key turn.server: it needs a password"),
        ("[turn]\nserver = \"turn:a\"\npassword_file = \"p\"", "key turn.username: it is missing"),
        ("[turn]\nusername = \"a\"", "key turn.server: it is missing"),
        ("[calls]\nring_seconds = 4", "key calls.ring_seconds: 4 is out of range; give 5 to 300 seconds"),
        ("[calls]\ncontact = \"rooms\"", "line 2, key calls.contact: it is neither"),
        ("[calls]\nwebhook = \"ftp://a\"", "line 2, key calls.webhook: it is no address"),
        ("[calls]\nwebhook = \"https://a\"", "line 2, key calls.webhook: it needs a secret"),
        ("[calls]\nwebhook_secret_file = \"s\"", "key calls.webhook_secret_file: it is for a webhook"),
        ("[tls]\nkey = \"k.pem\"", "line 2, key tls.key: it needs its certificate"),
        ("[tls]\nnames = [\"a..b\"]", "line 2, key tls.names: one of them is no host name"),
        ("locked = [\"romo\"]", "line 1, key locked: there is no key or section \"romo\""),
        ("[room]\nname = ", "line 2"),
        ("[room\n", "line 1"),
    ];
    for (text, said) in cases {
        let error = parse_text(text).unwrap_err();
        assert!(error.starts_with("the configuration alcove.toml is wrong in "), "{error}");
        assert!(error.contains(said), "{said:?} is not in {error:?}");
        assert!(!error.contains('\n'), "one sentence: {error:?}");
    }
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alcove.toml");
    let error = files(Some(&path)).unwrap_err().to_string();
    assert!(error.contains("cannot read the configuration") && error.contains("alcove.toml"), "{error}");
    std::fs::write(&path, "[room]\nname = \"Den\"").unwrap();
    assert_eq!(merged(&files(Some(&path)).unwrap()).room.name, "Den");
    std::fs::write(&path, [0xFF, 0xFE, 0]).unwrap();
    assert!(files(Some(&path)).is_err());
}

#[test]
fn the_packaged_document_explains_every_key_and_sets_none() {
    let template = texts::template();
    crate::blessed::compare("systemd/alcove.toml", &template);
    assert_eq!(parse_text(&template), Ok(Config::default()));
    let all_set: String = template
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("# ").filter(|it| it.contains(" = ")).unwrap_or(line)))
        .collect();
    assert_eq!(parse_text(&all_set), Ok(Config::default()), "every default can be written down");
}
