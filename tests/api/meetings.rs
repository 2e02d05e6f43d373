//! Meetings over the network: created, joined, left, resumed, ended, and who is not let in.

use reqwest::Method;
use serde_json::{Value, json};

use crate::appliance::{Appliance, send, text, token_of};
use crate::words::{Heard, Words, track};

#[tokio::test]
async fn a_name_is_taken_while_the_meeting_lives_and_free_again_when_it_has_ended() {
    let alcove = Appliance::start("");
    let created = alcove.meeting(json!({ "name": "standup" })).await;
    alcove.post("meetings", json!({ "name": "standup" })).await.problem(409, "meeting-exists");
    let mut ann = Words::join(&alcove, "standup", token_of(&text(&created["host_url"])), "Ann").await;
    assert!(ann.ask(json!({ "end": {} })).await.is_ok());
    ann.event("ended").await;
    assert_eq!(ann.closed().await.0, 1000);
    alcove.get("meetings/standup").await.problem(404, "meeting-not-found");
    alcove.meeting(json!({ "name": "standup" })).await;
    assert_eq!(alcove.delete("meetings/standup").await.status, 204);
}

#[tokio::test]
async fn a_snapshot_then_numbered_deltas_tell_the_whole_story() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den", "custom_info": { "topic": "tea" } })).await;
    let token = alcove.token("den", "speaker").await;
    let mut ann = Words::join(&alcove, "den", &token, "Ann").await;
    assert_eq!(ann.welcome["meeting"]["custom_info"], json!({ "topic": "tea" }));
    assert_eq!(ann.names(), ["Ann"]);

    let mut bob = Words::open(&alcove, "den").await;
    let hello = json!({ "version": 1, "token": token, "name": "Bob", "custom_info": { "seat": 4 } });
    bob.hello(hello).await.unwrap();
    assert_eq!(bob.names(), ["Ann", "Bob"]);
    let joined = ann.event("joined").await;
    assert_eq!(joined["participant"]["custom_info"], json!({ "seat": 4 }));
    assert_eq!(joined["participant"]["id"], bob.id());
    assert_eq!(joined["participant"]["role"], "speaker");

    bob.ask(track("microphone", "on")).await.unwrap();
    let event = json!({ "participant": bob.id(), "source": "microphone", "state": "on" });
    assert_eq!(ann.event("track").await, event);
    let list = alcove.get("meetings/den/participants").await.json();
    assert_eq!(list["participants"][1]["tracks"], json!([{ "source": "microphone", "muted": false }]));

    bob.ask(json!({ "leave": {} })).await.unwrap();
    assert_eq!(bob.closed().await.0, 1000);
    assert_eq!(ann.event("left").await, json!({ "participant": bob.id(), "reason": "left" }));
}

#[tokio::test]
async fn the_clock_is_told_and_how_old_pictures_are_when_they_arrive() {
    let alcove = Appliance::start("");
    let token = alcove.token("room", "speaker").await;
    let mut ann = Words::join(&alcove, "room", &token, "Ann").await;
    let mut before_ms = 0.0;
    // Until the room's camera has begun, nothing is known.
    loop {
        let at_ms = ann.ask(json!({ "clock": {} })).await.unwrap()["clock"]["at_ms"].as_f64().unwrap();
        assert!(at_ms > before_ms, "{at_ms} after {before_ms}");
        before_ms = at_ms;
        let told = ann.ask(json!({ "delays": {} })).await.unwrap();
        let Some(track) = told["delays"]["tracks"].get(0) else { continue };
        assert_eq!(track["source"], "camera");
        // Of whichever size something is known first.
        assert!([180, 360, 720].map(|height| json!(height)).contains(&track["height"]), "{track}");
        let (until_here, encode) = (track["until_here_ms"].as_f64(), track["encode_ms"].as_f64());
        assert!(until_here.is_some() && until_here >= encode, "{track}");
        break;
    }
    let refused = ann.ask(json!({ "clock": { "zone": "UTC" } })).await.unwrap_err();
    assert_eq!(refused["code"], "invalid-parameter");
}

#[tokio::test]
async fn after_a_cut_the_missed_deltas_are_told_and_nobody_is_lost() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let token = alcove.token("den", "speaker").await;
    let mut ann = Words::join(&alcove, "den", &token, "Ann").await;
    let bob = Words::join(&alcove, "den", &token, "Bob").await;
    ann.event("joined").await;
    let (id, secret, seq) = (bob.id(), text(&bob.welcome["secret"]), bob.seq);
    drop(bob);
    assert_eq!(ann.event("presence").await, json!({ "participant": id, "present": false }));
    ann.ask(track("microphone", "on")).await.unwrap();

    let resume = |secret: &str| {
        json!({ "version": 1, "token": "expired since", "name": "Bob",
                "resume": { "secret": secret, "seq": seq } })
    };
    let mut stranger = Words::open(&alcove, "den").await;
    assert_eq!(stranger.hello(resume("guessed")).await, Err("peer-lost".to_owned()));
    let mut bob = Words::open(&alcove, "den").await;
    bob.seq = seq;
    let resumed = bob.hello(resume(&secret)).await.unwrap();
    assert_eq!(resumed["resumed"]["video_codec"], "h264");
    assert_eq!(bob.event("presence").await["present"], false);
    assert_eq!(bob.event("track").await["participant"], ann.id());
    assert_eq!(bob.event("presence").await["present"], true);
    assert_eq!(bob.seq, resumed["resumed"]["seq"].as_u64().unwrap());
    assert_eq!(ann.event("presence").await, json!({ "participant": id, "present": true }));
}

#[tokio::test]
async fn whoever_stays_away_too_long_has_left() {
    let alcove = Appliance::start("[meetings]\naway_seconds = 1\n");
    alcove.meeting(json!({ "name": "den" })).await;
    let token = alcove.token("den", "speaker").await;
    let mut ann = Words::join(&alcove, "den", &token, "Ann").await;
    let bob = Words::join(&alcove, "den", &token, "Bob").await;
    let id = bob.id();
    drop(bob);
    assert_eq!(ann.event("left").await, json!({ "participant": id, "reason": "timeout" }));
}

#[tokio::test]
async fn the_password_is_asked_of_everybody() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "vault", "password": "sesame" })).await;
    assert_eq!(alcove.get("meetings/vault").await.json()["has_password"], true);
    let token = alcove.token("vault", "host").await;
    for password in [Value::Null, json!("Sesame")] {
        let mut words = Words::open(&alcove, "vault").await;
        let hello = json!({ "version": 1, "token": token, "name": "Ann", "password": password });
        assert_eq!(words.hello(hello).await, Err("wrong-password".to_owned()));
        assert_eq!(words.closed().await.0, 4401);
    }
    let mut words = Words::open(&alcove, "vault").await;
    let hello = json!({ "version": 1, "token": token, "name": "Ann", "password": "sesame" });
    assert!(words.hello(hello).await.is_ok());
}

#[tokio::test]
async fn a_full_meeting_takes_nobody_more_and_keeps_the_room_where_it_is() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "booth", "max_participants": 2 })).await;
    let token = alcove.token("booth", "speaker").await;
    let standing = alcove.get("meetings").await.json()["meetings"][1]["name"].clone();
    let _guest = Words::join(&alcove, "room", &alcove.token("room", "speaker").await, "Guest").await;
    assert_eq!(standing, "room");
    let _ann = Words::join(&alcove, "booth", &token, "Ann").await;
    let mut bob = Words::join(&alcove, "booth", &token, "Bob").await;
    let mut carol = Words::open(&alcove, "booth").await;
    let hello = json!({ "version": 1, "token": token, "name": "Carol" });
    assert_eq!(carol.hello(hello.clone()).await, Err("meeting-full".to_owned()));
    assert_eq!(carol.closed().await.0, 4409);
    alcove.post("commands/join", json!({ "meeting": "booth" })).await.problem(409, "meeting-full");
    assert_eq!(alcove.get("status").await.json()["room"]["meeting"], "room");
    bob.ask(json!({ "leave": {} })).await.unwrap();
    assert!(Words::open(&alcove, "booth").await.hello(hello).await.is_ok());
}

#[tokio::test]
async fn an_audio_meeting_has_no_pictures() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "phone", "mode": "audio" })).await;
    let mut ann = Words::join(&alcove, "phone", &alcove.token("phone", "speaker").await, "Ann").await;
    assert_eq!(ann.welcome["meeting"]["mode"], "audio");
    assert!(ann.ask(track("microphone", "on")).await.is_ok());
    assert_eq!(ann.refused(track("camera", "on")).await, "unsupported-mode");
    assert_eq!(ann.refused(track("screen", "on")).await, "unsupported-mode");
}

#[tokio::test]
async fn roles_limit_what_is_allowed() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "hall" })).await;
    let mut listener = Words::join(&alcove, "hall", &alcove.token("hall", "audience").await, "Lee").await;
    assert_eq!(listener.refused(track("microphone", "on")).await, "not-permitted");
    for role in ["audience", "speaker", "cohost"] {
        let mut words = Words::join(&alcove, "hall", &alcove.token("hall", role).await, role).await;
        assert_eq!(words.refused(json!({ "end": {} })).await, "not-permitted", "{role}");
    }
    assert_eq!(alcove.get("meetings/hall").await.status, 200);
}

#[tokio::test]
async fn one_publisher_has_each_track_once() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let mut ann = Words::join(&alcove, "den", &alcove.token("den", "speaker").await, "Ann").await;
    ann.ask(track("camera", "on")).await.unwrap();
    assert_eq!(ann.refused(track("camera", "on")).await, "track-id-taken");
    ann.ask(track("camera", "muted")).await.unwrap();
    ann.ask(track("camera", "off")).await.unwrap();
    ann.ask(track("camera", "on")).await.unwrap();
}

#[tokio::test]
async fn tokens_open_their_own_meeting_until_they_expire() {
    let alcove = Appliance::start("");
    for name in ["den", "attic"] {
        alcove.meeting(json!({ "name": name })).await;
    }
    let elsewhere = alcove.token("attic", "host").await;
    let expired = alcove.tokens().issue("den", ::alcove::meeting::Role::Host, 1_700_000_000);
    let altered = alcove.token("den", "audience").await.replace('.', ".A");
    for token in [elsewhere.as_str(), &expired, &altered, ""] {
        let mut words = Words::open(&alcove, "den").await;
        let hello = json!({ "version": 1, "token": token, "name": "Eve" });
        assert_eq!(words.hello(hello).await, Err("not-permitted".to_owned()), "{token}");
        assert_eq!(words.closed().await.0, 4403);
    }
    for (token, status) in [(&elsewhere, 403), (&expired, 401), (&altered, 401)] {
        let request = alcove.request(Method::GET, "/api/v1/status").bearer_auth(token);
        send(request).await.problem(status, "not-permitted");
    }
    let mut nowhere = Words::open(&alcove, "cellar").await;
    let hello = json!({ "version": 1, "token": alcove.admin, "name": "Eve" });
    assert_eq!(nowhere.hello(hello).await, Err("meeting-not-found".to_owned()));
    assert_eq!(nowhere.next().await, Heard::Closed(4404));
}
