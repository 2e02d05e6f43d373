//! Users in ordinary meetings: they are busy, ring others into them as far as they may, and pictures join a call of sound.

use serde_json::{Value, json};

use crate::appliance::{Appliance, text};
use crate::calls::{Page, user};
use crate::words::{Words, track};

/// A meeting with Ann, who is signed in and a speaker there, and a host; and Ben, whom she may ring into it.
struct Gathering {
    ann: (String, Page, Words),
    ben: (String, Page),
    host: Words,
}

async fn gathering(alcove: &Appliance) -> Gathering {
    alcove.meeting(json!({ "name": "den" })).await;
    let host = Words::join(alcove, "den", &alcove.token("den", "host").await, "Host").await;
    let ((ann, ann_token), (ben, ben_token)) = (user(alcove, "Ann").await, user(alcove, "Ben").await);
    let mut words = Words::open(alcove, "den").await;
    let token = alcove.token("den", "speaker").await;
    words.hello(json!({ "version": 1, "token": token, "name": "Ann", "user": ann_token })).await.unwrap();
    let page = Page::sign_in(alcove, &ann_token, "ann-1").await;
    let ben_page = Page::sign_in(alcove, &ben_token, "ben-1").await;
    Gathering { ann: (ann, page, words), ben: (ben, ben_page), host }
}

async fn presence(alcove: &Appliance, user: &str) -> String {
    text(&alcove.get(&format!("users/{user}")).await.json()["presence"])
}

fn ring(user: &str) -> Value {
    json!({ "ring": { "users": [user], "media": "video", "meeting": "den" } })
}

#[tokio::test]
async fn who_is_in_a_meeting_is_busy_until_they_leave_it() {
    let alcove = Appliance::start("");
    let Gathering { ann: (ann, page, mut words), ben: (_, mut ben), .. } = gathering(&alcove).await;
    assert_eq!(presence(&alcove, &ann).await, "busy");
    drop(page);
    let rung = ben.words.ask(json!({ "ring": { "users": [ann], "media": "audio" } })).await;
    assert!(rung.is_ok());
    assert_eq!(ben.words.tell("record").await["record"]["end"], "busy", "though the page of calls is closed");
    words.ask(json!({ "leave": {} })).await.unwrap();
    while ben.words.tell("user").await["user"]["presence"] == "busy" {}
}

#[tokio::test]
async fn a_token_that_signs_in_no_longer_keeps_nobody_out_and_makes_nobody_busy() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let (ann, old) = user(&alcove, "Ann").await;
    alcove.post(&format!("users/{ann}/tokens"), json!({})).await;
    let token = alcove.token("den", "speaker").await;
    for stale in [old.as_str(), "x"] {
        let mut words = Words::open(&alcove, "den").await;
        words.hello(json!({ "version": 1, "token": token, "name": "Ann", "user": stale })).await.unwrap();
        assert_eq!(presence(&alcove, &ann).await, "offline");
    }
}

#[tokio::test]
async fn a_user_is_rung_into_a_meeting_and_stays_when_whoever_rang_has_left() {
    let alcove = Appliance::start("");
    let Gathering { ann: (_, mut ann_page, mut ann), ben: (ben, mut ben_page), mut host } =
        gathering(&alcove).await;
    let call = text(&ann_page.words.ask(ring(&ben)).await.unwrap()["ringing"]["call"]);
    ben_page.words.ask(json!({ "accept": { "call": call } })).await.unwrap();
    let enter = ben_page.words.tell("enter").await;
    assert_eq!(enter["meeting"], "den");
    let mut ben_in = Words::join(&alcove, "den", &text(&enter["token"]), "Ben").await;
    while host.event("joined").await["participant"]["name"] != "Ben" {}
    ann.ask(json!({ "leave": {} })).await.unwrap();
    host.event("left").await;
    assert_eq!(presence(&alcove, &ben).await, "busy");
    ben_in.ask(json!({ "chat": { "to": "all", "text": "still here" } })).await.unwrap();
    ben_in.ask(json!({ "leave": {} })).await.unwrap();
    assert_eq!(ben_page.words.tell("record").await["record"]["end"], "finished");
    assert_eq!(presence(&alcove, &ben).await, "online");
    assert_eq!(alcove.get("meetings/den").await.status, 200, "the meeting was there before the call");
}

#[tokio::test]
async fn only_who_is_in_a_meeting_and_may_invite_rings_others_into_it() {
    let alcove = Appliance::start("");
    let Gathering { ann: (ann, mut ann_page, _words), ben: (ben, mut ben_page), mut host } =
        gathering(&alcove).await;
    assert_eq!(ben_page.words.refused(ring(&ann)).await, "not-permitted", "Ben is not there");
    let rights = json!({ "chat": "everybody", "share": "speakers", "unmute": "speakers", "rename": "everybody", "invite": "hosts" });
    host.ask(json!({ "rights": { "rights": rights } })).await.unwrap();
    assert_eq!(ann_page.words.refused(ring(&ben)).await, "not-permitted");
    assert_eq!(alcove.get("calls").await.json()["calls"], json!([]));
}

#[tokio::test]
async fn the_right_to_invite_holds_in_calls_too() {
    let alcove = Appliance::start("");
    let ((_, ann_token), (ben, ben_token)) = (user(&alcove, "Ann").await, user(&alcove, "Ben").await);
    let (cat, _) = user(&alcove, "Cat").await;
    let mut ann = Page::sign_in(&alcove, &ann_token, "a").await;
    let mut page = Page::sign_in(&alcove, &ben_token, "b").await;
    let call = ann.ring(&[&ben]).await;
    page.words.ask(json!({ "accept": { "call": call } })).await.unwrap();
    let (of_ann, of_ben) = (ann.words.tell("enter").await, page.words.tell("enter").await);
    let meeting = text(&of_ann["meeting"]);
    let mut host = Words::join(&alcove, &meeting, &text(&of_ann["token"]), "Ann").await;
    let _ben_in = Words::join(&alcove, &meeting, &text(&of_ben["token"]), "Ben").await;
    let rights = json!({ "chat": "everybody", "share": "speakers", "unmute": "speakers", "rename": "everybody", "invite": "hosts" });
    host.ask(json!({ "rights": { "rights": rights } })).await.unwrap();
    let invite = json!({ "invite": { "call": call, "users": [cat] } });
    assert_eq!(page.words.refused(invite.clone()).await, "not-permitted");
    ann.words.ask(invite).await.unwrap();
}

#[tokio::test]
async fn a_call_of_sound_gets_pictures_when_somebody_switches_a_camera_on() {
    let alcove = Appliance::start("");
    let (_, token) = user(&alcove, "Ann").await;
    let mut page = Page::sign_in(&alcove, &token, "a").await;
    page.words.ask(json!({ "ring": { "users": ["u1"], "media": "audio" } })).await.unwrap();
    alcove.post("commands/accept", json!({})).await.with_status(204);
    let enter = page.words.tell("enter").await;
    assert_eq!(enter["media"], "audio");
    let mut ann = Words::join(&alcove, &text(&enter["meeting"]), &text(&enter["token"]), "Ann").await;
    let room = ann.welcome["participants"][0].clone();
    let camera = room["tracks"].as_array().unwrap().iter().find(|one| one["source"] == "camera").cloned();
    assert_eq!(camera.unwrap()["muted"], true, "the room's camera waits");
    assert_eq!(alcove.get("status").await.json()["room"]["camera_on"], false);
    ann.ask(track("camera", "on")).await.unwrap();
    alcove.post("commands/mute", json!({ "camera": false })).await.with_status(200);
    let told = json!({ "participant": room["id"], "source": "camera", "state": "on" });
    while ann.event("track").await != told {}
}
