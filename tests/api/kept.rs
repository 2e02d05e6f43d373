//! What is still there after the process was killed, and what is wiped when a meeting ends.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::appliance::{Appliance, send, text, token_of};
use crate::words::Words;

/// Somebody who is known again.
async fn enter(alcove: &Appliance, role: &str, name: &str) -> Words {
    let token = alcove.token("den", role).await;
    let mut words = Words::open(alcove, "den").await;
    let hello = json!({ "version": 1, "token": token, "name": name, "identity": name });
    words.hello(hello).await.unwrap();
    words
}

/// The power fails, and comes back.
pub(crate) fn killed(mut alcove: Appliance) -> Appliance {
    alcove.child.kill().unwrap();
    alcove.child.wait().unwrap();
    Appliance::start_in(Arc::clone(&alcove.state), "")
}

async fn chat(words: &mut Words, to: Value, what: &str) {
    words.ask(json!({ "chat": { "to": to, "text": what } })).await.unwrap();
}

fn texts(told: &Value) -> Vec<String> {
    told["messages"].as_array().unwrap().iter().map(|message| text(&message["text"])).collect()
}

#[tokio::test]
async fn what_was_answered_outlives_the_process() {
    let alcove = Appliance::start("");
    alcove
        .meeting(json!({ "name": "den", "password": "sesame", "max_participants": 7, "lobby": true }))
        .await;
    alcove.delete("meetings/den").await;
    alcove.meeting(json!({ "name": "den", "custom_info": { "topic": 1 }, "max_participants": 7 })).await;
    let mut ann = enter(&alcove, "host", "Ann").await;
    let mut bob = enter(&alcove, "speaker", "Bob").await;
    chat(&mut ann, json!("all"), "for all").await;
    chat(&mut ann, json!({ "one": bob.id() }), "for Bob").await;
    ann.ask(json!({ "meeting_attribute": { "key": "mood", "value": [1] } })).await.unwrap();
    ann.ask(json!({ "rights": { "rights":
        { "chat": "hosts", "share": "hosts", "unmute": "speakers", "rename": "everybody" } } }))
        .await
        .unwrap();
    let question = json!({ "text": "When?", "options": ["now", "never"] });
    ann.ask(json!({ "draft_poll": { "question": question } })).await.unwrap();
    ann.ask(json!({ "open_poll": { "poll": 1 } })).await.unwrap();
    bob.ask(json!({ "vote": { "poll": 1, "choices": [1] } })).await.unwrap();
    ann.ask(json!({ "draft_poll": { "question": question } })).await.unwrap();

    let alcove = killed(alcove);
    let meeting = alcove.get("meetings/den").await.json();
    assert_eq!((&meeting["max_participants"], &meeting["participants"]), (&json!(7), &json!(0)));
    let mut bob = enter(&alcove, "speaker", "Bob").await;
    let info = bob.welcome["meeting"].clone();
    assert_eq!(info["custom_info"], json!({ "topic": 1 }));
    assert_eq!(info["attributes"], json!({ "mood": [1] }));
    assert_eq!(info["rights"]["chat"], "hosts");
    assert_eq!((&info["polls"][0]["counts"], &info["polls"][0]["state"]), (&json!([0, 1]), &json!("open")));
    assert_eq!(texts(&bob.tell("chat").await), ["for all", "for Bob"]);
    assert_eq!(bob.tell("vote").await, json!({ "poll": 1, "choices": [1] }));
    let mut cat = enter(&alcove, "speaker", "Cat").await;
    assert_eq!(texts(&cat.tell("chat").await), ["for all"], "what was for Bob is for Bob");
    let mut ann = enter(&alcove, "host", "Ann").await;
    assert_eq!(ann.tell("drafts").await["polls"][0]["poll"], 2);
}

#[tokio::test]
async fn a_meeting_goes_on_after_the_appliance_was_stopped_and_who_was_in_it_is_let_go_of() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let mut ann = enter(&alcove, "host", "Ann").await;
    let state = Arc::clone(&alcove.state);
    alcove.terminate();
    assert_eq!(ann.closed().await, (1001, None), "come back later");
    assert!(alcove.ended().success());
    let alcove = Appliance::start_in(state, "");
    let mut again = Words::open(&alcove, "den").await;
    let token = alcove.token("den", "host").await;
    let resume = json!({ "secret": ann.welcome["secret"], "seq": 1 });
    let hello = json!({ "version": 1, "token": token, "name": "Ann", "resume": resume });
    assert_eq!(again.hello(hello).await.unwrap_err(), "peer-lost");
    enter(&alcove, "host", "Ann").await;
}

#[tokio::test]
async fn a_meeting_that_has_ended_is_not_there_after_a_restart_and_its_record_is() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let mut ann = enter(&alcove, "host", "Ann").await;
    let mut bob = enter(&alcove, "speaker", "=Bob").await;
    let question = json!({ "text": "When?", "options": ["now", "never"] });
    ann.ask(json!({ "draft_poll": { "question": question } })).await.unwrap();
    ann.ask(json!({ "open_poll": { "poll": 1 } })).await.unwrap();
    bob.ask(json!({ "vote": { "poll": 1, "choices": [0] } })).await.unwrap();
    chat(&mut ann, json!("all"), "nobody shall find this").await;
    bob.ask(json!({ "leave": {} })).await.unwrap();
    ann.ask(json!({ "end": {} })).await.unwrap();

    let alcove = killed(alcove);
    alcove.get("meetings/den").await.problem(404, "meeting-not-found");
    let records = alcove.get("records").await.json()["records"].clone();
    assert_eq!((&records[0]["meeting"], &records[0]["attendances"]), (&json!("den"), &json!(2)));
    let id = &records[0]["id"];
    let record = alcove.get(&format!("records/{id}")).await.json();
    assert_eq!(record["attendance"][0]["reason"], "ended");
    assert_eq!(record["attendance"][1]["reason"], "left");
    assert_eq!(record["results"][0]["votes"], json!([{ "name": "=Bob", "choices": [0] }]));
    let sheet = alcove.get(&format!("records/{id}/polls.csv")).await;
    assert_eq!(sheet.kind, "text/csv; charset=utf-8");
    assert_eq!(sheet.text(), "question,option,votes,names\nWhen?,now,1,'=Bob\nWhen?,never,0,\n");
    let sheet = alcove.get(&format!("records/{id}/attendance.csv")).await.text();
    assert!(sheet.starts_with("name,kind,role,joined_at,left_at,reason\nAnn,browser,host,2"), "{sheet}");
    let kept = std::fs::read(alcove.state().join("alcove.db")).unwrap();
    let wanted = b"nobody shall find this";
    assert!(!kept.windows(wanted.len()).any(|part| part == wanted), "wiped from the file too");
}

#[tokio::test]
async fn what_is_said_in_the_standing_meeting_is_not_found_by_who_comes_next() {
    let alcove = Appliance::start("");
    let token = token_of(&alcove.join_url).to_owned();
    let mut ann = Words::join(&alcove, "room", &token, "Ann").await;
    chat(&mut ann, json!("all"), "between us").await;
    ann.ask(json!({ "leave": {} })).await.unwrap();
    let mut bob = Words::join(&alcove, "room", &token, "Bob").await;
    chat(&mut bob, json!("all"), "hello?").await;
    assert_eq!(texts(&bob.tell("chat").await), ["hello?"]);
    let standing = alcove.get("meetings").await.json()["meetings"][0]["standing"].clone();
    assert_eq!(standing, true);
}

#[tokio::test]
async fn a_record_that_is_not_there_is_refused() {
    let alcove = Appliance::start("");
    alcove.get("records/77").await.problem(404, "meeting-not-found");
    alcove.get("records/x").await.problem(400, "invalid-parameter");
    let open = send(alcove.request(reqwest::Method::GET, "/api/v1/records")).await;
    open.problem(401, "not-permitted");
}
