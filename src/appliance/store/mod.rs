//! What outlives the process: one SQLite file, one thread that writes it, and answers that wait until it is written.
//!
//! ```text
//!   the loop ── write, write, answer ──▶ ┌───────┐  as many as wait at a time
//!                                        │ queue │ ───────────────────────────▶ one transaction, synced
//!                                        └───────┘                                        │
//!   whoever asked ◀── done, or why not ──────────── answers, in their order ◀─────────────┘
//! ```

pub(super) mod calls;
pub(super) mod meetings;
pub(super) mod records;
pub(super) mod room;
mod schema;
#[cfg(test)]
mod tests;
pub(super) mod texts;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection as Database, Savepoint, Transaction};

use crate::refusal::{Code, Refusal};

/// The name of the file in the state directory.
pub const FILE: &str = "alcove.db";

/// The most jobs that wait for the thread; what comes then is not written, and whoever waits for it is told so.
const JOBS_MAX: usize = 4096;

/// The most jobs of one transaction.
const BATCH_MAX: usize = 256;

/// Changes something. What it changes is undone if it fails.
type Write = Box<dyn FnOnce(&Savepoint<'_>) -> rusqlite::Result<()> + Send>;

/// Hears whether everything before it is written.
type Answer = Box<dyn FnOnce(Result<(), Refusal>) + Send>;

/// Looks something up.
type Read = Box<dyn FnOnce(&Database) + Send>;

enum Job {
    Write(Write),
    Answer(Answer),
    Read(Read),
}

/// The loop's end of the queue.
pub(super) struct Store {
    jobs: Option<SyncSender<Job>>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// Something was written that nobody has waited for yet.
    is_unanswered: bool,
    /// What is wrong with the file at the moment.
    trouble: Arc<Mutex<Option<String>>>,
}

impl Store {
    /// Opens the file, or makes it; `None` keeps everything in memory. A file that cannot be used is set aside. Returns
    /// what was wrong with it, a sentence; then what is kept is kept in memory, or in a new file.
    ///
    /// # Errors
    /// When not even memory can be used.
    pub(super) fn open(path: Option<&Path>) -> anyhow::Result<(Self, Database, Option<String>)> {
        let Some(path) = path else { return Ok((Self::closed(), in_memory()?, None)) };
        match open_checked(path) {
            Ok(database) => Ok((Self::closed(), database, None)),
            Err(cause) => {
                let (database, trouble) = instead(path, &cause)?;
                Ok((Self::closed(), database, Some(trouble)))
            }
        }
    }

    fn closed() -> Self {
        Self { jobs: None, thread: None, is_unanswered: false, trouble: Arc::default() }
    }

    /// From here on the thread has the file.
    ///
    /// # Errors
    /// When the machine starts no more threads.
    pub(super) fn start(&mut self, database: Database) -> anyhow::Result<()> {
        let (jobs, queue) = sync_channel(JOBS_MAX);
        let trouble = Arc::clone(&self.trouble);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || work(database, &queue, &trouble))?;
        (self.jobs, self.thread) = (Some(jobs), Some(thread));
        Ok(())
    }

    /// Has something written soon.
    pub(super) fn write(
        &mut self,
        write: impl FnOnce(&Savepoint<'_>) -> rusqlite::Result<()> + Send + 'static,
    ) {
        self.is_unanswered = true;
        self.note(write);
    }

    /// The same of something for which nobody's answer has to wait.
    pub(super) fn note(
        &mut self,
        write: impl FnOnce(&Savepoint<'_>) -> rusqlite::Result<()> + Send + 'static,
    ) {
        self.post(Job::Write(Box::new(write)));
    }

    /// Whether somebody has to wait for an answer until something is written.
    pub(super) const fn is_unanswered(&self) -> bool {
        self.is_unanswered
    }

    /// Tells somebody when everything that came before is written.
    pub(super) fn answer(&mut self, answer: impl FnOnce(Result<(), Refusal>) + Send + 'static) {
        if !std::mem::take(&mut self.is_unanswered) {
            return answer(Ok(()));
        }
        if let Err(Job::Answer(answer)) = self.try_post(Job::Answer(Box::new(answer))) {
            answer(Err(Refusal::new(
                Code::Busy,
                "the disk is too slow for what is to be kept; try again in a moment",
            )));
        }
    }

    /// Looks something up, behind everything that was written before.
    pub(super) fn read(&mut self, read: impl FnOnce(&Database) + Send + 'static) {
        self.post(Job::Read(Box::new(read)));
    }

    /// What is wrong with the file at the moment, a sentence.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn post(&mut self, job: Job) {
        if self.try_post(job).is_err() {
            log::error!("more is to be kept than the disk can take: something was not written");
        }
    }

    fn try_post(&mut self, job: Job) -> Result<(), Job> {
        use std::sync::mpsc::TrySendError::{Disconnected, Full};
        let Some(jobs) = &self.jobs else { return Err(job) };
        jobs.try_send(job).map_err(|error| match error {
            Full(job) | Disconnected(job) => job,
        })
    }
}

impl Drop for Store {
    /// What was handed over is written before the process ends.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It panics only with a bug of ours, which the log has by then.
            drop(thread.join());
        }
    }
}

fn open_checked(path: &Path) -> rusqlite::Result<Database> {
    let mut database = Database::open(path)?;
    prepare(&database)?;
    let sound: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if sound != "ok" {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(rusqlite::Error::SqliteFailure(code, Some(sound)));
    }
    schema::bring_up_to_date(&mut database)?;
    Ok(database)
}

fn in_memory() -> rusqlite::Result<Database> {
    let mut database = Database::open_in_memory()?;
    prepare(&database)?;
    schema::bring_up_to_date(&mut database)?;
    Ok(database)
}

/// Written is what survives a power cut; deleted is what nobody finds on the disk.
fn prepare(database: &Database) -> rusqlite::Result<()> {
    database.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;",
    )
}

/// A broken file is set aside for those who may want to look at it; where none can be written, memory has to do.
fn instead(path: &Path, cause: &rusqlite::Error) -> anyhow::Result<(Database, String)> {
    let aside = path.with_extension("db.broken");
    let shown = path.display();
    let is_broken = matches!(
        cause.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    );
    if is_broken && std::fs::rename(path, &aside).is_ok() {
        for rest in ["-wal", "-shm"] {
            // There need not be any.
            drop(std::fs::remove_file(PathBuf::from(format!("{shown}{rest}"))));
        }
        if let Ok(database) = open_checked(path) {
            let trouble = format!(
                "{shown} was broken ({cause}) and was begun anew: planned meetings, chats and records are lost; \
                 the old file is {}",
                aside.display()
            );
            return Ok((database, trouble));
        }
    }
    let trouble = format!(
        "{shown} cannot be used ({cause}): what is planned and said is lost at the next start; make room on the disk, \
         or correct who owns the file, and start again"
    );
    Ok((in_memory()?, trouble))
}

fn work(mut database: Database, queue: &Receiver<Job>, trouble: &Mutex<Option<String>>) {
    while let Ok(first) = queue.recv() {
        let mut jobs = vec![first];
        while jobs.len() < BATCH_MAX
            && let Ok(next) = queue.try_recv()
        {
            jobs.push(next);
        }
        let (mut answers, mut reads) = (Vec::new(), Vec::new());
        let outcome = commit(&mut database, jobs, &mut answers, &mut reads);
        let sentence = outcome.err().map(|cause| format!("what is to be kept cannot be written: {cause}"));
        if let Some(sentence) = &sentence {
            log::warn!("{sentence}");
        }
        for answer in answers {
            answer(sentence.as_ref().map_or(Ok(()), |sentence| {
                Err(Refusal::new(Code::Internal, format!("{sentence}; make room on the disk")))
            }));
        }
        reads.into_iter().for_each(|read| read(&database));
        *trouble.lock().unwrap_or_else(PoisonError::into_inner) = sentence;
    }
}

/// Carries out what was asked for in one transaction. The first thing that fails is told to everybody who waits.
fn commit(
    database: &mut Database,
    jobs: Vec<Job>,
    answers: &mut Vec<Answer>,
    reads: &mut Vec<Read>,
) -> rusqlite::Result<()> {
    let mut first = Ok(());
    let mut transaction = database.transaction();
    for job in jobs {
        match job {
            Job::Answer(answer) => answers.push(answer),
            Job::Read(read) => reads.push(read),
            Job::Write(write) => {
                if let Ok(transaction) = &mut transaction {
                    // What follows is written all the same.
                    let outcome = apply(transaction, write);
                    first = first.and(outcome);
                }
            }
        }
    }
    transaction?.commit()?;
    first
}

fn apply(transaction: &mut Transaction<'_>, write: Write) -> rusqlite::Result<()> {
    let savepoint = transaction.savepoint()?;
    write(&savepoint)?;
    savepoint.commit()
}
