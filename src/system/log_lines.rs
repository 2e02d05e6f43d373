//! The last lines of the log, in memory, for those who look after the appliance from afar.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, Record};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

/// The most lines that are kept.
pub const LINES_MAX: usize = 5_000;

/// The most bytes that they are.
const BYTES_MAX: usize = 1024 * 1024;

/// The longest line, in bytes; longer ones are cut.
const LINE_BYTES_MAX: usize = 4 * 1024;

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Counts them since the start of the process.
    pub number: u64,
    /// How grave it is.
    pub level: Level,
    /// Time (RFC 3339, UTC), level, module, message and fields, without the end of the line.
    pub text: Arc<str>,
}

/// The lines.
pub struct LogLines {
    inner: Mutex<Inner>,
    newest: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    lines: VecDeque<Line>,
    bytes: usize,
    last: u64,
}

/// Those of this process: there is one log.
pub fn of_this_process() -> &'static LogLines {
    static LINES: OnceLock<LogLines> = OnceLock::new();
    LINES.get_or_init(LogLines::new)
}

impl LogLines {
    fn new() -> Self {
        Self { inner: Mutex::default(), newest: watch::channel(0).0 }
    }

    /// Takes down what was logged at that time, in nanoseconds since the Unix epoch.
    pub(super) fn add(&self, record: &Record<'_>, unix_ns: i128) {
        let time = OffsetDateTime::from_unix_timestamp_nanos(unix_ns - unix_ns % 1_000_000);
        let time = time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default();
        let mut text = format!("{time} {:<5} {} {}", record.level(), record.target(), record.args());
        // A string takes whatever is written to it.
        let _ = record.key_values().visit(&mut Fields(&mut text));
        // Whoever reads line by line is not deceived by what others have said.
        let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if text.len() > LINE_BYTES_MAX {
            let end = (0..=LINE_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
        }
        let mut inner = self.inner();
        inner.last += 1;
        inner.bytes += text.len();
        let number = inner.last;
        inner.lines.push_back(Line { number, level: record.level(), text: text.into() });
        while inner.lines.len() > LINES_MAX || inner.bytes > BYTES_MAX {
            let Some(oldest) = inner.lines.pop_front() else { break };
            inner.bytes -= oldest.text.len();
        }
        drop(inner);
        self.newest.send_replace(number);
    }

    /// The last lines that are at least so grave, at most so many, and the number to go on after.
    #[must_use]
    pub fn last(&self, level: Level, most: usize) -> (Vec<Line>, u64) {
        let inner = self.inner();
        let mut lines: Vec<Line> =
            inner.lines.iter().rev().filter(|line| line.level <= level).take(most).cloned().collect();
        lines.reverse();
        (lines, inner.last)
    }

    /// The lines after that number that are at least so grave, and the number to go on after. Those that are kept no
    /// more are left out.
    #[must_use]
    pub fn after(&self, number: u64, level: Level) -> (Vec<Line>, u64) {
        let inner = self.inner();
        let from = inner.lines.partition_point(|line| line.number <= number);
        (inner.lines.iter().skip(from).filter(|line| line.level <= level).cloned().collect(), inner.last)
    }

    /// Tells when there are more.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Lines are pushed whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Fields<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        // As above.
        let _ = write!(self.0, " {key}={value}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(lines: &LogLines, level: Level, said: &str) {
        let fields = [("meeting", "board")];
        lines.add(
            &Record::builder()
                .level(level)
                .target("alcove::x")
                .args(format_args!("{said}"))
                .key_values(&fields)
                .build(),
            1_700_000_000_123_456_789,
        );
    }

    #[test]
    fn a_line_says_when_how_grave_where_and_what() {
        let lines = LogLines::new();
        add(&lines, Level::Warn, "somebody said\n2026 ERROR fake");
        let (told, last) = lines.last(Level::Info, 10);
        assert_eq!(
            &*told[0].text,
            "2023-11-14T22:13:20.123Z WARN  alcove::x somebody said 2026 ERROR fake meeting=board"
        );
        assert_eq!(last, 1);
    }

    #[test]
    fn readers_ask_for_what_is_grave_and_for_what_is_new() {
        let lines = LogLines::new();
        for number in 0..10 {
            add(&lines, if number % 2 == 0 { Level::Info } else { Level::Error }, "x");
        }
        let (told, last) = lines.last(Level::Error, 2);
        assert_eq!(told.iter().map(|line| line.number).collect::<Vec<_>>(), [8, 10]);
        add(&lines, Level::Info, "new");
        let (told, _) = lines.after(last, Level::Info);
        assert_eq!(told.iter().map(|line| line.number).collect::<Vec<_>>(), [11]);
    }

    #[test]
    fn the_oldest_go_and_long_ones_are_cut() {
        let lines = LogLines::new();
        add(&lines, Level::Info, &"ä".repeat(LINE_BYTES_MAX));
        assert!(lines.inner().lines[0].text.len() <= LINE_BYTES_MAX);
        for _ in 0..LINES_MAX {
            add(&lines, Level::Info, &"x".repeat(500));
        }
        let inner = lines.inner();
        assert!(inner.bytes <= BYTES_MAX && inner.lines.len() < LINES_MAX);
    }
}
