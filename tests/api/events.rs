//! What happens, told to programs: server-sent events and a WebSocket that go on where a reader was, and webhooks.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::appliance::{Appliance, text};
use crate::kept::killed;
use crate::notices::Post;
use crate::words::{Heard, Words};

/// How long something may take that is to happen at all; machines that build are busy.
const PATIENCE: Duration = Duration::from_secs(40);

/// A reader of server-sent events.
struct Reader {
    answer: reqwest::Response,
    text: String,
}

/// One of them.
#[derive(Debug, Clone)]
struct Told {
    id: String,
    kind: String,
    data: Value,
}

impl Reader {
    async fn open(alcove: &Appliance, query: &str, last: Option<&str>) -> Self {
        let request =
            alcove.request(Method::GET, &format!("/api/v1/events{query}")).bearer_auth(&alcove.admin);
        let request = match last {
            Some(last) => request.header("Last-Event-ID", last),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, text: String::new() }
    }

    /// The next event; `None` when there will be no more.
    async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = block.lines().filter_map(|line| line.strip_prefix(name));
                    lines.map(|value| value.trim_start_matches(' ').to_owned()).next()
                };
                let told = field("data:").map(|data| Told {
                    id: field("id:").unwrap(),
                    kind: field("event:").unwrap(),
                    data: serde_json::from_str(&data).unwrap(),
                });
                self.text = rest.to_owned();
                if let Some(told) = told {
                    return Some(told);
                }
            }
            let chunk = timeout(PATIENCE, self.answer.chunk()).await.expect("something is told");
            self.text.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }

    /// The next one of that type.
    async fn of(&mut self, kind: &str) -> Told {
        loop {
            let told = self.next().await.expect("it goes on");
            if told.kind == kind {
                return told;
            }
        }
    }
}

#[tokio::test]
async fn a_reader_is_told_what_happens_in_cloud_events() {
    let alcove = Appliance::start("");
    let mut reader = Reader::open(&alcove, "?types=alcove.meeting.*", None).await;
    alcove.meeting(json!({ "name": "den" })).await;
    let token = alcove.token("den", "host").await;
    let mut ann = Words::open(&alcove, "den").await;
    ann.hello(json!({ "version": 1, "token": token, "name": "Ann" })).await.unwrap();
    alcove.delete("meetings/den").await;
    let mut kinds = Vec::new();
    let mut all = Vec::new();
    while kinds.last().map(String::as_str) != Some("alcove.meeting.ended") {
        let told = reader.next().await.unwrap();
        assert_eq!(told.data["id"], told.id);
        assert_eq!(told.data["type"], told.kind);
        assert_eq!((&told.data["specversion"], &told.data["subject"]), (&json!("1.0"), &json!("den")));
        assert!(text(&told.data["source"]).starts_with("urn:alcove:"));
        kinds.push(told.kind.clone());
        all.push(told);
    }
    assert_eq!(kinds[..2], ["alcove.meeting.opened", "alcove.meeting.joined"]);
    assert_eq!(all[1].data["data"]["participant"]["name"], "Ann");
    assert_eq!(all[1].data["data"]["meeting"], "den");
}

#[tokio::test]
async fn who_was_cut_goes_on_where_they_were_even_over_a_power_cut() {
    let alcove = Appliance::start("");
    let mut reader = Reader::open(&alcove, "?types=alcove.meeting.opened", None).await;
    alcove.meeting(json!({ "name": "one" })).await;
    let one = reader.next().await.unwrap();
    drop(reader);
    alcove.meeting(json!({ "name": "two" })).await;
    let mut reader = Reader::open(&alcove, "?types=alcove.meeting.opened", Some(&one.id)).await;
    let two = reader.next().await.unwrap();
    assert_eq!(two.data["subject"], "two");
    // What is told is written down within a second or so; then the power may go.
    let log = alcove.state().join("events.log");
    timeout(PATIENCE, async {
        while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("\"two\"")) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let alcove = killed(alcove);
    alcove.meeting(json!({ "name": "three" })).await;
    let query = format!("?types=alcove.meeting.opened&lastEventId={}", one.id);
    let mut reader = Reader::open(&alcove, &query, None).await;
    let mut subjects = Vec::new();
    let mut ids = Vec::new();
    while subjects.last() != Some(&json!("three")) {
        let told = reader.next().await.unwrap();
        ids.push(told.id.parse::<u64>().unwrap());
        subjects.push(told.data["subject"].clone());
    }
    assert_eq!(subjects[0], "two");
    assert!(ids.is_sorted_by(|a, b| a < b), "no number is given twice: {ids:?}");
}

#[tokio::test]
async fn after_ten_thousand_events_there_is_no_gap() {
    let alcove = Appliance::start("");
    alcove.meeting(json!({ "name": "den" })).await;
    let token = alcove.token("den", "host").await;
    let mut ann = Words::open(&alcove, "den").await;
    ann.hello(json!({ "version": 1, "token": token, "name": "Ann" })).await.unwrap();
    let mut reader = Reader::open(&alcove, "?lastEventId=0", None).await;
    let first = reader.of("alcove.meeting.joined").await;
    drop(reader);
    let before: u64 = first.id.parse().unwrap();
    for number in 0..10_000 {
        let locked = number % 2 == 0;
        alcove.post("meetings/den/commands", json!({ "lock": { "locked": locked } })).await.with_status(204);
    }
    let mut reader = Reader::open(&alcove, "", Some(&first.id)).await;
    let mut last = before;
    let mut locks = 0;
    while locks < 10_000 {
        let told = reader.next().await.unwrap();
        let id: u64 = told.id.parse().unwrap();
        assert_eq!(id, last + 1, "none is left out");
        last = id;
        locks += u32::from(told.kind == "alcove.meeting.locked");
    }
}

#[tokio::test]
async fn who_may_not_or_asks_wrongly_is_told_so() {
    let alcove = Appliance::start("");
    let made =
        alcove.post("tokens", json!({"name": "panel", "role": "viewer"})).await.with_status(201).json();
    let (viewer, id) = (text(&made["token"]), made["id"].clone());
    alcove.get("events?lastEventId=yesterday").await.problem(400, "invalid-parameter");
    alcove.get("events?types=Alcove").await.problem(400, "invalid-parameter");
    alcove.ask_as("nonsense", Method::GET, "events", None).await.problem(401, "not-permitted");
    let hook = json!({"url": "https://a.example/"});
    alcove.ask_as(&viewer, Method::POST, "webhooks", Some(hook)).await.problem(403, "not-permitted");
    for wrong in [
        json!({}),
        json!({"url": "ftp://a.example/"}),
        json!({"url": "https://a.example/", "types": "nonsense*!"}),
        json!({"url": "https://a.example/", "secret": "short"}),
    ] {
        alcove.post("webhooks", wrong).await.problem(400, "invalid-parameter");
    }
    alcove.get("webhooks/9/deliveries").await.problem(404, "invalid-parameter");
    alcove.delete("webhooks/9").await.problem(404, "invalid-parameter");

    // Whoever's token is revoked is told nothing more.
    let request = alcove.request(Method::GET, "/api/v1/events").bearer_auth(&viewer);
    let mut reader = Reader { answer: request.send().await.unwrap(), text: String::new() };
    alcove.delete(&format!("tokens/{id}")).await.with_status(204);
    while reader.next().await.is_some() {}
}

#[tokio::test]
async fn a_web_socket_tells_the_same() {
    let alcove = Appliance::start("");
    let mut socket = Words::open_events(&alcove).await;
    socket.say(&json!({ "token": alcove.admin, "types": "alcove.meeting.opened" }).to_string()).await;
    // Nothing answers a good hello: meetings are opened until one is told.
    let told = timeout(PATIENCE, async {
        for number in 0.. {
            alcove.meeting(json!({ "name": format!("m{number}") })).await;
            if let Ok(Heard::Frame(told)) = timeout(Duration::from_millis(200), socket.next()).await {
                return told;
            }
        }
        unreachable!("it is tried for ever")
    });
    let told = told.await.unwrap();
    assert_eq!((&told["type"], &told["specversion"]), (&json!("alcove.meeting.opened"), &json!("1.0")));

    for (hello, close) in [
        (json!({ "token": "nonsense" }), 4403),
        (json!({ "token": alcove.admin, "lastEventId": "x" }), 4400),
        (json!({ "no": "token" }), 4400),
    ] {
        let mut socket = Words::open_events(&alcove).await;
        socket.say(&hello.to_string()).await;
        assert_eq!(socket.next().await, Heard::Closed(close), "{hello}");
    }
}

#[tokio::test]
async fn a_webhook_is_told_what_happens_signed_and_again_until_it_is_taken() {
    let mut post = Post::start(None, &[503, 204, 404]);
    let alcove = Appliance::start("");
    let url = format!("http://127.0.0.1:{}/alcove", post.port);
    let made = alcove.post("webhooks", json!({"url": url, "types": "alcove.meeting.opened"})).await;
    let made = made.with_status(201).json();
    let secret = STANDARD.decode(text(&made["secret"]).strip_prefix("whsec_").unwrap()).unwrap();
    alcove.meeting(json!({ "name": "one" })).await;
    alcove.meeting(json!({ "name": "two" })).await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let (path, headers, body) = post.next().await;
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", &body].concat();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), &signed);
        assert_eq!(header("webhook-signature"), format!("v1,{}", STANDARD.encode(tag)));
        assert_eq!(path, "/alcove");
        let event: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(event["id"], id);
        told.push(text(&event["subject"]));
    }
    assert_eq!(told, ["one", "one", "two"], "again until it was taken, and in their order");
    let path = format!("webhooks/{}/deliveries", made["id"]);
    let outcomes = timeout(PATIENCE, async {
        loop {
            let log = alcove.get(&path).await.json();
            let outcomes: Vec<_> = log
                .as_array()
                .unwrap()
                .iter()
                .map(|one| (text(&one["outcome"]), one["attempt"].clone()))
                .collect();
            if outcomes.len() == 3 {
                return outcomes;
            }
        }
    });
    let outcome = |word: &str, attempt: u32| (word.to_owned(), json!(attempt));
    assert_eq!(outcomes.await.unwrap(), [outcome("again", 1), outcome("taken", 2), outcome("refused", 1)]);

    let listed = alcove.get("webhooks").await.json();
    assert!(listed[0].get("secret").is_none(), "{listed}");
    let alcove = killed(alcove);
    assert_eq!(alcove.get("webhooks").await.json()[0]["url"], url, "it outlives a power cut");
    alcove.delete(&format!("webhooks/{}", made["id"])).await.with_status(204);
    assert_eq!(alcove.get("webhooks").await.json(), json!([]));
}
