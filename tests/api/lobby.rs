//! Who waits outside and who lets them in, over the network.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::appliance::{Appliance, send, text, token_of};
use crate::sdp::one_sound;
use crate::words::{Heard, Words};

/// A meeting made with such fields besides its name, and its host.
async fn hosted(alcove: &Appliance, fields: Value) -> Words {
    let mut wanted = json!({ "name": "den" });
    wanted.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let created = alcove.meeting(wanted).await;
    Words::join(alcove, "den", token_of(&text(&created["host_url"])), "Ann").await
}

/// Somebody who has said hello, and waits for what comes of it.
async fn knock(alcove: &Appliance, name: &str) -> Words {
    let token = alcove.token("den", "speaker").await;
    let mut words = Words::open(alcove, "den").await;
    words.say_hello(json!({ "version": 1, "token": token, "name": name })).await;
    words
}

fn names(told: &Value) -> Vec<String> {
    told["guests"].as_array().unwrap().iter().map(|guest| text(&guest["name"])).collect()
}

#[tokio::test]
async fn somebody_waits_until_a_host_lets_them_in_and_is_answered_what_they_asked_meanwhile() {
    let alcove = Appliance::start("");
    let mut ann = hosted(&alcove, json!({ "lobby": true })).await;
    assert_eq!(ann.welcome["meeting"]["lobby"], true);
    let mut bob = knock(&alcove, "Bob").await;
    assert_eq!(bob.tell("waiting").await, json!({ "until": "admission", "schedule": {} }));
    let told = ann.tell("guests").await;
    assert_eq!(names(&told), ["Bob"]);
    assert_eq!(alcove.get("meetings/den/participants").await.json()["participants"][1], Value::Null);

    let early = bob.send_ask(json!({ "hand": { "up": true } })).await;
    ann.ask(json!({ "admit": { "participant": told["guests"][0]["id"] } })).await.unwrap();
    assert_eq!(names(&ann.tell("guests").await), [""; 0]);
    bob.admitted().await.unwrap();
    assert_eq!(bob.id(), text(&told["guests"][0]["id"]), "known by the same id inside");
    assert_eq!(bob.names(), ["Ann", "Bob"]);
    bob.answer_to(early).await.unwrap();
    assert_eq!(ann.event("hand").await["participant"], bob.id());
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_so_and_whoever_goes_away_waits_no_longer() {
    let alcove = Appliance::start("");
    let mut ann = hosted(&alcove, json!({ "lobby": true })).await;
    let mut bob = knock(&alcove, "Bob").await;
    let told = ann.tell("guests").await;
    let cat = knock(&alcove, "Cat").await;
    assert_eq!(names(&ann.tell("guests").await), ["Bob", "Cat"]);
    ann.ask(json!({ "deny": { "participant": told["guests"][0]["id"] } })).await.unwrap();
    assert_eq!(bob.admitted().await.unwrap_err(), "not-permitted");
    assert_eq!(bob.next().await, Heard::Closed(4403));
    assert_eq!(names(&ann.tell("guests").await), ["Cat"]);
    drop(cat);
    assert_eq!(names(&ann.tell("guests").await), [""; 0]);
}

#[tokio::test]
async fn a_meeting_that_waits_for_a_host_begins_when_one_comes() {
    let alcove = Appliance::start("");
    let created = alcove.meeting(json!({ "name": "den", "wait_for_host": true })).await;
    let mut bob = knock(&alcove, "Bob").await;
    assert_eq!(bob.tell("waiting").await, json!({ "until": "host", "schedule": {} }));
    let ann = Words::join(&alcove, "den", token_of(&text(&created["host_url"])), "Ann").await;
    bob.admitted().await.unwrap();
    assert_eq!(bob.names(), ["Bob", "Ann"]);
    drop(ann);
}

#[tokio::test]
async fn those_who_wait_are_told_when_the_meeting_ends_without_them() {
    let alcove = Appliance::start("");
    let mut ann = hosted(&alcove, json!({ "lobby": true })).await;
    let mut bob = knock(&alcove, "Bob").await;
    bob.tell("waiting").await;
    ann.ask(json!({ "end": {} })).await.unwrap();
    assert_eq!(bob.admitted().await.unwrap_err(), "meeting-not-found");
}

#[tokio::test]
async fn a_host_opens_a_lobby_and_sends_somebody_back_to_it() {
    let alcove = Appliance::start("");
    let mut ann = hosted(&alcove, json!({})).await;
    let mut bob = knock(&alcove, "Bob").await;
    bob.admitted().await.unwrap();
    assert_eq!(bob.refused(json!({ "lobby": { "on": true } })).await, "not-permitted");
    ann.ask(json!({ "send_back": { "participant": bob.id() } })).await.unwrap();
    assert_eq!(bob.event("lobby").await, json!({ "on": true }));
    assert_eq!(bob.event("sent_back").await, json!({ "participant": bob.id() }));
    assert_eq!(bob.event("left").await["reason"], "kicked");
    let mut bob = knock(&alcove, "Bob").await;
    bob.tell("waiting").await;
    ann.ask(json!({ "lobby": { "on": false } })).await.unwrap();
    bob.admitted().await.unwrap();
}

#[tokio::test]
async fn who_asks_too_much_before_being_let_in_is_refused_and_forgotten() {
    let alcove = Appliance::start("");
    let mut ann = hosted(&alcove, json!({ "lobby": true })).await;
    let mut bob = knock(&alcove, "Bob").await;
    for _ in 0..9 {
        bob.send_ask(json!({ "clock": {} })).await;
    }
    assert_eq!(bob.closed().await, (4429, Some("too-many-requests".to_owned())));
    assert_eq!(names(&ann.tell("guests").await), ["Bob"]);
    assert_eq!(names(&ann.tell("guests").await), [""; 0]);
}

#[tokio::test]
async fn tools_that_cannot_wait_are_told_what_they_would_wait_for() {
    let alcove = Appliance::start("");
    let _ann = hosted(&alcove, json!({ "lobby": true })).await;
    let token = alcove.token("den", "speaker").await;
    for (path, direction) in [("/whip/den", "sendonly"), ("/whep/den", "recvonly")] {
        let request = alcove.request(Method::POST, path).bearer_auth(&token);
        let reply = send(request.header(CONTENT_TYPE, "application/sdp").body(one_sound(direction))).await;
        reply.problem(202, "waiting-for-host");
    }
}
