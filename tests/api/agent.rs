//! A box that fetches what it is to be: from a folder and from a web server, believing its owner alone.

use std::io::Cursor;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as Segment, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use minisign::KeyPair;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::appliance::{Appliance, soon, text};

/// How long something may take that is to happen at all; machines that build are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whoever owns the fleet.
pub(crate) struct Owner(KeyPair);

impl Owner {
    pub(crate) fn new() -> Self {
        Self(KeyPair::generate_unencrypted_keypair().unwrap())
    }

    pub(crate) fn key(&self) -> String {
        self.0.pk.to_base64()
    }

    fn sign(&self, text: &str) -> String {
        minisign::sign(None, &self.0.sk, Cursor::new(text), None, None).unwrap().to_string()
    }

    /// Puts a signed document into a folder.
    pub(crate) fn write(&self, folder: &Path, name: &str, text: &str) {
        std::fs::write(folder.join(format!("{name}.minisig")), self.sign(text)).unwrap();
        std::fs::write(folder.join(name), text).unwrap();
    }
}

pub(crate) fn wanted(serial: u32, ring_seconds: u32) -> String {
    format!("for = \"*\"\nserial = {serial}\n[calls]\nring_seconds = {ring_seconds}\n")
}

/// Waits until the appliance rings for so long.
pub(crate) async fn rings_for(alcove: &Appliance, seconds: u32) {
    let rings_for = async || alcove.get("config").await.json()["config"]["calls"]["ring_seconds"].clone();
    let reached = soon(async || (rings_for().await == seconds).then_some(()));
    assert!(reached.await.is_some(), "{}", alcove.log());
}

/// Waits for an event of that type, whose data say that.
pub(crate) async fn event(alcove: &Appliance, kind: &str, says: &str) {
    let log = alcove.state().join("events.log");
    let is_there = || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        text.lines().any(|line| line.contains(&format!("\"alcove.{kind}\"")) && line.contains(says))
    };
    let told = timeout(PATIENCE, async {
        while !is_there() {
            tokio::task::yield_now().await;
        }
    });
    assert!(told.await.is_ok(), "{}", std::fs::read_to_string(&log).unwrap_or_default());
}

#[tokio::test]
async fn a_box_follows_a_folder_and_believes_its_owner_alone() {
    let (owner, stranger) = (Owner::new(), Owner::new());
    let folder = tempfile::tempdir().unwrap();
    owner.write(folder.path(), "all.toml", &wanted(3, 31));
    let fleet =
        format!("[fleet]\nsource = {:?}\nkey = {:?}\ninterval_seconds = 5\n", folder.path(), owner.key());
    let alcove = Appliance::start(&fleet);
    rings_for(&alcove, 31).await;
    let explained = alcove.get("config/keys").await.json();
    let ring = explained.as_array().unwrap().iter().find(|key| key["key"] == "calls.ring_seconds").unwrap();
    assert_eq!((&ring["layer"], &ring["author"]), (&json!("provisioned"), &json!("fleet, serial 3")));

    stranger.write(folder.path(), "all.toml", &wanted(4, 41));
    event(&alcove, "fleet.refused", "not signed with fleet.key").await;
    owner.write(folder.path(), "all.toml", &wanted(2, 42));
    event(&alcove, "fleet.refused", "its serial is 2, and 3 was there before").await;
    owner.write(folder.path(), "all.toml", "for = [\"another\"]\nserial = 9\n");
    event(&alcove, "fleet.refused", "meant for other boxes").await;
    owner.write(folder.path(), "all.toml", "for = \"*\"\nserial = 5\n[calls]\nrings = 5\n");
    event(&alcove, "fleet.failed", "calls.rings").await;
    assert_eq!(
        alcove.get("config").await.json()["config"]["calls"]["ring_seconds"],
        31,
        "nothing was changed by them"
    );

    // Its own document comes before that for all.
    let events = std::fs::read_to_string(alcove.state().join("events.log")).unwrap();
    let event: Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    let own = text(&event["source"]).strip_prefix("urn:alcove:").unwrap().to_owned();
    owner.write(folder.path(), &format!("{own}.toml"), &wanted(6, 61).replace('*', &own));
    rings_for(&alcove, 61).await;
}

/// A web server that holds its answers back until there is news.
#[derive(Clone)]
struct Web {
    document: watch::Receiver<(u32, String, String)>,
    reports: mpsc::Sender<(HeaderMap, Value)>,
}

async fn serve_document(
    State(mut web): State<Web>,
    Segment(name): Segment<String>,
    headers: HeaderMap,
) -> Response {
    let known = headers.get("if-none-match").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let is_known = |serial: u32| known.as_deref() == Some(&format!("\"{serial}\""));
    match name.as_str() {
        "all.toml" => {
            assert!(known.is_none() || headers["prefer"] == "wait=50");
            let news = web.document.wait_for(|(serial, ..)| !is_known(*serial));
            let Ok(Ok(news)) = timeout(Duration::from_secs(50), news).await else {
                return StatusCode::NOT_MODIFIED.into_response();
            };
            ([("etag", format!("\"{}\"", news.0))], news.1.clone()).into_response()
        }
        "all.toml.minisig" => web.document.borrow().2.clone().into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn take_report(State(web): State<Web>, headers: HeaderMap, body: axum::body::Bytes) -> StatusCode {
    // Nobody reads any more when the test is over.
    let _ = web.reports.send((headers, serde_json::from_slice(&body).unwrap())).await;
    StatusCode::NO_CONTENT
}

#[tokio::test]
async fn a_box_follows_a_web_server_hears_of_news_at_once_and_reports() {
    let owner = Owner::new();
    let document = |serial: u32, seconds: u32| {
        let text = wanted(serial, seconds);
        (serial, text.clone(), owner.sign(&text))
    };
    let (publish, published) = watch::channel(document(1, 21));
    let (reports, mut reported) = mpsc::channel(64);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let router = Router::new()
        .route("/rooms/{name}", get(serve_document))
        .route("/report", post(take_report))
        .with_state(Web { document: published, reports });
    tokio::spawn(axum_server::from_tcp(listener).unwrap().serve(router.into_make_service()));
    let alcove = Appliance::start(&format!(
        "[fleet]\nsource = \"{base}/rooms\"\nkey = {:?}\ninterval_seconds = 5\nreport = \"{base}/report\"\nreport_token = \"open sesame\"\n",
        owner.key()
    ));
    rings_for(&alcove, 21).await;
    for serial in 2..5 {
        publish.send_replace(document(serial, 20 + serial));
        rings_for(&alcove, 20 + serial).await;
    }
    let told = timeout(PATIENCE, async {
        loop {
            let (headers, report) = reported.recv().await.unwrap();
            assert_eq!(headers["authorization"], "Bearer open sesame");
            if report["serial"] == 4 {
                return report;
            }
        }
    });
    let report = told.await.unwrap();
    assert_eq!((&report["room"], &report["trouble"]), (&json!("room"), &Value::Null));
    assert!(report["conditions"].as_array().unwrap().iter().any(|one| one["type"] == "Ready"), "{report}");
}

#[tokio::test]
async fn a_source_without_a_key_is_no_source() {
    let alcove = Appliance::start("");
    let change = alcove.request(reqwest::Method::PATCH, "/api/v1/config").bearer_auth(&alcove.admin);
    let change =
        change.header("If-Match", "*").json(&json!({ "fleet": { "source": "https://fleet.example" } }));
    let detail = crate::appliance::send(change).await.problem(400, "invalid-parameter");
    assert!(detail.contains("fleet.key"), "{detail}");
}
