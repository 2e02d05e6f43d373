//! What is sent wrongly: refused with its code and the name of what is wrong, and nobody else notices.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::appliance::{Appliance, Reply, send};
use crate::words::{Heard, Words, track};

async fn den(alcove: &Appliance) -> String {
    alcove.meeting(json!({ "name": "den" })).await;
    alcove.token("den", "speaker").await
}

async fn raw(alcove: &Appliance, kind: &str, body: impl Into<reqwest::Body>) -> Reply {
    let request = alcove.request(Method::POST, "/api/v1/meetings").bearer_auth(&alcove.admin);
    send(request.header(CONTENT_TYPE, kind).body(body)).await
}

#[tokio::test]
async fn a_body_that_cannot_be_used_is_refused_by_the_name_of_the_field() {
    let alcove = Appliance::start("");
    for (body, wanted) in [
        (json!({ "name": "den", "colour": "red" }), "colour"),
        (json!({ "name": 7 }), "name"),
        (json!({ "name": "den", "mode": "smell" }), "mode"),
        (json!({ "name": "den", "max_participants": "many" }), "max_participants"),
        (json!({ "name": "den", "max_participants": 1_000_000 }), "max_participants"),
        (json!({ "name": "den", "custom_info": "x".repeat(5_000) }), "custom_info"),
        (json!({ "name": "The Den!" }), "name"),
        (json!({ "name": "x".repeat(65) }), "name"),
        (json!([]), "cannot be used"),
    ] {
        let detail = alcove.post("meetings", body.clone()).await.problem(400, "invalid-parameter");
        assert!(detail.contains(wanted), "{body}: {detail}");
    }
    raw(&alcove, "application/json", "{\"name\":").await.problem(400, "invalid-parameter");
    raw(&alcove, "application/json", vec![0xff; 64]).await.problem(400, "invalid-parameter");
    raw(&alcove, "text/plain", "{}").await.problem(415, "invalid-parameter");
    assert_eq!(alcove.get("meetings").await.json()["meetings"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_oversized_body_is_refused_and_not_kept() {
    let alcove = Appliance::start("");
    let before = alcove.resident_kb();
    for _ in 0..8 {
        let body = format!("{{\"name\":\"{}\"}}", "x".repeat(8 << 20));
        let request = alcove.request(Method::POST, "/api/v1/meetings").bearer_auth(&alcove.admin);
        // The refusal may come while the body is still being sent; then the network may swallow it.
        if let Ok(answer) = request.header(CONTENT_TYPE, "application/json").body(body).send().await {
            assert_eq!(answer.status(), 413);
        }
    }
    assert_eq!(alcove.get("status").await.status, 200);
    let grown = alcove.resident_kb().saturating_sub(before);
    assert!(grown < 32 << 10, "it has grown by {grown} kB");
}

#[tokio::test]
async fn nobody_without_a_token_administers() {
    let alcove = Appliance::start("");
    for path in ["meetings", "status", "device", "display/snapshot.png"] {
        let request = alcove.request(Method::GET, &format!("/api/v1/{path}"));
        send(request).await.problem(401, "not-permitted");
    }
    let join_token = den(&alcove).await;
    let request = alcove.request(Method::DELETE, "/api/v1/meetings/den").bearer_auth(&join_token);
    send(request).await.problem(403, "not-permitted");
    assert_eq!(alcove.get("meetings/den").await.status, 200);
}

#[tokio::test]
async fn words_that_cannot_be_used_are_refused_by_name_and_the_meeting_goes_on() {
    let alcove = Appliance::start("");
    let token = den(&alcove).await;
    let mut ann = Words::join(&alcove, "den", &token, "Ann").await;
    let mut eve = Words::join(&alcove, "den", &token, "Eve").await;
    for (ask, wanted) in [
        (json!({ "dance": {} }), "dance"),
        (json!({ "leave": { "why": "bored" } }), "why"),
        (json!({ "track": { "source": "nose", "state": "on" } }), "source"),
        (json!({ "track": { "source": "camera" } }), "state"),
        (json!({ "watch": { "wishes": "all" } }), "wishes"),
        (json!({ "watch": { "wishes": vec![wish(); 65] } }), "65"),
        (json!({ "offer": { "sdp": 7 } }), "sdp"),
        (json!({ "hello": { "version": 1, "token": token, "name": "Eve" } }), "hello"),
    ] {
        let refused = eve.ask(ask.clone()).await.unwrap_err();
        assert_eq!(refused["code"], "invalid-parameter", "{ask}");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains(wanted), "{ask}: {detail}");
    }
    assert!(ann.ask(track("microphone", "on")).await.is_ok());
}

fn wish() -> Value {
    json!({ "participant": "p1", "source": "camera", "max_height": 720 })
}

#[tokio::test]
async fn a_socket_of_garbage_is_closed_and_its_participant_counts_as_cut() {
    let alcove = Appliance::start("");
    let token = den(&alcove).await;
    let mut ann = Words::join(&alcove, "den", &token, "Ann").await;
    let mut eve = Words::join(&alcove, "den", &token, "Eve").await;
    for number in 0..9 {
        eve.say(if number % 2 == 0 { "{" } else { "garbage" }).await;
    }
    assert_eq!(eve.closed().await, (4400, Some("invalid-parameter".to_owned())));
    assert_eq!(ann.event("presence").await, json!({ "participant": eve.id(), "present": false }));
}

#[tokio::test]
async fn an_oversized_frame_closes_its_socket_alone() {
    let alcove = Appliance::start("");
    let token = den(&alcove).await;
    let mut ann = Words::join(&alcove, "den", &token, "Ann").await;
    let mut eve = Words::join(&alcove, "den", &token, "Eve").await;
    // Whether all of it leaves is up to when the other end hangs up.
    let _ = eve.send(Message::text("x".repeat(4 << 20))).await;
    let (code, _) = eve.closed().await;
    assert!([4400, 1006].contains(&code), "closed with {code}");
    assert_eq!(ann.event("presence").await["present"], false);
    assert!(ann.ask(track("microphone", "on")).await.is_ok());
}

#[tokio::test]
async fn a_hello_that_is_none_opens_nothing() {
    let alcove = Appliance::start("");
    let token = den(&alcove).await;
    let name = "x".repeat(65);
    for (hello, code) in [
        (json!({ "version": 0, "token": token, "name": "Eve" }), "client-too-old"),
        (json!({ "version": 999, "token": token, "anything": 7 }), "server-too-old"),
        (json!({ "version": 1, "token": token, "name": "" }), "invalid-parameter"),
        (json!({ "version": 1, "token": token, "name": name }), "invalid-parameter"),
        (json!({ "version": 1, "token": token, "name": "a\u{7}b" }), "invalid-parameter"),
        (
            json!({ "version": 1, "token": token, "name": "Eve", "custom_info": "x".repeat(4_097) }),
            "invalid-parameter",
        ),
        (json!({ "version": 1, "token": token, "name": "Eve", "shoe": 43 }), "invalid-parameter"),
        (json!({ "version": "one", "token": token, "name": "Eve" }), "invalid-parameter"),
    ] {
        let mut words = Words::open(&alcove, "den").await;
        assert_eq!(words.hello(hello.clone()).await, Err(code.to_owned()), "{hello}");
        assert!(matches!(words.next().await, Heard::Closed(4400..=4499)));
    }
    let mut words = Words::open(&alcove, "den").await;
    assert_eq!(words.refused(track("camera", "on")).await, "invalid-parameter");
    let mut words = Words::open(&alcove, "den").await;
    words.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(words.closed().await, (4400, Some("invalid-parameter".to_owned())));
    let list = alcove.get("meetings/den/participants").await.json();
    assert_eq!(list["participants"], json!([]), "nobody got in");
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "vault", "password": "sesame" })).await;
    let token = alcove.token("vault", "speaker").await;
    let mut codes = Vec::new();
    for guess in 0..22 {
        let mut words = Words::open(&alcove, "vault").await;
        let hello =
            json!({ "version": 1, "token": token, "name": "Eve", "password": format!("guess {guess}") });
        codes.push(words.hello(hello).await.unwrap_err());
    }
    assert_eq!(codes[0], "wrong-password");
    assert_eq!(codes[21], "too-many-requests");
}
