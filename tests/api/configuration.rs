//! The configuration as administrators see it: tried out, changed, confirmed, taken back, and there after a power cut.

use std::net::TcpListener;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use crate::appliance::{Appliance, Reply, send, soon, text};
use crate::kept::killed;
use crate::words::Words;

/// The configuration with its entity tag.
async fn read(alcove: &Appliance) -> (Value, String) {
    let answer =
        alcove.request(Method::GET, "/api/v1/config").bearer_auth(&alcove.admin).send().await.unwrap();
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    (answer.json().await.unwrap(), etag)
}

async fn write(alcove: &Appliance, method: Method, query: &str, etag: Option<&str>, body: Value) -> Reply {
    let request =
        alcove.request(method, &format!("/api/v1/config{query}")).bearer_auth(&alcove.admin).json(&body);
    send(match etag {
        Some(etag) => request.header("If-Match", etag),
        None => request,
    })
    .await
}

/// Changes the configuration.
pub(crate) async fn patch(alcove: &Appliance, query: &str, body: Value) -> Value {
    write(alcove, Method::PATCH, query, Some("*"), body).await.with_status(200).json()
}

/// Waits until a generation of the configuration is in effect.
pub(crate) async fn applied(alcove: &Appliance, generation: &Value) -> Value {
    let path = format!("/api/v1/status?waitFor=ConfigApplied&generation={generation}&timeout=60");
    let applied = soon(async || {
        let request = alcove.request(Method::GET, &path).bearer_auth(&alcove.admin);
        // While it starts anew it says so, or cuts off; the next answer comes when it has started.
        match request.send().await {
            Ok(answer) if answer.status() == 200 => return Some(answer.json().await.unwrap()),
            Ok(answer) => assert_eq!(answer.status(), 503, "{}", answer.text().await.unwrap()),
            Err(error) => assert!(error.is_request() || error.is_body(), "{error:?}"),
        }
        None
    });
    applied.await.unwrap_or_else(|| panic!("generation {generation} is never in effect: {}", alcove.log()))
}

/// One of the conditions of a status.
pub(crate) fn condition(status: &Value, kind: &str) -> Value {
    let conditions = status["conditions"].as_array().unwrap();
    conditions.iter().find(|condition| condition["type"] == kind).unwrap().clone()
}

#[tokio::test]
async fn a_live_key_takes_effect_at_once_and_a_dry_run_changes_nothing() {
    let alcove = Appliance::start("");
    let (before, etag) = read(&alcove).await;
    assert_eq!(before["config"]["meetings"]["max_participants"], 50);
    let body = json!({"meetings": {"max_participants": 7}});
    let dry = write(&alcove, Method::PATCH, "?dryRun=true", Some(&etag), body.clone())
        .await
        .with_status(200)
        .json();
    let change = json!({"key": "meetings.max_participants", "before": 50, "after": 7, "applies": "live"});
    assert_eq!((&dry["changes"], &dry["applies"]), (&json!([change]), &json!("live")));
    assert_eq!(read(&alcove).await, (before, etag.clone()), "it was only asked");

    let done = write(&alcove, Method::PATCH, "", Some(&etag), body).await.with_status(200).json();
    assert_eq!(done["generation"], 1);
    applied(&alcove, &done["generation"]).await;
    let meeting = alcove.meeting(json!({"name": "den"})).await;
    assert_eq!(meeting["max_participants"], 7);
}

#[tokio::test]
async fn who_has_not_read_the_last_change_is_told_to() {
    let alcove = Appliance::start("");
    let (_, etag) = read(&alcove).await;
    let body = |volume: u8| json!({"calls": {"ring_volume": volume}});
    write(&alcove, Method::PATCH, "", None, body(1)).await.problem(428, "invalid-parameter");
    write(&alcove, Method::PATCH, "", Some(&etag), body(1)).await.with_status(200);
    let detail = write(&alcove, Method::PATCH, "", Some(&etag), body(2)).await.problem(412, "stale");
    assert!(detail.contains("read it again"), "{detail}");
    write(&alcove, Method::PUT, "?dryRun=true", Some(&etag), body(2)).await.problem(412, "stale");
    assert_eq!(read(&alcove).await.0["config"]["calls"]["ring_volume"], 1);
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_its_key() {
    let alcove = Appliance::start("");
    patch(&alcove, "?layer=provisioned", json!({"locked": ["calls.ring_volume"]})).await;
    let cases = [
        ("", json!({"room": {"nmae": "x"}}), 400, "invalid-parameter", "room.nmae"),
        ("", json!({"calls": {"ring_seconds": 1}}), 400, "invalid-parameter", "calls.ring_seconds"),
        ("", json!({"calls": {"ring_volume": 1}}), 403, "not-permitted", "provisioned layer has locked it"),
        ("", json!({"tls": {"key": "/etc/shadow"}}), 403, "not-permitted", "set by files"),
        ("", json!({"network": {"address": "192.0.2.255/24"}}), 400, "invalid-parameter", "network.address"),
        ("", json!({"network": {"gateway": "192.0.2.1"}}), 400, "invalid-parameter", "set that, too"),
        ("", json!([]), 400, "invalid-parameter", "sections"),
        ("?layer=site", json!({}), 400, "invalid-parameter", "change its file"),
        ("?layer=attic", json!({}), 400, "invalid-parameter", "query"),
        ("?apply=soon", json!({}), 400, "invalid-parameter", "query"),
        ("?confirmWithin=1", json!({}), 400, "invalid-parameter", "5 to 3600"),
    ];
    for (query, body, status, code, said) in cases {
        let detail = write(&alcove, Method::PATCH, query, Some("*"), body).await.problem(status, code);
        assert!(detail.contains(said), "{said:?} is not in {detail:?}");
    }
    alcove.get("status?waitFor=Happiness").await.problem(400, "invalid-parameter");
    alcove.get("status?waitFor=InMeeting&timeout=1").await.problem(408, "no-answer");
    let bad = json!({"revision": 7});
    let request =
        alcove.request(Method::POST, "/api/v1/config/rollback").bearer_auth(&alcove.admin).json(&bad);
    send(request.header("If-Match", "*")).await.problem(400, "invalid-parameter");
    alcove.post("config/confirm", json!({"generation": 1})).await.problem(409, "busy");
}

#[tokio::test]
async fn every_key_is_explained_with_its_value_its_author_and_whether_it_can_be_set() {
    let alcove = Appliance::start("[room]\nname = \"Den\"\n");
    patch(&alcove, "?layer=provisioned", json!({"locked": ["meetings"]})).await;
    patch(&alcove, "", json!({"turn": {"server": "turn:a", "username": "u", "password": "open sesame"}}))
        .await;
    let keys = alcove.get("config/keys").await.json();
    let key = |name: &str| keys.as_array().unwrap().iter().find(|key| key["key"] == name).unwrap().clone();
    let name = key("room.name");
    assert_eq!(
        (&name["value"], &name["layer"], &name["editable"]),
        (&json!("Den"), &json!("site"), &json!(true))
    );
    assert!(text(&name["author"]).ends_with("alcove.toml"));
    let codec = key("meetings.codec");
    assert_eq!((&codec["layer"], &codec["editable"]), (&json!("factory"), &json!(false)));
    assert!(text(&codec["why_not"]).contains("provisioned layer has locked it"));
    let password = key("turn.password");
    assert_eq!((&password["is_set"], password.get("value")), (&json!(true), None));
    assert_eq!((&password["layer"], &password["author"]), (&json!("local"), &json!("administrator")));
    let schema = alcove.get("config/schema").await.json();
    assert_eq!(schema["properties"]["room"]["properties"].as_object().unwrap().len(), 6);
    let everything = [
        alcove.get("config").await.text(),
        alcove.get("config?layer=local").await.text(),
        alcove.get("config/revisions").await.text(),
        keys.to_string(),
        alcove.log(),
    ];
    assert!(everything.iter().all(|text| !text.contains("sesame")), "a secret is taken and never told");
}

#[tokio::test]
async fn what_needs_a_restart_gets_it_in_place_and_meetings_go_on() {
    let alcove = Appliance::start("");
    let pid = alcove.child.id();
    alcove.meeting(json!({"name": "den", "max_participants": 3})).await;
    let done = patch(&alcove, "?apply=now", json!({"room": {"name": "Attic"}})).await;
    assert_eq!((&done["applies"], &done["waits_for"]), (&json!("restart"), &json!("now")));
    let status = applied(&alcove, &done["generation"]).await;
    assert_eq!(condition(&status, "ConfigApplied")["status"], "True");
    assert_eq!(alcove.child.id(), pid);
    assert_eq!(alcove.get("meetings/attic").await.with_status(200).json()["standing"], true);
    assert_eq!(alcove.get("meetings/den").await.with_status(200).json()["max_participants"], 3);
    alcove.terminate();
    assert!(alcove.ended().success());
}

#[tokio::test]
async fn a_change_that_disturbs_waits_until_nobody_is_in_a_meeting() {
    let alcove = Appliance::start("");
    let token = alcove.token("room", "speaker").await;
    let mut guest = Words::join(&alcove, "room", &token, "Ann").await;
    let done = patch(&alcove, "", json!({"room": {"name": "Attic"}})).await;
    assert_eq!(done["waits_for"], "idle");
    alcove.get("status?waitFor=ConfigApplied&timeout=2").await.problem(408, "no-answer");
    let status = alcove.get("status").await.json();
    assert_eq!(condition(&status, "ConfigApplied")["reason"], "Waiting");
    assert_eq!((&status["generation"], &status["observed_generation"]), (&json!(1), &json!(0)));
    guest.ask(json!({"leave": {}})).await.unwrap();
    applied(&alcove, &done["generation"]).await;
    alcove.get("meetings/attic").await.with_status(200);
}

#[tokio::test]
async fn devices_are_chosen_anew_without_a_restart_and_everybody_sees_it() {
    let alcove = Appliance::start("");
    let token = alcove.token("room", "speaker").await;
    let mut guest = Words::join(&alcove, "room", &token, "Ann").await;
    let mut room_camera = async || {
        loop {
            let told = guest.event("track").await;
            if told["source"] == "camera" {
                return text(&told["state"]);
            }
        }
    };
    assert_eq!(room_camera().await, "on");
    let without = json!({"room": {"camera": "none"}});
    let waits = patch(&alcove, "?dryRun=true", without.clone()).await;
    assert_eq!((&waits["applies"], &waits["waits_for"]), (&json!("media"), &json!("idle")), "it disturbs");
    let done = patch(&alcove, "?apply=now", without).await;
    let status = applied(&alcove, &done["generation"]).await;
    assert_eq!(condition(&status, "ConfigApplied")["status"], "True");
    assert_eq!(room_camera().await, "muted");
    let camera = async || {
        let status = alcove.get("status").await.json();
        text(&condition(&status, "CameraReady")["reason"])
    };
    reads(&camera, "SwitchedOff", "the room has none").await;
    alcove.post("commands/mute", json!({"camera": false})).await.with_status(200);
    assert_eq!(alcove.get("status").await.json()["room"]["camera_on"], false, "there is none to switch on");
    let done = patch(&alcove, "?apply=now", json!({"room": {"camera": "simulated"}})).await;
    applied(&alcove, &done["generation"]).await;
    assert_eq!(room_camera().await, "on");
    reads(&camera, "Simulated", "it is wished for").await;
    guest.ask(json!({"leave": {}})).await.expect("the meeting was not disturbed");
    assert_eq!(alcove.log().matches("serving pages").count(), 1, "it has not started anew");
}

#[tokio::test]
async fn a_change_of_access_that_nobody_confirms_undoes_itself() {
    let alcove = Appliance::start("");
    let dry = patch(&alcove, "?dryRun=true", json!({"tls": {"names": ["den.example"]}})).await;
    assert_eq!(dry["confirm_within_s"], 120, "such keys wait to be confirmed by themselves");
    let done = patch(&alcove, "?apply=now&confirmWithin=5", json!({"tls": {"names": ["den.example"]}})).await;
    let status = applied(&alcove, &done["generation"]).await;
    assert_eq!(condition(&status, "ConfigApplied")["reason"], "Unconfirmed");
    let status = applied(&alcove, &json!(2)).await;
    let condition = condition(&status, "ConfigApplied");
    assert_eq!(condition["reason"], "TakenBack");
    assert!(text(&condition["message"]).contains("nobody confirmed it within 5 seconds"), "{condition}");
    assert_eq!(read(&alcove).await.0["config"]["tls"]["names"], json!([]));

    let done = patch(&alcove, "?apply=now&confirmWithin=5", json!({"tls": {"names": ["den.example"]}})).await;
    applied(&alcove, &done["generation"]).await;
    alcove.post("config/confirm", json!({"generation": done["generation"]})).await.with_status(204);
    let (config, _) = read(&alcove).await;
    assert_eq!((&config["generation"], config.get("confirm_within_s")), (&json!(3), None));
}

#[tokio::test]
async fn an_address_that_nobody_gives_the_machine_is_told_and_taken_back() {
    let alcove = Appliance::start("");
    let online = async || {
        let status = alcove.get("status?waitFor=CertificateValid").await.json();
        text(&condition(&status, "NetworkOnline")["reason"])
    };
    let before = online().await;
    let wanted = json!({"network": {"address": "192.0.2.10/24", "gateway": "192.0.2.1"}});
    let dry = patch(&alcove, "?dryRun=true", wanted.clone()).await;
    assert_eq!((&dry["confirm_within_s"], &dry["applies"]), (&json!(120), &json!("live")));
    patch(&alcove, "?confirmWithin=5", wanted).await;
    reads(&online, "NotAsConfigured", "systemd has not started it").await;
    reads(&online, &before, "it is taken back").await;
    let (config, _) = read(&alcove).await;
    assert!(text(&config["taken_back"]).contains("nobody confirmed it within 5 seconds"), "{config}");
    assert_eq!(config["config"]["network"], json!({"dns": []}));
}

/// Asks until the answer is that one.
async fn reads(asked: &impl AsyncFn() -> String, wanted: &str, why: &str) {
    let read = soon(async || (asked().await == wanted).then_some(()));
    assert!(read.await.is_some(), "{wanted} is never read: {why}");
}

#[tokio::test]
async fn a_change_that_the_appliance_cannot_start_with_is_taken_back() {
    let alcove = Appliance::start("");
    let taken = TcpListener::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    patch(&alcove, "?apply=now", json!({"http": {"http_port": port}})).await;
    let status = applied(&alcove, &json!(2)).await;
    let condition = condition(&status, "ConfigApplied");
    assert_eq!((&condition["status"], &condition["reason"]), (&json!("False"), &json!("TakenBack")));
    assert!(text(&condition["message"]).contains(&format!("cannot take TCP port {port}")), "{condition}");
    let revisions = alcove.get("config/revisions").await.json();
    assert_eq!(revisions.as_array().unwrap().len(), 2);
    assert!(text(&revisions[1]["note"]).contains("taken back"));
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_power_cut_and_can_be_rolled_back() {
    let alcove = Appliance::start("");
    for volume in [10, 20] {
        patch(&alcove, "", json!({"calls": {"ring_volume": volume}})).await;
    }
    patch(&alcove, "?layer=provisioned", json!({"meetings": {"idle_seconds": 77}, "locked": ["meetings"]}))
        .await;
    let alcove = killed(alcove);
    let (config, etag) = read(&alcove).await;
    assert_eq!((&config["generation"], &config["config"]["calls"]["ring_volume"]), (&json!(3), &json!(20)));
    assert_eq!(alcove.get("config?layer=provisioned").await.json()["config"]["locked"], json!(["meetings"]));
    let back = json!({"revision": 1});
    let request =
        alcove.request(Method::POST, "/api/v1/config/rollback").bearer_auth(&alcove.admin).json(&back);
    let done = send(request.header("If-Match", etag)).await.with_status(200).json();
    applied(&alcove, &done["generation"]).await;
    let (config, _) = read(&alcove).await;
    assert_eq!(config["config"]["calls"]["ring_volume"], 10);
    assert_eq!(config["config"]["meetings"]["idle_seconds"], 300);
}

#[tokio::test]
async fn conditions_say_what_is_missing_and_what_to_do() {
    let state = Arc::new(tempfile::tempdir().unwrap());
    let alcove = Appliance::start_with(state, "[room]\ncamera = \"none\"\n", |_| ());
    let status = alcove.get("status?waitFor=CertificateValid").await.with_status(200).json();
    let camera = condition(&status, "CameraReady");
    assert_eq!((&camera["status"], &camera["reason"]), (&json!("Unknown"), &json!("SwitchedOff")));
    let speaker = condition(&status, "SpeakerReady");
    assert_eq!((&speaker["status"], &speaker["reason"]), (&json!("True"), &json!("Simulated")));
    assert!(text(&condition(&status, "CertificateValid")["message"]).contains("days"));
    assert_eq!(condition(&status, "InMeeting")["status"], "False");
    let metrics = send(alcove.request(Method::GET, "/metrics")).await.text();
    assert!(metrics.contains("alcove_condition{type=\"SfuReady\"} 1\n"), "{metrics}");
    assert!(!metrics.contains("CameraReady"), "nobody knows");
    send(alcove.request(Method::GET, "/readyz")).await.with_status(200);
}
