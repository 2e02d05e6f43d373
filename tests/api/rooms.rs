//! Two appliances on one machine that ring each other, and what a bridge may say at the front door.

use serde_json::{Value, json};

use crate::appliance::{Appliance, text};
use crate::calls::{Page, user};
use crate::kept::killed;
use crate::words::Words;

/// An appliance in the directory of another: its id there, and its token.
async fn neighbour(alcove: &Appliance, name: &str) -> Value {
    let reply = alcove.post("users", json!({ "name": name, "kind": "appliance" })).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

/// Asks until the answer is so; whoever tells of it takes a moment.
pub(crate) async fn until(alcove: &Appliance, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut turns = tokio::time::interval(std::time::Duration::from_millis(100));
    for _ in 0..300 {
        turns.tick().await;
        let answer = alcove.get(path).await.json();
        if is_so(&answer) {
            return answer;
        }
    }
    panic!("{path} stays {}", alcove.get(path).await.json());
}

pub(crate) fn is_rung(calls: &Value) -> bool {
    let legs = calls["calls"][0]["legs"].as_array();
    legs.is_some_and(|legs| legs.iter().any(|leg| leg["state"] == "ringing"))
}

/// The meeting of the call that goes on.
pub(crate) async fn call_meeting(alcove: &Appliance) -> String {
    let is_of_call = |one: &&Value| text(&one["name"]).starts_with("call-");
    let find = |all: &Value| {
        all["meetings"].as_array().unwrap().iter().find(is_of_call).map(|one| text(&one["name"]))
    };
    find(&until(alcove, "meetings", |all| find(all).is_some()).await).unwrap()
}

/// Two appliances; the first one reaches the second. Who the second is to the first.
async fn pair() -> (Appliance, Appliance, String) {
    let (aspen, birch) =
        (Appliance::start("[room]\nname = \"Aspen\"\n"), Appliance::start("[room]\nname = \"Birch\"\n"));
    let ours = neighbour(&birch, "Aspen").await;
    let link = format!("https://localhost:{}/#u={}", birch.port, text(&ours["token"]));
    let entry =
        json!({ "name": "Birch", "kind": "appliance", "link": link, "fingerprint": ours["fingerprint"] });
    let reply = aspen.post("users", entry).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let theirs = text(&reply.json()["id"]);
    until(&aspen, &format!("users/{theirs}"), |user| user["presence"] == "online").await;
    (aspen, birch, theirs)
}

#[tokio::test]
async fn rooms_that_ring_each_other_are_in_one_meeting_with_everybody_on_both_sides() {
    let (aspen, birch, theirs) = pair().await;
    let rung = aspen.post("calls", json!({ "users": [theirs], "media": "video" })).await;
    assert_eq!(rung.status, 201, "{}", rung.text());
    until(&birch, "calls", is_rung).await;
    assert_eq!(birch.post("commands/accept", json!({})).await.status, 204);
    let (here, there) = (call_meeting(&aspen).await, call_meeting(&birch).await);
    let mut ann = Words::join(&aspen, &here, &aspen.token(&here, "host").await, "Ann").await;
    let names = |all: &Value| -> Vec<String> {
        all["participants"].as_array().unwrap().iter().map(|one| text(&one["name"])).collect()
    };
    let path = format!("meetings/{there}/participants");
    let seen = until(&birch, &path, |all| names(all).contains(&"Ann".to_owned())).await;
    assert_eq!(names(&seen).iter().filter(|name| *name == "Aspen").count(), 2, "the bridge, and the room");
    let you = ann.id();
    ann.ask(json!({ "rename": { "participant": you, "name": "Anna" } })).await.unwrap();
    until(&birch, &path, |all| names(all).contains(&"Anna".to_owned())).await;
    ann.ask(json!({ "leave": {} })).await.unwrap();
    until(&birch, &path, |all| !names(all).contains(&"Anna".to_owned())).await;
    assert_eq!(aspen.post("commands/hang-up", json!({})).await.status, 204);
    let over = until(&birch, "calls", |calls| calls["calls"] == json!([])).await;
    assert_eq!(over["records"][0]["end"], "finished");
}

#[tokio::test]
async fn how_the_other_room_takes_it_is_told_to_who_rings() {
    let (aspen, birch, theirs) = pair().await;
    let ring = json!({ "users": [theirs], "media": "audio" });
    assert_eq!(aspen.post("calls", ring.clone()).await.status, 201);
    until(&birch, "calls", is_rung).await;
    assert_eq!(birch.post("commands/decline", json!({})).await.status, 204);
    let over = until(&aspen, "calls", |calls| calls["calls"] == json!([])).await;
    assert_eq!(over["records"][0]["end"], "declined");
    assert_eq!(aspen.post("calls", ring).await.status, 201);
    until(&birch, "calls", is_rung).await;
    assert_eq!(aspen.post("commands/hang-up", json!({})).await.status, 204);
    let over = until(&birch, "calls", |calls| calls["calls"] == json!([])).await;
    assert_eq!(over["records"][0]["end"], "cancelled");
}

#[tokio::test]
async fn an_appliance_with_another_fingerprint_or_token_is_not_reached() {
    let (aspen, birch) = (Appliance::start(""), Appliance::start(""));
    let ours = neighbour(&birch, "Aspen").await;
    let link = format!("https://localhost:{}/#u={}", birch.port, text(&ours["token"]));
    let other = text(&ours["fingerprint"]).replace(':', "x").replacen('x', ":", 31);
    let bad =
        json!({ "name": "Birch", "kind": "appliance", "link": link, "fingerprint": format!("{other}:00") });
    aspen.post("users", bad).await.problem(400, "invalid-parameter");
    for (field, value) in
        [("link", json!("http://x/#u=y")), ("link", json!("https://a@b/#u=y")), ("fingerprint", json!("AB"))]
    {
        let mut entry = json!({ "name": "Birch", "kind": "appliance", "link": link });
        entry[field] = value;
        aspen.post("users", entry).await.problem(400, "invalid-parameter");
    }
    aspen.post("users", json!({ "name": "Birch", "link": link })).await.problem(400, "invalid-parameter");
    // Well-formed, and of another box.
    let fingerprint = vec!["00"; 32].join(":");
    let entry = json!({ "name": "Birch", "kind": "appliance", "link": link, "fingerprint": fingerprint });
    let theirs = text(&aspen.post("users", entry).await.json()["id"]);
    assert_eq!(aspen.post("calls", json!({ "users": [theirs], "media": "audio" })).await.status, 409);
    assert_eq!(aspen.get("calls").await.json()["records"][0]["end"], "no_answer");
    assert_eq!(birch.get(&format!("users/{}", text(&ours["id"]))).await.json()["presence"], "offline");
}

/// Answers the room's call as an appliance does: where to go in, and with what.
async fn called(alcove: &Appliance) -> (String, String) {
    let entry = neighbour(alcove, "Birch").await;
    let mut page = Page::sign_in(alcove, &text(&entry["token"]), "birch").await;
    let rung = alcove.post("calls", json!({ "users": [entry["id"]], "media": "video" })).await;
    assert_eq!(rung.status, 201, "{}", rung.text());
    let call = text(&rung.json()["id"]);
    page.words.ask(json!({ "accept": { "call": call } })).await.unwrap();
    let enter = page.words.tell("enter").await;
    (text(&enter["meeting"]), text(&enter["token"]))
}

fn hello(token: &str, boxes: &[&str]) -> Value {
    json!({ "version": 1, "token": token, "name": "Birch", "bridge": { "boxes": boxes } })
}

#[tokio::test]
async fn a_loop_is_refused_at_the_door_and_cut_when_it_is_found_later() {
    let alcove = Appliance::start("");
    let (meeting, token) = called(&alcove).await;
    let mut bridge = Words::open(&alcove, &meeting).await;
    bridge.hello(hello(&token, &["birch"])).await.unwrap();
    let own = text(&bridge.tell("bridge").await["boxes"][0]);
    let mut second = Words::open(&alcove, &meeting).await;
    assert_eq!(second.hello(hello(&token, &["birch"])).await.unwrap_err(), "meeting-loop");
    let mut third = Words::open(&alcove, &meeting).await;
    assert_eq!(third.hello(hello(&token, &["oak", &own])).await.unwrap_err(), "meeting-loop");
    let behind = json!({ "behind": { "people": [], "boxes": ["birch", own], "decodes": [] } });
    assert_eq!(bridge.refused(behind).await, "meeting-loop");
    assert_eq!(bridge.closed().await.0, 1001, "it is out");
}

#[tokio::test]
async fn only_an_appliance_is_a_bridge_and_what_it_says_is_checked() {
    let alcove = Appliance::start("");
    let (meeting, token) = called(&alcove).await;
    let mut ann = Words::open(&alcove, &meeting).await;
    let key = alcove.token(&meeting, "speaker").await;
    assert_eq!(ann.hello(hello(&key, &["ann"])).await.unwrap_err(), "not-permitted");
    let mut ben = Words::join(&alcove, &meeting, &key, "Ben").await;
    let cat =
        json!({ "id": "p3", "name": "Cat", "tracks": [{ "source": "camera", "muted": false, "mid": "a" }] });
    let behind = |people: Vec<Value>| json!({ "behind": { "people": people, "boxes": ["birch"], "decodes": ["vp8"] } });
    assert_eq!(ben.refused(behind(vec![cat.clone()])).await, "not-permitted");
    assert_eq!(ben.refused(json!({ "carry": { "lines": [] } })).await, "not-permitted");
    let mut bridge = Words::open(&alcove, &meeting).await;
    bridge.hello(hello(&token, &["birch"])).await.unwrap();
    assert_eq!(bridge.refused(behind(vec![cat.clone(), cat.clone()])).await, "invalid-parameter");
    bridge.ask(behind(vec![cat])).await.unwrap();
    let joined = loop {
        let joined = ben.event("joined").await["participant"].clone();
        if joined["name"] == "Cat" {
            break joined;
        }
    };
    assert_eq!((&joined["kind"], &joined["via"]), (&json!("bridge"), &json!(bridge.id())));
    bridge.ask(behind(vec![])).await.unwrap();
    assert_eq!(ben.event("left").await["participant"], joined["id"]);
}

#[tokio::test]
async fn how_an_appliance_is_reached_outlives_the_process_and_goes_with_its_entry() {
    let aspen = Appliance::start("");
    let birch = Appliance::start("");
    let ours = neighbour(&birch, "Aspen").await;
    let (_, _) = user(&birch, "Ann").await;
    let link = format!("https://localhost:{}/#u={}", birch.port, text(&ours["token"]));
    let entry =
        json!({ "name": "Birch", "kind": "appliance", "link": link, "fingerprint": ours["fingerprint"] });
    let theirs = text(&aspen.post("users", entry).await.json()["id"]);
    let path = format!("users/{theirs}");
    until(&aspen, &path, |user| user["presence"] == "online").await;
    let state = std::sync::Arc::clone(&aspen.state);
    aspen.terminate();
    assert!(aspen.ended().success());
    let aspen = Appliance::start_in(state, "");
    let known = until(&aspen, &path, |user| user["presence"] == "online").await;
    assert_eq!(known["address"], format!("localhost:{}", birch.port));
    assert_eq!(aspen.delete(&path).await.status, 204);
    let ours = format!("users/{}", text(&ours["id"]));
    until(&birch, &ours, |user| user["presence"] == "offline").await;
}

#[tokio::test]
async fn a_call_between_rooms_of_which_one_loses_its_power_is_over_on_both_sides() {
    let (aspen, birch, theirs) = pair().await;
    assert_eq!(aspen.post("calls", json!({ "users": [theirs], "media": "video" })).await.status, 201);
    until(&birch, "calls", is_rung).await;
    assert_eq!(birch.post("commands/accept", json!({})).await.status, 204);
    let is_in = |calls: &Value| {
        let legs = calls["calls"][0]["legs"].as_array();
        legs.is_some_and(|legs| legs.iter().all(|leg| leg["state"] == "in"))
    };
    until(&aspen, "calls", is_in).await;
    until(&birch, "calls", is_in).await;
    // At another port: it is not found again, as if it stayed off.
    let birch = killed(birch);
    for alcove in [&birch, &aspen] {
        let over = until(alcove, "calls", |calls| calls["calls"] == json!([])).await;
        let record = over["records"][0].clone();
        assert_eq!(record["callees"].as_array().map(Vec::len), Some(1), "{record}");
        until(alcove, "users/u1", |room| room["presence"] == "online").await;
        assert_eq!(alcove.get("status").await.json()["room"]["meeting"], json!(null));
    }
    // Who lost its power knows of the call up to what it wrote last, which may be that it was answered.
    assert_eq!(birch.get("calls").await.json()["records"][0]["end"], "lost");
    assert_ne!(aspen.get("calls").await.json()["records"][0]["talked_ms"], 0);
}

/// What somebody's microphone is in a meeting.
async fn microphone(alcove: &Appliance, meeting: &str, name: &str) -> String {
    let all = alcove.get(&format!("meetings/{meeting}/participants")).await.json();
    let one =
        all["participants"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned().unwrap();
    let track = one["tracks"].as_array().unwrap().iter().find(|one| one["source"] == "microphone").cloned();
    track.map_or("off", |track| if track["muted"] == true { "muted" } else { "on" }).to_owned()
}

#[tokio::test]
async fn whom_a_host_mutes_of_the_other_room_stays_muted_until_they_switch_it_on_or_are_released() {
    let alcove = Appliance::start("");
    let (meeting, token) = called(&alcove).await;
    let mut host = Words::join(&alcove, &meeting, &alcove.token(&meeting, "host").await, "Host").await;
    let mut bridge = Words::open(&alcove, &meeting).await;
    bridge.hello(hello(&token, &["birch"])).await.unwrap();
    let cat = |muted: bool| json!({ "id": "p3", "name": "Cat", "tracks": [{ "source": "microphone", "muted": muted, "mid": "a" }] });
    let dan = json!({ "id": "p4", "name": "Dan", "tracks": [] });
    let behind =
        |people: Vec<Value>| json!({ "behind": { "people": people, "boxes": ["birch"], "decodes": [] } });
    bridge.ask(behind(vec![cat(false)])).await.unwrap();
    let id = loop {
        let joined = host.event("joined").await["participant"].clone();
        if joined["name"] == "Cat" {
            break text(&joined["id"]);
        }
    };
    let mute = |hold: bool| json!({ "mute": { "participant": id, "source": "microphone", "hold": hold } });
    host.ask(mute(false)).await.unwrap();
    bridge.ask(behind(vec![cat(false), dan.clone()])).await.unwrap();
    assert_eq!(microphone(&alcove, &meeting, "Cat").await, "muted", "Dan has come, and nothing else");
    bridge.ask(behind(vec![cat(true), dan.clone()])).await.unwrap();
    bridge.ask(behind(vec![cat(false), dan.clone()])).await.unwrap();
    assert_eq!(microphone(&alcove, &meeting, "Cat").await, "on", "Cat has switched it on at home");

    host.ask(mute(true)).await.unwrap();
    bridge.ask(behind(vec![cat(true), dan.clone()])).await.unwrap();
    bridge.ask(behind(vec![cat(false), dan])).await.unwrap();
    assert_eq!(microphone(&alcove, &meeting, "Cat").await, "muted", "held");
    host.ask(json!({ "release": { "participant": id, "source": "microphone" } })).await.unwrap();
    assert_eq!(microphone(&alcove, &meeting, "Cat").await, "on", "as at home");
}

/// So many people with cameras, who are in a meeting until they are dropped.
async fn cameras(alcove: &Appliance, meeting: &str, count: usize) -> Vec<Words> {
    let token = alcove.token(meeting, "speaker").await;
    let mut people = Vec::new();
    for number in 1..=count {
        let mut words = Words::join(alcove, meeting, &token, &format!("Person {number}")).await;
        words.ask(json!({ "track": { "source": "camera", "state": "on" } })).await.unwrap();
        people.push(words);
    }
    people
}

#[tokio::test]
async fn the_tenth_who_finds_no_line_to_the_other_room_is_told_so_on_both_sides() {
    let (aspen, birch, theirs) = pair().await;
    assert_eq!(aspen.post("calls", json!({ "users": [theirs], "media": "video" })).await.status, 201);
    until(&birch, "calls", is_rung).await;
    assert_eq!(birch.post("commands/accept", json!({})).await.status, 204);
    for alcove in [&aspen, &birch] {
        let meeting = call_meeting(alcove).await;
        // The room has a camera, too.
        let mut people = cameras(alcove, &meeting, 9).await;
        let mut tenth = people.pop().unwrap();
        let told = tenth.tell("left_out").await;
        assert_eq!(told["sources"], json!(["camera"]));
        let all = alcove.get(&format!("meetings/{meeting}/participants")).await.json();
        let bridge =
            all["participants"].as_array().unwrap().iter().find(|one| one["id"] == told["via"]).cloned();
        assert_eq!(bridge.unwrap()["kind"], "bridge");
        people[0].ask(json!({ "leave": {} })).await.unwrap();
        assert_eq!(tenth.tell("left_out").await["sources"], json!([]), "there is a line again");
    }
}
