//! What monitoring and other programs ask: health, figures, the description of the API, the page.

use reqwest::Method;
use serde_json::Value;

use crate::appliance::{Appliance, send, text};
use crate::words::Words;

#[tokio::test]
async fn health_and_figures_need_no_token() {
    let alcove = Appliance::start("");
    for (path, wanted) in [
        ("/healthz", "ok"),
        ("/readyz", "ready"),
        ("/metrics", "alcove_meetings 1"),
        ("/metrics", "alcove_room_in_meeting 0"),
    ] {
        let reply = send(alcove.request(Method::GET, path)).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.text().contains(wanted), "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn the_figures_of_a_meeting_tell_what_the_room_sends_and_who_has_no_media_yet() {
    let alcove = Appliance::start("");
    alcove.get("meetings/attic/statistics").await.problem(404, "meeting-not-found");
    let meeting = text(&alcove.get("meetings").await.json()["meetings"][0]["name"]);
    let ann = Words::join(&alcove, &meeting, &alcove.token(&meeting, "speaker").await, "Ann").await;
    let path = format!("meetings/{meeting}/statistics");
    // Its camera takes a moment to begin.
    let figures = loop {
        let figures = alcove.get(&path).await.json();
        let sent = &figures["participants"][1]["media"]["tracks"][1]["layers"][0]["sent"];
        if *sent == Value::Bool(true) {
            break figures;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(figures["participants"][0]["participant"], ann.id());
    assert_eq!(figures["participants"][0]["media"], Value::Null);
    let room = &figures["participants"][1];
    assert_eq!((&room["kind"], &room["media"]["connected"]), (&"room".into(), &true.into()));
    assert!(room["media"]["up"]["packets"].as_u64().is_some_and(|packets| packets > 0), "{room}");
    assert_eq!(room["media"]["tracks"][1]["layers"][0]["height"], 180);
    assert_eq!(room["media"]["up"]["grade"], Value::Null, "it is here");
    let metrics = send(alcove.request(Method::GET, "/metrics")).await.text();
    let received = metrics.lines().find_map(|line| line.strip_prefix("alcove_media_packets_received_total "));
    assert!(received.is_some_and(|count| count != "0"), "{metrics}");
}

#[tokio::test]
async fn the_description_served_is_the_one_that_is_checked_in() {
    let alcove = Appliance::start("");
    let served = send(alcove.request(Method::GET, "/api/v1/openapi.json")).await.json();
    let kept: Value = serde_json::from_str(include_str!("../../src/api/openapi.json")).unwrap();
    assert!(served == kept, "src/api/openapi.json is another one");
    assert!(text(&served["openapi"]).starts_with("3."));
}

#[tokio::test]
async fn the_authority_is_given_to_whoever_shall_trust_it() {
    let alcove = Appliance::start("");
    let served = send(alcove.request(Method::GET, "/trust/ca.pem")).await;
    assert_eq!(served.body, std::fs::read(alcove.state.path().join("tls/ca.pem")).unwrap());
    let page = send(alcove.request(Method::GET, "/trust")).await;
    assert!(page.kind.starts_with("text/html") && page.status == 200);
}

#[tokio::test]
async fn the_join_link_is_for_the_standing_meeting() {
    let alcove = Appliance::start("[room]\nname = \"Blue Room\"\n");
    assert!(alcove.join_url.contains("/m/blue-room#t="), "{}", alcove.join_url);
    let meetings = alcove.get("meetings").await.json();
    assert_eq!(meetings["meetings"][0]["name"], "blue-room");
    assert_eq!(meetings["meetings"][0]["standing"], true);
}
