//! Who has done what over the API: lines that are only ever added, and read by those who may.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::lines::{Limits, Lines};

const LIMITS: Limits = Limits { file_bytes: 1024 * 1024, aside: 4 };

const FILE: &str = "audit.log";

/// One thing that was done, or was not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Entry {
    /// Counts them.
    pub number: u64,
    /// When, in milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// The name of the token.
    pub who: String,
    /// Its role.
    pub role: String,
    /// The address that it came from.
    pub from: String,
    /// What was asked: the method and the path, without a query.
    pub what: String,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// The lines.
pub struct Audit {
    inner: Mutex<Inner>,
}

struct Inner {
    lines: Lines,
    last: u64,
    /// Nobody is told twice that it cannot be written.
    is_told: bool,
}

impl Audit {
    /// Goes on where the lines in the state directory end.
    #[must_use]
    pub fn open(state: &Path) -> Self {
        let lines = Lines::new(state, FILE, LIMITS);
        let last = lines.files().rev().find_map(|file| entries(file).last()).map_or(0, |entry| entry.number);
        Self { inner: Mutex::new(Inner { lines, last, is_told: false }) }
    }

    /// Adds a line; its number is given here.
    pub fn add(&self, entry: Entry) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.last += 1;
        let entry = Entry { number: inner.last, ..entry };
        let line = serde_json::to_string(&entry).expect("texts and numbers are JSON") + "\n";
        match inner.lines.add(&line) {
            Ok(()) => inner.is_told = false,
            Err(error) if !inner.is_told => {
                inner.is_told = true;
                log::warn!("what is done over the API is not taken down: {error}; free some space");
            }
            Err(_) => {}
        }
    }

    /// The last lines, at most so many, the oldest first.
    #[must_use]
    pub fn last(&self, count: usize) -> Vec<Entry> {
        let last = self.inner.lock().unwrap_or_else(PoisonError::into_inner).last;
        self.after(last.saturating_sub(count as u64), count)
    }

    /// The first lines after that number, at most so many.
    #[must_use]
    pub fn after(&self, number: u64, count: usize) -> Vec<Entry> {
        let files = self.inner.lock().unwrap_or_else(PoisonError::into_inner).lines.files();
        files.flat_map(entries).filter(|entry| entry.number > number).take(count).collect()
    }
}

/// The entries of a file; a line that a power cut has left half is passed over.
fn entries(lines: impl Iterator<Item = String>) -> impl Iterator<Item = Entry> {
    lines.filter_map(|line| serde_json::from_str(&line).ok())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    use super::*;

    fn entry(what: &str) -> Entry {
        Entry {
            number: 0,
            at_unix_ms: 1,
            who: "console".to_owned(),
            role: "admin".to_owned(),
            from: "192.0.2.1".to_owned(),
            what: what.to_owned(),
            status: 200,
        }
    }

    #[test]
    fn lines_are_numbered_and_go_on_after_a_cut_in_the_middle_of_one() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(folder.path());
        audit.add(entry("POST /a"));
        audit.add(entry("POST /b"));
        drop(audit);
        let mut file = OpenOptions::new().append(true).open(folder.path().join(FILE)).unwrap();
        file.write_all(b"{\"number\":3,\"at").unwrap();
        let audit = Audit::open(folder.path());
        audit.add(entry("POST /c"));
        let said: Vec<_> = audit.after(1, 10).into_iter().map(|entry| (entry.number, entry.what)).collect();
        assert_eq!(said, [(2, "POST /b".to_owned()), (3, "POST /c".to_owned())]);
        assert_eq!(audit.after(0, 2).len(), 2);
    }

    #[test]
    fn files_are_put_aside_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(folder.path());
        let long = "x".repeat(200 * 1024);
        for _ in 0..40 {
            audit.add(entry(&long));
        }
        let files = fs::read_dir(folder.path()).unwrap().flatten();
        let sizes: Vec<u64> = files.map(|file| file.metadata().unwrap().len()).collect();
        assert_eq!(sizes.len(), 5);
        assert!(sizes.iter().all(|size| *size <= LIMITS.file_bytes), "{sizes:?}");
        let numbers: Vec<u64> = audit.after(0, 100).iter().map(|entry| entry.number).collect();
        assert!(
            numbers.windows(2).all(|pair| pair[1] == pair[0] + 1) && numbers.last() == Some(&40),
            "{numbers:?}"
        );
        let of = |count| audit.last(count).iter().map(|entry| entry.number).collect::<Vec<u64>>();
        assert_eq!((of(2), of(7)), (vec![39, 40], (34..=40).collect()));
        assert_eq!(of(1000), numbers);
    }
}
