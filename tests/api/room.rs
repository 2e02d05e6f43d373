//! The room as a participant: its standing meeting, the commands to it, its screen.

use serde_json::json;

use crate::appliance::{Appliance, text, token_of};
use crate::words::Words;

#[tokio::test]
async fn the_room_is_there_whenever_somebody_comes() {
    let alcove = Appliance::start("[room]\nname = \"Aspen\"\n");
    let token = token_of(&alcove.join_url).to_owned();
    for _ in 0..2 {
        let mut ann = Words::join(&alcove, "aspen", &token, "Ann").await;
        assert_eq!(ann.names(), ["Ann"], "the snapshot is from before");
        let room = ann.event("joined").await["participant"].clone();
        assert_eq!((&room["name"], &room["kind"]), (&json!("Aspen"), &json!("room")));
        assert_eq!(alcove.get("status").await.json()["room"]["meeting"], "aspen");
        ann.ask(json!({ "leave": {} })).await.unwrap();
        ann.closed().await;
        assert_eq!(alcove.get("status").await.json()["room"]["meeting"], json!(null));
    }
}

#[tokio::test]
async fn commands_put_the_room_into_a_meeting_and_out_of_it() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den", "password": "sesame" })).await;
    let mut ann = Words::open(&alcove, "den").await;
    let hello = json!({ "version": 1, "token": alcove.admin, "name": "Ann", "password": "sesame" });
    ann.hello(hello).await.unwrap();
    let room = alcove.post("commands/join", json!({ "meeting": "den" })).await.json();
    assert_eq!(room["meeting"], "den");
    let joined = ann.event("joined").await["participant"].clone();
    assert_eq!(joined["kind"], "room");
    assert_eq!(ann.event("track").await["source"], "microphone");
    assert_eq!(ann.event("track").await["source"], "camera");
    alcove.post("commands/join", json!({ "meeting": "attic" })).await.problem(404, "meeting-not-found");
    assert_eq!(alcove.get("status").await.json()["room"]["meeting"], "den");
    assert_eq!(alcove.post("commands/leave", json!({})).await.json()["meeting"], json!(null));
    assert_eq!(ann.event("left").await, json!({ "participant": joined["id"], "reason": "left" }));
}

#[tokio::test]
async fn what_is_muted_stays_so_and_is_told() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let mut ann = Words::join(&alcove, "den", &alcove.token("den", "host").await, "Ann").await;
    alcove.post("commands/join", json!({ "meeting": "den" })).await;
    let id = text(&ann.event("joined").await["participant"]["id"]);
    ann.event("track").await;
    ann.event("track").await;
    let told = |source, state| json!({ "participant": id, "source": source, "state": state });
    assert_eq!(alcove.post("commands/mute", json!({ "microphone": true })).await.status, 200);
    assert_eq!(ann.event("track").await, told("microphone", "muted"));
    assert_eq!(alcove.post("commands/mute", json!({ "camera": true })).await.status, 200);
    assert_eq!(ann.event("track").await, told("camera", "muted"));
    alcove.post("commands/leave", json!({})).await;
    alcove.post("commands/join", json!({ "meeting": "den" })).await;
    for _ in 0..2 {
        assert_eq!(ann.event("track").await["state"], "muted", "nothing unmutes by itself");
    }
    // This test runs on the box itself.
    assert_eq!(alcove.post("commands/mute", json!({ "microphone": false })).await.status, 200);
    assert_eq!(ann.event("track").await["state"], "on");
}

#[tokio::test]
async fn the_screen_can_be_looked_at() {
    let alcove = Appliance::start("");
    let shot = alcove.get("display/snapshot.png").await;
    assert_eq!((shot.status.as_u16(), shot.kind.as_str()), (200, "image/png"));
    let decoder = png::Decoder::new(std::io::Cursor::new(shot.body));
    let reader = decoder.read_info().unwrap();
    assert_eq!((reader.info().width, reader.info().height), (1280, 720));
}
