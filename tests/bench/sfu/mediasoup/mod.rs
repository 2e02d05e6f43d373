//! mediasoup under measurement, where it is installed: its worker, which forwards, with a small Node.js program of
//! ours that asks for transports, producers and consumers, as an application of its makers' library does.
//!
//! One worker is one thread. All participants share one port of it (its `WebRtcServer`), with a transport each to
//! publish and one to subscribe. Who is heard and which layer is seen is told to it, as to Janus and Galène.

mod describe;
mod parameters;
mod read;
mod words;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;

use self::describe::{Way, describe};
use self::words::Words;
use super::process::Process;
use super::server::Trial;
use super::shape::Part;
use crate::fake::{Fake, Slots};
use crate::player::{Pictures, Sends};
use crate::run::Run;

const BRIDGE: &str = include_str!("bridge.mjs");
/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// The version that is installed in the folder that was given.
pub(crate) fn version(run: &Run) -> anyhow::Result<String> {
    let folder = run.mediasoup.as_ref().context("no folder with it given (BENCH_MEDIASOUP)")?;
    let mut command = Command::new("node");
    let output = bridge(&mut command).arg(folder).output().context("Node.js is not installed")?;
    let why = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", why.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Arguments that make Node.js the bridge.
fn bridge(node: &mut Command) -> &mut Command {
    node.args(["--input-type=module", "--eval", BRIDGE])
}

/// A running mediasoup, and who has joined.
pub(crate) struct Mediasoup {
    process: Process,
    port: u16,
    /// The process that forwards; it ends with the bridge.
    worker: u32,
    joined: Vec<Joined>,
    /// Removed with it.
    folder: TempDir,
}

/// A participant that has published, and may subscribe.
struct Joined {
    words: Words,
    /// What microphone and camera are called.
    producers: Producers,
    opened_ms: f64,
    published_ms: f64,
}

#[derive(Debug, Clone, Default)]
struct Producers {
    sound: Option<String>,
    picture: Option<String>,
}

impl Mediasoup {
    /// Starts it with an empty router.
    pub(crate) async fn start(trial: &Trial<'_>) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("alcove-bench-mediasoup-").context("cannot make a folder")?;
        let port = super::free_port()?;
        let log = std::fs::File::create(folder.path().join("log")).context("cannot make the log file")?;
        let installed = trial.run.mediasoup.as_ref().context("no folder with mediasoup")?;
        let mut command = trial.pins.command("node");
        bridge(&mut command).arg(installed).args([trial.run.common.ip.to_string(), port.to_string()]);
        let errors = log.try_clone().context("cannot share the log file")?;
        let child = command.stdout(log).stderr(errors).spawn().context("cannot start Node.js")?;
        let process = Process::new("mediasoup", child);
        let mut mediasoup = Self { process, port, worker: 0, joined: Vec::new(), folder };
        mediasoup.worker = mediasoup.wait_until_it_listens(trial).await?.worker().await?;
        Ok(mediasoup)
    }

    async fn wait_until_it_listens(&mut self, trial: &Trial<'_>) -> anyhow::Result<Words> {
        let end = trial.clock().now() + PATIENCE;
        while trial.clock().now() < end {
            if let Ok(words) = Words::open(self.port).await {
                return Ok(words);
            }
            if let Some(status) = self.process.ended() {
                bail!("mediasoup ended with {status}; its log:\n{}", self.log());
            }
            trial.run.wait(LOOK).await;
        }
        bail!("mediasoup does not listen; its log:\n{}", self.log())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The worker: what is measured.
    pub(crate) fn pid(&self) -> u32 {
        self.worker
    }

    /// The Node.js beside it, which is counted apart.
    pub(crate) fn beside(&self) -> u32 {
        self.process.pid()
    }

    /// Everybody publishes, then everybody subscribes; what counts is the longer of the two, as with Janus.
    pub(crate) async fn join(&mut self, trial: &Trial<'_>) -> anyhow::Result<Vec<f64>> {
        let joined = self.everybody(trial).await;
        match self.process.ended() {
            Some(status) => {
                joined.with_context(|| format!("mediasoup ended with {status}; its log:\n{}", self.log()))
            }
            None => joined,
        }
    }

    async fn everybody(&mut self, trial: &Trial<'_>) -> anyhow::Result<Vec<f64>> {
        for (at, part) in trial.plan.iter().enumerate() {
            self.joined.push(publish(trial, self.port, at, part).await?);
        }
        let producers: Vec<_> = self.joined.iter().map(|one| one.producers.clone()).collect();
        let mut join_ms = Vec::new();
        for (at, (one, part)) in self.joined.iter_mut().zip(trial.plan).enumerate() {
            let subscribed_ms = subscribe(trial, &mut one.words, at, part, &producers).await?;
            join_ms.push(one.published_ms.max(one.opened_ms + subscribed_ms));
        }
        Ok(join_ms)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.process.stop()
    }
}

/// Opens the connection; whoever sends, publishes.
async fn publish(trial: &Trial<'_>, port: u16, at: usize, part: &Part) -> anyhow::Result<Joined> {
    let began = trial.clock().now();
    let mut words = Words::open(port).await?;
    let opened_ms = trial.milliseconds_since(began);
    let mut producers = Producers::default();
    if part.sends.is_nothing() {
        return Ok(Joined { words, producers, opened_ms, published_ms: 0.0 });
    }
    let transport = words.transport().await?;
    let mut fake = Fake::new(&trial.run.common, part.sends, trial.clock().now())?;
    fake.claim(part.level_dbov);
    let offer = fake.offer(Slots::NONE)?;
    words.connect(&transport, read::dtls_parameters(&offer)?).await?;
    let media = read::media(&offer)?;
    for one in &media {
        let producer = words.produce(&transport, one).await?;
        let place = if one.kind == "audio" { &mut producers.sound } else { &mut producers.picture };
        *place = Some(producer);
    }
    fake.accept(&describe(&transport, &media, Way::Receives)?)?;
    connect(trial, Trial::sending(at), fake).await?;
    Ok(Joined { words, producers, opened_ms, published_ms: trial.milliseconds_since(began) })
}

/// Subscribes to whom it hears and sees; returns how long it took.
async fn subscribe(
    trial: &Trial<'_>,
    words: &mut Words,
    at: usize,
    part: &Part,
    producers: &[Producers],
) -> anyhow::Result<f64> {
    let wanted = wanted(trial.plan, part, producers);
    if wanted.is_empty() {
        return Ok(0.0);
    }
    let began = trial.clock().now();
    let transport = words.transport().await?;
    let mut media = Vec::new();
    for (producer, layer) in wanted {
        media.push(words.consume(&transport, producer, layer).await?);
    }
    let mut fake = Fake::new(&trial.run.common, Sends::NOTHING, trial.clock().now())?;
    let answer = fake.answer(&describe(&transport, &media, Way::Sends)?)?;
    words.connect(&transport, read::dtls_parameters(&answer)?).await?;
    connect(trial, Trial::receiving(at, 0), fake).await?;
    Ok(trial.milliseconds_since(began))
}

/// Microphones and cameras as they are called, and which layer of those that have several.
fn wanted<'a>(plan: &[Part], part: &Part, producers: &'a [Producers]) -> Vec<(&'a str, Option<usize>)> {
    let sounds = part.hears.iter().filter_map(|from| Some((producers[*from].sound.as_deref()?, None)));
    let pictures = part.sees.iter().filter_map(|(from, layer)| {
        let has_layers = plan[*from].sends.pictures == Pictures::Layers;
        Some((producers[*from].picture.as_deref()?, has_layers.then_some(*layer)))
    });
    sounds.chain(pictures).collect()
}

/// Begins the transport only now that the other end knows it: else its first words would be lost.
async fn connect(trial: &Trial<'_>, endpoint: usize, mut fake: Fake) -> anyhow::Result<()> {
    let connected = fake.connected();
    trial.traffic.add(endpoint, fake);
    trial.connected(connected).await
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use alcove::appliance::clock::SystemClock;
    use alcove_hal::clock::Clock as _;
    use serde_json::{from_value, json, to_value};

    use super::parameters::{Media, Transport};
    use super::*;
    use crate::fake::Common;
    use crate::recording::Recording;

    fn fake(sends: Sends) -> Fake {
        let recording = Arc::new(Recording { layers: Vec::new(), sound: Vec::new() });
        let now = SystemClock.now();
        Fake::new(&Common { recording, ip: Ipv4Addr::LOCALHOST.into(), epoch: now }, sends, now).unwrap()
    }

    /// As it tells one.
    fn transport() -> Transport {
        let value = "AB:".repeat(31) + "CD";
        from_value(json!({
            "id": "abc", "iceParameters": { "usernameFragment": "uvwx", "password": "secret-secret-secret-12", "iceLite": true },
            "iceCandidates": [{ "foundation": "udpcandidate", "priority": 1_076_302_079, "ip": "127.0.0.1",
                "address": "127.0.0.1", "protocol": "udp", "port": 40_000, "type": "host" }],
            "dtlsParameters": { "role": "auto", "fingerprints": [{ "algorithm": "sha-256", "value": value }] },
        }))
        .unwrap()
    }

    #[test]
    fn an_offer_of_layers_is_told_by_their_names_and_its_answer_fits() {
        let mut fake = fake(Sends { sound: true, pictures: Pictures::Layers, is_stamped: true });
        let offer = fake.offer(Slots::NONE).unwrap();
        let media = read::media(&offer).unwrap();
        let [sound, picture] = [0, 1].map(|at| to_value(&media[at]).unwrap());
        assert_eq!((&sound["kind"], &picture["kind"]), (&json!("audio"), &json!("video")));
        assert!(sound["rtpParameters"]["encodings"][0]["ssrc"].is_u64());
        let picture = &picture["rtpParameters"];
        assert_eq!(picture["encodings"], json!([{ "rid": "q" }, { "rid": "h" }, { "rid": "f" }]));
        let codecs = picture["codecs"].as_array().unwrap();
        assert_eq!(
            codecs.iter().map(|one| &one["mimeType"]).collect::<Vec<_>>(),
            ["video/H264", "video/rtx"]
        );
        assert_eq!(codecs[0]["parameters"]["packetization-mode"], 1);
        assert_eq!(codecs[1]["parameters"]["apt"], codecs[0]["payloadType"]);
        let dtls = read::dtls_parameters(&offer).unwrap();
        assert_eq!(dtls["fingerprints"][0]["value"].as_str().unwrap().len(), 95);
        assert_eq!(dtls["role"], "client");
        fake.accept(&describe(&transport(), &media, Way::Receives).unwrap()).unwrap();
    }

    #[test]
    fn one_picture_alone_is_told_by_its_numbers() {
        let mut fake = fake(Sends { sound: false, pictures: Pictures::Top, is_stamped: true });
        let media = read::media(&fake.offer(Slots::NONE).unwrap()).unwrap();
        let encodings = &to_value(&media[0]).unwrap()["rtpParameters"]["encodings"];
        assert_eq!(encodings.as_array().unwrap().len(), 1, "{encodings}");
        assert!(encodings[0]["rtx"]["ssrc"].is_u64() && encodings[0]["ssrc"] != encodings[0]["rtx"]["ssrc"]);
    }

    #[test]
    fn what_it_sends_is_offered_as_it_tells_it_and_answered() {
        let media: Media = from_value(json!({ "kind": "video", "rtpParameters": {
            "mid": "3",
            "codecs": [
                { "mimeType": "video/H264", "payloadType": 102, "clockRate": 90_000,
                  "parameters": { "packetization-mode": 1, "profile-level-id": "42e01f" },
                  "rtcpFeedback": [{ "type": "nack", "parameter": "pli" }, { "type": "transport-cc", "parameter": "" }] },
                { "mimeType": "video/rtx", "payloadType": 103, "clockRate": 90_000, "parameters": { "apt": 102 } },
            ],
            "headerExtensions": [{ "uri": "urn:ietf:params:rtp-hdrext:sdes:mid", "id": 1, "encrypt": false }],
            "encodings": [{ "ssrc": 11, "rtx": { "ssrc": 12 }, "scalabilityMode": "L3T1" }],
            "rtcp": { "cname": "somebody", "reducedSize": true, "mux": true },
        } }))
        .unwrap();
        let sdp = describe(&transport(), std::slice::from_ref(&media), Way::Sends).unwrap();
        assert_eq!(read::media(&sdp).unwrap(), [media]);
        let answer = fake(Sends::NOTHING).answer(&sdp).unwrap();
        let role = if answer.contains("a=setup:active") { "client" } else { "server" };
        assert_eq!(read::dtls_parameters(&answer).unwrap()["role"], role);
    }

    #[test]
    fn layers_are_asked_for_only_where_there_are_some() {
        let plan = crate::sfu::shape::Shape::Meeting(4).plan();
        let producers: Vec<_> = (0..4)
            .map(|at| Producers { sound: Some(format!("s{at}")), picture: Some(format!("p{at}")) })
            .collect();
        let all = wanted(&plan, &plan[3], &producers);
        assert_eq!(all[..3], [("s0", None), ("s1", None), ("s2", None)]);
        assert_eq!(all[3..], [("p0", Some(2)), ("p1", Some(0)), ("p2", Some(0))]);
        let plan = crate::sfu::shape::Shape::OneTo(2).plan();
        assert_eq!(wanted(&plan, &plan[1], &producers), [("s0", None), ("p0", None)]);
    }
}
