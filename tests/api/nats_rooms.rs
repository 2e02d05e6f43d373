//! Rooms of a fleet that know each other over NATS and ring each other there, with no address of one another.

use std::path::Path;

use async_nats::jetstream;
use serde_json::{Value, json};

use crate::appliance::{Appliance, soon, text};
use crate::configuration::patch;
use crate::nats::{box_id, bucket};
use crate::nats_server::Server;
use crate::rooms::{call_meeting, is_rung, until};
use crate::words::Words;

/// A box that takes calls over NATS.
fn room_on(server: &Server, name: &str) -> Appliance {
    server.box_on(&format!("nats_calls = true\n[room]\nname = {name:?}\n"))
}

fn entry<'a>(users: &'a Value, name: &str) -> Option<&'a Value> {
    users["users"].as_array()?.iter().find(|user| user["name"] == name)
}

/// What another room is called in the directory, once it can be rung.
async fn online(alcove: &Appliance, name: &str) -> String {
    let is_online = |users: &Value| entry(users, name).is_some_and(|user| user["presence"] == "online");
    text(&entry(&until(alcove, "users", is_online).await, name).unwrap()["id"])
}

/// One room rings another, which accepts; the meetings on both sides.
async fn call(from: &Appliance, to: &Appliance, name: &str) -> (String, String) {
    let callee = online(from, name).await;
    let rung = from.post("calls", json!({ "users": [callee], "media": "video" })).await;
    assert_eq!(rung.status, 201, "{}", rung.text());
    until(to, "calls", is_rung).await;
    assert_eq!(to.post("commands/accept", json!({})).await.status, 204);
    (call_meeting(from).await, call_meeting(to).await)
}

async fn hang_up(from: &Appliance, to: &Appliance) {
    assert_eq!(from.post("commands/hang-up", json!({})).await.status, 204);
    for side in [from, to] {
        until(side, "calls", |calls| calls["calls"] == json!([])).await;
    }
}

#[tokio::test]
async fn rooms_of_a_fleet_are_in_each_others_directory_and_ring_each_other_through_nats() {
    let mut server = Server::start();
    let [aspen, birch, cedar] = ["Aspen", "Birch", "Cedar"].map(|name| room_on(&server, name));
    let silent = server.box_on("[room]\nname = \"Silent\"\n");
    for (here, others) in
        [(&aspen, ["Birch", "Cedar"]), (&birch, ["Aspen", "Cedar"]), (&cedar, ["Aspen", "Birch"])]
    {
        for other in others {
            online(here, other).await;
        }
        assert!(entry(&here.get("users").await.json(), "Silent").is_none(), "it has not asked to be called");
    }
    assert_eq!(silent.get("users").await.json()["users"].as_array().unwrap().len(), 1);

    // Either way round, whoever of the two has reached the other.
    for (from, to, name) in [(&aspen, &cedar, "Cedar"), (&cedar, &aspen, "Aspen")] {
        drop(meet(from, to, name).await);
        hang_up(from, to).await;
    }

    // NATS goes for a moment while they speak: they go on.
    let (mut ann, path) = meet(&aspen, &birch, "Birch").await;
    server.kill();
    for side in [&aspen, &birch, &cedar] {
        let noticed = soon(async || side.log().contains("NATS is away").then_some(()));
        assert!(noticed.await.is_some(), "{}", side.log());
    }
    server.revive();
    let you = ann.id();
    ann.ask(json!({ "rename": { "participant": you, "name": "Anna" } })).await.unwrap();
    until(&birch, &path, |all| all.to_string().contains("\"Anna\"")).await;
    hang_up(&aspen, &birch).await;

    // It goes for longer: whoever is not reached is shown so, and when it is back all is as before.
    server.kill();
    for (side, other) in [(&birch, "Cedar"), (&cedar, "Birch")] {
        until(side, "users", |users| entry(users, other).is_some_and(|one| one["presence"] == "offline"))
            .await;
    }
    server.revive();
    online(&birch, "Cedar").await;
    call(&birch, &cedar, "Cedar").await;
    hang_up(&birch, &cedar).await;
}

/// One room has called the other, and Ann, who is in the one, is seen in the other: her words, and where she is seen.
async fn meet(from: &Appliance, to: &Appliance, name: &str) -> (Words, String) {
    let (here, there) = call(from, to, name).await;
    let ann = Words::join(from, &here, &from.token(&here, "host").await, "Ann").await;
    let path = format!("meetings/{there}/participants");
    until(to, &path, |all| all.to_string().contains("\"Ann\"")).await;
    (ann, path)
}

#[tokio::test]
async fn a_room_that_is_renamed_or_leaves_the_fleet_is_so_in_the_directories_too() {
    let server = Server::start();
    let (aspen, birch) = (room_on(&server, "Aspen"), room_on(&server, "Birch"));
    online(&aspen, "Birch").await;
    let before = online(&birch, "Aspen").await;
    patch(&aspen, "?apply=now", json!({ "room": { "name": "Alder" } })).await;
    assert_eq!(online(&birch, "Alder").await, before, "it is the same one, by another name");
    patch(&aspen, "?apply=now", json!({ "fleet": { "nats_calls": false } })).await;
    until(&birch, "users", |users| entry(users, "Alder").is_none()).await;
    until(&aspen, "users", |users| users["users"].as_array().is_some_and(|users| users.len() == 1)).await;
}

#[tokio::test]
async fn whoever_is_no_box_of_the_fleet_is_not_let_in() {
    let server = Server::start();
    let birch = room_on(&server, "Birch");
    let (id, client) = (box_id(&birch).await, server.join().await);
    bucket(&jetstream::new(client.clone()), "alcove_directory").await;
    let introduce = async |from: &str, words: &str| -> Value {
        let subject = format!("alcove.box.{id}.introduce.{from}");
        // Before the box has subscribed nobody answers.
        let answer = soon(async || client.request(subject.clone(), words.to_owned().into()).await.ok());
        serde_json::from_slice(&answer.await.unwrap().payload).unwrap()
    };
    for (from, words) in [
        ("-", "{"),
        ("-", "{}"),
        ("-", r#"{"room":""}"#),
        ("~", r#"{"room":"Aspen"}"#),
        ("zzz", r#"{"room":"Aspen"}"#),
        (id.as_str(), r#"{"room":"Aspen"}"#),
    ] {
        let answer = introduce(from, words).await;
        assert!(answer["token"].is_null() && !text(&answer["detail"]).is_empty(), "{from} {words}: {answer}");
    }
    assert_eq!(birch.get("users").await.json()["users"].as_array().unwrap().len(), 1);
    let admitted = introduce("-", r#"{"room":"Aspen"}"#).await;
    assert_eq!(introduce("-", r#"{"room":"Aspen"}"#).await, admitted, "it is let in once");
    assert_eq!(birch.get("users").await.json()["users"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_that_is_closed_takes_boxes_by_authority_and_credentials() {
    let (server, [authority, credentials]) = Server::start_closed();
    let keys = |authority: Option<&Path>, credentials: Option<&Path>| {
        let line = |key: &str, file: Option<&Path>| {
            file.map(|file| format!("{key} = {file:?}\n")).unwrap_or_default()
        };
        line("nats_authority", authority) + &line("nats_credentials_file", credentials)
    };
    let room = |name: &str, keys: String| {
        server.box_on(&format!("nats_calls = true\n{keys}[room]\nname = {name:?}\n"))
    };
    let strangers =
        [room("Bare", keys(None, Some(&credentials))), room("Anonymous", keys(Some(&authority), None))];
    let (aspen, birch) = (
        room("Aspen", keys(Some(&authority), Some(&credentials))),
        room("Birch", keys(Some(&authority), Some(&credentials))),
    );
    online(&aspen, "Birch").await;
    online(&birch, "Aspen").await;
    for stranger in &strangers {
        assert_eq!(stranger.get("users").await.json()["users"].as_array().unwrap().len(), 1);
        assert!(!stranger.log().contains("NATS is reached"), "{}", stranger.log());
    }
}
