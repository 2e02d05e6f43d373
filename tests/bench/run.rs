//! What all measurements of one run share.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;

use crate::fake::Common;

/// One run of the bench.
pub(crate) struct Run {
    /// The daemon to measure.
    pub(crate) program: PathBuf,
    /// A program of Galène, where there is one.
    pub(crate) galene: Option<PathBuf>,
    /// A folder that mediasoup is installed in, where there is one.
    pub(crate) mediasoup: Option<PathBuf>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) common: Common,
    /// What random choices are made from.
    pub(crate) seed: u64,
}

impl Run {
    /// What starts the daemon.
    pub(crate) fn command(&self) -> Command {
        Command::new(&self.program)
    }

    /// Lets time pass: a window of measurement, or the time to settle before one.
    pub(crate) async fn wait(&self, time: Duration) {
        tokio::time::sleep_until((self.clock.now() + time).into()).await;
    }
}
