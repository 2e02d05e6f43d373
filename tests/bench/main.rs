//! Measures the real daemon from outside, as its users meet it, and asserts nothing about time.
//!
//! ```text
//!   this process                                the daemon (its own process, --simulated)
//!   words   ── HTTPS, WebSocket ──────────────▶ meetings, participants, /metrics
//!   traffic ── UDP: ICE, DTLS, SRTP ──────────▶ media threads, the room
//!   cpu     ◀─ /proc/PID/task/*/schedstat ───── what it costs
//! ```
//!
//! Fake participants live in this process, so their own cost is not in the daemon's figures; both share the
//! machine, so it is in the delays.

mod cpu;
mod daemon;
mod fake;
mod forwarding;
mod recording;
mod report;
mod room;
mod run;
mod standby;
mod traffic;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use alcove::appliance::clock::SystemClock;
use alcove_hal::clock::Clock;
use anyhow::Context;
use clap::{Parser, ValueEnum};

use crate::report::{publish, say};
use crate::run::Run;

/// Measures the daemon: `make bench` says where it is.
#[derive(Debug, Parser)]
struct Arguments {
    /// The daemon.
    #[arg(long, env = "ALCOVE_BIN")]
    program: PathBuf,
    /// Where the figures go.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// What is to be measured; everything when absent.
    #[arg(long)]
    only: Vec<Shape>,
    /// How long people come and go in the room's meeting.
    #[arg(long, env = "BENCH_MINUTES", default_value_t = 10.0)]
    minutes: f64,
    /// How often forwarding is measured, each time with a new daemon.
    #[arg(long, env = "BENCH_REPEATS", default_value_t = 5)]
    repeats: usize,
    /// What random choices are made from; by the clock when absent.
    #[arg(long, env = "BENCH_SEED")]
    seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    Start,
    Idle,
    Forwarding,
    Room,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let wanted = |shape| arguments.only.is_empty() || arguments.only.contains(&shape);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    say("recording what fake participants send");
    let recorded = Arc::clone(&clock);
    let recording = tokio::task::spawn_blocking(move || recording::record(&recorded)).await;
    let run = Run {
        program: arguments.program.clone(),
        epoch: clock.now(),
        seed: arguments.seed.unwrap_or_else(|| clock.unix_time().as_secs()),
        recording: Arc::new(recording.context("recording panicked")??),
        clock,
    };
    if wanted(Shape::Start) {
        let measured = standby::starts(&run).await?;
        publish(&arguments.out, "start", &measured, measured.lines())?;
    }
    if wanted(Shape::Idle) {
        let measured = standby::idle(&run).await?;
        publish(&arguments.out, "idle", &measured, measured.lines())?;
    }
    if wanted(Shape::Forwarding) {
        let measured = forwarding::measure(&run, arguments.repeats).await?;
        publish(&arguments.out, "forwarding", &measured, measured.lines())?;
    }
    if wanted(Shape::Room) {
        let measured = room::measure(&run, arguments.minutes).await?;
        publish(&arguments.out, "room", &measured, measured.lines())?;
    }
    Ok(())
}
