//! As many people as a meeting takes: nobody misses a word.

use serde_json::json;

use crate::appliance::Appliance;
use crate::words::Words;

const CROWD: usize = 500;

/// Someone of the crowd has heard everything when it knows of the last two things.
async fn hears_it_all(mut words: Words) {
    // The numbers of the deltas are checked on the way: there is none missing.
    while words.event("hand").await.get("hand").is_some() {}
    assert_eq!(words.event("locked").await, json!({ "locked": true }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_people_hear_every_word_and_the_next_one_finds_no_room() {
    let alcove = Appliance::start("[meetings]\nmax_participants = 500\n");
    alcove.meeting(json!({ "name": "den" })).await;
    let (host, guest) = (alcove.token("den", "host").await, alcove.token("den", "audience").await);
    let mut ann = Words::join(&alcove, "den", &host, "Ann").await;
    let mut crowd = Vec::new();
    for number in 1..CROWD {
        let one = Words::join(&alcove, "den", &guest, &format!("Guest {number}")).await;
        // Read from the first moment on: a socket that does not even answer pings is cut.
        crowd.push(tokio::spawn(hears_it_all(one)));
    }
    let hello = json!({ "version": 1, "token": guest, "name": "One too many" });
    assert_eq!(Words::open(&alcove, "den").await.hello(hello).await.unwrap_err(), "meeting-full");

    for up in [true, false] {
        ann.ask(json!({ "hand": { "up": up } })).await.unwrap();
    }
    ann.ask(json!({ "lock": { "locked": true } })).await.unwrap();
    for one in crowd {
        one.await.unwrap();
    }
    let participants = alcove.get("meetings/den/participants").await.json()["participants"].clone();
    assert_eq!(participants.as_array().map(Vec::len), Some(CROWD));
}
