//! Certificates that an authority issues by ACME: had, shown, renewed while people meet, refused, and tried again.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RecordType};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::appliance::{Appliance, send, soon, text};
use crate::certificates::is_believed;
use crate::configuration::{condition, patch};
use crate::debian::free_port;
use crate::operations::over;
use crate::pebble::{House, Names, Pebble, Refusal, ZONE_KEY, Zone};
use crate::words::Words;

const NAME: &str = "den.example.test";

/// An appliance that believes the address of an authority, and the authority, which asks it over plain HTTP.
async fn both(
    dns: &str,
    more: Value,
    refuse: impl Fn(&str, u32) -> Option<Refusal> + Send + Sync + 'static,
) -> (Appliance, Pebble) {
    let house = House::new();
    let alcove = Appliance::start(&format!("[acme]\nauthority = {:?}\n", house.path("ca.pem")));
    let http_port = plain_port(&alcove).await;
    let pebble = Pebble::start(house, (dns, http_port), more, refuse).await;
    (alcove, pebble)
}

/// An authority that refuses nothing by itself.
fn willing(_: &str, _: u32) -> Option<Refusal> {
    None
}

/// Where it serves plain HTTP: its log says so.
async fn plain_port(alcove: &Appliance) -> u16 {
    let found = soon(async || {
        let log = alcove.log();
        let (before, _) = log.split_once(" (HTTP)")?;
        Some(before.rsplit(' ').next().unwrap().parse().unwrap())
    });
    found.await.expect("it says where")
}

/// Has it want a certificate.
async fn want(alcove: &Appliance, pebble: &Pebble, more: Value) {
    let mut acme =
        json!({ "directory": pebble.directory, "names": [NAME], "contact": "mailto:rooms@example.test" });
    acme.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    patch(alcove, "", json!({ "acme": acme })).await;
}

/// The certificate that was issued, once there is one that is another one than that.
async fn issued(alcove: &Appliance, before: Option<&Value>) -> Value {
    let found = soon(async || {
        let listed = alcove.get("certificates").await.with_status(200).json();
        let issued = listed.as_array().unwrap().iter().find(|one| one["source"] == "acme").cloned();
        issued.filter(|one| Some(&one["fingerprint"]) != before)
    });
    found.await.unwrap_or_else(|| panic!("none is issued: {}", alcove.log()))
}

/// What is told of the certificate, once it is told for that reason.
async fn told(alcove: &Appliance, reason: &str) -> (Value, String) {
    let mut last = Value::Null;
    let found = soon(async || {
        last = condition(&alcove.get("status").await.json(), "CertificateValid");
        (last["reason"] == reason).then_some(())
    });
    assert!(found.await.is_some(), "{last}: {}", alcove.log());
    (last["status"].clone(), text(&last["message"]))
}

/// Asks for a new one, and waits for what comes of it.
async fn renew(alcove: &Appliance) -> Value {
    let begun = alcove.post("certificates/acme/renew", json!({})).await.with_status(202).json();
    assert_eq!(begun["kind"], "certificate");
    over(alcove, &begun["id"]).await
}

#[tokio::test]
async fn a_certificate_is_issued_and_renewed_while_people_meet() {
    let names = Names::start();
    // Every question is refused once for its nonce (RFC 8555, 6.5).
    let (alcove, pebble) = both(&names.dns, json!({}), |_, before| (before == 0).then(bad_nonce)).await;
    let plain = plain_port(&alcove).await;
    let token = alcove.token("room", "speaker").await;
    let mut ann = Words::join(&alcove, "room", &token, "Ann").await;
    let detail = alcove.post("certificates/acme/renew", json!({})).await.problem(409, "unsupported-mode");
    assert!(detail.contains("acme.directory"), "{detail}");
    want(&alcove, &pebble, json!({})).await;
    let first = issued(&alcove, None).await;
    assert_eq!(first["names"], json!([NAME]));
    let life = first["until_unix_s"].as_u64().unwrap() - first["from_unix_s"].as_u64().unwrap();
    let renewal = || async { issued(&alcove, None).await["renewal_unix_s"].as_u64().unwrap() };
    let due = first["until_unix_s"].as_u64().unwrap() - life / 3;
    soon(async || (renewal().await == due).then_some(())).await.expect("it is renewed in time");
    let root = pebble.root().await.unwrap();
    assert!(is_believed(&alcove, root.clone(), NAME).await);
    assert!(!is_believed(&alcove, root, "attic.example.test").await, "others are shown the box's own");
    assert_eq!(told(&alcove, "Valid").await.0, "True");

    // What an authority may read is there for as long as it has to look.
    let tokens = pebble.tokens();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    for token in [&tokens[0], "unknown", "..", "%2e%2e%2facme.pem"] {
        let path = format!("/.well-known/acme-challenge/{token}");
        assert_eq!(send(alcove.plain_request(plain, Method::GET, &path)).await.status, 404, "{token}");
    }
    for name in ["acme.pem", "acme-account.json", "acme.json"] {
        let mode = std::fs::metadata(alcove.state().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }

    let renewed = renew(&alcove).await;
    assert_eq!(renewed["state"], "succeeded", "{renewed}");
    let second = issued(&alcove, Some(&first["fingerprint"])).await;
    assert_eq!(renewed["result"]["fingerprint"], second["fingerprint"]);
    ann.ask(json!({ "hand": { "up": true } })).await.expect("her socket goes on");
    assert!(!alcove.log().contains("PRIVATE"), "{}", alcove.log());
    let orders = pebble.orders();

    // After a cut it is there, and nobody is asked again.
    let alcove = again(alcove);
    assert_eq!(issued(&alcove, None).await["fingerprint"], second["fingerprint"]);
    assert!(alcove.meeting(json!({ "name": "den" })).await.to_string().contains(&format!("https://{NAME}")));
    assert_eq!(pebble.orders(), orders);

    // Switched off, it is shown no longer; the owner's own goes on beside it.
    patch(&alcove, "", json!({ "acme": { "directory": null } })).await;
    let count = async || alcove.get("certificates").await.json().as_array().unwrap().len();
    soon(async || (count().await == 1).then_some(())).await.expect("it is shown no longer");
}

#[tokio::test]
async fn one_that_ends_soon_is_renewed_by_itself_and_nobody_is_cut_off() {
    let names = Names::start();
    let (alcove, pebble) = both(&names.dns, json!({ "certificateValidityPeriod": 9 }), willing).await;
    let token = alcove.token("room", "speaker").await;
    let mut ann = Words::join(&alcove, "room", &token, "Ann").await;
    want(&alcove, &pebble, json!({})).await;
    let mut last = issued(&alcove, None).await;
    for _ in 0..2 {
        last = issued(&alcove, Some(&last["fingerprint"])).await;
        ann.ask(json!({ "hand": { "up": true } })).await.expect("her socket goes on");
    }
    // On a machine that is busy one may end before the next is there.
    let root = pebble.root().await.unwrap();
    soon(async || is_believed(&alcove, root.clone(), NAME).await.then_some(())).await.expect("it is good");
    // An account is made once: of all that was asked, that was asked only in the beginning.
    assert_eq!(pebble.accounts(), 1);
}

#[tokio::test]
async fn an_authority_says_when_it_wants_to_renew() {
    let names = Names::start();
    let (alcove, pebble) =
        both(&names.dns, json!({ "certificateValidityPeriod": 90 * 86_400 }), willing).await;
    let now = time::OffsetDateTime::from(std::fs::metadata(alcove.state()).unwrap().modified().unwrap());
    let [from, to] = [10, 11].map(|days| now + time::Duration::days(days));
    let rfc3339 =
        |at: time::OffsetDateTime| at.format(&time::format_description::well_known::Rfc3339).unwrap();
    pebble.suggest(&rfc3339(from), &rfc3339(to));
    want(&alcove, &pebble, json!({})).await;
    let first = issued(&alcove, None).await;
    let window = from.unix_timestamp()..=to.unix_timestamp();
    let is_followed = || async {
        let renewal = async || issued(&alcove, None).await["renewal_unix_s"].as_i64().unwrap();
        let is_so = soon(async || window.contains(&renewal().await).then_some(()));
        is_so.await.expect("it is renewed when the authority says")
    };
    is_followed().await;
    assert_eq!(pebble.hinted(), 1);
    assert_eq!(renew(&alcove).await["state"], "succeeded");
    issued(&alcove, Some(&first["fingerprint"])).await;
    is_followed().await;
    soon(async || (pebble.hinted() >= 2).then_some(())).await.expect("of the next one, too");
}

#[tokio::test]
async fn what_goes_wrong_is_told_with_what_to_do_and_tried_again_when_it_is_mended() {
    let names = Names::start();
    let blocked = json!({ "domainBlocklist": ["attic.example.test"] });
    let (alcove, mut pebble) = both(&names.dns, blocked, willing).await;
    let elsewhere = format!("https://localhost:{}/dir", free_port());
    want(&alcove, &pebble, json!({ "directory": elsewhere })).await;
    let (status, message) = told(&alcove, "NotIssued").await;
    assert_eq!(status, "False");
    assert!(message.contains(&elsewhere) && message.contains("look at acme.directory"), "{message}");
    assert!(message.contains("again by itself at 20"), "{message}");

    // The authority has a word against the name.
    want(&alcove, &pebble, json!({ "names": ["attic.example.test"] })).await;
    let says = |what: &'static str| {
        let alcove = &alcove;
        async move {
            let found = soon(async || told(alcove, "NotIssued").await.1.contains(what).then_some(()));
            assert!(found.await.is_some(), "{what}: {}", told(alcove, "NotIssued").await.1);
        }
    };
    says("(rejectedIdentifier)").await;
    says("give other names as acme.names").await;

    want(&alcove, &pebble, json!({})).await;
    let first = issued(&alcove, None).await;
    told(&alcove, "Valid").await;

    // An authority that has forgotten the account is given another one at once.
    pebble.forget().await;
    let renewed = renew(&alcove).await;
    assert_eq!(renewed["state"], "succeeded", "{renewed}");
    issued(&alcove, Some(&first["fingerprint"])).await;
    assert!(is_believed(&alcove, pebble.root().await.unwrap(), NAME).await);
    assert_eq!(pebble.accounts(), 2, "one that was forgotten, and one that was made anew");

    // A renewal that fails leaves the one in use, and is told without an alarm while there is time.
    drop(pebble);
    let failed = renew(&alcove).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    let (status, message) = told(&alcove, "NotRenewedYet").await;
    assert!(status == "True" && message.contains("was not renewed"), "{message}");
    assert_eq!(issued(&alcove, None).await["source"], "acme");
}

#[tokio::test]
async fn a_name_that_does_not_lead_here_is_told_with_what_to_do() {
    let (names, house) = (Names::start(), House::new());
    let alcove = Appliance::start(&format!("[acme]\nauthority = {:?}\n", house.path("ca.pem")));
    // Nobody listens where the authority looks.
    let pebble = Pebble::start(house, (&names.dns, free_port()), json!({}), willing).await;
    want(&alcove, &pebble, json!({})).await;
    let message = told(&alcove, "NotIssued").await.1;
    assert!(
        message.contains("(connection)") && message.contains("its port 80 to http.http_port"),
        "{message}"
    );
    assert!(!alcove.log().contains("ERROR"), "{}", alcove.log());
}

#[tokio::test]
async fn an_authority_whose_address_nobody_vouches_for_is_not_believed() {
    let house = House::new();
    let alcove = Appliance::start("");
    let pebble = Pebble::start(house, ("127.0.0.1:1", 1), json!({}), willing).await;
    want(&alcove, &pebble, json!({})).await;
    let message = told(&alcove, "NotIssued").await.1;
    assert!(message.contains("acme.authority") && message.contains("certificate"), "{message}");
    assert_eq!(pebble.posts(), 0);
}

#[tokio::test]
async fn an_authority_that_wants_to_be_left_alone_is_over_a_start_too() {
    let names = Names::start();
    let kept_meanwhile = Arc::new(Mutex::new((PathBuf::new(), Value::Null)));
    let noted = Arc::clone(&kept_meanwhile);
    let limited = move |path: &str, _| {
        let problem =
            json!({ "type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many certificates" });
        let later = vec![("retry-after", "7200".to_owned())];
        if path != "/order-plz" {
            return None;
        }
        let mut noted = noted.lock().unwrap();
        noted.1 = serde_json::from_str(&std::fs::read_to_string(&noted.0).unwrap()).unwrap();
        Some((StatusCode::TOO_MANY_REQUESTS, later, problem))
    };
    let (alcove, pebble) = both(&names.dns, json!({}), limited).await;
    kept_meanwhile.lock().unwrap().0 = alcove.state().join("acme.json");
    want(&alcove, &pebble, json!({})).await;
    let message = told(&alcove, "NotIssued").await.1;
    assert!(message.contains("rateLimited") && message.contains("too many certificates"), "{message}");
    let next = message.split("by itself at ").nth(1).unwrap().split(',').next().unwrap();
    let next = time::OffsetDateTime::parse(next, &time::format_description::well_known::Rfc3339).unwrap();
    let began = alcove.state().join("acme.json").metadata().unwrap().modified().unwrap();
    let wait = next - time::OffsetDateTime::from(began);
    assert!((7190..=9100).contains(&wait.whole_seconds()), "{wait}");
    assert_eq!(pebble.orders(), 1);
    // A box that goes down while it asks does not ask at once when it is back: that is noted before.
    let meanwhile = kept_meanwhile.lock().unwrap().1.clone();
    assert_eq!(meanwhile["failures"], 1, "{meanwhile}");
    assert!(text(&meanwhile["trouble"]).contains("broken off by a restart"), "{meanwhile}");
    let alcove = again(alcove);
    assert_eq!(told(&alcove, "NotIssued").await.1, message);
    assert_eq!(pebble.orders(), 1, "nobody is asked again");
}

#[tokio::test]
async fn an_account_is_bound_to_that_of_a_customer_where_the_authority_wants_that() {
    let names = Names::start();
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let bound = json!({ "externalAccountBindingRequired": true, "externalAccountMACKeys": { "kid-1": key } });
    let (alcove, pebble) = both(&names.dns, bound, willing).await;
    want(&alcove, &pebble, json!({})).await;
    let message = told(&alcove, "NotIssued").await.1;
    assert!(message.contains("set acme.account and acme.account_key"), "{message}");
    want(&alcove, &pebble, json!({ "account": "kid-1", "account_key": key })).await;
    issued(&alcove, None).await;
    assert!(!alcove.log().contains(key));

    // With the next one the authority hears how to reach the owner now.
    patch(&alcove, "", json!({ "acme": { "contact": "mailto:others@example.test" } })).await;
    for _ in 0..2 {
        assert_eq!(renew(&alcove).await["state"], "succeeded");
        assert_eq!(pebble.changes_of_accounts(), 1, "once");
    }
    assert_eq!(pebble.accounts(), 2, "one without, which was refused, and one that is bound");
}

/// How a zone answers for the texts of a name, by which the authority knows whose it is.
async fn texts(zone: &Zone, name: &str) -> usize {
    let mut question = Message::query();
    question.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::TXT));
    let question = question.to_vec().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", zone.port)).await.unwrap();
    stream.write_u16(question.len().try_into().unwrap()).await.unwrap();
    stream.write_all(&question).await.unwrap();
    let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
    stream.read_exact(&mut answer).await.unwrap();
    let answer = Message::from_vec(&answer).unwrap();
    answer.answers.iter().filter(|one| one.record_type() == RecordType::TXT).count()
}

#[tokio::test]
async fn records_are_put_by_signed_updates_and_taken_away_afterwards() {
    let zone = Zone::start();
    let house = House::new();
    let alcove = Appliance::start(&format!("[acme]\nauthority = {:?}\n", house.path("ca.pem")));
    // Plain HTTP leads nowhere: the records alone can tell.
    let dns = format!("127.0.0.1:{}", zone.port);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let pebble = {
        let seen = Arc::clone(&seen);
        let note = move |path: &str, _: u32| {
            seen.lock().unwrap().push(path.to_owned());
            None
        };
        Pebble::start(house, (&dns, 1), json!({}), note).await
    };
    // The second name is an alias into another place of the zone.
    let names = json!([NAME, "attic.example.test"]);
    let server = format!("dns:127.0.0.1:{}", zone.port);
    let wrong = "wrongwrongwrongwrongwrongwrongwrongwrongwro=";
    let login = json!({ "names": names, "dns_server": server, "dns_username": "box", "dns_password": wrong });
    want(&alcove, &pebble, login).await;
    let message = told(&alcove, "NotIssued").await.1;
    assert!(message.contains("look at acme.dns_server, acme.dns_username"), "{message}");
    patch(&alcove, "", json!({ "acme": { "dns_password": ZONE_KEY } })).await;
    let one = issued(&alcove, None).await;
    let mut had: Vec<_> = one["names"].as_array().unwrap().iter().map(text).collect();
    had.sort();
    assert_eq!(had, ["attic.example.test", NAME]);
    assert!(seen.lock().unwrap().iter().any(|path| path.starts_with("/chalZ/")));
    for name in ["_acme-challenge.den.example.test.", "proof.attic.example.test."] {
        soon(async || (texts(&zone, name).await == 0).then_some(())).await.expect("it is taken away");
    }
    assert!(!alcove.log().contains("stays in the DNS"), "{}", alcove.log());
    for secret in [ZONE_KEY, wrong] {
        assert!(!alcove.log().contains(secret) && !message.contains(secret));
    }
}

/// A stand-in for acme-dns: its one call, and whoever may make it. What it is told is served by the names of the test.
async fn stand_in(
    names: Arc<Names>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> (StatusCode, axum::Json<Value>) {
    let is_known = headers["x-api-user"] == "room" && headers["x-api-key"] == "open sesame";
    if !is_known || body["subdomain"] != "8e5700ea" {
        return (StatusCode::UNAUTHORIZED, axum::Json(json!({ "error": "forbidden" })));
    }
    let txt = text(&body["txt"]);
    assert_eq!(txt.len(), 43, "a SHA-256 in base64url");
    names.tell("set-txt", json!({ "host": format!("_acme-challenge.{NAME}."), "value": txt })).await;
    (StatusCode::OK, axum::Json(json!({ "txt": txt })))
}

#[tokio::test]
async fn records_are_put_by_acme_dns() {
    let names = Arc::new(Names::start());
    let house = House::new();
    let auth = {
        let names = Arc::clone(&names);
        let update = move |headers, body| stand_in(Arc::clone(&names), headers, body);
        house.serve(axum::Router::new().route("/update", axum::routing::post(update)))
    };
    let alcove = Appliance::start(&format!("[acme]\nauthority = {:?}\n", house.path("ca.pem")));
    let pebble = Pebble::start(house, (&names.dns, 1), json!({}), willing).await;
    let login = json!({ "dns_server": auth, "dns_username": "room", "dns_subdomain": "8e5700ea" });
    let with = |password: &str| {
        let mut login = login.clone();
        login["dns_password"] = json!(password);
        login
    };
    want(&alcove, &pebble, with("open garlic")).await;
    let message = told(&alcove, "NotIssued").await.1;
    assert!(
        message.contains("acme-dns answered 401") && message.contains("correct acme.dns_username"),
        "{message}"
    );
    want(&alcove, &pebble, with("open sesame")).await;
    issued(&alcove, None).await;
    assert!(!alcove.log().contains("open sesame") && !alcove.log().contains("open garlic"));
}

fn bad_nonce() -> Refusal {
    let problem = json!({ "type": "urn:ietf:params:acme:error:badNonce", "detail": "once more" });
    (StatusCode::BAD_REQUEST, Vec::new(), problem)
}

/// The power fails, and comes back.
fn again(mut alcove: Appliance) -> Appliance {
    alcove.child.kill().unwrap();
    alcove.child.wait().unwrap();
    let file = std::fs::read_to_string(alcove.state().join("alcove.toml")).unwrap();
    let (_, more) = file.split_once("[acme]").unwrap();
    Appliance::start_in(Arc::clone(&alcove.state), &format!("[acme]{more}"))
}
