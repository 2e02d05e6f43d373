//! Offers that cannot be taken, over the WebSocket and over WHIP: refused, and the meeting goes on.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::appliance::{Appliance, send};
use crate::words::{Words, track};

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 \
    00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
    a=setup:actpass\r\n";

/// An offer of one m-line.
fn offer(media: &str, attributes: &str) -> String {
    format!("{HEAD}m={media}\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\n{attributes}")
}

/// An offer that can be read, of one sound.
pub(crate) fn one_sound(direction: &str) -> String {
    offer("audio 9 UDP/TLS/RTP/SAVPF 111", &format!("a={direction}\r\na=rtpmap:111 opus/48000/2\r\n"))
}

fn unusable() -> Vec<String> {
    let no_codec = offer("video 9 UDP/TLS/RTP/SAVPF 96", "a=sendrecv\r\na=rtpmap:96 H261/90000\r\n");
    let cut = one_sound("sendonly");
    vec![
        String::new(),
        "garbage".to_owned(),
        "\u{0}\u{1}\u{2}".to_owned(),
        "v=0\r\n".repeat(2_000),
        HEAD.to_owned(),
        no_codec,
        cut[..cut.len() / 2].to_owned(),
        format!("{HEAD}{}", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(500)),
        "x".repeat(200_000),
    ]
}

fn ask(sdp: &str) -> Value {
    json!({ "offer": { "sdp": sdp } })
}

#[tokio::test]
async fn an_offer_of_nothing_usable_is_refused_and_a_good_one_is_taken_afterwards() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let token = alcove.token("den", "speaker").await;
    let mut ann = Words::join(&alcove, "den", &token, "Ann").await;
    let mut eve = Words::join(&alcove, "den", &token, "Eve").await;
    for sdp in unusable() {
        let start: String = sdp.chars().take(300).collect();
        let refused = eve.ask(ask(&sdp)).await.expect_err(&start);
        assert_eq!(refused["code"], "invalid-parameter", "{start}");
        assert!(!refused["detail"].as_str().unwrap().is_empty());
    }
    let good = offer("audio 9 UDP/TLS/RTP/SAVPF 111", "a=sendonly\r\na=rtpmap:111 opus/48000/2\r\n");
    let answer = eve.ask(ask(&good)).await.unwrap();
    let sdp = answer["answer"]["sdp"].as_str().unwrap();
    assert!(sdp.contains("a=candidate:") && sdp.contains(" tcptype passive"), "{sdp}");
    assert!(
        sdp.contains(&format!(" {} typ host tcptype passive", alcove.port)),
        "the port of HTTPS too: {sdp}"
    );
    let candidate = |text: &str| json!({ "candidate": { "candidate": text } });
    let srflx = "candidate:1 1 udp 1677729535 203.0.113.9 4000 typ srflx raddr 0.0.0.0 rport 0";
    for taken in [srflx, "", "candidate:2 1 udp 2122260223 7f3a.local 5000 typ host"] {
        assert!(eve.ask(candidate(taken)).await.is_ok(), "{taken}");
    }
    for refused in ["candidate:", "nonsense", &"x".repeat(600)] {
        assert_eq!(eve.ask(candidate(refused)).await.unwrap_err()["code"], "invalid-parameter", "{refused}");
    }
    assert_eq!(ann.ask(candidate(srflx)).await.unwrap_err()["code"], "peer-lost", "she has not offered");
    assert!(ann.ask(track("microphone", "on")).await.is_ok());
}

#[tokio::test]
async fn whip_and_whep_refuse_what_they_cannot_take_and_leave_nobody_behind() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let token = alcove.token("den", "speaker").await;
    for path in ["/whip/den", "/whep/den"] {
        for sdp in unusable().into_iter().filter(|sdp| sdp.len() <= 64 << 10) {
            let request = alcove.request(Method::POST, path).bearer_auth(&token);
            let reply = send(request.header(CONTENT_TYPE, "application/sdp").body(sdp)).await;
            assert!([400, 413, 422].contains(&reply.status.as_u16()), "{}", reply.text());
            reply.problem(reply.status.as_u16(), "invalid-parameter");
        }
        let request = alcove.request(Method::POST, path).header(CONTENT_TYPE, "application/sdp");
        send(request.body(HEAD)).await.problem(401, "not-permitted");
        let request = alcove.request(Method::DELETE, &format!("{path}/nobody")).bearer_auth(&token);
        send(request).await.problem(404, "peer-lost");
    }
    let list = alcove.get("meetings/den/participants").await.json();
    assert_eq!(list["participants"], json!([]));
}
