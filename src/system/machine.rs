//! What an image does on the daemon's wish, which has no right to do it itself: restart the machine, and have it
//! forget all that it was told.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Where the image says which slot runs, as `SLOT=A`.
pub(super) const RUNNING_SLOT: &str = "/run/alcove-preinit/slot";

/// A file whose being there has the image restart the machine.
const RESTART_WISH: &str = "/run/alcove/reboot";

/// A file in the state directory whose being there has the next start remove what is not on the image's keep-list; what
/// its lines name stays as well.
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

/// What can outlive a factory reset. The words are those of the API and of the wish, which the image reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Which addresses its network cards have.
    Network,
    /// The name of the machine.
    Name,
}

impl Keep {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Network, Self::Name];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Name => "name",
        }
    }
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

    /// Whether it would.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if not.
    pub fn check(&self) -> Result<(), Error> {
        of_an_image()
    }

    /// Restarts it in a moment as it left the factory: configuration, keys and tokens are made anew, all but what is to
    /// be kept. The wish is on the disk when this returns, so that a power cut does not lose it.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn reset(&self, kept: &[Keep]) -> Result<(), Error> {
        of_an_image()?;
        let mut wish = File::create(self.state.join(RESET_WISH))?;
        for keep in kept {
            writeln!(wish, "{}", keep.as_str())?;
        }
        wish.sync_all()?;
        File::open(&self.state)?.sync_all()?;
        self.restart()
    }
}

/// Whether it is an image of Alcove's that runs here.
#[must_use]
pub fn is_image() -> bool {
    fs::exists(RUNNING_SLOT).unwrap_or(false)
}

fn of_an_image() -> Result<(), Error> {
    if is_image() { Ok(()) } else { Err(Error::Unsupported) }
}
