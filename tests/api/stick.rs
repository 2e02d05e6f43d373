//! A USB stick: it configures a box that nobody owns, and brings what the owner has signed to one that somebody does.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;

use crate::agent::{Owner, event, rings_for, wanted};
use crate::appliance::{Appliance, soon};

/// A box, and the folder at which its sticks are mounted.
fn with_stick(config: &str) -> (Appliance, TempDir) {
    let (state, stick) = (Arc::new(tempfile::tempdir().unwrap()), tempfile::tempdir().unwrap());
    (at_stick(state, stick.path(), config), stick)
}

fn at_stick(state: Arc<TempDir>, stick: &Path, config: &str) -> Appliance {
    Appliance::start_with(state, config, |command| {
        command.arg("--stick").arg(stick);
    })
}

fn rings(seconds: u32) -> String {
    format!("[calls]\nring_seconds = {seconds}\n")
}

/// The stick is another one.
fn replace(stick: &Path, file: &str, text: &str) {
    std::fs::write(stick.join("new"), text).unwrap();
    std::fs::rename(stick.join("new"), stick.join(file)).unwrap();
}

#[tokio::test]
async fn a_box_that_nobody_owns_is_what_a_stick_says_and_then_no_longer() {
    let (alcove, stick) = with_stick("");
    replace(stick.path(), "alcove.toml", &rings(21));
    rings_for(&alcove, 21).await;
    for (wrong, why) in [
        ("[calls]\nring = 1\n".to_owned(), "calls.ring"),
        ("[calls".to_owned(), "alcove.toml of the USB stick is not taken"),
        (format!("# {}\n", "x".repeat(70_000)), "more than 65536 bytes"),
    ] {
        replace(stick.path(), "alcove.toml", &wrong);
        event(&alcove, "fleet.refused", why).await;
    }
    replace(stick.path(), "alcove.toml", &rings(22));
    rings_for(&alcove, 22).await;
    let made = alcove.post("tokens", json!({ "name": "Ann", "role": "owner" })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    replace(stick.path(), "alcove.toml", &rings(23));
    event(&alcove, "fleet.refused", "somebody owns this box").await;
    rings_for(&alcove, 22).await;
}

#[tokio::test]
async fn what_the_owner_has_signed_is_followed_from_a_stick_and_nothing_else() {
    let (owner, stranger) = (Owner::new(), Owner::new());
    let (alcove, stick) = with_stick(&format!("[fleet]\nkey = {:?}\n", owner.key()));
    let made = alcove.post("tokens", json!({ "name": "Ann", "role": "owner" })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    owner.write(stick.path(), "all.toml", &wanted(2, 21));
    rings_for(&alcove, 21).await;
    stranger.write(stick.path(), "all.toml", &wanted(3, 220));
    event(&alcove, "fleet.refused", "not signed with fleet.key").await;
    owner.write(stick.path(), "all.toml", &wanted(1, 221));
    event(&alcove, "fleet.refused", "its serial is 1").await;
    owner.write(stick.path(), "all.toml", &wanted(4, 24));
    rings_for(&alcove, 24).await;
    let id = alcove.get("status").await.json()["box_id"].as_str().unwrap().to_owned();
    owner.write(stick.path(), &format!("{id}.toml"), &wanted(5, 25));
    rings_for(&alcove, 25).await;
}

#[tokio::test]
async fn a_stick_that_stays_in_is_nothing_to_tell_when_the_box_has_gone_on_since() {
    let owner = Owner::new();
    let config = format!("[fleet]\nkey = {:?}\n", owner.key());
    let (alcove, stick) = with_stick(&config);
    owner.write(stick.path(), "all.toml", &wanted(1, 21));
    rings_for(&alcove, 21).await;
    owner.write(stick.path(), "all.toml", &wanted(2, 22));
    rings_for(&alcove, 22).await;
    let state = Arc::clone(&alcove.state);
    alcove.terminate();
    assert!(alcove.ended().success());
    owner.write(stick.path(), "all.toml", &wanted(1, 21));
    let alcove = at_stick(state, stick.path(), &config);
    let told = soon(async || alcove.log().contains("all.toml of the USB stick is old").then_some(())).await;
    assert!(told.is_some(), "{}", alcove.log());
    assert!(!alcove.log().contains("the fleet is not followed"), "{}", alcove.log());
    rings_for(&alcove, 22).await;
    // What is put in while it runs is somebody's wish, and they are to know why nothing comes of it.
    owner.write(stick.path(), "all.toml", &format!("{}\n# again", wanted(1, 21)));
    event(&alcove, "fleet.refused", "its serial is 1").await;
}

#[tokio::test]
async fn a_document_without_a_key_to_believe_is_told() {
    let owner = Owner::new();
    let (alcove, stick) = with_stick("");
    owner.write(stick.path(), "all.toml", &wanted(1, 21));
    let told = soon(async || alcove.log().contains("set fleet.key").then_some(())).await;
    assert!(told.is_some(), "{}", alcove.log());
}
