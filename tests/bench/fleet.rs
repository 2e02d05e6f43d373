//! A thousand boxes that follow what they are to be from one web server, and from one NATS server: whether each follows
//! every change, how soon, and what that costs.
//!
//! The boxes are simulated: each is the daemon's own agent, or its own part on NATS with presence, status and events, with
//! a configuration and a state directory of its own, without the rest of the daemon, all in this process; their state
//! directories are in memory. The web server is this file's, and holds its answers back; NATS is Debian's nats-server.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alcove::config::Fleet;
use alcove::config::change::Change;
use alcove::config::layers::{Layer, Layers};
use alcove::fleet::agent::Agent;
use alcove::fleet::follower::Follower;
use alcove::fleet::nats::OnNats;
use alcove::fleet::rooms::{Answer, Directory, Invitation};
use alcove::fleet::tunnels::Tunnels;
use alcove::system::conditions::Conditions;
use alcove::system::configuration::{Configuration, State, Terms};
use alcove::system::events::Events;
use alcove::system::https;
use anyhow::{Context as _, ensure};
use async_nats::jetstream;
use minisign::KeyPair;
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cpu::Watch;
use crate::report::{percentile, say};
use crate::run::Run;

const BOXES: usize = 1_000;

/// How many changes are published, one after the other.
const CHANGES: u64 = 10;

/// How long all may take to follow one.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(120);

/// For how long nothing is published, and the boxes are looked at.
const QUIET: Duration = Duration::from_secs(30);

/// How it went.
#[derive(Debug, Serialize)]
pub(crate) struct Followings {
    /// By which server.
    server: &'static str,
    boxes: usize,
    changes: u64,
    /// Changes that some box has not followed.
    missed: usize,
    /// From the publication until a box had it in its configuration, over all boxes and changes.
    followed_ms_p50: u32,
    followed_ms_p99: u32,
    followed_ms_max: u32,
    /// Of this process, with the web server where it is that, for one box and change.
    cpu_ms_a_change: f64,
    /// Of nats-server, likewise.
    server_cpu_ms_a_change: Option<f64>,
    /// Of one box while nothing is published.
    quiet_percent_of_a_core_a_box: f64,
    /// Of nats-server for one box, likewise.
    server_quiet_percent_of_a_core_a_box: Option<f64>,
}

impl Followings {
    /// Lines for the table.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let server = |value: Option<f64>, unit: &str, digits: usize| {
            value.map(|value| format!(", {value:.digits$} {unit} of the server")).unwrap_or_default()
        };
        vec![
            (
                format!("{} boxes follow {} changes by {}", self.boxes, self.changes, self.server),
                format!(
                    "{} missed; half of them after {} ms, 99 of 100 after {} ms, the last after {} ms; {:.1} ms of CPU each{}",
                    self.missed,
                    self.followed_ms_p50,
                    self.followed_ms_p99,
                    self.followed_ms_max,
                    self.cpu_ms_a_change,
                    server(self.server_cpu_ms_a_change, "ms", 2),
                ),
            ),
            (
                format!("a box that waits for news by {} (goal 0.2 %)", self.server),
                format!(
                    "{:.4} % of a core{}",
                    self.quiet_percent_of_a_core_a_box,
                    server(self.server_quiet_percent_of_a_core_a_box, "%", 4)
                ),
            ),
        ]
    }
}

/// What is published: its number, the document, the signature.
#[derive(Clone)]
struct Published {
    serial: u64,
    text: String,
    signature: String,
}

impl Published {
    fn new(owner: &KeyPair, serial: u64) -> anyhow::Result<Self> {
        // What a change is known by in the configuration: it counts up with the serial.
        let text =
            format!("for = \"*\"\nserial = {serial}\n[calls]\nring_seconds = {}\n", RING_SECONDS + serial);
        let signed = minisign::sign(None, &owner.sk, std::io::Cursor::new(&text), None, None);
        let signature = signed.context("cannot sign")?.to_string();
        Ok(Self { serial, text, signature })
    }
}

const RING_SECONDS: u64 = 60;

/// Has all follow all, first by the web, then by NATS where that is installed.
///
/// # Errors
/// When nothing can be served, or written.
pub(crate) async fn measure(run: &Run) -> anyhow::Result<Vec<Followings>> {
    let mut measured = vec![by_web(run).await?];
    match by_nats(run).await? {
        Some(followings) => measured.push(followings),
        None => say("nats-server is not installed, and not measured"),
    }
    Ok(measured)
}

async fn by_web(run: &Run) -> anyhow::Result<Followings> {
    let owner = KeyPair::generate_unencrypted_keypair().context("cannot make a key")?;
    let (publish, published) = watch::channel(Published::new(&owner, 1)?);
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
    let source = format!("http://127.0.0.1:{}/rooms", listener.local_addr()?.port());
    tokio::spawn(serve(listener, published));
    let (http, conditions) = (https::asker()?, watch::channel(Conditions::default()));
    let body = json!({ "fleet": { "source": source, "key": owner.pk.to_base64() } });
    let (_folder, boxes) = begin(run, &body)?;
    let states = boxes.into_iter().map(|Simulated { follower, .. }| {
        let states = follower.configuration().subscribe();
        let agent = Agent { follower, conditions: conditions.1.clone(), http: http.clone() };
        tokio::spawn(agent.run());
        states
    });
    let publish = async |published: Published| {
        publish.send_replace(published);
        anyhow::Ok(())
    };
    follow(run, ("the web", None), (&owner, publish), states.collect()).await
}

async fn by_nats(run: &Run) -> anyhow::Result<Option<Followings>> {
    let Some(server) = NatsServer::start()? else { return Ok(None) };
    let client = async_nats::ConnectOptions::new().retry_on_initial_connect().connect(&server.url).await?;
    let owner = KeyPair::generate_unencrypted_keypair().context("cannot make a key")?;
    let fleet = Fleet {
        nats: Some(format!("nats://{}", server.url)),
        key: Some(owner.pk.to_base64()),
        ..Fleet::default()
    };
    let (_folder, boxes) = begin(run, &json!({}))?;
    let conditions = watch::channel(Conditions::default());
    let mut tasks = JoinSet::new();
    let mut states = Vec::new();
    for Simulated { follower, events, state } in boxes {
        states.push(follower.configuration().subscribe());
        let card = json!({ "box": follower.box_id(), "room": "Room", "calls": false });
        let on_nats = OnNats {
            tunnels: Tunnels::of(follower.box_id()),
            follower,
            events,
            conditions: conditions.1.clone(),
            card,
            answers: Arc::new(|_| Box::pin(async { (404, Value::Null) })),
            state,
            serve: Arc::new(|_, _| Box::pin(async {})),
            directory: Arc::new(NoDirectory),
        };
        tasks.spawn(on_nats.run(fleet.clone()));
    }
    let context = jetstream::new(client);
    let publish = async |published: Published| {
        let bucket = loop {
            // The first box makes it.
            if let Ok(bucket) = context.get_key_value("alcove_desired").await {
                break bucket;
            }
        };
        let entry = json!({ "document": published.text, "signature": published.signature });
        bucket.put("all", entry.to_string().into()).await?;
        Ok(())
    };
    let pid = server.child.id();
    follow(run, ("NATS", Some(pid)), (&owner, publish), states).await.map(Some)
}

/// Publishes one change after the other, and has all follow each.
async fn follow(
    run: &Run,
    (server, server_pid): (&'static str, Option<u32>),
    (owner, publish): (&KeyPair, impl AsyncFn(Published) -> anyhow::Result<()>),
    mut states: Vec<watch::Receiver<State>>,
) -> anyhow::Result<Followings> {
    say(&format!("{BOXES} simulated boxes follow {CHANGES} changes by {server}"));
    publish(Published::new(owner, 1)?).await?;
    all_follow(run, &mut states, 1, run.clock.now()).await;
    let watch = || anyhow::Ok((Watch::begin(std::process::id())?, server_pid.map(Watch::begin).transpose()?));
    let used_ms = |(own, server): (Watch, Option<Watch>)| {
        let ms = |watch: Watch| anyhow::Ok(watch.end()?.process.as_secs_f64() * 1000.0);
        anyhow::Ok((ms(own)?, server.map(ms).transpose()?))
    };
    let watched = watch()?;
    let mut took_ms = Vec::new();
    for serial in 2..2 + CHANGES {
        let began = run.clock.now();
        publish(Published::new(owner, serial)?).await?;
        took_ms.extend(all_follow(run, &mut states, serial, began).await);
    }
    let (followed_ms, server_followed_ms) = used_ms(watched)?;
    let watched = watch()?;
    run.wait(QUIET).await;
    let (quiet_ms, server_quiet_ms) = used_ms(watched)?;
    took_ms.sort_unstable();
    let expected = BOXES * usize::try_from(CHANGES).unwrap_or(usize::MAX);
    ensure!(!took_ms.is_empty(), "no box has followed anything");
    let percent = |ms: f64| ms / QUIET.as_secs_f64() / 10.0 / BOXES as f64;
    Ok(Followings {
        server,
        boxes: BOXES,
        changes: CHANGES,
        missed: expected - took_ms.len(),
        followed_ms_p50: percentile(&took_ms, 50),
        followed_ms_p99: percentile(&took_ms, 99),
        followed_ms_max: percentile(&took_ms, 100),
        cpu_ms_a_change: followed_ms / expected as f64,
        server_cpu_ms_a_change: server_followed_ms.map(|ms| ms / expected as f64),
        quiet_percent_of_a_core_a_box: percent(quiet_ms),
        server_quiet_percent_of_a_core_a_box: server_quiet_ms.map(percent),
    })
}

/// A box that is not on any network yet.
struct Simulated {
    follower: Arc<Follower>,
    events: Arc<Events>,
    state: PathBuf,
}

/// All boxes, with that configuration; dropping the folder takes their state away.
fn begin(run: &Run, body: &Value) -> anyhow::Result<(TempDir, Vec<Simulated>)> {
    // A thousand boxes have a thousand disks: here they would wait for one.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = folder.context("cannot make a folder")?;
    let boxes = (0..BOXES).map(|number| {
        let state = folder.path().join(format!("{number:04}"));
        std::fs::create_dir(&state).context("cannot make a folder")?;
        let (configuration, _) = Configuration::open(&state, Layers::default());
        let by = "the measuring program".to_owned();
        let asked = Change { layer: Layer::Local, by, at_unix_ms: 1, body: body.clone(), is_whole: false };
        configuration.make(&asked, &Terms::default()).context("the box cannot be told whom to follow")?;
        let box_id = format!("box-{number:04}");
        let (events, _) = Events::open(&state, format!("urn:alcove:{box_id}"));
        let (configuration, events) = (Arc::new(configuration), Arc::new(events));
        let follower =
            Follower::open(&state, box_id, configuration, Arc::clone(&events), Arc::clone(&run.clock));
        Ok(Simulated { follower: Arc::new(follower), events, state })
    });
    let boxes = boxes.collect::<anyhow::Result<_>>()?;
    Ok((folder, boxes))
}

/// Simulated boxes take no calls.
struct NoDirectory;

impl Directory for NoDirectory {
    fn admit(&self, _: Option<String>, _: String) -> Answer<(String, Invitation)> {
        Box::pin(async { Err("a simulated box takes no calls".to_owned()) })
    }

    fn reach(&self, _: Option<String>, _: String, _: String, _: Invitation) -> Answer<String> {
        Box::pin(async { Err("a simulated box makes no calls".to_owned()) })
    }

    fn strike(&self, _: String) -> Answer<()> {
        Box::pin(async { Ok(()) })
    }
}

/// Debian's nats-server, with JetStream in a folder of its own; its end is the program's.
struct NatsServer {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl NatsServer {
    /// Starts it on a free port; none where it is not installed.
    fn start() -> anyhow::Result<Option<Self>> {
        let folder = tempfile::tempdir().context("cannot make a folder")?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("nats-server");
        // Debian has it where only root looks.
        command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
        command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
        command.arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => Ok(Some(Self { child, url: format!("127.0.0.1:{port}"), _folder: folder })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("nats-server cannot be started"),
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long each took to follow, in milliseconds; those that have not in time are left out.
async fn all_follow(
    run: &Run,
    states: &mut [watch::Receiver<State>],
    serial: u64,
    began: std::time::Instant,
) -> Vec<u32> {
    let took = Mutex::new(Vec::new());
    let followed = futures_util::future::join_all(states.iter_mut().map(|state| async {
        let is_there = |state: &State| u64::from(state.config.calls.ring_seconds) == RING_SECONDS + serial;
        if state.wait_for(is_there).await.is_ok() {
            let ms = run.clock.now().saturating_duration_since(began).as_millis();
            let mut took = took.lock().unwrap_or_else(PoisonError::into_inner);
            took.push(u32::try_from(ms).unwrap_or(u32::MAX));
        }
    }));
    // Who is late has missed it.
    let _ = tokio::time::timeout(FOLLOWED_WITHIN, followed).await;
    took.into_inner().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, published: watch::Receiver<Published>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(answer_all(socket, published.clone()));
    }
}

/// Answers one request after the other until the box closes.
async fn answer_all(socket: TcpStream, mut published: watch::Receiver<Published>) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    let mut line = String::new();
    loop {
        let (mut path, mut known) = (String::new(), None);
        loop {
            line.clear();
            if socket.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if path.is_empty() {
                text.split(' ').nth(1).unwrap_or_default().clone_into(&mut path);
            }
            if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("if-none-match")
            {
                known = value.trim().trim_matches('"').parse::<u64>().ok();
            }
        }
        let (status, etag, body) = match path.rsplit('/').next() {
            Some("all.toml") => {
                let news = published.wait_for(|published| Some(published.serial) != known).await;
                let Ok(news) = news else { return Ok(()) };
                ("200 OK", format!("ETag: \"{}\"\r\n", news.serial), news.text.clone())
            }
            Some("all.toml.minisig") => ("200 OK", String::new(), published.borrow().signature.clone()),
            _ => ("404 Not Found", String::new(), String::new()),
        };
        let head = format!("HTTP/1.1 {status}\r\n{etag}Content-Length: {}\r\n\r\n", body.len());
        socket.write_all((head + &body).as_bytes()).await?;
    }
}
