//! People and a room that ring each other, over HTTP and the WebSocket of calls.

use reqwest::Method;
use serde_json::{Value, json};

use crate::appliance::{Appliance, Reply, text};
use crate::words::Words;

/// Puts somebody into the directory: their id and token.
pub(crate) async fn user(alcove: &Appliance, name: &str) -> (String, String) {
    let reply = alcove.post("users", json!({ "name": name })).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let user = reply.json();
    (text(&user["id"]), text(&user["token"]))
}

/// A page that is signed in.
pub(crate) struct Page {
    pub(crate) words: Words,
    pub(crate) welcome: Value,
}

impl Page {
    pub(crate) async fn sign_in(alcove: &Appliance, token: &str, device: &str) -> Self {
        let mut words = Words::open_calls(alcove).await;
        let hello = json!({ "hello": { "version": 1, "token": token, "device": device } });
        let answer = words.ask(hello).await.unwrap();
        Self { words, welcome: answer["welcome"].clone() }
    }

    pub(crate) async fn ring(&mut self, users: &[&str]) -> String {
        let answer = self.words.ask(json!({ "ring": { "users": users, "media": "video" } })).await.unwrap();
        text(&answer["ringing"]["call"])
    }

    async fn ask(&mut self, verb: &str, call: &str) -> Result<Value, Value> {
        self.words.ask(json!({ verb: { "call": call } })).await
    }

    /// The next state of a call in which somebody's part is that.
    async fn sees(&mut self, user: &str, state: &str) -> Value {
        loop {
            let call = self.words.tell("call").await["call"].clone();
            let leg = call["legs"].as_array().unwrap().iter().find(|leg| leg["user"] == user).cloned();
            if leg.is_some_and(|leg| leg["state"] == state) {
                return call;
            }
        }
    }

    async fn record(&mut self) -> Value {
        self.words.tell("record").await["record"].clone()
    }
}

/// Ann and Ben in the directory, each signed in once.
async fn ann_and_ben(alcove: &Appliance) -> ((String, Page), (String, Page)) {
    let ((ann, ann_token), (ben, ben_token)) = (user(alcove, "Ann").await, user(alcove, "Ben").await);
    let ann_page = Page::sign_in(alcove, &ann_token, "ann-1").await;
    ((ann, ann_page), (ben, Page::sign_in(alcove, &ben_token, "ben-1").await))
}

#[tokio::test]
async fn a_call_is_rung_answered_joined_and_recorded() {
    let alcove = Appliance::start("");
    let ((ann, mut ann_page), (ben, mut ben_page)) = ann_and_ben(&alcove).await;
    assert_eq!(ann_page.welcome["you"], ann);
    assert_eq!(ben_page.welcome["users"].as_array().unwrap().len(), 3, "the room is in the directory");
    let call = ann_page.ring(&[&ben]).await;
    ben_page.sees(&ben, "ringing").await;
    ben_page.ask("accept", &call).await.unwrap();
    let (of_ann, of_ben) = (ann_page.words.tell("enter").await, ben_page.words.tell("enter").await);
    assert_eq!(of_ann["meeting"], of_ben["meeting"]);
    let meeting = text(&of_ann["meeting"]);
    let mut ann_in = Words::join(&alcove, &meeting, &text(&of_ann["token"]), "Ann").await;
    let ben_in = Words::join(&alcove, &meeting, &text(&of_ben["token"]), "Ben").await;
    assert_eq!(ben_in.names(), ["Ann", "Ben"]);
    ann_page.sees(&ben, "in").await;
    let presence = alcove.get("presence").await.json();
    assert_eq!(presence["presence"][1]["presence"], "busy");
    ann_in.ask(json!({ "leave": {} })).await.unwrap();
    let record = ben_page.record().await;
    assert_eq!((&record["end"], &record["caller"]["user"]), (&json!("finished"), &json!(ann)));
    assert_eq!(ann_page.record().await, record);
    alcove.get(&format!("meetings/{meeting}")).await.problem(404, "meeting-not-found");
    let listed = alcove.get(&format!("calls?user={ben}")).await.json();
    assert_eq!((&listed["calls"], &listed["records"][0]), (&json!([]), &record));
    let history = ben_page.words.ask(json!({ "history": {} })).await.unwrap();
    assert_eq!(history["history"]["records"][0], record);
}

#[tokio::test]
async fn other_devices_are_told_and_a_missed_call_is_counted_until_it_was_seen() {
    let alcove = Appliance::start("[calls]\nring_seconds = 5\n");
    let ((_, mut ann), (ben_id, mut ben)) = ann_and_ben(&alcove).await;
    let token = text(&alcove.post(&format!("users/{ben_id}/tokens"), json!({})).await.json()["token"]);
    assert_eq!(ben.words.closed().await.0, 1001, "signed out");
    let mut first = Page::sign_in(&alcove, &token, "one").await;
    let mut second = Page::sign_in(&alcove, &token, "two").await;
    let call = ann.ring(&[&ben_id]).await;
    second.sees(&ben_id, "ringing").await;
    first.ask("decline", &call).await.unwrap();
    let told = second.sees(&ben_id, "declined").await;
    assert_eq!(told["legs"][1]["device"], first.welcome["device"]);
    assert_eq!(told["legs"][1]["by"], told["caller"]);
    assert_eq!(ann.record().await["end"], "declined");
    let late = second.ask("accept", &call).await.unwrap_err();
    assert_eq!(late["code"], "peer-lost");

    ann.ring(&[&ben_id]).await;
    assert_eq!(second.words.tell("missed").await["count"], 1, "after five seconds");
    assert_eq!(ann.sees(&ben_id, "no_answer").await["end"], "no_answer");
    drop(first);
    let again = Page::sign_in(&alcove, &token, "three").await;
    assert_eq!(again.welcome["missed"], 1);
    second.words.ask(json!({ "seen_missed": {} })).await.unwrap();
    assert_eq!(alcove.get(&format!("users/{ben_id}")).await.json()["missed"], 0);
}

#[tokio::test]
async fn a_caller_who_vanishes_stops_the_ringing_and_one_who_comes_back_rings_on() {
    let alcove = Appliance::start("");
    let (ann, ann_token) = user(&alcove, "Ann").await;
    let (ben, ben_token) = user(&alcove, "Ben").await;
    let mut ann_page = Page::sign_in(&alcove, &ann_token, "ann-1").await;
    let mut ben_page = Page::sign_in(&alcove, &ben_token, "ben-1").await;
    let call = ann_page.ring(&[&ben]).await;
    ben_page.sees(&ben, "ringing").await;
    drop(ann_page);
    let ann_page = Page::sign_in(&alcove, &ann_token, "ann-1").await;
    assert_eq!(ann_page.welcome["calls"][0]["id"], call, "the same device rings on");
    drop(ann_page);
    let ended = ben_page.sees(&ann, "lost").await;
    assert_eq!(ended["end"], "lost");
}

#[tokio::test]
async fn the_room_is_rung_accepts_and_is_in_the_meeting_and_hangs_up() {
    let alcove = Appliance::start("");
    let ((_, mut ann), (ben, _ben_page)) = ann_and_ben(&alcove).await;
    alcove.post("commands/accept", json!({})).await.problem(410, "peer-lost");
    ann.ring(&["u1"]).await;
    ann.sees("u1", "ringing").await;
    assert_eq!(alcove.post("commands/accept", json!({})).await.status, 204);
    let enter = ann.words.tell("enter").await;
    let meeting = text(&enter["meeting"]);
    let ann_in = Words::join(&alcove, &meeting, &text(&enter["token"]), "Ann").await;
    assert_eq!(ann_in.names(), ["room", "Ann"]);
    assert_eq!(alcove.get("status").await.json()["room"]["meeting"], meeting);
    assert_eq!(alcove.post("commands/hang-up", json!({})).await.status, 204);
    assert_eq!(ann.record().await["end"], "finished");
    assert_eq!(alcove.get("status").await.json()["room"]["meeting"], Value::Null);
    assert_eq!(alcove.get("users/u1").await.json()["presence"], "online");

    let rung = alcove.post("calls", json!({ "users": [ben], "media": "audio" })).await;
    assert_eq!((rung.status.as_u16(), &rung.json()["caller"]), (201, &json!("u1")));
    alcove.post("calls", json!({ "users": [ben] })).await.problem(409, "busy");
    assert_eq!(alcove.post("commands/hang-up", json!({})).await.status, 204);
    let last = alcove.get("calls").await.json()["records"][0].clone();
    assert_eq!((&last["end"], &last["media"]), (&json!("cancelled"), &json!("audio")));
}

#[tokio::test]
async fn a_busy_room_hears_a_knock_and_moves_when_it_is_taken() {
    let alcove = Appliance::start("");
    let mut guest = Words::join(&alcove, "room", &alcove.token("room", "speaker").await, "Guest").await;
    let ((_, mut ann), _) = ann_and_ben(&alcove).await;
    ann.ring(&["u1"]).await;
    ann.sees("u1", "knocking").await;
    assert_eq!(alcove.post("commands/accept", json!({})).await.status, 204);
    guest.event("left").await;
    let enter = ann.words.tell("enter").await;
    let ann_in = Words::join(&alcove, &text(&enter["meeting"]), &text(&enter["token"]), "Ann").await;
    assert_eq!(ann_in.names(), ["room", "Ann"]);
    assert_eq!(alcove.post("commands/hang-up", json!({})).await.status, 204);
    assert_eq!(guest.event("joined").await["participant"]["name"], "room", "back where it was");
}

async fn change(alcove: &Appliance, user: &str, body: Value) -> Reply {
    alcove.ask(Method::PATCH, &format!("users/{user}"), Some(body)).await
}

#[tokio::test]
async fn the_directory_is_kept_in_order_and_who_is_removed_or_disturbed_is_known() {
    let alcove = Appliance::start("");
    let ((ann_id, mut ann), (ben_id, mut ben)) = ann_and_ben(&alcove).await;
    assert_eq!(change(&alcove, &ben_id, json!({ "name": "Benno" })).await.json()["name"], "Benno");
    while ann.words.tell("user").await["user"]["name"] != "Benno" {}
    ben.words.ask(json!({ "do_not_disturb": { "on": true } })).await.unwrap();
    ann.ring(&[&ben_id]).await;
    assert_eq!(ann.sees(&ben_id, "do_not_disturb").await["end"], "do_not_disturb");
    change(&alcove, "u1", json!({ "name": "Hall" })).await.problem(403, "not-permitted");
    assert_eq!(
        change(&alcove, "u1", json!({ "do_not_disturb": true })).await.json()["presence"],
        "do_not_disturb"
    );
    alcove.delete("users/u1").await.problem(403, "not-permitted");
    assert_eq!(alcove.delete(&format!("users/{ben_id}")).await.status, 204);
    assert_eq!(ann.words.tell("user_gone").await["user"], ben_id);
    assert_eq!(ben.words.closed().await.0, 1001);
    alcove.get(&format!("users/{ben_id}")).await.problem(404, "user-not-found");
    alcove.post("users", json!({ "name": "" })).await.problem(400, "invalid-parameter");
    alcove.post("users", json!({ "name": "x", "colour": 1 })).await.problem(400, "invalid-parameter");
    let users = alcove.get("users").await.json();
    let ids: Vec<_> = users["users"].as_array().unwrap().iter().map(|user| text(&user["id"])).collect();
    assert_eq!(ids, ["u1", &ann_id]);
}

#[tokio::test]
async fn wrong_words_and_wrong_tokens_are_refused_by_name() {
    let alcove = Appliance::start("");
    let (ben, token) = user(&alcove, "Ben").await;
    for (hello, code) in [
        (json!({ "version": 1, "token": "x", "device": "a" }), "not-permitted"),
        (json!({ "version": 1, "token": alcove.admin, "device": "a" }), "not-permitted"),
        (json!({ "version": 0, "token": token, "device": "a" }), "client-too-old"),
        (json!({ "version": 2, "token": token, "device": "a" }), "server-too-old"),
        (json!({ "version": 1, "token": token, "device": "" }), "invalid-parameter"),
        (json!({ "version": 1, "token": token }), "invalid-parameter"),
    ] {
        let mut words = Words::open_calls(&alcove).await;
        assert_eq!(words.refused(json!({ "hello": hello })).await, code, "{hello}");
        assert!((4400..=4499).contains(&words.closed().await.0));
    }
    let mut page = Page::sign_in(&alcove, &token, "a").await;
    for (ask, code) in [
        (json!({ "ring": { "users": [], "media": "video" } }), "invalid-parameter"),
        (json!({ "ring": { "users": [ben], "media": "video" } }), "invalid-parameter"),
        (json!({ "ring": { "users": ["u99"], "media": "video" } }), "user-not-found"),
        (json!({ "ring": { "users": ["u01"], "media": "video" } }), "invalid-parameter"),
        (json!({ "ring": { "users": ["u1"], "media": "smell" } }), "invalid-parameter"),
        (json!({ "accept": { "call": "c9" } }), "peer-lost"),
        (json!({ "push": { "endpoint": "http://a", "p256dh": "", "auth": "" } }), "invalid-parameter"),
        (json!({ "dance": {} }), "invalid-parameter"),
    ] {
        assert_eq!(page.words.refused(ask.clone()).await, code, "{ask}");
    }
    let join = alcove.tokens().issue_user(2, 1);
    let answer = alcove.request(Method::GET, "/api/v1/users").bearer_auth(join).send().await.unwrap();
    assert_eq!(answer.status(), 403, "a user administers nothing");
}

#[tokio::test]
async fn floods_of_invitations_are_refused_with_the_time_to_wait() {
    let alcove = Appliance::start("");
    let ((_, mut ann), (ben, _page)) = ann_and_ben(&alcove).await;
    let refused = loop {
        match ann.words.ask(json!({ "ring": { "users": [ben], "media": "audio" } })).await {
            Ok(answer) => ann.ask("hang_up", &text(&answer["ringing"]["call"])).await.map(drop).unwrap(),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused["code"], "too-many-requests");
    assert!(text(&refused["detail"]).contains("try again in "), "{refused}");
}
