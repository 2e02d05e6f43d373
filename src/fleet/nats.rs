//! A fleet on NATS: each box tells there that it is on, where it is and how it is, hands over what happens, does what it is
//! asked, and follows what it is to be.
//!
//! ```text
//!   KV alcove_presence   BOX ─▶ put every 10 s; gone after 30 s without
//!   KV alcove_directory  BOX ─▶ its room, address and fingerprint
//!   KV alcove_status     BOX ─▶ generation, conditions; put at every change
//!   KV alcove_desired    BOX, else all ─▶ {"document", "signature"}: what the box is to be, as in a folder
//!   alcove.event.BOX.*   events, into the stream alcove_events; handed over until they were taken
//!   alcove.box.BOX.ask   {"method", "path", "body"} ─▶ {"status", "body"}: the API, with the role of fleet.nats_role
//! ```
//! With `fleet.nats_calls` rooms ring each other besides: [`rooms`](super::rooms), through [`tunnels`](super::tunnels).
//! Buckets and stream are made where there are none. Without NATS everything works as before; while it is away events
//! wait in their ring, and what the box is is put when NATS is back.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::kv::{Operation, Store};
use async_nats::jetstream::{self, ErrorCode, stream};
use async_nats::{Client, ConnectOptions, Event, HeaderMap};
use futures_util::StreamExt as _;
use futures_util::stream::select;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep_until, timeout};

use super::follower::Follower;
use super::rooms::{Directory, Rooms};
use super::tunnels::{Serve, Tunnels};
use crate::config::Fleet;
use crate::system::conditions::Conditions;
use crate::system::events::Events;
use crate::system::files::{self, Readers};
use crate::system::https;

/// How often a box says that it is on, and how long that is believed.
const PRESENT_EVERY: Duration = Duration::from_secs(10);
const PRESENT_FOR: Duration = Duration::from_secs(30);

/// How long is waited before something is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// How long one answer of NATS may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How many questions are worked on at a time; further ones wait in the subscription.
const ASKED_MAX: usize = 16;

/// The longest question, in bytes.
const QUESTION_BYTES_MAX: usize = 64 * 1024;

/// On how many servers of a cluster is kept what the fleet knows.
const REPLICAS: usize = 3;

/// How long events are kept in the stream, and how many bytes of them, over all boxes.
const EVENTS_KEPT: Duration = Duration::from_hours(7 * 24);
const EVENTS_BYTES_MAX: i64 = 256 * 1024 * 1024;

/// Events are handed over so many at a time.
const PAGE: usize = 64;

/// The most messages that wait in a subscription; further ones are lost.
const WAITING_MAX: usize = 4096;

const FILE: &str = "nats.json";
const DIRECTORY: &str = "alcove_directory";
const STREAM: &str = "alcove_events";

/// What is asked of the box: method, path and body, as over HTTP.
#[derive(Debug)]
pub struct Question {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// From `/api/v1/` on.
    pub path: String,
    /// JSON, where there is any.
    pub body: Option<Value>,
    /// Has a question that is asked twice carried out once.
    pub idempotency_key: Option<String>,
}

/// What came back: the HTTP status and the body, JSON where it is any.
pub type Answer = (u16, Value);

/// Answers questions with the rights that the fleet has.
pub type Answers = Arc<dyn Fn(Question) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// A box on NATS.
pub struct OnNats {
    /// Follows what the fleet wants.
    pub follower: Arc<Follower>,
    /// What is told.
    pub events: Arc<Events>,
    /// How the box is.
    pub conditions: watch::Receiver<Conditions>,
    /// How the box is reached: room, address, fingerprint.
    pub card: Value,
    /// Answers what is asked.
    pub answers: Answers,
    /// The state directory.
    pub state: PathBuf,
    /// Where tunnels to other boxes begin.
    pub tunnels: Tunnels,
    /// Serves those who come through one.
    pub serve: Serve,
    /// The directory of calls.
    pub directory: Arc<dyn Directory>,
}

/// What was handed over.
struct Handed {
    path: PathBuf,
    told: u64,
}

impl OnNats {
    /// Takes part until it is ended; nothing where no server is configured.
    pub async fn run(self, fleet: Fleet) {
        let room = self.card["room"].as_str().unwrap_or_default();
        let rooms = Rooms::open(&self.state, self.follower.box_id(), room, Arc::clone(&self.directory));
        let rooms = if fleet.nats_calls { Some(rooms) } else { rooms.strike_all().await };
        let Some(servers) = fleet.nats.clone() else { return };
        let client = loop {
            match connect(&servers, &fleet, self.follower.box_id(), &self.tunnels).await {
                Ok(client) => break client,
                Err(error) => log::warn!("NATS is not used: {error:#}"),
            }
            self.pause().await;
        };
        let this = Arc::new(self);
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&this).be_asked(client.clone()));
        let context = match &fleet.nats_domain {
            Some(domain) => jetstream::with_domain(client.clone(), domain),
            None => jetstream::new(client.clone()),
        };
        if let Some(rooms) = rooms {
            this.tunnels.through(&client);
            tasks.spawn(Arc::clone(&this).be_dialled(client.clone()));
            tasks.spawn(Arc::clone(&this).ring(rooms, client, context.clone()));
        }
        tasks.spawn(Arc::clone(&this).be_present(context.clone()));
        tasks.spawn(Arc::clone(&this).be_known(context.clone()));
        tasks.spawn(Arc::clone(&this).hand_over(context.clone()));
        if let Some(key) = fleet.key {
            tasks.spawn(Arc::clone(&this).follow(context, key));
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn pause(&self) {
        sleep_until((self.follower.clock().now() + AGAIN_AFTER).into()).await;
    }

    /// Says again and again that the box is on.
    async fn be_present(self: Arc<Self>, context: jetstream::Context) {
        let bucket = self.bucket(&context, "alcove_presence", PRESENT_FOR).await;
        let mut beats = interval(PRESENT_EVERY);
        loop {
            beats.tick().await;
            let body = json!({ "at_unix_ms": self.follower.clock().unix_ms(), "room": self.card["room"] });
            // The next one comes soon.
            let _ = timeout(ANSWER_MAX, bucket.put(self.follower.box_id(), body.to_string().into())).await;
        }
    }

    /// Says where the box is, and at every change how it is.
    async fn be_known(self: Arc<Self>, context: jetstream::Context) {
        let directory = self.bucket(&context, DIRECTORY, Duration::ZERO).await;
        self.put(&directory, &self.card).await;
        let status = self.bucket(&context, "alcove_status", Duration::ZERO).await;
        let mut conditions = self.conditions.clone();
        let mut changes = self.follower.configuration().subscribe();
        loop {
            let report = self.follower.report(&conditions.borrow_and_update().clone());
            changes.mark_unchanged();
            self.put(&status, &report).await;
            let changed = tokio::select! {
                changed = conditions.changed() => changed.is_ok(),
                changed = changes.changed() => changed.is_ok(),
            };
            if !changed {
                return;
            }
        }
    }

    /// Puts a value under the box's id, as often as it takes.
    async fn put(&self, bucket: &Store, value: &Value) {
        loop {
            let put = bucket.put(self.follower.box_id(), value.to_string().into());
            match timeout(ANSWER_MAX, put).await {
                Ok(Ok(_)) => return,
                Ok(Err(error)) => log::debug!("NATS has not taken it, and is asked again: {error}"),
                Err(_) => log::debug!("NATS has not answered, and is asked again"),
            }
            self.pause().await;
        }
    }

    /// Hands over what happens, each event until it was taken.
    async fn hand_over(self: Arc<Self>, context: jetstream::Context) {
        let (mut newest, started) = (self.events.subscribe(), self.events.newest());
        loop {
            let config = stream::Config {
                name: STREAM.to_owned(),
                subjects: vec!["alcove.event.>".to_owned()],
                max_age: EVENTS_KEPT,
                max_bytes: EVENTS_BYTES_MAX,
                ..stream::Config::default()
            };
            match timeout(ANSWER_MAX, made(&context, config)).await {
                Ok(Ok(())) => break,
                Ok(Err(error)) => log::debug!("NATS has no stream {STREAM} yet: {error}"),
                Err(_) => {}
            }
            self.pause().await;
        }
        let mut handed = Handed::open(&self.state, started);
        loop {
            newest.mark_unchanged();
            let page = self.events.after(handed.told, PAGE);
            let mut events = page.events;
            if let Some(to) = page.lost_to {
                events = vec![self.events.lost(handed.told, to)];
            }
            if events.is_empty() && newest.changed().await.is_err() {
                return;
            }
            for event in &events {
                let kind = event.kind.strip_prefix("alcove.").unwrap_or(&event.kind);
                let subject = format!("alcove.event.{}.{kind}", self.follower.box_id());
                let mut headers = HeaderMap::new();
                // Within two minutes the stream takes it once, however often it is handed over.
                headers
                    .insert("Nats-Msg-Id", format!("{}-{}", self.follower.box_id(), event.number).as_str());
                let taken = async {
                    let body = event.json.to_string().into();
                    let ack = context.publish_with_headers(subject.clone(), headers.clone(), body).await;
                    anyhow::Ok(ack?.await?)
                };
                match timeout(ANSWER_MAX, taken).await {
                    Ok(Ok(_)) => handed.told = event.number,
                    Ok(Err(_)) | Err(_) => {
                        self.pause().await;
                        break;
                    }
                }
            }
            if let Err(error) = handed.keep() {
                log::warn!("after the next start NATS is told some events again: {error}");
            }
        }
    }

    /// Does what is asked.
    async fn be_asked(self: Arc<Self>, client: Client) {
        let subject = format!("alcove.box.{}.ask", self.follower.box_id());
        let mut questions = loop {
            match client.subscribe(subject.clone()).await {
                Ok(questions) => break questions,
                Err(error) => log::warn!("nobody can ask this box over NATS: {error}"),
            }
            self.pause().await;
        };
        let places = Arc::new(Semaphore::new(ASKED_MAX));
        let mut tasks = JoinSet::new();
        while let Some(message) = questions.next().await {
            // Never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (answers, client) = (Arc::clone(&self.answers), client.clone());
            tasks.spawn(async move {
                let _place = place;
                let (status, body) = match question(&message.payload) {
                    Ok(question) => answers(question).await,
                    Err(why) => (400, json!({ "status": 400, "code": "invalid-parameter", "detail": why })),
                };
                if let Some(reply) = message.reply {
                    let answer = json!({ "status": status, "body": body });
                    // Whoever asked may be gone.
                    let _ = client.publish(reply, answer.to_string().into()).await;
                }
            });
            while tasks.try_join_next().is_some() {}
        }
    }

    /// Lets other boxes in through tunnels.
    async fn be_dialled(self: Arc<Self>, client: Client) {
        loop {
            if let Err(error) = self.tunnels.be_dialled(&client, &self.serve).await {
                log::warn!("no other room reaches this one over NATS: {error:#}");
            }
            self.pause().await;
        }
    }

    /// Has the rooms of the fleet in the directory.
    async fn ring(self: Arc<Self>, mut rooms: Rooms, client: Client, context: jetstream::Context) {
        let cards = self.bucket(&context, DIRECTORY, Duration::ZERO).await;
        loop {
            if let Err(error) = rooms.run(&client, &cards).await {
                log::debug!("the rooms of the fleet are looked for again: {error:#}");
            }
            self.pause().await;
        }
    }

    /// Follows what the box is to be, its own document before that for all.
    async fn follow(self: Arc<Self>, context: jetstream::Context, key: String) {
        let bucket = self.bucket(&context, "alcove_desired", Duration::ZERO).await;
        let own = self.follower.box_id().to_owned();
        loop {
            // Servers before 2.10 watch one key at a time.
            let both = async {
                let (for_all, for_box) = (bucket.watch_with_history("all"), bucket.watch_with_history(&own));
                anyhow::Ok(select(for_all.await?, for_box.await?))
            };
            let Ok(Ok(mut watched)) = timeout(ANSWER_MAX, both).await else {
                self.pause().await;
                continue;
            };
            let (mut for_all, mut for_box): (Option<Vec<u8>>, Option<Vec<u8>>) = (None, None);
            while let Some(Ok(entry)) = watched.next().await {
                let value = (entry.operation == Operation::Put).then(|| entry.value.to_vec());
                if entry.key == own {
                    for_box = value
                } else {
                    for_all = value
                }
                if let Some(wanted) = for_box.as_ref().or(for_all.as_ref()) {
                    let outcome = self.take(wanted, &key);
                    self.follower.tell(outcome);
                }
            }
            self.pause().await;
        }
    }

    fn take(&self, entry: &[u8], key: &str) -> Result<u64, String> {
        let entry: Value = serde_json::from_slice(entry)
            .map_err(|error| format!("the entry of alcove_desired is no JSON: {error}"))?;
        let (Some(document), Some(signature)) = (entry["document"].as_str(), entry["signature"].as_str())
        else {
            return Err("the entry of alcove_desired lacks document or signature".to_owned());
        };
        let desired = self.follower.read(document.as_bytes(), signature, key)?;
        self.follower.reached();
        self.follower.follow(key, &desired)?;
        Ok(desired.serial)
    }

    /// A bucket, made where there is none; what is older than `max_age` goes, where that is not zero.
    async fn bucket(&self, context: &jetstream::Context, name: &str, max_age: Duration) -> Store {
        loop {
            if let Ok(Ok(bucket)) = timeout(ANSWER_MAX, context.get_key_value(name)).await {
                return bucket;
            }
            match timeout(ANSWER_MAX, made(context, behind(name, max_age))).await {
                // Now it is there.
                Ok(Ok(())) => continue,
                Ok(Err(error)) => log::debug!("NATS has no bucket {name} yet: {error}"),
                Err(_) => {}
            }
            self.pause().await;
        }
    }
}

impl Handed {
    /// Goes on where it was; the first time with what has happened since `started`.
    fn open(state: &Path, started: u64) -> Self {
        let path = state.join(FILE);
        let text = files::read(&path).ok().flatten().unwrap_or_default();
        let kept: Value = serde_json::from_str(&text).unwrap_or_default();
        Self { path, told: kept["told"].as_u64().unwrap_or(started) }
    }

    fn keep(&self) -> Result<(), files::Error> {
        files::write(&self.path, &format!("{}\n", json!({ "told": self.told })), Readers::OwnerAlone)
    }
}

/// Makes a stream, unless it is there: on so many servers of a cluster that one may fail, on a server alone where there
/// is no cluster. One whose servers have not all found each other yet is asked again, or little would be kept for good.
async fn made(context: &jetstream::Context, config: stream::Config) -> Result<(), CreateStreamError> {
    let safe = stream::Config { num_replicas: REPLICAS, ..config.clone() };
    match context.get_or_create_stream(safe).await {
        Err(error) if is(&error, ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED) => {
            context.get_or_create_stream(config).await.map(drop)
        }
        outcome => outcome.map(drop).inspect_err(|error| {
            if is(error, ErrorCode::CLUSTER_NO_PEERS) {
                log::warn!(
                    "the NATS cluster has fewer than {REPLICAS} servers that could keep {}",
                    config.name
                );
            }
        }),
    }
}

fn is(error: &CreateStreamError, code: ErrorCode) -> bool {
    matches!(error.kind(), CreateStreamErrorKind::JetStream(cause) if cause.error_code() == code)
}

/// The stream behind a bucket (NATS ADR-8), as servers from 2.9 on take it.
fn behind(bucket: &str, max_age: Duration) -> stream::Config {
    stream::Config {
        name: format!("KV_{bucket}"),
        subjects: vec![format!("$KV.{bucket}.>")],
        max_messages_per_subject: 1,
        max_bytes: -1,
        max_messages: -1,
        max_age,
        discard: stream::DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..stream::Config::default()
    }
}

async fn connect(servers: &str, fleet: &Fleet, box_id: &str, tunnels: &Tunnels) -> anyhow::Result<Client> {
    let tunnels = tunnels.clone();
    let options = ConnectOptions::new()
        .name(format!("alcove {box_id}"))
        .tls_client_config(
            https::tls(fleet.nats_authority.as_deref()).context("fleet.nats_authority cannot be used")?,
        )
        .subscription_capacity(WAITING_MAX)
        .retry_on_initial_connect()
        .event_callback(move |event| {
            if matches!(event, Event::Disconnected) {
                tunnels.end_all();
            }
            async move {
                match event {
                    Event::Connected => log::info!("NATS is reached"),
                    Event::Disconnected => log::warn!("NATS is away; it is tried again by itself"),
                    Event::ServerError(error) => log::warn!("NATS refuses something: {error}"),
                    other => log::debug!("NATS: {other}"),
                }
            }
        });
    let options = match &fleet.nats_credentials_file {
        Some(file) => options
            .credentials_file(file)
            .await
            .with_context(|| format!("{} of fleet.nats_credentials_file cannot be used", file.display()))?,
        None => options,
    };
    let servers: Vec<_> = servers.split(',').map(str::trim).map(str::to_owned).collect();
    options.connect(servers).await.context("fleet.nats cannot be used")
}

fn question(payload: &[u8]) -> Result<Question, String> {
    if payload.len() > QUESTION_BYTES_MAX {
        return Err(format!("a question has at most {QUESTION_BYTES_MAX} bytes"));
    }
    let asked: Value = serde_json::from_slice(payload).map_err(|error| format!("it is no JSON: {error}"))?;
    let text = |name: &str| asked[name].as_str().map(str::to_owned);
    let path = text("path").filter(|path| path.starts_with("/api/v1/"));
    Ok(Question {
        method: text("method").unwrap_or_else(|| "GET".to_owned()),
        path: path.ok_or("path is missing; it begins with /api/v1/")?,
        body: Some(asked["body"].clone()).filter(|body| !body.is_null()),
        idempotency_key: text("idempotency_key"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_request_and_nonsense_is_told_so() {
        let asked =
            question(br#"{"method":"POST","path":"/api/v1/commands/leave","idempotency_key":"7"}"#).unwrap();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/api/v1/commands/leave"));
        assert_eq!((asked.body, asked.idempotency_key.as_deref()), (None, Some("7")));
        assert_eq!(question(br#"{"path":"/api/v1/status"}"#).unwrap().method, "GET");
        for (wrong, why) in [
            (&b"{"[..], "no JSON"),
            (b"{}", "path is missing"),
            (b"{\"path\":\"/m/room\"}", "path is missing"),
        ] {
            assert!(question(wrong).unwrap_err().contains(why));
        }
        assert!(question(&vec![b' '; QUESTION_BYTES_MAX + 1]).is_err());
    }
}
