//! What takes a while: begun, under way with so many percent, cancelled, over; each step is an event.
//!
//! ```text
//!   begin ──▶ running ── tell ──▶ running ── end ──▶ succeeded | failed
//!                │ cancel: its task is told, and ends it
//!                └────────────────────────────────▶ cancelled
//! ```
//! A task that goes away without a word has failed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alcove_hal::clock::Clock;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::events::Events;

/// How many that are over are remembered.
pub const OVER_MAX: usize = 64;

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is under way.
    Running,
    /// It did what it was to do.
    Succeeded,
    /// It did not; the message says why.
    Failed,
    /// Somebody has cancelled it.
    Cancelled,
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Something that takes a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Its number, counted since the start of the process.
    pub id: u64,
    /// What it is: `update`, `test`, `reboot`, `certificate`.
    pub kind: &'static str,
    /// Who has asked for it.
    pub by: String,
    /// When it began, in milliseconds since the Unix epoch.
    pub began_unix_ms: u64,
    /// When it was over, likewise.
    pub ended_unix_ms: Option<u64>,
    /// How it stands.
    pub standing: Standing,
    /// How far it is: 0 to 100.
    pub percent: u8,
    /// What is being done; in the end, what has come of it.
    pub message: String,
    /// What it has found, in the end.
    pub result: Value,
    /// Whether it can be cancelled.
    pub may_cancel: bool,
}

/// Why it cannot be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCancelled {
    /// There is none of that number, or no more.
    Unknown,
    /// It is over.
    Over,
    /// It cannot be left half done.
    Unable,
}

/// All of them: those that run, and the last that are over.
pub struct Operations {
    events: Arc<Events>,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    table: VecDeque<(Operation, watch::Sender<bool>)>,
}

/// The task's end of an operation.
pub struct Progress {
    operations: Arc<Operations>,
    id: u64,
    cancelled: watch::Receiver<bool>,
}

impl Operations {
    /// None yet.
    #[must_use]
    pub fn new(events: Arc<Events>, clock: Arc<dyn Clock>) -> Self {
        Self { events, clock, inner: Mutex::default() }
    }

    /// Begins one; of each kind there is one at a time.
    ///
    /// # Errors
    /// The number of the one that runs already.
    pub fn begin(
        self: &Arc<Self>,
        kind: &'static str,
        by: &str,
        may_cancel: bool,
    ) -> Result<(Operation, Progress), u64> {
        let mut inner = self.inner();
        let is_such = |one: &Operation| one.kind == kind && one.standing == Standing::Running;
        if let Some((running, _)) = inner.table.iter().find(|(one, _)| is_such(one)) {
            return Err(running.id);
        }
        inner.last += 1;
        let id = inner.last;
        let operation = Operation {
            id,
            kind,
            by: by.to_owned(),
            began_unix_ms: self.clock.unix_ms(),
            ended_unix_ms: None,
            standing: Standing::Running,
            percent: 0,
            message: "begins".to_owned(),
            result: Value::Null,
            may_cancel,
        };
        let (cancel, cancelled) = watch::channel(false);
        inner.table.push_back((operation.clone(), cancel));
        let over = inner.table.iter().filter(|(one, _)| one.standing != Standing::Running).count();
        if over > OVER_MAX
            && let Some(at) = inner.table.iter().position(|(one, _)| one.standing != Standing::Running)
        {
            inner.table.remove(at);
        }
        drop(inner);
        self.announce(&operation);
        Ok((operation, Progress { operations: Arc::clone(self), id, cancelled }))
    }

    /// All of them, the last one last.
    #[must_use]
    pub fn list(&self) -> Vec<Operation> {
        self.inner().table.iter().map(|(one, _)| one.clone()).collect()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Operation> {
        self.inner().table.iter().find(|(one, _)| one.id == id).map(|(one, _)| one.clone())
    }

    /// Has one ended before it is done: soon, and only then it is over.
    ///
    /// # Errors
    /// See [`NotCancelled`].
    pub fn cancel(&self, id: u64) -> Result<(), NotCancelled> {
        let inner = self.inner();
        let (operation, cancel) =
            inner.table.iter().find(|(one, _)| one.id == id).ok_or(NotCancelled::Unknown)?;
        match (operation.standing, operation.may_cancel) {
            (Standing::Running, true) => {
                cancel.send_replace(true);
                Ok(())
            }
            (Standing::Running, false) => Err(NotCancelled::Unable),
            _ => Err(NotCancelled::Over),
        }
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Operation)) {
        let mut inner = self.inner();
        let Some((operation, _)) = inner.table.iter_mut().find(|(one, _)| one.id == id) else { return };
        let before = operation.clone();
        change(operation);
        let now = operation.clone();
        drop(inner);
        if now != before {
            self.announce(&now);
        }
    }

    fn announce(&self, operation: &Operation) {
        let Operation { id, kind, by, standing, percent, message, result, .. } = operation;
        let data = json!({
            "operation": id, "kind": kind, "by": by, "state": standing.as_str(), "progress_percent": percent,
            "message": message, "result": result,
        });
        self.events.add("operation.changed", Some(&id.to_string()), &data, self.clock.unix_ms());
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change of the table is one step.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// It is so far, and does this.
    pub fn tell(&self, percent: u8, message: &str) {
        self.operations.change(self.id, |operation| {
            operation.percent = percent.min(100);
            message.clone_into(&mut operation.message);
        });
    }

    /// Returns when it was cancelled.
    pub async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending().await
        }
    }

    /// It is over, and was done.
    pub fn succeed(self, message: &str, result: Value) {
        self.end(Standing::Succeeded, message, result);
    }

    /// It is over, and was not done.
    pub fn fail(self, why: &str, result: Value) {
        self.end(Standing::Failed, why, result);
    }

    /// It is over because it was cancelled.
    pub fn give_up(self, message: &str) {
        self.end(Standing::Cancelled, message, Value::Null);
    }

    fn end(&self, standing: Standing, message: &str, result: Value) {
        let now = self.operations.clock.unix_ms();
        self.operations.change(self.id, |operation| {
            operation.standing = standing;
            operation.ended_unix_ms = Some(now);
            if standing == Standing::Succeeded {
                operation.percent = 100;
            }
            message.clone_into(&mut operation.message);
            operation.result = result;
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let is_running =
            self.operations.get(self.id).is_some_and(|operation| operation.standing == Standing::Running);
        if is_running {
            self.end(
                Standing::Failed,
                "it was broken off, because the appliance started anew or by a fault",
                Value::Null,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use alcove_hal::simulated::VirtualClock;

    use super::*;

    fn operations() -> (tempfile::TempDir, Arc<Operations>) {
        let folder = tempfile::tempdir().unwrap();
        let (events, _) = Events::open(folder.path(), "urn:alcove:box".to_owned());
        (folder, Arc::new(Operations::new(Arc::new(events), Arc::new(VirtualClock::new()))))
    }

    fn told(operations: &Operations) -> Vec<String> {
        let events = operations.events.after(0, 1000).events;
        let word = |json: &str| {
            let event: Value = serde_json::from_str(json).unwrap();
            format!("{} {}", event["data"]["state"].as_str().unwrap(), event["data"]["progress_percent"])
        };
        events.iter().map(|event| word(&event.json)).collect()
    }

    #[test]
    fn an_operation_is_told_from_its_beginning_to_its_end() {
        let (_folder, operations) = operations();
        let (begun, progress) = operations.begin("update", "console", false).unwrap();
        assert_eq!(operations.begin("update", "another", false).err(), Some(begun.id));
        progress.tell(40, "writes");
        progress.tell(40, "writes");
        assert_eq!(operations.cancel(begun.id), Err(NotCancelled::Unable));
        progress.succeed("written", json!({"version": "2"}));
        assert_eq!(
            told(&operations),
            ["running 0", "running 40", "succeeded 100"],
            "the same is not told twice"
        );
        assert_eq!(operations.cancel(begun.id), Err(NotCancelled::Over));
        assert!(operations.begin("update", "another", false).is_ok());
    }

    #[tokio::test]
    async fn who_is_cancelled_is_told_and_who_goes_without_a_word_has_failed() {
        let (_folder, operations) = operations();
        let (begun, progress) = operations.begin("reboot", "console", true).unwrap();
        operations.cancel(begun.id).unwrap();
        progress.cancelled().await;
        progress.give_up("cancelled");
        let (second, progress) = operations.begin("reboot", "console", true).unwrap();
        drop(progress);
        let standings: Vec<_> = operations.list().iter().map(|one| one.standing).collect();
        assert_eq!(standings, [Standing::Cancelled, Standing::Failed]);
        assert_eq!(operations.cancel(second.id + 1), Err(NotCancelled::Unknown));
    }

    #[test]
    fn those_that_are_over_are_forgotten_in_the_end() {
        let (_folder, operations) = operations();
        let (kept, _progress) = operations.begin("update", "console", false).unwrap();
        for _ in 0..OVER_MAX + 10 {
            drop(operations.begin("test", "console", false).unwrap());
        }
        assert!(operations.list().len() <= OVER_MAX + 2);
        assert!(operations.get(kept.id).is_some(), "what runs is kept");
    }
}
