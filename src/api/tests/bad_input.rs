//! Bad input: each is refused with its code and a sentence, and harms nothing.

use super::*;
use crate::api::failures::{FAILURES_MAX, WINDOW};
use crate::api::input::JSON_BYTES_MAX;

async fn raw(house: &House, method: Method, path: &str, kind: &str, body: impl Into<Body>) -> Reply {
    let request = Request::builder().method(method).uri(path);
    let request = request.header(header::AUTHORIZATION, format!("Bearer {}", house.tokens.admin()));
    house.send(request.header(header::CONTENT_TYPE, kind).body(body.into()).expect("a request")).await
}

async fn with_token(house: &House, token: &str) -> Reply {
    let request = Request::builder().uri("/api/v1/meetings").header(header::AUTHORIZATION, token);
    house.send(request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn a_wrong_body_is_refused_by_the_name_of_its_field() {
    let house = House::new();
    let long = format!(r#"{{"name":"den","custom_info":"{}"}}"#, "x".repeat(5000));
    let password = format!(r#"{{"name":"den","password":"{}"}}"#, "x".repeat(129));
    let deep = format!(r#"{{"name":"den","custom_info":{}"#, "[".repeat(1000));
    for (path, body, wanted) in [
        ("meetings", r#"{"name":"den","colour":"red"}"#, "colour"),
        ("meetings", r#"{"name":7}"#, "`name`"),
        ("meetings", r#"{"name":"den","mode":"smell"}"#, "`mode`"),
        ("meetings", r#"{"name":"den","max_participants":-1}"#, "`max_participants`"),
        ("meetings", r#"{"name":"den","max_participants":"many"}"#, "`max_participants`"),
        ("meetings", r#"{"mode":"video"}"#, "name"),
        ("meetings", r#"{"name":"den","name":"den"}"#, "name"),
        ("meetings", "{", "not JSON"),
        ("meetings", "", "not JSON"),
        ("meetings", "[]", "cannot be used"),
        ("meetings", "null", "cannot be used"),
        ("meetings", "\u{1}\u{2}", "not JSON"),
        ("meetings", r#"{"name":"den"} {}"#, "not JSON"),
        ("meetings", &deep, "recursion"),
        ("meetings", &long, "custom_info"),
        ("meetings", &password, "password"),
        ("meetings", r#"{"name":"den","password":""}"#, "password"),
        ("meetings/room/tokens", r#"{"role":"king"}"#, "`role`"),
        ("meetings/room/tokens", r#"{"role":"host","expires_in_s":31622401}"#, "expires_in_s"),
        ("meetings/room/tokens", r#"{"role":"host","expires_in_s":1e99}"#, "expires_in_s"),
        ("commands/join", r#"{"meeting":["room"]}"#, "`meeting`"),
        ("commands/mute", r#"{"microphone":"off"}"#, "`microphone`"),
        ("commands/mute", r#"{"nose":true}"#, "nose"),
    ] {
        let reply =
            raw(&house, Method::POST, &format!("/api/v1/{path}"), "application/json", body.to_owned()).await;
        let detail = reply.problem(400, "invalid-parameter");
        assert!(detail.contains(wanted), "{body}: {detail}");
    }
    assert_eq!(house.get("/api/v1/meetings").await.json()["meetings"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_http_itself_refuses_is_a_problem_document_too() {
    let house = House::new();
    let big = format!(r#"{{"name":"{}"}}"#, "x".repeat(JSON_BYTES_MAX));
    raw(&house, Method::POST, "/api/v1/meetings", "application/json", big)
        .await
        .problem(413, "invalid-parameter");
    raw(&house, Method::POST, "/api/v1/meetings", "text/plain", "{}").await.problem(415, "invalid-parameter");
    house.get("/api/v1/no-such-thing").await.problem(404, "invalid-parameter");
    house.get("/no/such/page").await.problem(404, "invalid-parameter");
    let reply = house.ask(Method::PUT, "/api/v1/meetings", None).await;
    reply.problem(405, "invalid-parameter");
    assert!(reply.header(header::ALLOW).contains("POST"));
    house.get("/api/v1/meetings/%ff").await.problem(400, "invalid-parameter");
    house.get("/api/v1/meetings/room/ws").await.problem(426, "invalid-parameter");
}

#[tokio::test]
async fn only_the_admin_token_administers() {
    let house = House::new();
    for token in ["", "Basic YTpi", "Bearer", house.tokens.admin()] {
        with_token(&house, token).await.problem(401, "not-permitted");
    }
    for token in ["wrong", "a.b.c", ""] {
        let reply = with_token(&house, &format!("Bearer {token}")).await;
        reply.problem(401, "not-permitted");
        assert!(reply.header(header::WWW_AUTHENTICATE).starts_with("Bearer"));
    }
    let expired = house.tokens.issue("room", Role::Host, NOW_UNIX_S);
    assert!(
        with_token(&house, &format!("Bearer {expired}"))
            .await
            .problem(401, "not-permitted")
            .contains("expired")
    );
    let host = house.token("room", Role::Host);
    with_token(&house, &format!("Bearer {host}")).await.problem(403, "not-permitted");
    assert_eq!(with_token(&house, &format!("bearer {}", house.tokens.admin())).await.status, 200);
}

#[tokio::test]
async fn guessing_is_slowed_down_for_its_address_alone() {
    let house = House::new();
    for _ in 0..FAILURES_MAX {
        with_token(&house, "Bearer wrong").await.problem(401, "not-permitted");
    }
    let reply = with_token(&house, "Bearer wrong").await;
    reply.problem(429, "too-many-requests");
    assert_eq!(reply.header(header::RETRY_AFTER), WINDOW.as_secs().to_string());
    house.get("/api/v1/status").await.problem(429, "too-many-requests");
    assert_eq!(house.get("/healthz").await.status, 200);
    let mut request = Request::builder().uri("/api/v1/status");
    request = request.header(header::AUTHORIZATION, format!("Bearer {}", house.tokens.admin()));
    let mut request = request.body(Body::empty()).expect("a request");
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 8], 1))));
    assert_eq!(house.send(request).await.status, 200);
    house.clock.turn(WINDOW);
    assert_eq!(house.get("/api/v1/status").await.status, 200);
}

#[tokio::test]
async fn a_machine_without_slots_takes_no_update_and_says_why() {
    let house = House::new();
    let bundle = Request::post("/api/v1/updates")
        .header(header::AUTHORIZATION, format!("Bearer {}", house.tokens.admin()))
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .body(Body::from("no bundle at all"))
        .expect("a request");
    let reply = house.send(bundle).await;
    assert_eq!(reply.status, 409);
    assert_eq!(reply.json()["code"], "unsupported-mode");
    assert!(reply.json()["detail"].as_str().expect("words").contains("update its package"));
}

#[tokio::test]
async fn a_machine_of_somebody_else_is_neither_restarted_nor_reset() {
    let house = House::new();
    for command in ["reboot", "factory-reset"] {
        let reply = house.ask(Method::POST, &format!("/api/v1/commands/{command}"), None).await;
        reply.problem(409, "unsupported-mode");
        assert!(reply.json()["detail"].as_str().expect("words").contains("whoever administers"));
    }
}
