//! What people do with each other, over the network: order that hosts keep, hands, reactions and chat.

use serde_json::{Value, json};

use crate::appliance::{Appliance, text, token_of};
use crate::words::{Words, track};

/// A host and a speaker of one meeting, over their sockets.
async fn host_and_speaker(alcove: &Appliance) -> (Words, Words) {
    let created = alcove.meeting(json!({ "name": "den" })).await;
    let host = Words::join(alcove, "den", token_of(&text(&created["host_url"])), "Ann").await;
    let token = alcove.token("den", "speaker").await;
    let mut speaker = Words::open(alcove, "den").await;
    let hello = json!({ "version": 1, "token": token, "name": "Bob", "identity": "bobs-browser" });
    speaker.hello(hello).await.unwrap();
    (host, speaker)
}

fn texts(told: &Value) -> Vec<String> {
    told["messages"].as_array().unwrap().iter().map(|message| text(&message["text"])).collect()
}

#[tokio::test]
async fn a_host_mutes_holds_and_asks_and_nothing_is_switched_on_by_force() {
    let alcove = Appliance::start("");
    let (mut ann, mut bob) = host_and_speaker(&alcove).await;
    let whom = bob.id();
    bob.ask(track("microphone", "on")).await.unwrap();
    let mute =
        |who: &str, hold| json!({ "mute": { "participant": who, "source": "microphone", "hold": hold } });
    assert_eq!(bob.refused(mute(&ann.id(), false)).await, "not-permitted");
    assert_eq!(ann.refused(mute("nobody", false)).await, "invalid-parameter");
    assert_eq!(ann.refused(mute("p99", false)).await, "peer-lost");
    ann.ask(mute(&whom, true)).await.unwrap();
    assert_eq!(bob.event("held").await, json!({ "participant": whom, "source": "microphone", "held": true }));
    assert_eq!(bob.refused(track("microphone", "on")).await, "not-permitted");
    ann.ask(json!({ "ask_to_send": { "participant": whom, "source": "microphone" } })).await.unwrap();
    assert_eq!(bob.tell("asked_to_send").await, json!({ "by": ann.id(), "source": "microphone" }));
    let listed = alcove.get("meetings/den/participants").await.json();
    assert_eq!(listed["participants"][1]["tracks"], json!([{ "source": "microphone", "muted": true }]));
    bob.ask(track("microphone", "on")).await.unwrap();
    ann.ask(json!({ "mute_all": { "may_unmute": false } })).await.unwrap();
    assert_eq!(bob.event("rights").await["rights"]["unmute"], "hosts");
    assert_eq!(bob.refused(track("microphone", "on")).await, "not-permitted");
}

#[tokio::test]
async fn who_is_banned_or_comes_to_a_locked_meeting_is_not_let_in() {
    let alcove = Appliance::start("");
    let (mut ann, mut bob) = host_and_speaker(&alcove).await;
    ann.ask(json!({ "lock": { "locked": true } })).await.unwrap();
    let token = alcove.token("den", "speaker").await;
    let mut cat = Words::open(&alcove, "den").await;
    let hello = |identity: &str| json!({ "version": 1, "token": token, "name": "Cat", "identity": identity });
    assert_eq!(cat.hello(hello("cats-browser")).await.unwrap_err(), "meeting-locked");
    ann.ask(json!({ "lock": { "locked": false } })).await.unwrap();
    ann.ask(json!({ "remove": { "participant": bob.id(), "ban": true } })).await.unwrap();
    assert_eq!(bob.event("left").await, json!({ "participant": bob.id(), "reason": "banned" }));
    let mut again = Words::open(&alcove, "den").await;
    assert_eq!(again.hello(hello("bobs-browser")).await.unwrap_err(), "not-permitted");
    let mut other = Words::open(&alcove, "den").await;
    assert_eq!(other.hello(hello("")).await.unwrap_err(), "invalid-parameter");
    let mut cat = Words::open(&alcove, "den").await;
    cat.hello(hello("cats-browser")).await.unwrap();
    assert_eq!(cat.names(), ["Ann", "Cat"]);
}

#[tokio::test]
async fn hands_names_and_roles_are_told_to_all_and_stand_in_the_snapshot() {
    let alcove = Appliance::start("");
    let (mut ann, mut bob) = host_and_speaker(&alcove).await;
    bob.ask(json!({ "hand": { "up": true } })).await.unwrap();
    assert_eq!(ann.event("hand").await, json!({ "participant": bob.id(), "hand": 1 }));
    bob.ask(json!({ "rename": { "participant": bob.id(), "name": "Robert" } })).await.unwrap();
    let token = alcove.token("den", "audience").await;
    let mut dan = Words::join(&alcove, "den", &token, "Dan").await;
    let seen = &dan.welcome["participants"][1];
    assert_eq!((&seen["name"], &seen["hand"]), (&json!("Robert"), &json!(1)));
    assert_eq!(
        dan.refused(json!({ "hand": { "participant": bob.id(), "up": false } })).await,
        "not-permitted"
    );
    ann.ask(json!({ "hand": { "participant": bob.id(), "up": false } })).await.unwrap();
    assert_eq!(dan.event("hand").await, json!({ "participant": bob.id() }));
    assert_eq!(dan.refused(track("microphone", "on")).await, "not-permitted");
    ann.ask(json!({ "role": { "participant": dan.id(), "role": "speaker" } })).await.unwrap();
    assert_eq!(dan.event("role").await["role"], "speaker");
    dan.ask(track("microphone", "on")).await.unwrap();
}

#[tokio::test]
async fn who_may_invite_is_told_a_link_that_lets_in_as_a_speaker_and_nothing_more() {
    let alcove = Appliance::start("");
    let (mut ann, mut bob) = host_and_speaker(&alcove).await;
    let told = ann.ask(json!({ "invitation": {} })).await.unwrap();
    let url = text(&told["invitation"]["url"]);
    let mut cat = Words::join(&alcove, "den", token_of(&url), "Cat").await;
    assert_eq!(cat.welcome["participants"][2]["role"], "speaker");
    ann.ask(json!({ "rights": { "rights":
        { "chat": "everybody", "share": "speakers", "unmute": "speakers", "rename": "everybody", "invite": "hosts" } } }))
        .await
        .unwrap();
    assert_eq!(bob.refused(json!({ "invitation": {} })).await, "not-permitted");
    assert_eq!(cat.event("rights").await["rights"]["invite"], "hosts");
    ann.ask(json!({ "invitation": {} })).await.unwrap();
}

#[tokio::test]
async fn chat_reaches_whom_it_is_for_those_who_come_later_and_those_who_were_away() {
    let alcove = Appliance::start("");
    let (mut ann, mut bob) = host_and_speaker(&alcove).await;
    let chat = |to: Value, words: &str| json!({ "chat": { "to": to, "text": words } });
    bob.ask(chat(json!("all"), "hello")).await.unwrap();
    let told = ann.tell("chat").await;
    let message = &told["messages"][0];
    assert_eq!(
        (&message["from"], &message["name"], &message["id"]),
        (&json!(bob.id()), &json!("Bob"), &json!(1))
    );
    let secret = text(&bob.welcome["secret"]);
    let (seq, id) = (bob.seq, bob.id());
    drop(bob);
    assert_eq!(ann.event("presence").await, json!({ "participant": id, "present": false }));
    ann.ask(chat(json!({ "one": id }), "are you there?")).await.unwrap();
    ann.ask(chat(json!("hosts"), "he is gone")).await.unwrap();
    assert_eq!(ann.refused(chat(json!("all"), " ")).await, "invalid-parameter");

    let mut bob = Words::open(&alcove, "den").await;
    let resume = json!({ "secret": secret, "seq": seq, "chat": 1 });
    bob.hello(json!({ "version": 1, "token": "", "name": "Bob", "resume": resume })).await.unwrap();
    assert_eq!(texts(&bob.tell("chat").await), ["are you there?"]);
    let token = alcove.token("den", "speaker").await;
    let mut cat = Words::join(&alcove, "den", &token, "Cat").await;
    assert_eq!(texts(&cat.tell("chat").await), ["hello"]);
    cat.ask(json!({ "react": { "emoji": "👍" } })).await.unwrap();
    assert_eq!(ann.tell("reaction").await, json!({ "participant": cat.id(), "emoji": "👍" }));
    for _ in 0..9 {
        cat.ask(chat(json!("all"), "flood")).await.unwrap();
    }
    assert_eq!(cat.refused(chat(json!("all"), "flood")).await, "too-many-requests");
}
