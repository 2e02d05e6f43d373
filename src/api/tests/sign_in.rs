//! Who claims the box and signs in with a browser, and everybody who is not let do so.

use super::*;
use crate::api::browsers::{IDLE_MAX, LASTS_MAX};
use crate::api::failures::{FAILURES_MAX, WINDOW};
use crate::api::sign_in::OverTls;

const HERE: (&str, &str) = ("origin", "https://blue.local:8443");

/// What a browser that has signed in holds.
#[derive(Clone)]
struct Signed {
    cookie: String,
    csrf: String,
}

impl House {
    /// Asks by HTTPS, with these headers.
    async fn browse(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "blue.local:8443");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let mut request = request.body(body).expect("a request");
        request.extensions_mut().insert(OverTls);
        self.send(request).await
    }

    async fn sign_in(&self, token: &str) -> Reply {
        self.browse(Method::POST, "/api/v1/sign-in", &[HERE], Some(json!({ "token": token }))).await
    }

    async fn signed_in(&self, token: &str) -> Signed {
        let reply = self.sign_in(token).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let (cookie, _) = reply.header(header::SET_COOKIE).split_once(';').expect("attributes");
        Signed { cookie: cookie.to_owned(), csrf: text(&reply.json()["csrf"]) }
    }

    /// Asks as the page does.
    async fn as_page(&self, signed: &Signed, method: Method, path: &str, body: Option<Value>) -> Reply {
        let Signed { cookie, csrf } = signed;
        let headers = [HERE, ("sec-fetch-site", "same-origin"), ("cookie", cookie), ("x-alcove-csrf", csrf)];
        self.browse(method, path, &headers, body).await
    }

    async fn claim(&self, code: &str) -> Reply {
        let body = json!({ "code": code, "name": "Ann" });
        self.browse(Method::POST, "/api/v1/claim", &[], Some(body)).await
    }

    fn wrong_code(&self) -> &'static str {
        if self.claim.code().as_deref() == Some("0000 0000") { "1111 1111" } else { "0000 0000" }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

#[tokio::test]
async fn whoever_reads_the_code_owns_the_box_once() {
    let house = House::new();
    let code = house.claim.code().expect("nobody's");
    assert_eq!(house.get("/api/v1/claim").await.json(), json!({ "claimed": false }));
    house.claim(house.wrong_code()).await.problem(401, "wrong-password");
    let reply = house.claim(&code).await;
    assert_eq!((reply.status, &reply.json()["role"]), (StatusCode::CREATED, &json!("owner")));
    assert_eq!(house.get("/api/v1/claim").await.json(), json!({ "claimed": true }));
    house.claim(&code).await.problem(403, "not-permitted");
    let signed = house.signed_in(&text(&reply.json()["token"])).await;
    let lines = house.as_page(&signed, Method::GET, "/api/v1/audit", None).await.json();
    let told: Vec<_> = lines.as_array().expect("lines").iter().map(|line| text(&line["what"])).collect();
    assert_eq!(told, ["POST /api/v1/claim", "POST /api/v1/sign-in"]);
    assert!(lines.as_array().expect("lines").iter().all(|line| line["who"] == "Ann"));
}

#[tokio::test]
async fn who_guesses_codes_waits_even_with_the_right_one() {
    let house = House::new();
    for _ in 0..FAILURES_MAX {
        house.claim(house.wrong_code()).await.problem(401, "wrong-password");
    }
    let code = house.claim.code().expect("nobody's");
    let reply = house.claim(&code).await;
    reply.problem(429, "too-many-requests");
    assert_eq!(reply.header(header::RETRY_AFTER), "60");
    house.sign_in(house.tokens.admin()).await.problem(429, "too-many-requests");
    house.clock.turn(WINDOW);
    assert_eq!(house.claim(&code).await.status, 201);
}

#[tokio::test]
async fn a_claim_that_makes_no_sense_is_no_guess() {
    let house = House::new();
    for body in
        [json!({ "code": "1" }), json!({ "code": "1", "name": "" }), json!({ "code": 1, "name": "x" })]
    {
        let reply = house.browse(Method::POST, "/api/v1/claim", &[], Some(body)).await;
        reply.problem(400, "invalid-parameter");
    }
    assert!(!house.claim.is_claimed());
}

#[tokio::test]
async fn who_hands_out_a_token_owns_the_box() {
    let house = House::new();
    let reply = house.post("/api/v1/tokens", json!({ "name": "console", "role": "admin" })).await;
    assert_eq!(reply.status, 201);
    assert_eq!(house.get("/api/v1/claim").await.json(), json!({ "claimed": true }));
    house.claim("0000 0000").await.problem(403, "not-permitted");
}

#[tokio::test]
async fn nothing_secret_is_told_by_plain_http() {
    let house = House::new();
    let code = house.claim.code().expect("nobody's");
    let body = json!({ "code": code, "name": "Ann" });
    let detail = house.post("/api/v1/claim", body).await.problem(403, "not-permitted");
    assert!(detail.contains("HTTPS"), "{detail}");
    let body = json!({ "token": house.tokens.admin() });
    let reply = house.post("/api/v1/sign-in", body).await;
    assert!(reply.problem(403, "not-permitted").contains("HTTPS"));
    assert!(reply.headers.get(header::SET_COOKIE).is_none() && !house.claim.is_claimed());
}

#[tokio::test]
async fn a_browser_is_who_its_token_is_and_may_what_that_may() {
    let house = House::new();
    let reply = house.sign_in(house.tokens.admin()).await;
    let all = json!(["watch", "audit", "control", "meet", "configure", "own"]);
    assert_eq!((&reply.json()["role"], &reply.json()["may"]), (&json!("owner"), &all));
    let made = house.post("/api/v1/tokens", json!({ "name": "Vic", "role": "viewer" })).await.json();
    let viewer = house.signed_in(&text(&made["token"])).await;
    let who = house.as_page(&viewer, Method::GET, "/api/v1/sign-in", None).await.json();
    assert_eq!(
        who,
        json!({ "name": "Vic", "role": "viewer", "may": ["watch"], "room": "Blue <room>", "csrf": viewer.csrf })
    );
    assert_eq!(house.as_page(&viewer, Method::GET, "/api/v1/status", None).await.status, 200);
    let leave = house.as_page(&viewer, Method::POST, "/api/v1/commands/leave", None).await;
    assert!(leave.problem(403, "not-permitted").contains("viewer"));
    let who = house.get("/api/v1/sign-in").await.json();
    assert_eq!((&who["name"], who.get("csrf")), (&json!("administrator"), None));
    house.browse(Method::GET, "/api/v1/sign-in", &[], None).await.problem(401, "not-permitted");
    let join = house.token("room", Role::Host);
    house.sign_in(&join).await.problem(403, "not-permitted");
    house.ask(Method::DELETE, "/api/v1/sign-in", None).await.problem(401, "not-permitted");
}

#[tokio::test]
async fn what_changes_something_needs_the_word_and_comes_from_our_own_page() {
    let house = House::new();
    let Signed { cookie, csrf } = &house.signed_in(house.tokens.admin()).await;
    let (cookie, word) = (("cookie", cookie.as_str()), ("x-alcove-csrf", csrf.as_str()));
    let leave = async |headers: &[(&str, &str)]| {
        house.browse(Method::POST, "/api/v1/commands/leave", headers, None).await
    };
    assert_eq!(leave(&[cookie, word, HERE]).await.status, 200);
    assert_eq!(leave(&[cookie, word]).await.status, 200, "what an old browser does not tell");
    let refused: &[&[(&str, &str)]] = &[
        &[cookie, HERE],
        &[cookie, HERE, ("x-alcove-csrf", "")],
        &[cookie, HERE, ("x-alcove-csrf", &csrf[1..])],
        &[cookie, word, ("origin", "https://evil.example")],
        &[cookie, word, ("origin", "https://blue.local")],
        &[cookie, word, ("origin", "null")],
        &[cookie, word, HERE, ("sec-fetch-site", "cross-site")],
        &[cookie, word, HERE, ("sec-fetch-site", "same-site")],
    ];
    let commands = || house.fake.calls().len();
    let before = commands();
    for headers in refused {
        let reply = leave(headers).await;
        assert_eq!(reply.status, 403, "{headers:?}");
        reply.problem(403, "not-permitted");
    }
    assert_eq!(commands(), before, "nothing was done");
    // Reading needs no word, and is no business of other pages either.
    let status = async |headers: &[(&str, &str)]| {
        house.browse(Method::GET, "/api/v1/status", headers, None).await.status.as_u16()
    };
    assert_eq!(status(&[cookie]).await, 200);
    assert_eq!(status(&[cookie, ("sec-fetch-site", "same-site")]).await, 403);
    house.browse(Method::DELETE, "/api/v1/sign-in", &[cookie], None).await.problem(403, "not-permitted");
    let token = Some(json!({ "token": house.tokens.admin() }));
    let elsewhere = [("origin", "https://evil.example")];
    let reply = house.browse(Method::POST, "/api/v1/sign-in", &elsewhere, token).await;
    reply.problem(403, "not-permitted");
}

#[tokio::test]
async fn a_word_is_for_one_browser_and_a_bad_bearer_is_not_mended_by_a_cookie() {
    let house = House::new();
    let [one, other] =
        [house.signed_in(house.tokens.admin()).await, house.signed_in(house.tokens.admin()).await];
    let mixed = Signed { cookie: one.cookie.clone(), csrf: other.csrf };
    house.as_page(&mixed, Method::POST, "/api/v1/commands/leave", None).await.problem(403, "not-permitted");
    let headers = [("cookie", one.cookie.as_str()), ("authorization", "Bearer wrong")];
    house.browse(Method::GET, "/api/v1/status", &headers, None).await.problem(401, "not-permitted");
}

#[tokio::test]
async fn a_sign_in_is_over_when_one_signs_out_and_with_its_token_and_its_time() {
    let house = House::new();
    let status = async |signed: &Signed| house.as_page(signed, Method::GET, "/api/v1/status", None).await;
    let out = house.signed_in(house.tokens.admin()).await;
    let reply = house.as_page(&out, Method::DELETE, "/api/v1/sign-in", None).await;
    assert_eq!(reply.status, 204);
    assert!(reply.header(header::SET_COOKIE).starts_with("__Host-alcove=; Path=/; Max-Age=0;"));
    status(&out).await.problem(401, "not-permitted");

    let make = async |lifetime: Option<u64>| {
        let body = json!({ "name": "x", "role": "admin", "lifetime_s": lifetime });
        house.post("/api/v1/tokens", body).await.json()
    };
    let made = make(None).await;
    let revoked = house.signed_in(&text(&made["token"])).await;
    assert_eq!(status(&revoked).await.status, 200);
    house.ask(Method::DELETE, &format!("/api/v1/tokens/{}", made["id"]), None).await;
    status(&revoked).await.problem(401, "not-permitted");

    let ending = house.signed_in(&text(&make(Some(60)).await["token"])).await;
    house.clock.turn(Duration::from_secs(60));
    status(&ending).await.problem(401, "not-permitted");

    let idle = house.signed_in(house.tokens.admin()).await;
    house.clock.turn(IDLE_MAX - Duration::from_secs(1));
    assert_eq!(status(&idle).await.status, 200);
    house.clock.turn(IDLE_MAX);
    status(&idle).await.problem(401, "not-permitted");

    let long = house.signed_in(house.tokens.admin()).await;
    let half = IDLE_MAX / 2;
    for _ in 1..(LASTS_MAX.as_secs() / half.as_secs()) {
        house.clock.turn(half);
        assert_eq!(status(&long).await.status, 200);
    }
    house.clock.turn(half);
    status(&long).await.problem(401, "not-permitted");
}

#[tokio::test]
async fn who_guesses_tokens_at_the_sign_in_waits_and_an_old_cookie_is_no_guess() {
    let house = House::new();
    let old = Signed { cookie: "__Host-alcove=old".to_owned(), csrf: String::new() };
    for _ in 0..=FAILURES_MAX {
        house.as_page(&old, Method::GET, "/api/v1/status", None).await.problem(401, "not-permitted");
    }
    for _ in 0..FAILURES_MAX {
        house.sign_in("alcove_1_wrong").await.problem(401, "not-permitted");
    }
    house.sign_in(house.tokens.admin()).await.problem(429, "too-many-requests");
    house.clock.turn(WINDOW);
    assert_eq!(house.sign_in(house.tokens.admin()).await.status, 201);
}
