//! Where the log goes: to the journal with its fields when systemd runs us, else readable to stderr; and its last lines
//! into memory.

use std::sync::Arc;

use alcove_hal::clock::Clock;
use log::{LevelFilter, Log, Metadata, Record};
use systemd_journal_logger::{JournalLog, connected_to_journal};

use super::log_lines;

/// The variable that sets the level: `off`, `error`, `warn`, `info`, `debug` or `trace`.
pub const LEVEL_VARIABLE: &str = "ALCOVE_LOG";

/// Libraries that tell more than anybody asked for are heard from this level on, unless everything was asked for.
const LIBRARIES_LEVEL: LevelFilter = LevelFilter::Warn;

/// The crates whose level is the one that was asked for.
const OURS: [&str; 2] = ["alcove", "alcove_hal"];

/// A log that cannot be set up: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The variable holds something else.
    #[error("{LEVEL_VARIABLE} is '{0}'; give one of off, error, warn, info, debug and trace")]
    Level(String),
    /// It was set up before.
    #[error("the log is set up twice: {0}")]
    Twice(#[from] log::SetLoggerError),
}

/// Sets the log up for the life of the process.
///
/// # Errors
/// When the level is none, or when called twice.
pub fn install(clock: Arc<dyn Clock>) -> Result<(), Error> {
    let level = parse_level(std::env::var(LEVEL_VARIABLE).ok().as_deref())?;
    // Where the journal cannot be reached, stderr is read by somebody, too.
    match JournalLog::new() {
        Ok(journal) if is_journal() => {
            log::set_boxed_logger(Box::new(Noted { log: Quieter { journal, level }, clock }))?;
        }
        _ => log::set_boxed_logger(Box::new(Noted { log: readable(level).build(), clock }))?,
    }
    log::set_max_level(level);
    Ok(())
}

/// A log whose last lines are kept in memory besides.
struct Noted<L> {
    log: L,
    clock: Arc<dyn Clock>,
}

impl<L: Log> Log for Noted<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.log.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let unix_ns = i128::try_from(self.clock.unix_time().as_nanos()).unwrap_or_default();
            log_lines::of_this_process().add(record, unix_ns);
            self.log.log(record);
        }
    }

    fn flush(&self) {
        self.log.flush();
    }
}

/// Whether what is written to standard error, and to standard output beside it, ends up in the journal.
#[must_use]
pub fn is_journal() -> bool {
    connected_to_journal()
}

/// The journal, without the small talk of libraries.
struct Quieter {
    journal: JournalLog,
    level: LevelFilter,
}

impl Log for Quieter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let is_ours = OURS.iter().any(|ours| target.split("::").next() == Some(ours));
        metadata.level() <= if is_ours { self.level } else { libraries_level(self.level) }
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.journal.log(record);
        }
    }

    fn flush(&self) {
        self.journal.flush();
    }
}

fn parse_level(text: Option<&str>) -> Result<LevelFilter, Error> {
    match text.map(str::trim) {
        None | Some("") => Ok(LevelFilter::Info),
        Some(text) => text.parse().map_err(|_| Error::Level(text.to_owned())),
    }
}

fn libraries_level(level: LevelFilter) -> LevelFilter {
    if level == LevelFilter::Trace { level } else { level.min(LIBRARIES_LEVEL) }
}

fn readable(level: LevelFilter) -> env_logger::Builder {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(libraries_level(level));
    for ours in OURS {
        builder.filter_module(ours, level);
    }
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_info_unless_said_and_nonsense_is_named() {
        assert_eq!(parse_level(None).unwrap(), LevelFilter::Info);
        assert_eq!(parse_level(Some("")).unwrap(), LevelFilter::Info);
        assert_eq!(parse_level(Some(" Debug ")).unwrap(), LevelFilter::Debug);
        let error = parse_level(Some("loud")).unwrap_err().to_string();
        assert!(error.contains("ALCOVE_LOG is 'loud'"), "{error}");
    }

    #[test]
    fn libraries_are_quieter_than_we_are() {
        let log = readable(LevelFilter::Debug).build();
        let heard = |target, level| log.enabled(&Metadata::builder().target(target).level(level).build());
        assert!(heard("alcove::sfu", log::Level::Debug));
        assert!(!heard("rustls::conn", log::Level::Info));
        assert!(heard("rustls::conn", log::Level::Warn));
    }
}
