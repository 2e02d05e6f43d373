//! Meetings that are planned ahead, polls, and what administrators do in meetings, over the network.

use reqwest::Method;
use serde_json::{Value, json};

use crate::appliance::{Appliance, text, token_of};
use crate::words::{Heard, Words};

const LATER: &str = "2099-03-01T09:00:00Z";
const MUCH_LATER: &str = "2099-03-01T10:00:00Z";
const LATER_MS: u64 = 4_076_038_800_000;

async fn host(alcove: &Appliance, created: &Value) -> Words {
    Words::join(alcove, "den", token_of(&text(&created["host_url"])), "Ann").await
}

async fn speaker(alcove: &Appliance, name: &str) -> Words {
    Words::join(alcove, "den", &alcove.token("den", "speaker").await, name).await
}

#[tokio::test]
async fn before_a_meeting_opens_its_host_comes_in_and_the_others_are_told_when() {
    let alcove = Appliance::start("");
    let plan = json!({ "name": "den", "not_before": LATER, "starts_at": LATER, "ends_at": MUCH_LATER });
    let created = alcove.meeting(plan).await;
    assert_eq!((&created["starts_at"], &created["ends_at"]), (&json!(LATER), &json!(MUCH_LATER)));
    let mut bob = Words::open(&alcove, "den").await;
    let token = alcove.token("den", "speaker").await;
    bob.say_hello(json!({ "version": 1, "token": token, "name": "Bob" })).await;
    let told = bob.tell("waiting").await;
    assert_eq!((&told["until"], &told["schedule"]["not_before_ms"]), (&json!("opening"), &json!(LATER_MS)));
    let mut ann = host(&alcove, &created).await;
    let mut schedule = ann.welcome["meeting"]["schedule"].clone();
    schedule.as_object_mut().unwrap().remove("not_before_ms");
    ann.ask(json!({ "reschedule": { "schedule": schedule } })).await.unwrap();
    bob.admitted().await.unwrap();
    assert_eq!(ann.event("rescheduled").await["schedule"], schedule);
}

#[tokio::test]
async fn a_plan_is_changed_field_by_field_and_ends_when_it_says() {
    let alcove = Appliance::start("");
    let created = alcove.meeting(json!({ "name": "den", "starts_at": LATER })).await;
    let mut ann = host(&alcove, &created).await;
    let changed =
        alcove.ask(Method::PATCH, "meetings/den", Some(json!({ "ends_at": MUCH_LATER }))).await.json();
    assert_eq!((&changed["starts_at"], &changed["ends_at"]), (&json!(LATER), &json!(MUCH_LATER)));
    let changed = alcove.ask(Method::PATCH, "meetings/den", Some(json!({ "starts_at": null }))).await.json();
    assert_eq!((&changed["starts_at"], &changed["ends_at"]), (&Value::Null, &json!(MUCH_LATER)));
    let soon_ms = now_ms() + 1500;
    ann.ask(json!({ "reschedule": { "schedule": { "ends_at_ms": soon_ms } } })).await.unwrap();
    ann.event("ended").await;
    assert!(now_ms() >= soon_ms);
    assert_eq!(ann.next().await, Heard::Closed(1000));
    alcove.get("meetings/den").await.problem(404, "meeting-not-found");
}

#[expect(clippy::disallowed_methods, reason = "the appliance ends meetings by the time of day")]
fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
}

#[tokio::test]
async fn plans_that_cannot_be_are_refused() {
    let alcove = Appliance::start("");
    for plan in [
        json!({ "starts_at": MUCH_LATER, "ends_at": LATER }),
        json!({ "not_before": MUCH_LATER, "ends_at": LATER }),
        json!({ "ends_at": "2001-01-01T00:00:00Z" }),
        json!({ "starts_at": "tomorrow" }),
        json!({ "starts_at": 5 }),
    ] {
        let mut wanted = plan.clone();
        wanted["name"] = json!("den");
        alcove.post("meetings", wanted).await.problem(400, "invalid-parameter");
    }
    alcove.meeting(json!({ "name": "den" })).await;
    let patch = |body: Value| alcove.ask(Method::PATCH, "meetings/den", Some(body));
    patch(json!({ "ends_at": "2001-01-01T00:00:00Z" })).await.problem(400, "invalid-parameter");
    patch(json!({ "name": "other" })).await.problem(400, "invalid-parameter");
}

#[tokio::test]
async fn a_poll_is_asked_voted_in_and_closed_before_everybody() {
    let alcove = Appliance::start("");
    let created = alcove.meeting(json!({ "name": "den" })).await;
    let mut ann = host(&alcove, &created).await;
    let mut bob = speaker(&alcove, "Bob").await;
    let question = json!({ "text": "When?", "options": ["now", "never"], "hidden": true });
    ann.ask(json!({ "draft_poll": { "question": question } })).await.unwrap();
    assert_eq!(ann.tell("drafts").await["polls"][0]["question"]["text"], "When?");
    assert_eq!(bob.refused(json!({ "open_poll": { "poll": 1 } })).await, "not-permitted");
    ann.ask(json!({ "open_poll": { "poll": 1 } })).await.unwrap();
    assert_eq!(bob.event("poll").await["poll"]["state"], "open");
    bob.ask(json!({ "vote": { "poll": 1, "choices": [1] } })).await.unwrap();
    assert_eq!(ann.event("voted").await, json!({ "poll": 1, "voters": 1 }), "hidden, for hosts too");
    assert_eq!(bob.refused(json!({ "vote": { "poll": 1, "choices": [2] } })).await, "invalid-parameter");
    ann.ask(json!({ "close_poll": { "poll": 1 } })).await.unwrap();
    assert_eq!(bob.event("poll").await["poll"]["counts"], json!([0, 1]));
    assert_eq!(bob.refused(json!({ "vote": { "poll": 1, "choices": [0] } })).await, "not-permitted");
}

#[tokio::test]
async fn features_of_others_exchange_messages_and_notes() {
    let alcove = Appliance::start("");
    let created = alcove.meeting(json!({ "name": "den" })).await;
    let mut ann = host(&alcove, &created).await;
    let mut bob = speaker(&alcove, "Bob").await;
    let data = json!({ "line": [0.5, 1] });
    let message = json!({ "to": "all", "number": 4, "topic": "board", "data": data });
    ann.ask(json!({ "message": message })).await.unwrap();
    let told = bob.tell("message").await;
    assert_eq!(told, json!({ "from": ann.id(), "number": 4, "topic": "board", "data": data }));
    bob.ask(json!({ "acknowledge": { "from": ann.id(), "number": 4 } })).await.unwrap();
    assert_eq!(ann.tell("acknowledged").await, json!({ "by": bob.id(), "number": 4 }));
    bob.ask(json!({ "attribute": { "key": "mood", "value": "good" } })).await.unwrap();
    let noted = json!({ "participant": bob.id(), "key": "mood", "value": "good" });
    assert_eq!(ann.event("attribute").await, noted);
    let late = speaker(&alcove, "Cat").await;
    assert_eq!(late.welcome["participants"][1]["attributes"], json!({ "mood": "good" }));
    bob.ask(json!({ "attribute": { "key": "mood", "value": null } })).await.unwrap();
    assert_eq!(ann.event("attribute").await.get("value"), None);
    let topic = json!({ "to": "all", "number": 5, "topic": "", "data": 1 });
    assert_eq!(bob.refused(json!({ "message": topic })).await, "invalid-parameter");
}

#[tokio::test]
async fn who_joins_a_second_time_takes_their_own_place_or_is_refused_where_that_is_wanted() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let token = alcove.token("den", "speaker").await;
    let hello = json!({ "version": 1, "token": token, "name": "Bob", "identity": "bob" });
    let mut first = Words::open(&alcove, "den").await;
    first.hello(hello.clone()).await.unwrap();
    let mut second = Words::open(&alcove, "den").await;
    second.hello(hello).await.unwrap();
    assert_eq!(second.names(), ["Bob"]);
    assert_eq!(first.event("left").await, json!({ "participant": first.id(), "reason": "replaced" }));

    alcove.meeting(json!({ "name": "strict", "same_person": "refuse" })).await;
    let token = alcove.token("strict", "speaker").await;
    let hello = json!({ "version": 1, "token": token, "name": "Bob", "identity": "bob" });
    let mut first = Words::open(&alcove, "strict").await;
    first.hello(hello.clone()).await.unwrap();
    assert_eq!(Words::open(&alcove, "strict").await.hello(hello).await.unwrap_err(), "not-permitted");
}

#[tokio::test]
async fn an_administrator_does_in_a_meeting_what_a_host_may() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let mut bob = speaker(&alcove, "Bob").await;
    let administer = |ask: Value| alcove.post("meetings/den/commands", ask);
    assert_eq!(administer(json!({ "lock": { "locked": true } })).await.status, 204);
    assert_eq!(bob.event("locked").await, json!({ "locked": true }));
    assert_eq!(administer(json!({ "role": { "participant": bob.id(), "role": "host" } })).await.status, 204);
    assert_eq!(bob.event("role").await["role"], "host");
    administer(json!({ "chat": { "to": "all", "text": "hi" } })).await.problem(400, "invalid-parameter");
    administer(json!({ "leave": {} })).await.problem(400, "invalid-parameter");
    administer(json!({ "dance": {} })).await.problem(400, "invalid-parameter");
    administer(json!({ "remove": { "participant": "p999", "ban": false } })).await.problem(410, "peer-lost");
    assert_eq!(administer(json!({ "remove": { "participant": bob.id(), "ban": true } })).await.status, 204);
    assert_eq!(bob.event("left").await["reason"], "banned");
    alcove
        .post("meetings/nowhere/commands", json!({ "lock": { "locked": true } }))
        .await
        .problem(404, "meeting-not-found");
}
