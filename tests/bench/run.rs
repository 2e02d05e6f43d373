//! What all measurements of one run share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;

use crate::recording::Recording;

/// One run of the bench.
pub(crate) struct Run {
    /// The daemon to measure.
    pub(crate) program: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    /// What stamps count from.
    pub(crate) epoch: Instant,
    pub(crate) recording: Arc<Recording>,
    /// What random choices are made from.
    pub(crate) seed: u64,
}

impl Run {
    /// Lets time pass: a window of measurement, or the time to settle before one.
    pub(crate) async fn wait(&self, time: Duration) {
        tokio::time::sleep_until((self.clock.now() + time).into()).await;
    }
}
