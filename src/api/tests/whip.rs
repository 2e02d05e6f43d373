//! WHIP and WHEP, asked as publishers, players and pages from elsewhere ask.

use super::*;
use crate::web::wire::ParticipantKind;

const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\n";

const CANDIDATE: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
    a=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\na=candidate:2 1 udp 1 127.0.0.1 5001 typ odd\r\n";

const RESTART: &str =
    "a=ice-ufrag:new1\r\na=ice-pwd:new-password-new-password\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n";

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

struct Program {
    house: House,
    token: String,
}

impl Program {
    fn new() -> Self {
        let house = House::new();
        let token = house.token("room", Role::Speaker);
        Self { house, token }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.house.send(request.body(Body::from(body.to_owned())).expect("a request")).await
    }

    async fn post(&self, path: &str, offer: &str) -> Reply {
        self.send(Method::POST, path, &[("content-type", SDP)], offer).await
    }

    async fn patch(&self, path: &str, etag: Option<&str>, fragment: &str) -> Reply {
        let mut headers = vec![("content-type", FRAGMENT)];
        headers.extend(etag.map(|etag| ("if-match", etag)));
        self.send(Method::PATCH, path, &headers, fragment).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[], "").await
    }
}

#[tokio::test]
async fn a_publisher_joins_as_a_bridge_with_its_tracks_on() {
    let program = Program::new();
    let reply = program.post("/whip/room?name=Camera%207", OFFER).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header(header::CONTENT_TYPE), SDP);
    assert!(reply.text().contains("a=recvonly") && !reply.text().contains("a=sendonly"));
    let (start, id) = reply.header(header::LOCATION).rsplit_once('/').expect("a path");
    assert_eq!((start, id.len()), ("/whip/room", 22));
    assert!(reply.header(header::ETAG).starts_with('"'));
    let [member] = program.house.fake.members()[..] else { panic!("one member") };
    let bridge = program.house.fake.member(member);
    assert_eq!((bridge.name.as_str(), bridge.kind), ("Camera 7", ParticipantKind::Bridge));
    // An answer to anything later means that the requests before it were seen.
    assert_eq!(program.house.get("/readyz").await.status, 200);
    let calls = program.house.fake.calls();
    for wanted in ["Microphone, state: On", "Camera, state: On"] {
        assert!(calls.iter().any(|call| call.contains(wanted)), "{calls:?}");
    }
}

#[tokio::test]
async fn a_player_may_not_send_whatever_its_token_allows() {
    let program = Program::new();
    let reply = program.post("/whep/room", &OFFER.replace("sendonly", "recvonly")).await;
    assert_eq!(reply.status, 201);
    assert!(reply.header(header::LOCATION).starts_with("/whep/room/"));
    let member = program.house.fake.members()[0];
    assert_eq!(program.house.fake.member(member).role, wire::Role::Audience);
    assert!(!program.house.fake.calls().iter().any(|call| call.contains("state: On")));
}

#[tokio::test]
async fn who_stops_leaves_and_is_found_no_more() {
    let program = Program::new();
    let place = program.post("/whip/room", OFFER).await.header(header::LOCATION).to_owned();
    assert_eq!(program.delete(&place.replace("whip", "whep")).await.problem(404, "peer-lost"), GONE);
    assert_eq!(program.delete(&place).await.status, 200);
    assert!(program.house.fake.members().is_empty());
    program.delete(&place).await.problem(404, "peer-lost");
    program.patch(&place, Some("*"), RESTART).await.problem(404, "peer-lost");
}

const GONE: &str = "nothing is published or played here, or no longer; begin anew with a POST";

#[tokio::test]
async fn a_program_that_the_loop_let_go_of_is_found_no_more() {
    let program = Program::new();
    let place = program.post("/whip/room", OFFER).await.header(header::LOCATION).to_owned();
    program.house.fake.let_go(program.house.fake.members()[0]);
    // The task that reads the program's words away has to take its turn.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    program.patch(&place, Some("*"), RESTART).await.problem(404, "peer-lost");
}

#[tokio::test]
async fn candidates_need_the_etag_and_odd_ones_are_passed_over() {
    let program = Program::new();
    let reply = program.post("/whip/room", OFFER).await;
    let (place, etag) = (reply.header(header::LOCATION), reply.header(header::ETAG));
    program.patch(place, None, CANDIDATE).await.problem(428, "invalid-parameter");
    program.patch(place, Some("\"old\""), CANDIDATE).await.problem(412, "invalid-parameter");
    program.patch(place, Some("*"), CANDIDATE).await.problem(422, "invalid-parameter");
    program.patch(place, Some(etag), "nonsense").await.problem(400, "invalid-parameter");
    let reply = program.patch(place, Some(etag), CANDIDATE).await;
    assert_eq!((reply.status.as_u16(), reply.header(header::ETAG)), (204, ""));
    let calls = program.house.fake.calls();
    assert_eq!(calls.iter().filter(|call| call.starts_with("trickle")).count(), 2, "{calls:?}");
    let kind = [("content-type", "text/plain"), ("if-match", etag)];
    program.send(Method::PATCH, place, &kind, CANDIDATE).await.problem(415, "invalid-parameter");
}

#[tokio::test]
async fn an_ice_restart_gives_new_credentials_and_a_new_etag() {
    let program = Program::new();
    let reply = program.post("/whip/room", OFFER).await;
    let (place, etag) = (reply.header(header::LOCATION), reply.header(header::ETAG));
    program.patch(place, Some(etag), RESTART).await.problem(422, "invalid-parameter");
    program.patch(place, Some("*"), "a=ice-ufrag:new1\r\n").await.problem(400, "invalid-parameter");
    let reply = program.patch(place, Some("*"), RESTART).await;
    assert_eq!((reply.status.as_u16(), reply.header(header::CONTENT_TYPE)), (200, FRAGMENT));
    assert!(reply.text().contains("a=ice-ufrag:of-new1\r\n"));
    let new = reply.header(header::ETAG);
    assert!(!new.is_empty() && new != etag);
    program.patch(place, Some(etag), CANDIDATE).await.problem(412, "invalid-parameter");
    let candidate = CANDIDATE.replace("abcd", "new1");
    assert_eq!(program.patch(place, Some(new), &candidate).await.status, 204);
}

#[tokio::test]
async fn an_offer_that_is_not_taken_whole_leaves_nobody_behind() {
    let program = Program::new();
    for (offer, status) in [
        ("hello".to_owned(), 400),
        ("v=0\r\n".to_owned(), 400),
        (OFFER.replace("sendonly", "recvonly"), 422),
        (OFFER.replace("m=video", "m=application"), 422),
        (OFFER.replace("s=-", "s=refuse-me"), 400),
        (OFFER.replace("s=-", "s=take-half"), 422),
    ] {
        program.post("/whip/room", &offer).await.problem(status, "invalid-parameter");
        assert!(program.house.fake.members().is_empty(), "{offer}");
    }
    program
        .send(Method::POST, "/whip/room", &[("content-type", "text/plain")], OFFER)
        .await
        .problem(415, "invalid-parameter");
    let headers = [("content-type", SDP), ("accept", "text/html")];
    program.send(Method::POST, "/whip/room", &headers, OFFER).await.problem(406, "invalid-parameter");
    let big = format!("{OFFER}{}", "a=x\r\n".repeat(20_000));
    program.post("/whip/room", &big).await.problem(413, "invalid-parameter");
    assert!(program.house.fake.members().is_empty());
}

#[tokio::test]
async fn tokens_and_passwords_are_asked_for() {
    let mut program = Program::new();
    program.house.fake.create("vault", Some("sesame"));
    program.post("/whip/vault", OFFER).await.problem(403, "not-permitted");
    program.token = program.house.token("vault", Role::Speaker);
    program.post("/whip/vault", OFFER).await.problem(401, "wrong-password");
    program.post("/whip/vault?password=x", OFFER).await.problem(401, "wrong-password");
    assert_eq!(program.post("/whip/vault?password=sesame", OFFER).await.status, 201);
    program.token = program.house.token("room", Role::Audience);
    program.post("/whip/room", OFFER).await.problem(403, "not-permitted");
    program.token = "wrong".to_owned();
    program.post("/whip/room", OFFER).await.problem(401, "not-permitted");
    program.token = program.house.tokens.admin().to_owned();
    assert_eq!(program.post("/whip/room", OFFER).await.status, 201);
    program.post("/whip/attic", OFFER).await.problem(404, "meeting-not-found");
}

#[tokio::test]
async fn pages_from_elsewhere_may_ask() {
    let house = House::new();
    for path in ["/whip/room", "/whep/room", "/whip/room/x"] {
        let request =
            Request::builder().method(Method::OPTIONS).uri(path).header("origin", "https://elsewhere");
        let reply = house.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(reply.status, 204);
        assert_eq!(reply.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
        assert!(reply.header(header::ACCESS_CONTROL_ALLOW_METHODS).contains("PATCH"));
        assert!(reply.header(header::ACCESS_CONTROL_ALLOW_HEADERS).contains("If-Match"));
        assert_eq!(reply.header("accept-post"), SDP);
        assert_eq!(house.get(path).await.status, 204);
        let put = house.ask(Method::PUT, path, None).await;
        put.problem(405, "invalid-parameter");
    }
    let refused = house.send(Request::post("/whip/room").body(Body::empty()).expect("a request")).await;
    refused.problem(401, "not-permitted");
    assert_eq!(refused.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert!(refused.header(header::ACCESS_CONTROL_EXPOSE_HEADERS).contains("Location"));
}
