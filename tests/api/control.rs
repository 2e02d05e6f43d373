//! The room controlled from a phone: paired by the code on the screen, until the meeting is over; or for good.

use reqwest::Method;
use serde_json::{Value, json};

use crate::appliance::{Appliance, Reply, text};
use crate::kept::killed;
use crate::words::Words;

/// A phone in the room. The key is made of the secret in the state directory, as that on the screen is.
async fn paired(alcove: &Appliance) -> String {
    let key = alcove.tokens().room_key(now_s());
    text(&guess(alcove, &key).await.with_status(201).json()["token"])
}

async fn guess(alcove: &Appliance, key: &str) -> Reply {
    alcove.ask_as("", Method::POST, "room/pair", Some(json!({ "key": key }))).await
}

#[expect(clippy::disallowed_methods, reason = "keys on the screen go by the time of day")]
fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

async fn state(alcove: &Appliance, token: &str, query: &str) -> Value {
    alcove.ask_as(token, Method::GET, &format!("room{query}"), None).await.json()
}

#[tokio::test]
async fn who_has_scanned_the_screen_controls_the_room_until_its_meeting_is_over() {
    let alcove = Appliance::start("");
    let token = paired(&alcove).await;
    let before = state(&alcove, &token, "").await;
    assert_eq!((&before["meeting"], &before["volume_percent"]), (&Value::Null, &json!(100)));
    alcove.meeting(json!({ "name": "den" })).await;
    let join = json!({ "meeting": "den" });
    alcove.ask_as(&token, Method::POST, "commands/join", Some(join)).await.with_status(200);
    let mute = json!({ "microphone": true, "camera": true });
    alcove.ask_as(&token, Method::POST, "commands/mute", Some(mute)).await.with_status(200);
    let inside = state(&alcove, &token, "").await;
    assert_eq!((&inside["meeting"], &inside["microphone_on"]), (&json!("den"), &json!(false)));
    assert!(!text(&inside["join_url"]).contains("c="), "what is handed on does not control the room");
    let unmute = json!({ "microphone": false });
    alcove.ask_as(&token, Method::POST, "commands/mute", Some(unmute)).await.with_status(200);
    for (verb, body) in [("volume", json!({ "percent": 40 })), ("arrange", json!({ "arrangement": "grid" }))]
    {
        alcove.ask_as(&token, Method::POST, &format!("commands/{verb}"), Some(body)).await.with_status(204);
    }
    let changed = state(&alcove, &token, "").await;
    assert_eq!((&changed["volume_percent"], &changed["arrangement"]), (&json!(40), &json!("grid")));
    alcove.ask_as(&token, Method::POST, "commands/leave", None).await.with_status(200);
    alcove.ask_as(&token, Method::GET, "room", None).await.problem(401, "not-permitted");
}

#[tokio::test]
async fn whoever_waits_is_told_as_soon_as_the_room_is_in_another_state() {
    let alcove = Appliance::start("");
    let token = paired(&alcove).await;
    alcove.meeting(json!({ "name": "den" })).await;
    alcove.post("commands/join", json!({ "meeting": "den" })).await;
    let mut known = state(&alcove, &token, "").await;
    assert_eq!(known["others"], json!([]));
    let waits = async {
        while known["others"] != json!(["Ann"]) {
            known = state(&alcove, &token, &format!("?since={}", known["revision"])).await;
        }
    };
    let anns = alcove.token("den", "speaker").await;
    let comes = Words::join(&alcove, "den", &anns, "Ann");
    let ((), _ann) = tokio::join!(waits, comes);
}

#[tokio::test]
async fn a_controller_that_an_administrator_lets_in_outlives_meetings_and_power_cuts() {
    let alcove = Appliance::start("");
    let made = alcove.post("room/controllers", json!({ "name": "Panel" })).await.with_status(201).json();
    let (id, token) = (text(&made["id"]), text(&made["token"]));
    assert!(text(&made["control_url"]).ends_with(&format!("/room#k={token}")));
    alcove.meeting(json!({ "name": "den" })).await;
    alcove
        .ask_as(&token, Method::POST, "commands/join", Some(json!({ "meeting": "den" })))
        .await
        .with_status(200);
    alcove.ask_as(&token, Method::POST, "commands/leave", None).await.with_status(200);
    alcove
        .ask_as(&token, Method::POST, "commands/volume", Some(json!({ "percent": 30 })))
        .await
        .with_status(204);
    let alcove = killed(alcove);
    assert_eq!(state(&alcove, &token, "").await["volume_percent"], json!(30));
    let listed = alcove.get("room/controllers").await.json();
    assert_eq!(
        (&listed["controllers"][0]["id"], &listed["controllers"][0]["name"]),
        (&json!(id), &json!("Panel"))
    );
    alcove.ask(Method::DELETE, &format!("room/controllers/{id}"), None).await.with_status(204);
    alcove.ask_as(&token, Method::GET, "room", None).await.problem(401, "not-permitted");
    alcove
        .ask(Method::DELETE, &format!("room/controllers/{id}"), None)
        .await
        .problem(400, "invalid-parameter");
}

#[tokio::test]
async fn a_controller_does_nothing_else_and_a_guessed_key_nothing_at_all() {
    let alcove = Appliance::start("");
    let token = paired(&alcove).await;
    for (method, path) in [
        (Method::GET, "meetings"),
        (Method::GET, "status"),
        (Method::GET, "users"),
        (Method::GET, "calls"),
        (Method::GET, "room/controllers"),
        (Method::POST, "commands/reboot"),
        (Method::POST, "commands/factory-reset"),
    ] {
        alcove.ask_as(&token, method, path, None).await.problem(403, "not-permitted");
    }
    for percent in [101, 300, -1] {
        let body = json!({ "percent": percent });
        alcove
            .ask_as(&token, Method::POST, "commands/volume", Some(body))
            .await
            .problem(400, "invalid-parameter");
    }
    guess(&alcove, "").await.problem(401, "not-permitted");
    for _ in 0..40 {
        guess(&alcove, "AAAAAAAAAAAAAAAA").await;
    }
    guess(&alcove, "AAAAAAAAAAAAAAAA").await.problem(429, "too-many-requests");
}
