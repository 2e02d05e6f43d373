//! Layers, locks and changes: whose word counts, and what is refused.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::change::{Change, Outcome, Refused, change};
use super::kept::{Kept, REVISIONS_MAX};
use super::keys::{Applies, KEYS, Key, Range, Setter};
use super::layers::{Document, Layer, Layers, shown};
use super::*;

const AT: u64 = 1_800_000_000_000;

fn file(text: &str) -> Document {
    Document::of_file(&toml::from_str(text).unwrap(), "a file", AT)
}

fn asked(layer: Layer, body: Value) -> Change {
    Change { layer, by: "Ann".to_owned(), at_unix_ms: AT, body, is_whole: false }
}

fn local(layers: &Layers, body: Value) -> Result<Outcome, Refused> {
    change(layers, &asked(Layer::Local, body))
}

fn refused(layers: &Layers, body: Value) -> (String, bool) {
    let refused = local(layers, body).unwrap_err();
    (refused.key, refused.is_forbidden)
}

#[test]
fn the_last_layer_that_sets_a_key_wins_and_says_who_and_when() {
    let key = keys::find("room.name").unwrap();
    let mut layers = Layers::default();
    assert_eq!(layers.origin(key), (Layer::Factory, None));
    for layer in Layer::DOCUMENTS {
        layers = layers.with(layer, file(&format!("room.name = \"{}\"", layer.as_str())));
        assert_eq!(layers.config().unwrap().room.name, layer.as_str());
        let (by, setting) = layers.origin(key);
        assert_eq!((by, setting.unwrap().by.as_str(), setting.unwrap().at_unix_ms), (layer, "a file", AT));
    }
}

#[test]
fn a_locked_key_is_refused_above_and_what_stood_there_already_is_passed_over() {
    let site = file("locked = [\"room.name\", \"calls\"]\n[room]\nname = \"Den\"");
    let layers = Layers::default().with(Layer::Local, file("room.name = \"Attic\"")).with(Layer::Site, site);
    assert_eq!(layers.config().unwrap().room.name, "Den");
    assert_eq!(refused(&layers, json!({"room": {"name": "Cellar"}})), ("room.name".to_owned(), true));
    assert_eq!(
        refused(&layers, json!({"calls": {"ring_volume": 1}})),
        ("calls.ring_volume".to_owned(), true)
    );
    let outcome = local(&layers, json!({"room": {"show_chat": true}})).unwrap();
    assert_eq!(outcome.warnings, ["room.name is set in the site layer, too, which goes before"]);
    let fleet = change(&layers, &asked(Layer::Provisioned, json!({"locked": ["meetings"]}))).unwrap();
    assert_eq!(
        refused(&fleet.layers, json!({"meetings": {"codec": "vp9"}})),
        ("meetings.codec".to_owned(), true)
    );
}

#[test]
fn what_does_not_fit_is_refused_by_its_key_and_changes_nothing() {
    let layers = Layers::default();
    let wrong = |key: &str| (key.to_owned(), false);
    let cases = [
        (json!(7), wrong("")),
        (json!({"room": 7}), wrong("room")),
        (json!({"room": {"nmae": "x"}}), wrong("room.nmae")),
        (json!({"romo": {"name": "x"}}), wrong("romo.name")),
        (json!({"romo": null}), wrong("romo")),
        (json!({"room": {"name": 7}}), wrong("room.name")),
        (json!({"http": {"https_port": 70_000}}), wrong("http.https_port")),
        (json!({"calls": {"ring_seconds": 1}}), wrong("calls.ring_seconds")),
        (json!({"turn": {"server": "turn:a"}}), wrong("turn.server")),
        (json!({"locked": ["room.nmae"]}), wrong("room.nmae")),
        (json!({"locked": 7}), wrong("locked")),
        (json!({"tls": {"names": vec!["a.example"; 2000]}}), wrong("")),
        (json!({"tls": {"key": "/etc/shadow"}}), ("tls.key".to_owned(), true)),
        (json!({"mail": {"password": ""}}), wrong("mail.password")),
    ];
    for (body, said) in cases {
        assert_eq!(refused(&layers, body.clone()), said, "{body}");
    }
    for layer in [Layer::Factory, Layer::Maker, Layer::Site] {
        let refused = change(&layers, &asked(layer, json!({}))).unwrap_err();
        assert!(refused.cause.contains("change its file"), "{}", refused.cause);
    }
}

#[test]
fn null_takes_a_key_or_a_section_out_and_a_whole_document_all_but_secrets() {
    let turn = json!({"server": "turn:a", "username": "u", "password": "open sesame"});
    let first =
        local(&Layers::default(), json!({"room": {"name": "Den", "show_chat": true}, "turn": turn})).unwrap();
    let without = local(&first.layers, json!({"room": {"name": null}})).unwrap();
    assert_eq!((without.config.room.name.as_str(), without.config.room.show_chat), ("room", true));
    let none = local(&first.layers, json!({"room": null, "turn": null})).unwrap();
    assert_eq!(none.config, Config::default());
    let body = json!({"turn": {"server": "turn:b", "username": "u"}});
    let whole = change(&first.layers, &Change { is_whole: true, ..asked(Layer::Local, body) }).unwrap();
    assert_eq!(whole.config.room, Room::default());
    assert_eq!(whole.config.turn.password.unwrap().reveal(), "open sesame");
}

#[test]
fn secrets_are_told_as_changed_and_never_shown() {
    let turn = json!({"server": "turn:a", "username": "u", "password": "open sesame"});
    let outcome = local(&Layers::default(), json!({ "turn": turn })).unwrap();
    let secret =
        outcome.differences.iter().find(|difference| difference.key.name == "turn.password").unwrap();
    assert_eq!((&secret.before, &secret.after), (&None, &None));
    let document = outcome.layers.document(Layer::Local).unwrap().values();
    let texts = [
        document.to_string(),
        shown(&outcome.config).to_string(),
        show(&outcome.config),
        explain(&outcome.config),
    ];
    for text in texts {
        assert!(text.contains("turn:a") && !text.contains("sesame"), "{text}");
    }
    assert!(!format!("{:?}", outcome.config).contains("sesame"));
}

#[test]
fn whoever_says_the_same_again_has_not_set_it_anew() {
    let first = local(&Layers::default(), json!({"room": {"name": "Den"}})).unwrap();
    let again = Change {
        by: "Bob".to_owned(),
        at_unix_ms: AT + 1,
        ..asked(Layer::Local, json!({"room": {"name": "Den"}}))
    };
    let again = change(&first.layers, &again).unwrap();
    assert_eq!(again.layers, first.layers);
    assert_eq!(again.differences, []);
}

#[test]
fn twenty_revisions_are_kept_and_each_can_be_gone_back_to() {
    let (mut kept, files) = (Kept::default(), Layers::default());
    for number in 1..=25 {
        let body = json!({"room": {"name": format!("Room {number}")}});
        let outcome = local(&kept.over(&files), body).unwrap();
        assert_eq!(kept.add(&outcome.layers, ("Ann", ""), AT), number);
    }
    assert_eq!(kept.revisions.len(), REVISIONS_MAX);
    assert_eq!(kept.as_of(5, &files), None);
    assert_eq!(kept.as_of(6, &files).unwrap().config().unwrap().room.name, "Room 6");
    assert_eq!(kept.as_of(0, &files), Some(files));
    let text = serde_json::to_string(&kept).unwrap();
    assert_eq!(serde_json::from_str::<Kept>(&text).unwrap(), kept);
}

#[test]
fn every_key_has_a_meaning_a_type_a_moment_and_somebody_who_may_set_it() {
    let schema = schema::schema();
    for key in KEYS {
        let (section, name) = key.place();
        let property = &schema["properties"][section]["properties"][name];
        assert!(property["description"].as_str().unwrap().ends_with('.'), "{}", key.name);
        assert!(
            ["live", "media", "restart"].contains(&property["x-applies"].as_str().unwrap()),
            "{}",
            key.name
        );
        assert!(
            ["administrators", "files"].contains(&property["x-set-by"].as_str().unwrap()),
            "{}",
            key.name
        );
        assert_eq!(property["writeOnly"].as_bool().unwrap_or(false), key.is_private);
        assert!(!key.is_private || property.get("default").is_none());
    }
    assert_eq!(schema["properties"]["calls"]["properties"]["ring_seconds"]["default"], 60);
    assert_eq!(schema["properties"]["calls"]["properties"]["ring_seconds"]["x-unit"], "seconds");
}

/// Values that fit a key, beside others that fit it.
fn fitting(key: &'static Key) -> BoxedStrategy<Value> {
    let text = |text: &'static str| Just(json!(text)).boxed();
    match key.range {
        Range::Number(least, most, _) => (least..=most).prop_map(Value::from).boxed(),
        Range::Switch => any::<bool>().prop_map(Value::from).boxed(),
        Range::OneOf(words) => proptest::sample::select(words).prop_map(Value::from).boxed(),
        _ if key.is_private => "[!-~]{1,40}".prop_map(Value::from).boxed(),
        _ => match key.name {
            "network.interface" => text("eth0"),
            "network.address" => text("192.0.2.10/24"),
            "network.gateway" => text("192.0.2.1"),
            "network.dns" => Just(json!(["192.0.2.53", "2001:db8::53"])).boxed(),
            "media.announce" => proptest::collection::vec(any::<std::net::Ipv4Addr>(), 0..4)
                .prop_map(|list| Value::from_iter(list.iter().map(ToString::to_string)))
                .boxed(),
            "tls.names" => proptest::collection::vec("[a-z]{1,9}(\\.[a-z]{1,9}){0,2}", 0..4)
                .prop_map(Value::from_iter)
                .boxed(),
            "acme.directory" => text("https://acme.example/directory"),
            "acme.names" => proptest::collection::vec("[a-z]{1,9}(\\.[a-z]{1,9}){0,2}", 1..4)
                .prop_map(Value::from_iter)
                .boxed(),
            "acme.contact" => text("mailto:rooms@example.org"),
            "acme.dns_server" => text("https://auth.example.org"),
            "acme.dns_subdomain" => text("8e5700ea-a4bf-41c7-8a77-e990661dcc6a"),
            "turn.server" => text("turn:turn.example.org:443"),
            "mail.server" => text("smtps:mx.example.org"),
            "mail.from" => text("room@example.org"),
            "calls.contact" => text("mailto:rooms@example.org"),
            "calls.webhook" => text("https://example.org/calls"),
            "fleet.source" | "fleet.report" => text("https://fleet.example/rooms"),
            "fleet.nats_domain" => text("hub"),
            "fleet.nats" => text("tls://nats.example, nats://192.0.2.1:4222"),
            "fleet.key" => text("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"),
            "maintenance.window" => text("22:30-04:00"),
            _ => "[A-Za-z][A-Za-z0-9 ]{0,20}[a-z]".prop_map(Value::from).boxed(),
        },
    }
}

/// All keys that can be set over the network, with values that fit.
fn documents() -> impl Strategy<Value = Vec<(&'static Key, Value)>> {
    let settable: Vec<_> = KEYS.iter().filter(|key| key.setter == Setter::Administrators).collect();
    settable.into_iter().map(|key| fitting(key).prop_map(move |value| (key, value))).collect::<Vec<_>>()
}

proptest! {
    #[test]
    fn what_is_said_of_every_key_is_in_force_and_read_back(document in documents()) {
        let mut body = json!({});
        for (key, value) in &document {
            let (section, name) = key.place();
            body[section][name] = value.clone();
        }
        let outcome = local(&Layers::default(), body).unwrap();
        let read = shown(&outcome.config);
        for (key, value) in document.iter().filter(|(key, _)| !key.is_private) {
            let (section, name) = key.place();
            prop_assert_eq!(&read[section][name], value, "{}", key.name);
            prop_assert_eq!(outcome.layers.origin(key).0, Layer::Local);
        }
        // What has come to be needs no more than what was said.
        prop_assert_eq!(change::applies(&outcome.differences), Applies::Restart);
        prop_assert_eq!(change::differences(&outcome.config, &outcome.config), vec![]);
    }
}
