//! Janus under measurement: Debian's package with its video room, and participants with a handle to publish and
//! one to subscribe, as its own pages have them.
//!
//! Its defaults are kept, a thread for each handle among them; the folder of its own has no plugin and no
//! transport but those that are used.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use tempfile::TempDir;

use super::janus_words::Words;
use super::process::Process;
use super::server::{Trial, said};
use super::shape::Part;
use crate::fake::{Fake, Slots};
use crate::player::{Pictures, Sends};

const ROOM: u64 = 1;
const PLUGIN: &str = "plugins/libjanus_videoroom.so";
const TRANSPORT: &str = "transports/libjanus_websockets.so";
/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// The version of Debian's package.
pub(crate) fn version() -> anyhow::Result<String> {
    libraries()?;
    let text = said(Command::new("janus").arg("--version"))?;
    text.rsplit_once('(')
        .map(|(_, rest)| rest.trim_end_matches(')').to_owned())
        .with_context(|| format!("janus --version says {text:?}"))
}

/// Where its plugins and transports are.
fn libraries() -> anyhow::Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").context("no /usr/lib")?.filter_map(Result::ok);
    let mut janus = folders.map(|folder| folder.path().join("janus"));
    janus.find(|folder| folder.join(PLUGIN).exists()).context("the Debian package janus is not installed")
}

/// A running Janus, and who has joined.
pub(crate) struct Janus {
    process: Process,
    port: u16,
    /// Removed with it.
    folder: TempDir,
}

/// A participant that has published, and may subscribe.
struct Joined {
    words: Words,
    /// The m-lines of microphone and camera.
    lines: (Option<String>, Option<String>),
    /// From the beginning until the socket was open, and until media was connected.
    opened_ms: f64,
    published_ms: f64,
}

impl Janus {
    /// Starts it with an empty room.
    pub(crate) async fn start(trial: &Trial<'_>) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("alcove-bench-janus-").context("cannot make a folder")?;
        let port = super::free_port()?;
        configure(folder.path(), port, trial)?;
        let log = std::fs::File::create(folder.path().join("log")).context("cannot make the log file")?;
        let errors = log.try_clone().context("cannot share the log file")?;
        let mut command = trial.pins.command("janus");
        command.arg("--configs-folder").arg(folder.path()).arg("--disable-colors");
        let child = command.stdout(log).stderr(errors).spawn().context("cannot start janus")?;
        let mut janus = Self { process: Process::new("Janus", child), port, folder };
        janus.wait_until_it_listens(trial).await?;
        Ok(janus)
    }

    async fn wait_until_it_listens(&mut self, trial: &Trial<'_>) -> anyhow::Result<()> {
        let end = trial.clock().now() + PATIENCE;
        while trial.clock().now() < end {
            if Words::open(self.port).await.is_ok() {
                return Ok(());
            }
            if let Some(status) = self.process.ended() {
                bail!("Janus ended with {status}; its log:\n{}", self.log());
            }
            trial.run.wait(LOOK).await;
        }
        bail!("Janus does not listen; its log:\n{}", self.log())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Everybody publishes, then everybody subscribes. A page does both at once: what counts is the longer of
    /// the two, from opening the WebSocket until media is connected.
    pub(crate) async fn join(&mut self, trial: &Trial<'_>) -> anyhow::Result<Vec<f64>> {
        let mut joined = Vec::new();
        for (at, part) in trial.plan.iter().enumerate() {
            joined.push(publish(trial, self.port, at, part).await?);
        }
        let lines: Vec<_> = joined.iter().map(|one| one.lines.clone()).collect();
        let mut join_ms = Vec::new();
        for (at, (mut one, part)) in joined.into_iter().zip(trial.plan).enumerate() {
            let subscribed_ms = subscribe(trial, &mut one.words, at, part, &lines).await?;
            join_ms.push(one.published_ms.max(one.opened_ms + subscribed_ms));
            self.process.read(one.words.read_on());
        }
        Ok(join_ms)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.process.stop()
    }
}

fn feed(participant: usize) -> usize {
    participant + 1
}

/// Opens the socket; whoever sends, publishes.
async fn publish(trial: &Trial<'_>, port: u16, at: usize, part: &Part) -> anyhow::Result<Joined> {
    let began = trial.clock().now();
    let mut words = Words::open(port).await?;
    let opened_ms = trial.milliseconds_since(began);
    if part.sends.is_nothing() {
        return Ok(Joined { words, lines: (None, None), opened_ms, published_ms: 0.0 });
    }
    let handle = words.attach().await?;
    let join = json!({ "request": "join", "ptype": "publisher", "room": ROOM, "id": feed(at) });
    words.ask(handle, join, None).await?;
    let mut fake = Fake::new(&trial.run.common, part.sends, trial.clock().now())?;
    fake.claim(part.level_dbov);
    let offer =
        json!({ "type": "offer", "sdp": fake.offer(Slots::NONE)?, "rid_order": "lmh", "trickle": false });
    let answer = words.ask(handle, json!({ "request": "publish" }), Some(offer)).await?;
    fake.accept(&answer.context("Janus does not answer the offer")?)?;
    let lines = fake.lines();
    connect(trial, Trial::sending(at), fake).await?;
    let published_ms = trial.milliseconds_since(began);
    words.is_up(handle).await?;
    Ok(Joined { words, lines, opened_ms, published_ms })
}

/// Subscribes to whom it hears and sees; returns how long it took.
async fn subscribe(
    trial: &Trial<'_>,
    words: &mut Words,
    at: usize,
    part: &Part,
    lines: &[(Option<String>, Option<String>)],
) -> anyhow::Result<f64> {
    let flows = flows(trial, part, lines);
    if flows.is_empty() {
        return Ok(0.0);
    }
    let began = trial.clock().now();
    let handle = words.attach().await?;
    let join = json!({ "request": "join", "ptype": "subscriber", "room": ROOM, "streams": flows });
    let offer = words.ask(handle, join, None).await?.context("Janus does not offer")?;
    let mut fake = Fake::new(&trial.run.common, Sends::NOTHING, trial.clock().now())?;
    let answer = json!({ "type": "answer", "sdp": fake.answer(&offer)?, "trickle": false });
    words.say(handle, json!({ "request": "start" }), Some(answer)).await?;
    connect(trial, Trial::receiving(at, 0), fake).await?;
    Ok(trial.milliseconds_since(began))
}

/// Microphones and cameras as the room names them, and which layer of each.
fn flows(
    trial: &Trial<'_>,
    part: &Part,
    lines: &[(Option<String>, Option<String>)],
) -> Vec<serde_json::Value> {
    let sound = |from: &usize| Some(json!({ "feed": feed(*from), "mid": lines[*from].0.as_ref()? }));
    let picture = |(from, layer): &(usize, usize)| {
        let mut flow = json!({ "feed": feed(*from), "mid": lines[*from].1.as_ref()? });
        if trial.plan[*from].sends.pictures == Pictures::Layers {
            flow["substream"] = json!(layer);
        }
        Some(flow)
    };
    part.hears.iter().filter_map(sound).chain(part.sees.iter().filter_map(picture)).collect()
}

/// Begins the transport only now that the other end has the answer: else its first words would be lost.
async fn connect(trial: &Trial<'_>, endpoint: usize, mut fake: Fake) -> anyhow::Result<()> {
    let connected = fake.connected();
    trial.traffic.add(endpoint, fake);
    trial.connected(connected).await
}

fn configure(folder: &Path, port: u16, trial: &Trial<'_>) -> anyhow::Result<()> {
    let libraries = libraries()?;
    for name in [PLUGIN, TRANSPORT] {
        let link = folder.join(name);
        std::fs::create_dir_all(link.parent().context("a library has a folder")?)
            .context("cannot make a folder")?;
        symlink(libraries.join(name), link).context("cannot link a library")?;
    }
    for (name, text) in [
        ("janus.jcfg", general(folder, trial)),
        ("janus.transport.websockets.jcfg", transport(port)),
        ("janus.plugin.videoroom.jcfg", room(trial.plan.len())),
    ] {
        std::fs::write(folder.join(name), text).context("cannot write Janus's configuration")?;
    }
    Ok(())
}

fn general(folder: &Path, trial: &Trial<'_>) -> String {
    let folder = folder.display();
    format!(
        "general: {{\n\tplugins_folder = \"{folder}/plugins\"\n\ttransports_folder = \"{folder}/transports\"\n\
         \tevents_folder = \"{folder}/none\"\n\tloggers_folder = \"{folder}/none\"\n\tdebug_level = 3\n\
         \tsession_timeout = 0\n}}\nnat: {{\n\tice_enforce_list = \"{}\"\n}}\n",
        trial.run.common.ip
    )
}

fn transport(port: u16) -> String {
    format!(
        "general: {{\n\tjson = \"compact\"\n\tws = true\n\tws_ip = \"127.0.0.1\"\n\tws_port = {port}\n\twss = false\n}}\n\
         admin: {{\n\tadmin_ws = false\n}}\n"
    )
}

fn room(publishers: usize) -> String {
    format!(
        "general: {{\n}}\nroom-{ROOM}: {{\n\tdescription = \"bench\"\n\tpublishers = {publishers}\n\
         \taudiocodec = \"opus\"\n\tvideocodec = \"h264\"\n\th264_profile = \"42e01f\"\n\tbitrate = 0\n}}\n"
    )
}
