//! Pages that come back: loaded anew in a call or a meeting, or after the daemon was killed under a call.

use serde_json::{Value, json};

use crate::appliance::{Appliance, text};
use crate::calls::{Page, user};
use crate::kept::killed;
use crate::words::Words;

/// Somebody who is signed in on a device of theirs, and known by it wherever they join.
struct Person {
    id: String,
    token: String,
    device: &'static str,
}

impl Person {
    async fn enrolled(alcove: &Appliance, name: &str, device: &'static str) -> Self {
        let (id, token) = user(alcove, name).await;
        Self { id, token, device }
    }

    async fn sign_in(&self, alcove: &Appliance) -> Page {
        Page::sign_in(alcove, &self.token, self.device).await
    }

    /// Goes where the page is told to.
    async fn enter(&self, alcove: &Appliance, page: &mut Page) -> Words {
        let enter = page.words.tell("enter").await;
        let mut words = Words::open(alcove, &text(&enter["meeting"])).await;
        let hello =
            json!({ "version": 1, "token": enter["token"], "name": self.device, "identity": self.device });
        words.hello(hello).await.unwrap();
        words
    }
}

/// Ann and Ben in a call that is answered: who, their pages, and they in its meeting.
struct Talk {
    ann: Person,
    ben: Person,
    call: String,
    pages: (Page, Page),
    words: (Words, Words),
}

async fn talk(alcove: &Appliance) -> Talk {
    let ann = Person::enrolled(alcove, "Ann", "ann-1").await;
    let ben = Person::enrolled(alcove, "Ben", "ben-1").await;
    let mut pages = (ann.sign_in(alcove).await, ben.sign_in(alcove).await);
    let call = pages.0.ring(&[&ben.id]).await;
    pages.1.words.ask(json!({ "accept": { "call": call } })).await.unwrap();
    let ann_in = ann.enter(alcove, &mut pages.0).await;
    let ben_in = ben.enter(alcove, &mut pages.1).await;
    Talk { ann, ben, call, pages, words: (ann_in, ben_in) }
}

fn state(call: &Value, user: &str) -> Value {
    let legs = call["legs"].as_array().unwrap();
    legs.iter().find(|leg| leg["user"] == user).unwrap()["state"].clone()
}

#[tokio::test]
async fn a_page_that_is_loaded_anew_in_a_call_is_in_it_again() {
    let alcove = Appliance::start("");
    let Talk { ann, ben, call, pages: (page, mut ben_page), words: (mut words, mut ben_in) } =
        talk(&alcove).await;
    let before = words.id();
    words.ask(json!({ "step_out": {} })).await.unwrap();
    drop((words, page));
    assert_eq!(ben_in.event("presence").await, json!({ "participant": before, "present": false }));

    let mut page = ann.sign_in(&alcove).await;
    assert_eq!(page.welcome["calls"][0]["id"], call);
    let mut words = ann.enter(&alcove, &mut page).await;
    assert_eq!(ben_in.event("joined").await["participant"]["id"], words.id());
    assert_eq!(ben_in.event("left").await, json!({ "participant": before, "reason": "replaced" }));
    let listed = alcove.get("calls").await.json();
    assert_eq!(state(&listed["calls"][0], &ann.id), "in");
    assert_eq!(state(&listed["calls"][0], &ben.id), "in");
    words.ask(json!({ "leave": {} })).await.unwrap();
    assert_eq!(ben_page.words.tell("record").await["record"]["end"], "finished");
}

#[tokio::test]
async fn a_page_that_is_closed_in_a_call_hangs_it_up() {
    let alcove = Appliance::start("");
    let Talk { pages: (page, mut ben_page), words: (mut words, _ben_in), .. } = talk(&alcove).await;
    words.ask(json!({ "step_out": {} })).await.unwrap();
    drop((words, page));
    assert_eq!(ben_page.words.tell("record").await["record"]["end"], "finished");
    assert_eq!(alcove.get("calls").await.json()["calls"], json!([]));
}

#[tokio::test]
async fn who_loads_the_page_anew_needs_nobody_to_let_them_in_again_and_is_what_they_were() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den", "same_person": "refuse" })).await;
    let mut host = Words::join(&alcove, "den", &alcove.token("den", "host").await, "Host").await;
    let hello = json!({
        "version": 1, "token": alcove.token("den", "speaker").await, "name": "Ann", "identity": "ann",
    });
    let mut ann = Words::open(&alcove, "den").await;
    ann.hello(hello.clone()).await.unwrap();
    host.ask(json!({ "role": { "participant": ann.id(), "role": "cohost" } })).await.unwrap();
    host.ask(json!({ "lobby": { "on": true } })).await.unwrap();
    host.ask(json!({ "lock": { "locked": true } })).await.unwrap();
    ann.ask(json!({ "hand": { "up": true } })).await.unwrap();
    ann.ask(json!({ "step_out": {} })).await.unwrap();
    drop(ann);

    let mut again = Words::open(&alcove, "den").await;
    again.hello(hello).await.unwrap();
    let me = again.welcome["participants"].as_array().unwrap().last().unwrap();
    assert_eq!((&me["role"], &me["hand"]), (&json!("cohost"), &json!(1)));
}

#[tokio::test]
async fn a_call_goes_on_after_the_daemon_was_killed() {
    let alcove = Appliance::start("");
    let Talk { ann, ben, call, .. } = talk(&alcove).await;
    let alcove = killed(alcove);
    let listed = alcove.get("calls").await.json();
    assert_eq!(
        (&listed["calls"][0]["id"], state(&listed["calls"][0], &ann.id)),
        (&json!(call), json!("joining"))
    );

    let (mut ann_page, mut ben_page) = (ann.sign_in(&alcove).await, ben.sign_in(&alcove).await);
    let mut ann_in = ann.enter(&alcove, &mut ann_page).await;
    let ben_in = ben.enter(&alcove, &mut ben_page).await;
    assert_eq!(ben_in.names(), ["ann-1", "ben-1"]);
    let listed = alcove.get("calls").await.json();
    assert_eq!(state(&listed["calls"][0], &ben.id), "in");
    let began = listed["calls"][0]["began_ms"].as_u64().unwrap();
    ann_in.ask(json!({ "leave": {} })).await.unwrap();
    let record = ben_page.words.tell("record").await["record"].clone();
    assert_eq!(record["end"], "finished");
    // Moments are counted from the start of the process, and told to the millisecond.
    assert!(record["began_ms"].as_u64().unwrap().abs_diff(began) <= 1, "{record} began at {began}");
    for person in [&ann, &ben] {
        assert_eq!(alcove.get(&format!("users/{}", person.id)).await.json()["presence"], "online");
    }
    assert_eq!(alcove.get("meetings").await.json()["meetings"].as_array().unwrap().len(), 1, "the room's");
}

#[tokio::test]
async fn a_call_to_which_one_does_not_come_back_is_lost_and_nobody_stays_busy() {
    let alcove = Appliance::start("");
    let Talk { ann, ben, .. } = talk(&alcove).await;
    let alcove = killed(alcove);
    let mut page = ann.sign_in(&alcove).await;
    let _words = ann.enter(&alcove, &mut page).await;
    let record = page.words.tell("record").await["record"].clone();
    assert_eq!((&record["end"], &record["callees"][0]["state"]), (&json!("lost"), &json!("lost")));
    let presence = |user: Value| text(&user["presence"]);
    assert_eq!(presence(alcove.get(&format!("users/{}", ann.id)).await.json()), "online");
    assert_eq!(presence(alcove.get(&format!("users/{}", ben.id)).await.json()), "offline");
}

#[tokio::test]
async fn what_rang_when_the_daemon_was_killed_rings_no_more_and_was_missed() {
    let alcove = Appliance::start("");
    let ann = Person::enrolled(&alcove, "Ann", "ann-1").await;
    let ben = Person::enrolled(&alcove, "Ben", "ben-1").await;
    ann.sign_in(&alcove).await.ring(&[&ben.id, "u1"]).await;
    let alcove = killed(alcove);
    let page = ben.sign_in(&alcove).await;
    assert_eq!((&page.welcome["calls"], &page.welcome["missed"]), (&json!([]), &json!(1)));
    let listed = alcove.get("calls").await.json();
    assert_eq!((&listed["calls"], &listed["records"][0]["end"]), (&json!([]), &json!("lost")));
    let again = ann.sign_in(&alcove).await.ring(&[&ben.id]).await;
    assert_eq!(alcove.get("calls").await.json()["calls"][0]["id"], again, "nobody is stuck in the old one");
}

#[tokio::test]
async fn the_room_is_back_in_its_call_after_the_daemon_was_killed_and_muted_as_it_was() {
    let alcove = Appliance::start("");
    let ann = Person::enrolled(&alcove, "Ann", "ann-1").await;
    let mut page = ann.sign_in(&alcove).await;
    page.ring(&["u1"]).await;
    alcove.post("commands/accept", json!({})).await.with_status(204);
    let words = ann.enter(&alcove, &mut page).await;
    let meeting = text(&words.welcome["meeting"]["name"]);
    alcove.post("commands/mute", json!({ "microphone": true })).await.with_status(200);
    let alcove = killed(alcove);
    assert_eq!(alcove.get("status").await.json()["room"]["meeting"], meeting);
    let mut page = ann.sign_in(&alcove).await;
    let words = ann.enter(&alcove, &mut page).await;
    let room = words.welcome["participants"][0].clone();
    let microphone =
        room["tracks"].as_array().unwrap().iter().find(|one| one["source"] == "microphone").cloned();
    assert_eq!((&room["kind"], &microphone.unwrap()["muted"]), (&json!("room"), &json!(true)));
}
