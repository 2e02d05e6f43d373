//! Three boxes on a fleet's NATS: seen there, asked there, told what to be, and nothing is lost while the server is away.

use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, kv};
use futures_util::StreamExt as _;
use minisign::KeyPair;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::appliance::{Appliance, soon, text, within};
use crate::nats_server::{Server, box_on, join};
use crate::words::Words;

/// How long the servers of a cluster may take, on a machine that builds, to agree on who leads each stream.
const ELECTION_MAX: Duration = Duration::from_secs(180);

/// A bucket, once a box has made it.
pub(crate) async fn bucket(context: &jetstream::Context, name: &str) -> kv::Store {
    soon(async || context.get_key_value(name).await.ok()).await.expect("a box makes it")
}

/// What a box has put into a bucket, once that is what it should be.
pub(crate) async fn put(bucket: &kv::Store, id: &str, is_there: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = soon(async || {
        last = serde_json::from_slice(&bucket.get(id).await.ok()??).unwrap();
        is_there(&last).then_some(())
    });
    assert!(found.await.is_some(), "{id}: {last}");
    last
}

async fn ask(client: &async_nats::Client, id: &str, question: Value) -> (u64, Value) {
    // Before the box has subscribed nobody answers.
    let answer =
        soon(async || client.request(format!("alcove.box.{id}.ask"), question.to_string().into()).await.ok());
    let answer: Value = serde_json::from_slice(&answer.await.unwrap().payload).unwrap();
    (answer["status"].as_u64().unwrap(), answer["body"].clone())
}

pub(crate) async fn box_id(alcove: &Appliance) -> String {
    text(&alcove.get("status").await.json()["box_id"])
}

#[tokio::test]
async fn boxes_are_seen_and_asked_with_the_rights_that_they_give() {
    let server = Server::start();
    let boxes = [
        server.box_on("[room]\nname = \"Aspen\"\n"),
        server.box_on("[room]\nname = \"Birch\"\n"),
        server.box_on("nats_role = \"viewer\"\n[room]\nname = \"Cedar\"\n"),
    ];
    let client = server.join().await;
    let context = jetstream::new(client.clone());
    let (directory, status) =
        (bucket(&context, "alcove_directory").await, bucket(&context, "alcove_status").await);
    let presence = bucket(&context, "alcove_presence").await;
    let mut ids = Vec::new();
    for (alcove, name) in boxes.iter().zip(["Aspen", "Birch", "Cedar"]) {
        let id = box_id(alcove).await;
        let card = put(&directory, &id, |_| true).await;
        assert_eq!((&card["room"], &card["box"]), (&json!(name), &json!(id)));
        assert!(text(&card["url"]).starts_with("https://"), "{card}");
        put(&presence, &id, |beat| beat["room"] == name).await;
        put(&status, &id, |told| told["conditions"].to_string().contains("\"Ready\"")).await;
        ids.push(id);
    }

    let (code, told) = ask(&client, &ids[1], json!({ "path": "/api/v1/status" })).await;
    assert_eq!((code, &told["box_id"]), (200, &json!(ids[1])));
    let create = json!({ "method": "POST", "path": "/api/v1/meetings", "body": { "name": "den" } });
    assert_eq!(ask(&client, &ids[0], create.clone()).await.0, 201);
    assert_eq!(boxes[0].get("meetings/den").await.status, 200);
    let (code, refused) = ask(&client, &ids[2], create).await;
    assert_eq!((code, &refused["code"]), (403, &json!("not-permitted")), "{refused}");
    let unmute =
        json!({ "method": "POST", "path": "/api/v1/commands/mute", "body": { "microphone": false } });
    let (code, refused) = ask(&client, &ids[0], unmute).await;
    assert_eq!(code, 403, "nobody unmutes a room from afar: {refused}");
    assert_eq!(ask(&client, &ids[0], json!({ "path": "/m/room" })).await.0, 400);
    assert_eq!(ask(&client, &ids[0], json!({ "path": "/api/v1/nowhere" })).await.0, 404);
    let audit = boxes[0].get("audit").await.json().to_string();
    assert!(audit.contains("fleet (NATS)"), "{audit}");
}

#[tokio::test]
async fn while_nats_is_away_nothing_is_lost_and_nothing_is_stuck() {
    let mut server = Server::start();
    let alcove = server.box_on("");
    let id = box_id(&alcove).await;
    let client = server.join().await;
    let context = jetstream::new(client.clone());
    put(&bucket(&context, "alcove_status").await, &id, |_| true).await;
    alcove.meeting(json!({ "name": "before" })).await;
    server.kill();
    // Everything works as before.
    alcove.meeting(json!({ "name": "meanwhile" })).await;
    let token = alcove.token("meanwhile", "host").await;
    let _ann = Words::join(&alcove, "meanwhile", &token, "Ann").await;
    server.revive();
    alcove.meeting(json!({ "name": "after" })).await;
    let opened =
        soon(async || opened(&context, &id).await.filter(|opened| opened.contains(&"after".to_owned())));
    let opened = opened.await.expect("the events arrive");
    let ours: Vec<_> = opened.iter().filter(|name| *name != "room").collect();
    assert_eq!(ours, ["before", "meanwhile", "after"], "each once, in their order");
    assert_eq!(ask(&client, &id, json!({ "path": "/api/v1/status" })).await.0, 200, "it is asked again");
}

#[tokio::test]
async fn in_a_cluster_a_server_may_fail_and_nothing_is_lost() {
    let mut servers = Server::start_cluster();
    let boxes = ["Aspen", "Birch"].map(|name| box_on(&servers, &format!("[room]\nname = \"{name}\"\n")));
    let client = join(&servers).await;
    let context = jetstream::new(client.clone());
    // They have to find each other, too.
    let events = within(ELECTION_MAX, async || context.get_stream("alcove_events").await.ok());
    let events = events.await.expect("a box makes it");
    let status = bucket(&context, "alcove_status").await;
    for stream in [&status.stream, &events] {
        let config = &stream.cached_info().config;
        assert_eq!(config.num_replicas, 3, "all of them keep {}", config.name);
    }
    let mut ids = Vec::new();
    for alcove in &boxes {
        let id = box_id(alcove).await;
        put(&status, &id, |_| true).await;
        ids.push(id);
    }
    servers[0].kill();
    for (alcove, id) in boxes.iter().zip(&ids) {
        alcove.meeting(json!({ "name": "den" })).await;
        // The others agree first on who leads.
        let told = within(ELECTION_MAX, async || {
            opened(&context, id).await.filter(|opened| opened.contains(&"den".to_owned()))
        });
        let told = told.await.unwrap_or_else(|| panic!("what happens is told: {}", alcove.log()));
        assert_eq!(told.iter().filter(|name| *name == "den").count(), 1, "once");
        assert_eq!(ask(&client, id, json!({ "path": "/api/v1/status" })).await.0, 200);
    }
}

#[tokio::test]
async fn a_box_on_a_leaf_is_in_the_fleet_as_any_other() {
    let [hub, leaf] = Server::start_with_leaf();
    let boxes = [
        hub.box_on("[room]\nname = \"Aspen\"\n"),
        leaf.box_on("nats_domain = \"hub\"\n[room]\nname = \"Birch\"\n"),
    ];
    let context = jetstream::new(hub.join().await);
    let (status, directory) =
        (bucket(&context, "alcove_status").await, bucket(&context, "alcove_directory").await);
    for (alcove, room) in boxes.iter().zip(["Aspen", "Birch"]) {
        let id = box_id(alcove).await;
        put(&directory, &id, |card| card["room"] == room).await;
        put(&status, &id, |told| told["conditions"].to_string().contains("\"Ready\"")).await;
        alcove.meeting(json!({ "name": "den" })).await;
        let told =
            soon(async || opened(&context, &id).await.filter(|opened| opened.contains(&"den".to_owned())));
        assert!(told.await.is_some(), "what happens in {room} is told");
        for client in [hub.join().await, leaf.join().await] {
            assert_eq!(ask(&client, &id, json!({ "path": "/api/v1/status" })).await.0, 200);
        }
    }
}

/// The meetings that a box has told to have opened, as the stream has them.
async fn opened(context: &jetstream::Context, id: &str) -> Option<Vec<String>> {
    let stream = timeout(Duration::from_secs(5), context.get_stream("alcove_events")).await.ok()?.ok()?;
    let config = pull::Config {
        deliver_policy: DeliverPolicy::All,
        filter_subject: format!("alcove.event.{id}.meeting.opened"),
        ..pull::Config::default()
    };
    let consumer: PullConsumer = stream.create_consumer(config).await.ok()?;
    let mut messages = consumer.fetch().max_messages(100).messages().await.ok()?;
    let mut names = Vec::new();
    while let Some(Ok(message)) = messages.next().await {
        let event: Value = serde_json::from_slice(&message.payload).unwrap();
        names.push(text(&event["subject"]));
    }
    Some(names)
}

#[tokio::test]
async fn a_box_is_told_over_nats_what_to_be_and_believes_its_owner_alone() {
    let (owner, stranger) =
        (KeyPair::generate_unencrypted_keypair().unwrap(), KeyPair::generate_unencrypted_keypair().unwrap());
    let server = Server::start();
    let alcove = server.box_on(&format!("key = {:?}\n", owner.pk.to_base64()));
    let id = box_id(&alcove).await;
    let client = server.join().await;
    let desired = bucket(&jetstream::new(client), "alcove_desired").await;
    let publish = async |key: &str, by: &KeyPair, serial: u32, seconds: u32| {
        let document = format!("for = \"*\"\nserial = {serial}\n[calls]\nring_seconds = {seconds}\n");
        let signed = minisign::sign(None, &by.sk, std::io::Cursor::new(&document), None, None).unwrap();
        let entry = json!({ "document": document, "signature": signed.to_string() });
        desired.put(key, entry.to_string().into()).await.unwrap();
    };
    let rings_for = async |seconds: u32| {
        let seen = async || alcove.get("config").await.json()["config"]["calls"]["ring_seconds"].clone();
        let reached = soon(async || (seen().await == seconds).then_some(()));
        assert!(reached.await.is_some(), "{}", alcove.log());
    };
    publish("all", &owner, 1, 21).await;
    rings_for(21).await;
    publish("all", &stranger, 2, 22).await;
    publish("all", &owner, 3, 23).await;
    rings_for(23).await;
    publish(&id, &owner, 4, 24).await;
    rings_for(24).await;
    let log = alcove.log();
    assert!(log.contains("not signed with fleet.key"), "{log}");
}
