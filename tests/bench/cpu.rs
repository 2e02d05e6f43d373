//! What a process costs, as the kernel counts it: CPU time by thread, and memory.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::time::Duration;

use anyhow::Context;

/// The kernel's tick of `/proc/PID/stat`, in milliseconds: 100 Hz wherever Linux runs with the usual settings.
const TICK_MS: u64 = 10;

/// CPU time by thread, watched over a window. Threads that end between two looks keep what was seen last.
pub(crate) struct Watch {
    pid: u32,
    before: HashMap<u32, Duration>,
    now: HashMap<u32, (String, Duration)>,
    process_before: Duration,
}

/// What a process used in a window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    /// By thread name.
    pub(crate) threads: BTreeMap<String, Duration>,
    /// User and system time of the whole process, with threads that came and went unseen; steps of 10 ms.
    pub(crate) process: Duration,
}

impl Watch {
    /// Begins a window.
    pub(crate) fn begin(pid: u32) -> anyhow::Result<Self> {
        let now = threads(pid)?;
        let before = now.iter().map(|(tid, (_, used))| (*tid, *used)).collect();
        Ok(Self { pid, before, now, process_before: process_time(pid)? })
    }

    /// Looks again; to be called now and then, for the sake of threads that end.
    pub(crate) fn look(&mut self) -> anyhow::Result<()> {
        self.now.extend(threads(self.pid)?);
        Ok(())
    }

    /// Ends the window.
    pub(crate) fn end(mut self) -> anyhow::Result<Usage> {
        self.look()?;
        let mut usage = Usage { process: process_time(self.pid)? - self.process_before, ..Usage::default() };
        for (tid, (name, used)) in self.now {
            let before = self.before.get(&tid).copied().unwrap_or_default();
            *usage.threads.entry(name).or_default() += used.saturating_sub(before);
        }
        Ok(usage)
    }
}

impl Usage {
    /// The time of all threads whose name fits.
    pub(crate) fn of(&self, fits: impl Fn(&str) -> bool) -> Duration {
        self.threads.iter().filter(|(name, _)| fits(name)).map(|(_, used)| *used).sum()
    }
}

/// Name and time on a CPU of every thread; the scheduler counts in nanoseconds.
fn threads(pid: u32) -> anyhow::Result<HashMap<u32, (String, Duration)>> {
    let folder = fs::read_dir(format!("/proc/{pid}/task")).context("the daemon's threads cannot be read")?;
    let thread = |entry: fs::DirEntry| {
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        let spent = fs::read_to_string(entry.path().join("schedstat")).ok()?;
        let nanos = spent.split_whitespace().next()?.parse().ok()?;
        let tid = entry.file_name().to_str()?.parse().ok()?;
        Some((tid, (name.trim_end().to_owned(), Duration::from_nanos(nanos))))
    };
    Ok(folder.filter_map(Result::ok).filter_map(thread).collect())
}

fn process_time(pid: u32) -> anyhow::Result<Duration> {
    let stat =
        fs::read_to_string(format!("/proc/{pid}/stat")).context("the daemon's times cannot be read")?;
    // The name stands in brackets and may contain anything; user and system time are fields 14 and 15.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * TICK_MS))
}

/// Resident memory, in kB.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Memory {
    /// Resident set, shared pages counted whole.
    pub(crate) rss_kb: u64,
    /// Proportional set: shared pages divided among those that share them.
    pub(crate) pss_kb: u64,
    /// Of the resident set, what is not backed by a file.
    pub(crate) anonymous_kb: u64,
}

/// The memory of a process now.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("memory cannot be read")?;
    let field = |name: &str| {
        let line = text.lines().find(|line| line.split(':').next() == Some(name));
        let value = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        value.with_context(|| format!("the kernel does not tell {name}"))
    };
    Ok(Memory { rss_kb: field("Rss")?, pss_kb: field("Pss")?, anonymous_kb: field("Anonymous")? })
}

/// The machine, and how busy it is: figures mean little without it.
pub(crate) fn machine() -> serde_json::Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    // Not those that this process may use: it may be pinned to one.
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    serde_json::json!({
        "cores": cores,
        "cpu": model.map_or("unknown", |(_, name)| name),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": load(),
    })
}

/// The load averages over 1, 5 and 15 minutes.
pub(crate) fn load() -> Vec<f64> {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).filter_map(|it| it.parse().ok()).collect()
}
