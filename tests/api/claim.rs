//! A new box is claimed, and people sign in with their browsers: the real daemon, over HTTPS.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use crate::appliance::{Appliance, Reply, alcove as program, send, soon, text};
use crate::configuration::applied;
use crate::kept::killed;

/// What a signed-in browser holds.
struct Browser {
    cookie: String,
    csrf: String,
}

/// What `alcove claim-code` prints for that box, and whether it could.
fn claim_code(alcove: &Appliance) -> (bool, String) {
    let output = program().args(["claim-code", "--state"]).arg(alcove.state()).output().unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(text).unwrap().trim().to_owned())
}

async fn claim(alcove: &Appliance, code: &str) -> Reply {
    let body = json!({ "code": code, "name": "Ann" });
    send(alcove.request(Method::POST, "/api/v1/claim").json(&body)).await
}

async fn is_claimed(alcove: &Appliance) -> Value {
    send(alcove.request(Method::GET, "/api/v1/claim")).await.with_status(200).json()["claimed"].clone()
}

async fn sign_in(alcove: &Appliance, token: &str) -> Browser {
    let request = alcove.request(Method::POST, "/api/v1/sign-in").json(&json!({ "token": token }));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let csrf = text(&answer.json::<Value>().await.unwrap()["csrf"]);
    Browser { cookie, csrf }
}

async fn browse(alcove: &Appliance, browser: &Browser, method: Method, path: &str, body: Value) -> Reply {
    let request = alcove.request(method, &format!("/api/v1/{path}")).header("Cookie", &browser.cookie);
    send(request.header("X-Alcove-CSRF", &browser.csrf).header("If-Match", "*").json(&body)).await
}

#[tokio::test]
async fn a_new_box_is_claimed_with_the_code_once_and_for_all() {
    let alcove = Appliance::start("");
    assert_eq!(is_claimed(&alcove).await, false);
    let (_, code) = claim_code(&alcove);
    let wrong = if code == "0000 0000" { "1111 1111" } else { "0000 0000" };
    claim(&alcove, wrong).await.problem(401, "wrong-password");
    let racers = futures_util::future::join_all((0..5).map(|_| claim(&alcove, &code))).await;
    let won: Vec<_> = racers.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(won.len(), 1, "one of them wins");
    for lost in racers.iter().filter(|reply| reply.status != 201) {
        lost.problem(403, "not-permitted");
    }
    let token = text(&won[0].json()["token"]);
    alcove.ask_as(&token, Method::GET, "tokens", None).await.with_status(200);
    let (is_told, words) = claim_code(&alcove);
    assert!(!is_told && words.contains("has an owner already"), "{words}");
    assert!(!alcove.log().contains(&code) && !alcove.log().contains(&token), "secrets are in no log");

    let alcove = killed(alcove);
    assert_eq!(is_claimed(&alcove).await, true, "a power cut does not undo it");
    let lines = alcove.ask_as(&token, Method::GET, "audit?last=1", None).await.json();
    assert_eq!((&lines[0]["what"], &lines[0]["who"]), (&json!("POST /api/v1/claim"), &json!("Ann")));

    let factory_new = Appliance::start("");
    assert_eq!(is_claimed(&factory_new).await, false, "with its state it forgets its owner");
}

#[tokio::test]
async fn the_code_is_on_the_screen_until_the_box_is_claimed() {
    let alcove = Appliance::start("");
    let screen = async || {
        let reply = alcove.get("display/snapshot.png").await;
        // While a picture is being made for somebody else, it is asked for again.
        if reply.status == 200 { Some(reply.body) } else { None }
    };
    let before = screen().await.unwrap();
    claim(&alcove, &claim_code(&alcove).1).await.with_status(201);
    for _ in 0..1000 {
        if screen().await.is_some_and(|now| now != before) {
            return;
        }
    }
    panic!("the screen still shows it");
}

#[tokio::test]
async fn the_admin_token_goes_on_and_a_token_made_with_it_claims_the_box() {
    let alcove = Appliance::start("");
    alcove.post("tokens", json!({ "name": "console", "role": "admin" })).await.with_status(201);
    assert_eq!(is_claimed(&alcove).await, true);
    claim(&alcove, "1234 5678").await.problem(403, "not-permitted");
    alcove.get("tokens").await.with_status(200);
}

#[tokio::test]
async fn by_plain_http_nobody_claims_nor_signs_in() {
    let (alcove, [_, plain]) = Appliance::start_on_passed_sockets();
    let plain = |path: &str, body: Value| {
        send(alcove.plain_request(plain, Method::POST, &format!("/api/v1/{path}")).json(&body))
    };
    let (_, code) = claim_code(&alcove);
    let detail = plain("claim", json!({ "code": code, "name": "Eve" })).await.problem(403, "not-permitted");
    assert!(detail.contains("HTTPS"), "{detail}");
    let detail = plain("sign-in", json!({ "token": alcove.admin })).await.problem(403, "not-permitted");
    assert!(detail.contains("HTTPS"), "{detail}");
    assert_eq!(is_claimed(&alcove).await, false);
}

#[tokio::test]
async fn a_browser_configures_with_cookie_and_word_and_stays_signed_in_over_a_start_anew() {
    let alcove = Appliance::start("");
    let browser = sign_in(&alcove, &alcove.admin).await;
    let who = browse(&alcove, &browser, Method::GET, "sign-in", json!({})).await.with_status(200).json();
    assert_eq!((&who["name"], &who["role"]), (&json!("administrator"), &json!("owner")));
    let body = json!({ "tls": { "names": ["den.example"] } });
    let forged = Browser { cookie: browser.cookie.clone(), csrf: String::new() };
    browse(&alcove, &forged, Method::PATCH, "config?apply=now", body.clone())
        .await
        .problem(403, "not-permitted");
    let done =
        browse(&alcove, &browser, Method::PATCH, "config?apply=now", body).await.with_status(200).json();
    applied(&alcove, &done["generation"]).await;
    let confirm = json!({ "generation": done["generation"] });
    browse(&alcove, &browser, Method::POST, "config/confirm", confirm).await.with_status(204);
    let kept = std::fs::read_dir(alcove.state()).unwrap().flatten().filter(|file| file.path().is_file());
    let id = browser.cookie.split_once('=').unwrap().1.to_owned();
    let bytes = kept.map(|file| std::fs::read(file.path()).unwrap());
    assert!(
        bytes.into_iter().all(|bytes| !String::from_utf8_lossy(&bytes).contains(&id)),
        "it is in no file"
    );
    assert!(!alcove.log().contains(&id) && !alcove.log().contains(&browser.csrf));
    browse(&alcove, &browser, Method::DELETE, "sign-in", json!({})).await.with_status(204);
    browse(&alcove, &browser, Method::GET, "status", json!({})).await.problem(401, "not-permitted");
}

#[tokio::test]
async fn a_revoked_token_signs_its_browsers_out() {
    let alcove = Appliance::start("");
    let made = alcove.post("tokens", json!({ "name": "Vic", "role": "viewer" })).await.json();
    let browser = sign_in(&alcove, &text(&made["token"])).await;
    browse(&alcove, &browser, Method::GET, "status", json!({})).await.with_status(200);
    browse(&alcove, &browser, Method::POST, "commands/leave", json!({})).await.problem(403, "not-permitted");
    alcove.delete(&format!("tokens/{}", made["id"])).await.with_status(204);
    browse(&alcove, &browser, Method::GET, "status", json!({})).await.problem(401, "not-permitted");
}

#[tokio::test]
async fn a_browser_is_told_what_happens_until_its_token_is_revoked() {
    let alcove = Appliance::start("");
    let made = alcove.post("tokens", json!({ "name": "Vic", "role": "viewer" })).await.json();
    let browser = sign_in(&alcove, &text(&made["token"])).await;
    let request = alcove.request(Method::GET, "/api/v1/events?types=alcove.meeting.*");
    let mut answer = request.header("Cookie", &browser.cookie).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    alcove.meeting(json!({ "name": "den" })).await;
    let mut told = String::new();
    while !told.contains("alcove.meeting.") {
        told += std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap();
    }
    alcove.delete(&format!("tokens/{}", made["id"])).await.with_status(204);
    while answer.chunk().await.unwrap().is_some() {}
}

#[tokio::test]
async fn the_levels_of_the_microphone_are_told_while_it_captures() {
    let alcove = Appliance::start("");
    assert_eq!(alcove.get("device/levels").await.json(), json!({}), "nothing captures");
    alcove.post("commands/join", json!({ "meeting": "room" })).await.with_status(200);
    let level = soon(async || alcove.get("device/levels").await.json()["microphone_dbov"].as_i64()).await;
    let dbov = level.unwrap_or_else(|| panic!("the microphone is not heard: {}", alcove.log()));
    assert!((-127..=0).contains(&dbov));
}

#[tokio::test]
async fn a_box_with_tokens_from_before_has_an_owner() {
    let state = Arc::new(tempfile::tempdir().unwrap());
    let alcove = Appliance::start_in(Arc::clone(&state), "");
    alcove.post("tokens", json!({ "name": "console", "role": "owner" })).await.with_status(201);
    std::fs::remove_file(state.path().join("claim")).unwrap();
    let alcove = killed(alcove);
    assert_eq!(is_claimed(&alcove).await, true);
}
