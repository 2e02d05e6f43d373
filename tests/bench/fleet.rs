//! A thousand boxes that fetch what they are to be from one web server: whether each follows every change, how soon, and
//! what that costs.
//!
//! The boxes are simulated: each is the daemon's own agent with a configuration and a state directory of its own, without
//! the rest of the daemon, all in this process; their state directories are in memory. The web server is this file's, and
//! holds its answers back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alcove::config::change::Change;
use alcove::config::layers::{Layer, Layers};
use alcove::fleet::agent::Agent;
use alcove::fleet::follower::Follower;
use alcove::system::conditions::Conditions;
use alcove::system::configuration::{Configuration, State, Terms};
use alcove::system::events::Events;
use alcove::system::https;
use anyhow::{Context as _, ensure};
use minisign::KeyPair;
use serde::Serialize;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

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
    boxes: usize,
    changes: u64,
    /// Changes that some box has not followed.
    missed: usize,
    /// From the publication until a box had it in its configuration, over all boxes and changes.
    followed_ms_p50: u32,
    followed_ms_p99: u32,
    followed_ms_max: u32,
    /// Of this process, with the web server, for one box and change.
    cpu_ms_a_change: f64,
    /// Of one box while nothing is published.
    quiet_percent_of_a_core_a_box: f64,
}

impl Followings {
    /// Lines for the table.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        vec![
            (
                format!("{} boxes follow {} changes", self.boxes, self.changes),
                format!(
                    "{} missed; half of them after {} ms, 99 of 100 after {} ms, the last after {} ms; {:.1} ms of CPU each",
                    self.missed,
                    self.followed_ms_p50,
                    self.followed_ms_p99,
                    self.followed_ms_max,
                    self.cpu_ms_a_change
                ),
            ),
            (
                "a box that waits for news (goal 0.2 %)".into(),
                format!("{:.4} % of a core", self.quiet_percent_of_a_core_a_box),
            ),
        ]
    }
}

/// What the web server has: its number, the document, the signature.
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

/// Has all follow all.
///
/// # Errors
/// When nothing can be served, or written.
pub(crate) async fn measure(run: &Run) -> anyhow::Result<Followings> {
    say(&format!("{BOXES} simulated boxes follow {CHANGES} changes of one web server"));
    let owner = KeyPair::generate_unencrypted_keypair().context("cannot make a key")?;
    let (publish, published) = watch::channel(Published::new(&owner, 1)?);
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
    let source = format!("http://127.0.0.1:{}/rooms", listener.local_addr()?.port());
    tokio::spawn(serve(listener, published));
    // A thousand boxes have a thousand disks: here they would wait for one.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = folder.context("cannot make a folder")?;
    let http = https::asker()?;
    let mut states = Vec::new();
    for number in 0..BOXES {
        states.push(begin(run, &folder, number, (&source, &owner), http.clone())?);
    }
    all_follow(run, &mut states, 1, run.clock.now()).await;
    let watch = Watch::begin(std::process::id())?;
    let mut took_ms = Vec::new();
    for serial in 2..2 + CHANGES {
        let began = run.clock.now();
        publish.send_replace(Published::new(&owner, serial)?);
        took_ms.extend(all_follow(run, &mut states, serial, began).await);
    }
    let cpu_followed_ms = watch.end()?.process.as_secs_f64() * 1000.0;
    let watch = Watch::begin(std::process::id())?;
    run.wait(QUIET).await;
    let cpu_quiet_ms = watch.end()?.process.as_secs_f64() * 1000.0;
    took_ms.sort_unstable();
    let expected = BOXES * usize::try_from(CHANGES).unwrap_or(usize::MAX);
    ensure!(!took_ms.is_empty(), "no box has followed anything");
    Ok(Followings {
        boxes: BOXES,
        changes: CHANGES,
        missed: expected - took_ms.len(),
        followed_ms_p50: percentile(&took_ms, 50),
        followed_ms_p99: percentile(&took_ms, 99),
        followed_ms_max: percentile(&took_ms, 100),
        cpu_ms_a_change: cpu_followed_ms / expected as f64,
        quiet_percent_of_a_core_a_box: cpu_quiet_ms / QUIET.as_secs_f64() / 10.0 / BOXES as f64,
    })
}

/// A box that follows from now on; its configuration as it changes.
fn begin(
    run: &Run,
    folder: &TempDir,
    number: usize,
    (source, owner): (&str, &KeyPair),
    http: reqwest::Client,
) -> anyhow::Result<watch::Receiver<State>> {
    let state = folder.path().join(format!("{number:04}"));
    std::fs::create_dir(&state).context("cannot make a folder")?;
    let (configuration, _) = Configuration::open(&state, Layers::default());
    let body = json!({ "fleet": { "source": source, "key": owner.pk.to_base64() } });
    let by = "the measuring program".to_owned();
    let asked = Change { layer: Layer::Local, by, at_unix_ms: 1, body, is_whole: false };
    configuration.make(&asked, &Terms::default()).context("the box cannot be told whom to follow")?;
    let configuration = Arc::new(configuration);
    let states = configuration.subscribe();
    let box_id = format!("box-{number:04}");
    let (events, _) = Events::open(&state, format!("urn:alcove:{box_id}"));
    let follower = Follower::open(&state, box_id, configuration, Arc::new(events), Arc::clone(&run.clock));
    let conditions = watch::channel(Conditions::default()).1;
    let agent = Agent { follower: Arc::new(follower), conditions, http };
    tokio::spawn(agent.run());
    Ok(states)
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
