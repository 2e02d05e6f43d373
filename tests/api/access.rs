//! Who may do what over the API: tokens with roles, their end, and the list of what was done with them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::appliance::{Appliance, Reply, text};
use crate::kept::killed;

/// A token of that role, with its number.
async fn token(alcove: &Appliance, role: &str) -> (String, u64) {
    let made = alcove
        .post("tokens", json!({"name": format!("a {role}"), "role": role}))
        .await
        .with_status(201)
        .json();
    (text(&made["token"]), made["id"].as_u64().unwrap())
}

/// Something of each kind that roles are told apart by.
async fn tried(alcove: &Appliance, token: &str) -> [u16; 6] {
    let ask = |method, path, body| alcove.ask_as(token, method, path, body);
    [
        ask(Method::GET, "status", None).await,
        ask(Method::GET, "audit", None).await,
        ask(Method::POST, "commands/volume", Some(json!({"percent": 50}))).await,
        ask(Method::POST, "meetings", Some(json!({"name": "no such name"}))).await,
        ask(Method::POST, "config/confirm", Some(json!({"generation": 99}))).await,
        ask(Method::GET, "tokens", None).await,
    ]
    .map(|reply: Reply| reply.status.as_u16())
}

#[tokio::test]
async fn each_role_may_what_it_is_for_and_nothing_else() {
    let alcove = Appliance::start("");
    // Watch, audit, control, meet (a name that is none), configure (nothing to confirm), own.
    let allowed = [
        ("owner", [200, 200, 200, 400, 409, 200]),
        ("admin", [200, 200, 200, 400, 409, 403]),
        ("integrator", [200, 403, 200, 400, 403, 403]),
        ("user", [200, 403, 403, 400, 403, 403]),
        ("room-control", [200, 403, 200, 403, 403, 403]),
        ("viewer", [200, 403, 403, 403, 403, 403]),
        ("auditor", [200, 200, 403, 403, 403, 403]),
    ];
    for (role, expected) in allowed {
        let (token, _) = token(&alcove, role).await;
        assert_eq!(tried(&alcove, &token).await, expected, "{role}");
    }
}

#[tokio::test]
async fn what_is_not_allowed_names_the_role_and_leaves_a_line() {
    let alcove = Appliance::start("");
    let (viewer, _) = token(&alcove, "viewer").await;
    let reply = alcove.ask_as(&viewer, Method::POST, "commands/leave", None).await;
    let detail = reply.problem(403, "not-permitted");
    assert!(detail.contains("\"a viewer\"") && detail.contains("may not control the room"), "{detail}");
    alcove.post("commands/leave", json!({})).await;
    let lines = alcove.get("audit").await.with_status(200).json();
    let lines = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (text(&line["who"]), text(&line["what"]), line["status"].as_u64().unwrap()));
    let line = |who: &str, what: &str, status| (who.to_owned(), what.to_owned(), status);
    let lines: Vec<_> = lines.collect();
    assert!(lines.contains(&line("administrator", "POST /api/v1/tokens", 201)), "{lines:?}");
    assert!(lines.contains(&line("a viewer", "POST /api/v1/commands/leave", 403)), "{lines:?}");
    assert!(lines.contains(&line("administrator", "POST /api/v1/commands/leave", 200)), "{lines:?}");
    let later = alcove.get("audit?after=2").await.json();
    assert_eq!(later[0]["number"], 3);
    assert!(!later.to_string().contains(&viewer), "tokens are in no line");
}

#[tokio::test]
async fn a_token_outlives_a_power_cut_and_ends_when_it_is_revoked() {
    let alcove = Appliance::start("");
    let (console, id) = token(&alcove, "admin").await;
    let alcove = killed(alcove);
    assert_eq!(alcove.ask_as(&console, Method::GET, "status", None).await.status, 200);
    let list = alcove.get("tokens").await.json();
    assert_eq!((&list[0]["name"], list[0].get("token")), (&json!("a admin"), None), "it is told once");
    alcove.delete(&format!("tokens/{id}")).await.with_status(204);
    alcove.ask_as(&console, Method::GET, "status", None).await.problem(401, "not-permitted");
    alcove.delete(&format!("tokens/{id}")).await.problem(404, "invalid-parameter");
    let kept = std::fs::read_to_string(alcove.state().join("audit.log")).unwrap();
    assert!(kept.lines().count() >= 2 && !kept.contains(&console), "what was done before the cut is there");
}

#[tokio::test]
async fn what_is_changed_bears_the_name_of_the_token() {
    let alcove = Appliance::start("");
    let (console, _) = token(&alcove, "admin").await;
    let body = json!({"calls": {"ring_volume": 5}});
    let request =
        alcove.request(Method::PATCH, "/api/v1/config").bearer_auth(&console).header("If-Match", "*");
    assert_eq!(request.json(&body).send().await.unwrap().status(), 200);
    let keys = alcove.get("config/keys").await.json();
    let key = keys.as_array().unwrap().iter().find(|key| key["key"] == "calls.ring_volume").unwrap().clone();
    assert_eq!(key["author"], "a admin");
}

#[tokio::test]
async fn a_token_for_nothing_or_for_ever_too_long_is_not_made() {
    let alcove = Appliance::start("");
    let wrong: [Value; 6] = [
        json!({"name": "", "role": "viewer"}),
        json!({"name": "x".repeat(65), "role": "viewer"}),
        json!({"name": "a\nb", "role": "viewer"}),
        json!({"name": "x", "role": "king"}),
        json!({"name": "x", "role": "viewer", "lifetime_s": 0}),
        json!({"name": "x", "role": "viewer", "lifetime_s": u64::MAX}),
    ];
    for body in wrong {
        alcove.post("tokens", body).await.problem(400, "invalid-parameter");
    }
    let (viewer, _) = token(&alcove, "viewer").await;
    let mut words = crate::words::Words::open(&alcove, "room").await;
    let refused = words.hello(json!({"version": 1, "token": viewer, "name": "Eve"})).await.unwrap_err();
    assert_eq!(refused, "not-permitted", "who may look holds no meeting");
}
