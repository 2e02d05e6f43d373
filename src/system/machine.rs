//! What an image does on the daemon's wish, which has no right to do it itself: restart the machine, and have it
//! forget all that it was told.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Where the image says which slot runs, as `SLOT=A`.
pub(super) const RUNNING_SLOT: &str = "/run/alcove-preinit/slot";

/// A file whose being there has the image restart the machine.
const RESTART_WISH: &str = "/run/alcove/reboot";

/// A file in the state directory whose being there has the next start remove what is not on the image's keep-list.
const RESET_WISH: &str = "factory-reset";

/// Why the machine does not do it: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The daemon came as a package to a system of somebody else.
    #[error("this machine is not an image of Alcove's: whoever administers its system does that")]
    Unsupported,
    /// Nobody could be told.
    #[error("the machine cannot be asked: {0}")]
    Unasked(#[from] io::Error),
}

/// The machine that the daemon runs on.
pub struct Machine {
    state: PathBuf,
}

impl Machine {
    /// `state` is the state directory on the disk.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    /// Restarts it in a moment.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn restart(&self) -> Result<(), Error> {
        of_an_image()?;
        Ok(File::create(RESTART_WISH).map(drop)?)
    }

    /// Restarts it in a moment as it left the factory: configuration, keys and tokens are made anew. The wish is on
    /// the disk when this returns, so that a power cut does not lose it.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn reset(&self) -> Result<(), Error> {
        of_an_image()?;
        File::create(self.state.join(RESET_WISH))?.sync_all()?;
        File::open(&self.state)?.sync_all()?;
        self.restart()
    }
}

fn of_an_image() -> Result<(), Error> {
    if fs::exists(RUNNING_SLOT).unwrap_or(false) { Ok(()) } else { Err(Error::Unsupported) }
}
