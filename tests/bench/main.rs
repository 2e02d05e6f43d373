//! Measures the real daemon from outside, as its users meet it, and asserts nothing about time.
//!
//! ```text
//!   this process                                the daemon (its own process, --simulated)
//!   words   ── HTTPS, WebSocket ──────────────▶ meetings, participants, /metrics
//!   traffic ── UDP: ICE, DTLS, SRTP ──────────▶ media threads, the room
//!   cpu     ◀─ /proc/PID/task/*/schedstat ───── what it costs
//! ```
//!
//! Fake participants live in this process, so their own cost is not in the daemon's figures. `sfu/` drives other
//! servers and a bare forwarder with the same participants.

mod arrivals;
mod cipher;
mod commands;
mod cpu;
mod daemon;
mod fake;
mod fleet;
mod plain;
mod player;
mod recording;
mod report;
mod room;
mod run;
mod sfu;
mod socket;
mod standby;
mod traffic;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use alcove::appliance::clock::SystemClock;
use alcove_hal::clock::Clock;
use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};

use crate::fake::Common;
use crate::report::{publish, say};
use crate::run::Run;
use crate::socket::own_address;

/// Measures the daemon: `make bench` says where it is.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// The daemon.
    #[arg(long, env = "ALCOVE_BIN")]
    program: Option<PathBuf>,
    /// Where the figures go.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// What is to be measured; everything when absent.
    #[arg(long)]
    only: Vec<Subject>,
    /// How long people come and go in the room's meeting.
    #[arg(long, env = "BENCH_MINUTES", default_value_t = 10.0)]
    minutes: f64,
    /// What random choices are made from; by the clock when absent.
    #[arg(long, env = "BENCH_SEED")]
    seed: Option<u64>,
    #[command(flatten)]
    sfu: sfu::Options,
}

/// What this program is for itself, in a process of its own.
#[derive(Debug, Subcommand)]
enum Part {
    /// The bare forwarder: its task comes by standard input.
    #[command(hide = true)]
    Forward,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    Start,
    Idle,
    Commands,
    Fleet,
    Sfu,
    Room,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Forward) => sfu::forward(),
        None => measure(arguments),
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn measure(arguments: Arguments) -> anyhow::Result<()> {
    let program = arguments.program.context("say which daemon is to be measured: --program")?;
    let wanted = |shape| arguments.only.is_empty() || arguments.only.contains(&shape);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    say("recording what fake participants send");
    let recorded = Arc::clone(&clock);
    let recording = tokio::task::spawn_blocking(move || recording::record(&recorded)).await;
    let recording = Arc::new(recording.context("recording panicked")??);
    let run = Run {
        program,
        galene: arguments.sfu.galene.clone(),
        mediasoup: arguments.sfu.mediasoup.clone(),
        seed: arguments.seed.unwrap_or_else(|| clock.unix_time().as_secs()),
        common: Common { recording, ip: own_address(), epoch: clock.now() },
        clock,
    };
    if wanted(Subject::Start) {
        let measured = standby::starts(&run).await?;
        publish(&arguments.out, "start", &measured, measured.lines())?;
    }
    if wanted(Subject::Idle) {
        let measured = standby::idle(&run).await?;
        publish(&arguments.out, "idle", &measured, measured.lines())?;
    }
    if wanted(Subject::Commands) {
        let measured = commands::measure(&run).await?;
        publish(&arguments.out, "commands", &measured, measured.lines())?;
    }
    if wanted(Subject::Fleet) {
        let measured = fleet::measure(&run).await?;
        let lines = measured.iter().flat_map(fleet::Followings::lines).collect();
        publish(&arguments.out, "fleet", &measured, lines)?;
    }
    if wanted(Subject::Sfu) {
        sfu::compare(&run, &arguments.sfu, &arguments.out).await?;
    }
    if wanted(Subject::Room) {
        let measured = room::measure(&run, arguments.minutes).await?;
        publish(&arguments.out, "room", &measured, measured.lines())?;
    }
    Ok(())
}
