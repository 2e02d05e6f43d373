//! What the process takes of the machine, as the kernel tells it (proc(5)).

use std::fs;
use std::time::Duration;

/// What it takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Time of processors spent since the start, by all threads, in the kernel too.
    pub cpu: Duration,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub open_files: u64,
}

/// What it takes now; nothing where the kernel does not tell.
#[must_use]
pub fn usage() -> Option<Usage> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let resident_kb: u64 = resident.split_whitespace().next()?.parse().ok()?;
    let open_files = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    Some(Usage { cpu: cpu()?, resident_bytes: resident_kb * 1024, open_files })
}

/// User and system time, fields 14 and 15 of `stat`, in ticks of a hundredth of a second on every machine of today.
fn cpu() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may have spaces in it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_takes_something() {
        let usage = usage().unwrap();
        assert!(usage.resident_bytes > 1024 * 1024 && usage.open_files >= 3, "{usage:?}");
    }
}
