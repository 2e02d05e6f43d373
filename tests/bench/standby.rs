//! The daemon by itself: how fast it starts, and what it costs while nobody meets.

use std::time::Duration;

use serde::Serialize;

use crate::cpu::{self, Memory, Watch};
use crate::daemon::Daemon;
use crate::report::{median, say};
use crate::run::Run;

const STARTS: usize = 10;
/// From ready to the window: whatever start-up left to be done is over.
const SETTLE: Duration = Duration::from_secs(5);
const WINDOW: Duration = Duration::from_secs(30);

/// From the start of the process to its ready line; each with a new state directory, so with new keys.
#[derive(Debug, Serialize)]
pub(crate) struct Starts {
    median_ms: f64,
    all_ms: Vec<f64>,
}

impl Starts {
    /// Lines for the table.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let worst = self.all_ms.iter().copied().fold(0.0, f64::max);
        let text = format!("median {:.0} ms, longest {worst:.0} ms of {STARTS}", self.median_ms);
        vec![("start to ready (goal 1000 ms)".into(), text)]
    }
}

/// Starts the daemon several times.
pub(crate) async fn starts(run: &Run) -> anyhow::Result<Starts> {
    say(&format!("start to ready: {STARTS} starts"));
    let mut all_ms = Vec::new();
    for _ in 0..STARTS {
        let daemon = Daemon::start(run.command(), &*run.clock)?;
        all_ms.push(daemon.ready_after.as_secs_f64() * 1000.0);
        daemon.stop()?;
    }
    Ok(Starts { median_ms: median(all_ms.iter().copied()), all_ms })
}

/// The daemon with no meeting.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    window_s: u64,
    cpu_percent_of_a_core: f64,
    cpu_ms_by_thread: Vec<(String, f64)>,
    memory: Memory,
}

impl Idle {
    /// Lines for the table.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let megabytes = |kb: u64| kb as f64 / 1024.0;
        vec![
            (
                "idle, memory (goal 60 MB)".into(),
                format!(
                    "{:.1} MB resident, {:.1} MB proportional, {:.1} MB of its own",
                    megabytes(self.memory.rss_kb),
                    megabytes(self.memory.pss_kb),
                    megabytes(self.memory.anonymous_kb)
                ),
            ),
            ("idle, CPU (goal 1 %)".into(), format!("{:.2} % of a core", self.cpu_percent_of_a_core)),
        ]
    }
}

/// Leaves the daemon alone and looks.
pub(crate) async fn idle(run: &Run) -> anyhow::Result<Idle> {
    say(&format!("idle: {} s", WINDOW.as_secs()));
    let daemon = Daemon::start(run.command(), &*run.clock)?;
    run.wait(SETTLE).await;
    let watch = Watch::begin(daemon.pid())?;
    let began = run.clock.now();
    run.wait(WINDOW).await;
    let usage = watch.end()?;
    let spent = run.clock.now().saturating_duration_since(began);
    let memory = cpu::memory(daemon.pid())?;
    daemon.stop()?;
    let threads: Duration = usage.threads.values().sum();
    Ok(Idle {
        window_s: WINDOW.as_secs(),
        cpu_percent_of_a_core: 100.0 * threads.as_secs_f64() / spent.as_secs_f64(),
        cpu_ms_by_thread: usage
            .threads
            .into_iter()
            .map(|(name, used)| (name, used.as_secs_f64() * 1e3))
            .collect(),
        memory,
    })
}
