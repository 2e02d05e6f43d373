//! Galène under measurement, where there is a program of it: participants publish under labels of their own, and
//! ask for each other's by label, the small pictures as `video-low`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::galene_words::{Described, Words};
use super::process::Process;
use super::server::Trial;
use super::shape::Part;
use crate::fake::{Fake, Slots};
use crate::player::{Sends, TOP};
use crate::run::Run;

const GROUP: &str = "bench";
/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// Until it has seen all layers of the last publisher: a layer that comes later is offered anew.
const LAYERS_SEEN: Duration = Duration::from_secs(2);

/// Galène does not tell its version: the program's path.
pub(crate) fn version(run: &Run) -> anyhow::Result<String> {
    let program = run.galene.as_ref().context("no program given (BENCH_GALENE)")?;
    if !program.is_file() {
        bail!("{} is no file", program.display());
    }
    Ok(program.display().to_string())
}

/// A running Galène, and who has joined.
pub(crate) struct Galene {
    process: Process,
    port: u16,
    /// Removed with it.
    folder: TempDir,
}

struct Joined {
    words: Words,
    opened_ms: f64,
    published_ms: f64,
}

impl Galene {
    /// Starts it with an empty group.
    pub(crate) async fn start(trial: &Trial<'_>) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("alcove-bench-galene-").context("cannot make a folder")?;
        let port = super::free_port()?;
        configure(folder.path())?;
        let log = std::fs::File::create(folder.path().join("log")).context("cannot make the log file")?;
        let program = trial.run.galene.as_ref().context("no program of Galène")?;
        let program = std::path::absolute(program).context("a path that cannot be read")?;
        let mut command = trial.pins.command(program);
        command.args(["-insecure", "-turn", "", "-http", &format!("127.0.0.1:{port}")]);
        let child = command.current_dir(folder.path()).stderr(log).spawn().context("cannot start Galène")?;
        let mut galene = Self { process: Process::new("Galène", child), port, folder };
        galene.wait_until_it_listens(trial).await?;
        Ok(galene)
    }

    async fn wait_until_it_listens(&mut self, trial: &Trial<'_>) -> anyhow::Result<()> {
        let end = trial.clock().now() + PATIENCE;
        while trial.clock().now() < end {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return Ok(());
            }
            if let Some(status) = self.process.ended() {
                bail!("Galène ended with {status}; its log:\n{}", self.log());
            }
            trial.run.wait(LOOK).await;
        }
        bail!("Galène does not listen; its log:\n{}", self.log())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Everybody publishes, then everybody subscribes; what counts is the longer of the two, as with Janus.
    pub(crate) async fn join(&mut self, trial: &Trial<'_>) -> anyhow::Result<Vec<f64>> {
        let mut joined = Vec::new();
        for (at, part) in trial.plan.iter().enumerate() {
            joined.push(publish(trial, self.port, at, part).await?);
        }
        trial.run.wait(LAYERS_SEEN).await;
        let mut join_ms = Vec::new();
        for (at, (mut one, part)) in joined.into_iter().zip(trial.plan).enumerate() {
            let subscribed_ms = subscribe(trial, &mut one.words, at, part).await?;
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

/// What a participant is called, and what its flows are labelled with.
fn label(participant: usize) -> String {
    format!("p{participant}")
}

/// Opens the socket; whoever sends, publishes.
async fn publish(trial: &Trial<'_>, port: u16, at: usize, part: &Part) -> anyhow::Result<Joined> {
    let began = trial.clock().now();
    let mut words = Words::open(port, GROUP, label(at)).await?;
    let opened_ms = trial.milliseconds_since(began);
    if part.sends.is_nothing() {
        return Ok(Joined { words, opened_ms, published_ms: 0.0 });
    }
    let mut fake = Fake::new(&trial.run.common, part.sends, trial.clock().now())?;
    fake.claim(part.level_dbov);
    let answer = words.publish(&fake.offer(Slots::NONE)?).await?;
    fake.accept(&answer.sdp)?;
    let connected = introduce(trial, &mut words, &answer, fake, Trial::sending(at)).await?;
    trial.connected(connected).await?;
    Ok(Joined { words, opened_ms, published_ms: trial.milliseconds_since(began) })
}

/// Subscribes to whom it hears and sees; returns how long it took.
async fn subscribe(trial: &Trial<'_>, words: &mut Words, at: usize, part: &Part) -> anyhow::Result<f64> {
    let labels = labels(part);
    if labels.is_empty() {
        return Ok(0.0);
    }
    let began = trial.clock().now();
    words.request(json!(labels)).await?;
    let mut waiting = Vec::new();
    for number in 0..labels.len() {
        let offer = words.offer().await?;
        let mut fake = Fake::new(&trial.run.common, Sends::NOTHING, trial.clock().now())?;
        words.answer(&offer.id, &fake.answer(&offer.sdp)?).await?;
        let endpoint = Trial::receiving(at, number);
        waiting.push(introduce(trial, words, &offer, fake, endpoint).await?);
    }
    for connected in waiting {
        trial.connected(connected).await?;
    }
    Ok(trial.milliseconds_since(began))
}

/// Tells a transport the addresses of the other end, and begins it.
async fn introduce(
    trial: &Trial<'_>,
    words: &mut Words,
    other: &Described,
    mut fake: Fake,
    endpoint: usize,
) -> anyhow::Result<tokio::sync::oneshot::Receiver<()>> {
    let own = trial.run.common.ip.to_string();
    for candidate in words.candidates(&other.id, &own).await? {
        fake.note_candidate(&candidate)?;
    }
    let connected = fake.connected();
    trial.traffic.add(endpoint, fake);
    Ok(connected)
}

/// Which kinds of flows it asks for, by label.
fn labels(part: &Part) -> BTreeMap<String, Vec<Value>> {
    let mut labels: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for from in &part.hears {
        labels.entry(label(*from)).or_default().push(json!("audio"));
    }
    for (from, layer) in &part.sees {
        let size = if *layer == TOP { "video" } else { "video-low" };
        labels.entry(label(*from)).or_default().push(json!(size));
    }
    labels
}

fn configure(folder: &Path) -> anyhow::Result<()> {
    for name in ["groups", "data", "static", "recordings"] {
        std::fs::create_dir(folder.join(name)).context("cannot make a folder")?;
    }
    let group = json!({ "presenter": [{}], "public": true, "codecs": ["h264", "opus"] });
    let path = folder.join(format!("groups/{GROUP}.json"));
    std::fs::write(path, group.to_string()).context("cannot write Galène's configuration")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sfu::shape::Shape;

    #[test]
    fn who_is_heard_and_seen_is_asked_for_once() {
        let plan = Shape::Meeting(10).plan();
        let labels = labels(&plan[9]);
        assert_eq!(labels.len(), 9);
        assert_eq!(labels["p0"], [json!("audio"), json!("video")]);
        assert_eq!(labels["p1"], [json!("audio"), json!("video-low")]);
        assert_eq!(labels["p8"], [json!("video-low")]);
    }
}
