//! What monitoring and other programs ask: health, figures, the description of the API, the page.

use reqwest::Method;
use serde_json::Value;

use crate::appliance::{Appliance, send, text};

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
