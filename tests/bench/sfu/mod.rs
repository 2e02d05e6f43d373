//! What forwarding costs, and how long it takes: Alcove beside its peers and beside a bare UDP forwarder, all
//! driven by the same generator, in turn, each time as a new process.
//!
//! ```text
//!   for each repeat, for each shape:   alcove │ janus │ mediasoup │ galene │ bare UDP │ bare UDP with GSO
//!                                       ▼
//!   core 0: this process                              core 1: the server
//!   fakes ── stamp, encrypt ── UDP ───────────────────▶ decrypt, choose, encrypt
//!   fakes ◀─ decrypt, read stamp ─── UDP (kernel's time) ──┘
//! ```

mod alcove;
#[cfg(test)]
mod example;
mod figures;
mod floor;
mod forward;
mod galene;
mod galene_words;
mod janus;
mod janus_words;
mod mediasoup;
mod pins;
mod plot;
mod process;
mod server;
mod shape;
mod table;
mod trial;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use self::figures::{Case, subtract_the_floor};
pub(crate) use self::forward::run as forward;
use self::pins::Pins;
use self::server::System;
use self::shape::{ALL, Shape};
use self::trial::{Repeat, SETTLE};
use crate::report::{publish, say};
use crate::run::Run;

/// What is compared, and how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which systems are compared; all that are installed when absent.
    #[arg(long, value_delimiter = ',')]
    systems: Vec<System>,
    /// In which shapes (one-to-N, meeting-N, audio-N); the published ones when absent.
    #[arg(long, value_delimiter = ',')]
    shapes: Vec<Shape>,
    /// How long packets are counted in each repeat, in seconds; the recording that is sent lasts 5.
    #[arg(long, env = "BENCH_WINDOW", default_value_t = 15)]
    window: u64,
    /// A program of Galène, to be compared, too.
    #[arg(long, env = "BENCH_GALENE")]
    pub(crate) galene: Option<PathBuf>,
    /// A folder whose `node_modules` have mediasoup with its worker, to be compared, too.
    #[arg(long, env = "BENCH_MEDIASOUP")]
    pub(crate) mediasoup: Option<PathBuf>,
    /// How often each system is measured in each shape, each time as a new process.
    #[arg(long, env = "BENCH_REPEATS", default_value_t = 3)]
    repeats: usize,
}

/// A system as it is on this machine.
#[derive(Debug, Serialize)]
struct Installed {
    system: &'static str,
    version: Option<String>,
    absent: Option<String>,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    method: Method,
    systems: Vec<Installed>,
    shapes: Vec<(String, String)>,
    cases: Vec<Case>,
    /// A repeat that failed is no figure.
    failures: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Method {
    repeats: usize,
    window_s: u64,
    settle_s: u64,
    cores: String,
    srtp: &'static str,
    sends: &'static str,
    delay: &'static str,
    cpu: &'static str,
    memory: &'static str,
    join: &'static str,
    loss: &'static str,
    floor: &'static str,
}

/// Compares, and writes `sfu.json`, `sfu.svg` and `sfu.md`.
pub(crate) async fn compare(run: &Run, options: &Options, out: &Path) -> anyhow::Result<()> {
    let pins = Pins::new();
    let (systems, installed) = installed(run, &options.systems);
    let shapes = if options.shapes.is_empty() { ALL.to_vec() } else { options.shapes.clone() };
    say(&format!("forwarding: {}", pins.describe()));
    let mut measured = Measured::default();
    for repeat in 1..=options.repeats {
        for shape in &shapes {
            for system in &systems {
                say(&format!("repeat {repeat} of {}: {shape}, {}", options.repeats, system.name()));
                let time = Duration::from_secs(options.window);
                let outcome = trial::measure(run, &pins, *system, *shape, time).await;
                measured.note(*shape, *system, outcome);
            }
        }
    }
    let comparison = Comparison {
        method: method(options, &pins),
        systems: installed,
        shapes: shapes.iter().map(|shape| (shape.to_string(), shape.describe())).collect(),
        cases: measured.cases(&shapes, &systems),
        failures: measured.failures,
    };
    write(&comparison, out)
}

/// Repeats as they come.
#[derive(Default)]
struct Measured {
    repeats: Vec<(Shape, System, Repeat)>,
    failures: Vec<String>,
}

impl Measured {
    fn note(&mut self, shape: Shape, system: System, outcome: anyhow::Result<Repeat>) {
        match outcome {
            Ok(repeat) => {
                say(&format!("  {}", table::line(&repeat)));
                self.repeats.push((shape, system, repeat));
            }
            Err(error) => {
                let failure = format!("{shape}, {}: {error:#}", system.name());
                say(&format!("  failed: {failure}"));
                self.failures.push(failure);
            }
        }
    }

    fn cases(&self, shapes: &[Shape], systems: &[System]) -> Vec<Case> {
        let of = |shape: Shape, system: System| -> Vec<Repeat> {
            let fits = |one: &&(Shape, System, Repeat)| one.0 == shape && one.1 == system;
            self.repeats.iter().filter(fits).map(|one| one.2.clone()).collect()
        };
        let of_shape = |shape: &Shape| {
            let shape = *shape;
            systems.iter().filter_map(move |system| Case::of(shape, *system, &of(shape, *system)))
        };
        let mut cases: Vec<Case> = shapes.iter().flat_map(of_shape).collect();
        subtract_the_floor(&mut cases);
        cases
    }
}

/// The wanted systems that are installed, and what is known of all wanted ones.
fn installed(run: &Run, wanted: &[System]) -> (Vec<System>, Vec<Installed>) {
    let all = <System as clap::ValueEnum>::value_variants();
    let wanted: Vec<System> = if wanted.is_empty() { all.to_vec() } else { wanted.to_vec() };
    let mut there = Vec::new();
    let look = |system: &System| match system.version(run) {
        Ok(version) => {
            there.push(*system);
            Installed { system: system.name(), version: Some(version), absent: None }
        }
        Err(error) => {
            say(&format!("{} is absent: {error:#}", system.name()));
            Installed { system: system.name(), version: None, absent: Some(format!("{error:#}")) }
        }
    };
    let known = wanted.iter().map(look).collect();
    (there, known)
}

fn method(options: &Options, pins: &Pins) -> Method {
    Method {
        repeats: options.repeats,
        window_s: options.window,
        settle_s: SETTLE.as_secs(),
        cores: pins.describe(),
        srtp: crate::cipher::PINNED,
        sends: "H.264 of the simulated camera at 30/s (320x180, 640x360, 1280x720; 1280x720 alone in one-to-N), \
                Opus at 50/s",
        delay: "from before encryption at the sender until the kernel took the packet for the receiver: the \
                generator's sending is in it; added is less the same of the bare forwarder",
        cpu: "user and system time of all threads of the server's process, by the scheduler; mediasoup: of its worker, \
              and of the Node.js that asks it apart (beside_cpu_s_per_million)",
        memory: "resident set at the end of the window less that before the first join, by participant",
        join: "from opening the WebSocket (mediasoup: the TCP connection to this bench's own bridge) until ICE and \
               DTLS are done; Janus, mediasoup and Galène: the longer of publishing and subscribing; the \
               median of all participants",
        loss: "sequence numbers that are missing for good at the receivers",
        floor: "datagrams of the same sizes and pace without cryptography, words or congestion control",
    }
}

/// A port that nobody listens at, for servers that cannot find one themselves.
fn free_port() -> anyhow::Result<u16> {
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(socket.local_addr().context("a socket without an address")?.port())
}

fn write(comparison: &Comparison, out: &Path) -> anyhow::Result<()> {
    publish(out, "sfu", comparison, table::lines(comparison))?;
    for (name, text) in [("sfu.md", table::markdown(comparison)), ("sfu.svg", plot::svg(comparison))] {
        let path = out.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
