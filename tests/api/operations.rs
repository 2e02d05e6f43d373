//! What takes a while, what is asked twice, and what tells of faults: operations, idempotency keys, log, diagnostics.

use std::io::Read as _;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::appliance::{Appliance, Reply, soon, text};
use crate::words::Words;

/// How long something may take that is to happen at all; machines that build are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// An operation, once it is over.
pub(crate) async fn over(alcove: &Appliance, id: &Value) -> Value {
    let over = soon(async || {
        let operation = alcove.get(&format!("operations/{id}")).await.with_status(200).json();
        (operation["state"] != "running").then_some(operation)
    });
    over.await.expect("it is over in time")
}

#[tokio::test]
async fn the_room_tries_itself_out_and_says_what_works() {
    let alcove = Appliance::start("");
    let begun = alcove.post("commands/test", json!({})).await.with_status(202).json();
    assert_eq!(
        (&begun["kind"], &begun["state"], &begun["by"]),
        (&json!("test"), &json!("running"), &json!("administrator"))
    );
    alcove.post("commands/test", json!({})).await.problem(409, "busy");
    let operation = over(&alcove, &begun["id"]).await;
    let found = |what: &str| {
        let all = operation["result"].as_array().unwrap();
        all.iter().find(|one| one["what"] == what).unwrap_or_else(|| panic!("{what}: {operation}")).clone()
    };
    for what in ["camera pictures", "published packets", "pictures on the screen", "CameraReady", "EncoderOk"]
    {
        assert_eq!(found(what)["works"], true, "{operation}");
    }
    assert_eq!(operation["progress_percent"], 100, "{operation}");
    let meetings = alcove.get("meetings").await.json();
    assert!(!meetings.to_string().contains("test-"), "nothing stays behind: {meetings}");
    alcove.delete(&format!("operations/{}", begun["id"])).await.problem(409, "busy");
    alcove.delete("operations/99").await.problem(404, "invalid-parameter");

    // Nobody is disturbed by it.
    let token = alcove.token("room", "speaker").await;
    let _ann = Words::join(&alcove, "room", &token, "Ann").await;
    let detail = alcove.post("commands/test", json!({})).await.problem(409, "busy");
    assert!(detail.contains("somebody is in a meeting"), "{detail}");
}

#[tokio::test]
async fn a_test_can_be_cancelled() {
    let alcove = Appliance::start("");
    let begun = alcove.post("commands/test", json!({})).await.with_status(202).json();
    alcove.delete(&format!("operations/{}", begun["id"])).await.with_status(202);
    assert_eq!(over(&alcove, &begun["id"]).await["state"], "cancelled");
    assert_eq!(alcove.get("status").await.json()["room"]["meeting"], Value::Null);
}

async fn with_key(alcove: &Appliance, key: &str, body: Value) -> (Reply, bool) {
    let request = alcove.request(Method::POST, "/api/v1/meetings").bearer_auth(&alcove.admin);
    let answer = request.header("Idempotency-Key", key).json(&body).send().await.unwrap();
    let is_replayed = answer.headers().contains_key("idempotent-replayed");
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (Reply { status: answer.status(), kind, body: answer.bytes().await.unwrap().to_vec() }, is_replayed)
}

#[tokio::test]
async fn what_is_asked_twice_with_one_key_is_done_once() {
    let alcove = Appliance::start("");
    let (first, replayed) = with_key(&alcove, "7c1d", json!({ "name": "den" })).await;
    assert_eq!((first.status.as_u16(), replayed), (201, false));
    let (again, replayed) = with_key(&alcove, "7c1d", json!({ "name": "den" })).await;
    assert_eq!((again.status.as_u16(), replayed), (201, true));
    assert_eq!(again.json(), first.json());
    let (without, _) = with_key(&alcove, "another", json!({ "name": "den" })).await;
    without.problem(409, "meeting-exists");
    let (other, _) = with_key(&alcove, "7c1d", json!({ "name": "attic" })).await;
    let detail = other.problem(422, "invalid-parameter");
    assert!(detail.contains("Idempotency-Key"), "{detail}");
    let (long, _) = with_key(&alcove, &"x".repeat(129), json!({ "name": "attic" })).await;
    long.problem(400, "invalid-parameter");
}

#[tokio::test]
async fn the_box_shows_which_it_is() {
    let alcove = Appliance::start("");
    let screen = || async { alcove.get("display/snapshot.png").await.with_status(200).body };
    let before = screen().await;
    alcove.post("commands/identify?seconds=300", json!({})).await.with_status(204);
    let changed = soon(async || (screen().await != before).then_some(()));
    changed.await.expect("the screen shows it");
    alcove.post("commands/identify?seconds=0", json!({})).await.problem(400, "invalid-parameter");
    alcove.post("commands/identify?seconds=301", json!({})).await.problem(400, "invalid-parameter");
}

#[tokio::test]
async fn what_only_an_image_can_do_is_refused_elsewhere() {
    let alcove = Appliance::start("");
    alcove.post("commands/reboot?when=idle", json!({})).await.problem(409, "unsupported-mode");
    alcove.post("commands/reboot?when=tomorrow", json!({})).await.problem(400, "invalid-parameter");
    alcove.post("commands/factory-reset?keep=network,name", json!({})).await.problem(409, "unsupported-mode");
    let detail = alcove.post("commands/factory-reset?keep=everything", json!({})).await;
    let detail = detail.problem(400, "invalid-parameter");
    assert!(detail.contains("network and name"), "{detail}");
}

#[tokio::test]
async fn the_log_is_read_and_followed_from_afar() {
    let alcove = Appliance::start("");
    let lines = alcove.get("logs?lines=5000").await.with_status(200).text();
    assert!(lines.contains("INFO  alcove::daemon"), "{lines}");
    assert_eq!(alcove.get("logs?lines=0").await.text(), "");
    let grave = alcove.get("logs?level=error").await.with_status(200).text();
    assert_eq!(grave, "");
    alcove.get("logs?level=loud").await.problem(400, "invalid-parameter");
    alcove.get("logs?lines=5001").await.problem(400, "invalid-parameter");

    let request = alcove.request(Method::GET, "/api/v1/logs?lines=0&follow=true").bearer_auth(&alcove.admin);
    let mut answer = request.send().await.unwrap();
    alcove.meeting(json!({ "name": "a-new-one" })).await;
    let heard = timeout(PATIENCE, async {
        let mut heard = String::new();
        while !heard.contains("meeting opened meeting=a-new-one") {
            heard.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap());
        }
    });
    heard.await.expect("it is told what is logged");

    let made = alcove.post("tokens", json!({"name": "panel", "role": "viewer"})).await.json();
    alcove.ask_as(&text(&made["token"]), Method::GET, "logs", None).await.problem(403, "not-permitted");
}

#[tokio::test]
async fn the_diagnostics_are_one_file_without_secrets() {
    let secret = "a secret that nobody reads";
    let alcove = Appliance::start(&format!(
        "[mail]\nserver = \"smtps:mx.example\"\nfrom = \"a@b.example\"\nusername = \"a\"\npassword = {secret:?}\n"
    ));
    let packed = alcove.get("diagnostics").await.with_status(200);
    assert_eq!(packed.kind, "application/gzip");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.body.as_slice()));
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        names.push(entry.path().unwrap().display().to_string());
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        assert!(!content.contains(secret) && !content.contains(&alcove.admin), "{names:?}");
        if names.last().unwrap().ends_with(".json") {
            serde_json::from_str::<Value>(&content).unwrap();
        }
    }
    for wanted in ["about", "status", "meetings", "config", "audit", "devices", "network"] {
        assert!(names.contains(&format!("alcove-diagnostics/{wanted}.json")), "{names:?}");
    }
    for wanted in ["events.jsonl", "log.txt", "machine/memory"] {
        assert!(names.contains(&format!("alcove-diagnostics/{wanted}")), "{names:?}");
    }
}
