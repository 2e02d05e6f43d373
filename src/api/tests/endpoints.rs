//! What each endpoint answers when it is asked as it should be.

use super::*;
use crate::api::description::description;
use crate::blessed;

#[tokio::test]
async fn a_meeting_is_created_shown_listed_and_ended() {
    let house = House::new();
    let body =
        json!({ "name": "den", "mode": "audio", "password": "x", "custom_info": [1], "max_participants": 9 });
    let reply = house.post("/api/v1/meetings", body).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header(header::LOCATION), "/api/v1/meetings/den");
    let meeting = json!({
        "name": "den", "mode": "audio", "has_password": true, "custom_info": [1], "max_participants": 9,
        "participants": 0, "standing": false, "lobby": false, "wait_for_host": false, "same_person": "replace",
    });
    let mut created = reply.json();
    let links = ["join_url", "host_url"].map(|link| created[link].take());
    for (link, role) in links.iter().zip([Role::Speaker, Role::Host]) {
        let (page, token) = link.as_str().expect("a link").split_once("#t=").expect("a token");
        assert_eq!(page, "https://blue.local:8443/m/den");
        assert_eq!(house.tokens.check(token, NOW_UNIX_S).expect("good").role_in("den"), Ok(role));
    }
    assert_eq!(house.get("/api/v1/meetings/den").await.json(), meeting);
    let names = house.get("/api/v1/meetings").await.json();
    assert_eq!(names["meetings"].as_array().expect("a list").len(), 2);
    assert_eq!(house.ask(Method::DELETE, "/api/v1/meetings/den", None).await.status, 204);
    house.get("/api/v1/meetings/den").await.problem(404, "meeting-not-found");
}

#[tokio::test]
async fn a_name_that_lives_cannot_be_taken() {
    let house = House::new();
    house.post("/api/v1/meetings", json!({ "name": "room" })).await.problem(409, "meeting-exists");
}

#[tokio::test]
async fn a_token_is_issued_for_a_role_and_a_time() {
    let house = House::new();
    let wish = json!({ "role": "audience", "expires_in_s": 60 });
    let reply = house.post("/api/v1/meetings/room/tokens", wish).await;
    assert_eq!(reply.status, 201);
    let token = reply.json()["token"].as_str().expect("text").to_owned();
    assert_eq!(reply.json()["url"], format!("https://blue.local:8443/m/room#t={token}"));
    let grant = house.tokens.check(&token, NOW_UNIX_S + 59).expect("good");
    assert_eq!(grant.role_in("room"), Ok(Role::Audience));
    assert!(house.tokens.check(&token, NOW_UNIX_S + 60).is_err());
    house
        .post("/api/v1/meetings/no/tokens", json!({ "role": "host" }))
        .await
        .problem(404, "meeting-not-found");
    let detail = house
        .post("/api/v1/meetings/room/tokens", json!({ "role": "host", "expires_in_s": 0 }))
        .await
        .problem(400, "invalid-parameter");
    assert!(detail.contains("expires_in_s"));
}

#[tokio::test]
async fn the_figures_of_a_meeting_are_told_per_participant() {
    let house = House::new();
    house.get("/api/v1/meetings/attic/statistics").await.problem(404, "meeting-not-found");
    let figures = house.get("/api/v1/meetings/room/statistics").await.json();
    let screen = json!([{ "participant": "p3", "source": "camera", "total_ms": 60.0, "arrival_ms": 30.0,
        "decode_ms": 12.0, "wait_ms": 13.0, "screen_ms": 5.0 }]);
    assert_eq!(figures, json!({ "meeting": "room", "participants": [], "screen": screen }));
    let member = house.join("room").await;
    let figures = house.get("/api/v1/meetings/room/statistics").await.json();
    let media = &figures["participants"][0]["media"];
    assert_eq!(media["round_trip_ms"], 12.3);
    assert_eq!(
        media["up"],
        json!({ "grade": 4, "packets": 10, "bytes": 0, "bitrate_bps": 600_000, "lost": 1, "loss": 0.1 })
    );
    assert_eq!(media["down"], json!({ "grade": 5, "packets": 0, "bytes": 0, "bitrate_bps": 0 }));
    let layers = json!([
        { "height": 180, "sent": false, "watchers": 0, "encode_ms": 9.0 },
        { "height": 360, "bitrate_bps": 500_000, "sent": true, "watchers": 1, "encode_ms": 9.0 },
    ]);
    let track = json!({ "source": "camera", "state": "on", "codec": "h264", "layers": layers });
    assert_eq!(media["tracks"], json!([track]));
    let shown = json!({ "participant": member, "source": "camera", "layer": 1, "height": 360 });
    assert_eq!(media["slots"], json!([{ "mid": "4", "video": true, "shown": shown }]));
    let metrics = house.get("/metrics").await.text();
    assert!(metrics.contains("\nalcove_media_packets_received_total 7\n"), "{metrics}");
    assert!(!metrics.contains(&member), "sums name nobody");
}

#[tokio::test]
async fn the_room_is_commanded() {
    let house = House::new();
    let reply = house.post("/api/v1/commands/join", json!({ "meeting": "room" })).await;
    assert_eq!((reply.status, &reply.json()["meeting"]), (StatusCode::OK, &json!("room")));
    house.post("/api/v1/commands/mute", json!({ "microphone": true })).await;
    assert!(house.fake.calls().contains(&"mute Some(true) None".to_owned()));
    let reply = house.ask(Method::POST, "/api/v1/commands/leave", None).await;
    assert_eq!((reply.status, &reply.json()["meeting"]), (StatusCode::OK, &Value::Null));
    let detail = house.post("/api/v1/commands/join", json!({ "meeting": "attic" })).await;
    assert!(detail.problem(404, "meeting-not-found").contains("attic"));
}

#[tokio::test]
async fn the_room_is_muted_from_afar_and_unmuted_only_on_the_box() {
    let house = House::new();
    for body in [json!({ "microphone": false }), json!({ "microphone": true, "camera": false })] {
        let detail = house.post("/api/v1/commands/mute", body).await.problem(403, "not-permitted");
        assert!(detail.contains("somebody in the room"), "{detail}");
    }
    assert!(!house.fake.calls().iter().any(|call| call.starts_with("mute")));
    let mapped = std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    for here in [SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from((mapped, 1))] {
        let mut request = Request::builder().method(Method::POST).uri("/api/v1/commands/mute");
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", house.tokens.admin()));
        request = request.header(header::CONTENT_TYPE, "application/json");
        let body = Body::from(r#"{"microphone":false}"#);
        let mut request = request.body(body).expect("a request");
        request.extensions_mut().insert(ConnectInfo(here));
        assert_eq!(house.send(request).await.status, 200);
    }
}

#[tokio::test]
async fn the_appliance_says_how_it_is() {
    let house = House::new();
    let status = house.get("/api/v1/status").await.json();
    assert_eq!(status["uptime_s"], 5);
    assert_eq!(status["media_addresses"][0], "127.0.0.1:7800");
    assert_eq!(status["room"]["devices"][0]["class"], "camera");
    assert_eq!(house.get("/api/v1/device").await.json(), json!({ "camera": "simulated" }));
    let picture = house.get("/api/v1/display/snapshot.png").await;
    assert_eq!(picture.header(header::CONTENT_TYPE), "image/png");
    let metrics = house.get("/metrics").await.text();
    let lines = |start: &str| metrics.lines().filter(|line| line.starts_with(start)).count();
    assert!(metrics.lines().any(|line| line.starts_with("alcove_meetings ")), "{metrics}");
    assert_eq!(lines("alcove_"), lines("# TYPE alcove_"), "{metrics}");
    assert_eq!(house.get("/healthz").await.text(), "ok\n");
    assert_eq!(house.get("/readyz").await.text(), "ready\n");
}

#[tokio::test]
async fn answers_carry_the_headers_that_protect_the_page() {
    let house = House::new();
    for path in ["/", "/m/room", "/trust", "/api/v1/status", "/nowhere"] {
        let reply = house.get(path).await;
        assert!(reply.header(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"), "{path}");
        assert!(reply.header("permissions-policy").contains("camera=(self)"), "{path}");
        assert_eq!(reply.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(reply.header(header::CACHE_CONTROL), "no-store", "{path}");
        assert!(!reply.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{path}");
    }
}

#[tokio::test]
async fn the_authority_is_explained_and_handed_out() {
    let house = House::new();
    let english = house.get("/trust").await.text();
    assert!(english.contains("Blue &lt;room&gt;") && english.contains("https://blue.local:8443"));
    assert!(house.get("/trust?lang=zh").await.text().contains("lang=\"zh\""));
    assert!(house.get("/trust/ca.pem").await.text().starts_with("-----BEGIN"));
    assert_eq!(house.get("/trust/ca.crt").await.body, [1, 2, 3]);
    assert_eq!(house.get("/trust/ca.crt").await.header(header::CONTENT_TYPE), "application/x-x509-ca-cert");
}

#[tokio::test]
async fn the_description_is_what_the_code_says() {
    let house = House::new();
    blessed::compare("src/api/openapi.json", &description());
    let served = house.get("/api/v1/openapi.json").await;
    assert_eq!(served.text(), include_str!("../openapi.json"));
    assert_eq!(served.json()["openapi"], "3.1.0");
}

#[tokio::test]
async fn every_path_of_the_description_is_served_and_guarded() {
    let house = House::new();
    let description: Value = serde_json::from_str(&description()).expect("JSON");
    let paths = description["paths"].as_object().expect("paths");
    assert!(paths.len() >= 16, "{}", paths.len());
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("an item") {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let path = path.replace("{name}", "room").replace("{meeting}", "room").replace("{id}", "x");
            let request =
                Request::builder().method(&method).uri(&path).body(Body::empty()).expect("a request");
            let reply = house.send(request).await;
            if operation["security"] == json!([{}]) {
                assert_ne!(reply.status, 401, "{method} {path}");
                assert_ne!(reply.status, 404, "{method} {path}");
            } else {
                reply.problem(401, "not-permitted");
                assert!(reply.header(header::WWW_AUTHENTICATE).starts_with("Bearer"), "{method} {path}");
            }
        }
    }
}
