//! What can go wrong with hardware, in five kinds that callers tell apart.

/// A failure of a device or a codec: the kind decides what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The device is not there, or went away: wait for it to come back.
    #[error("{device} is gone: {cause}")]
    Gone {
        /// The device, as `alcove devices` names it.
        device: String,
        /// What the kernel or the library said.
        cause: String,
    },
    /// The device is there but says nothing in time: open it again.
    #[error("{device} delivered nothing for {waited_ms} ms")]
    Silent {
        /// The device, as `alcove devices` names it.
        device: String,
        /// How long was waited.
        waited_ms: u64,
    },
    /// The device takes its picture from elsewhere, and nothing comes from there: look again in a moment.
    #[error("{device} has no signal: {cause}")]
    NoSignal {
        /// The device, as `alcove devices` names it.
        device: String,
        /// What is known about the reason.
        cause: String,
    },
    /// The device or codec cannot do what was asked: ask for something else.
    #[error("{device} cannot do that: {cause}")]
    Unsupported {
        /// The device or codec.
        device: String,
        /// What was asked and what is possible instead.
        cause: String,
    },
    /// Anything else: report it, and open the device again after a while.
    #[error("{device} failed: {cause}")]
    Failed {
        /// The device or codec.
        device: String,
        /// What the kernel or the library said.
        cause: String,
    },
}

/// The result of asking hardware for something.
pub type Result<T> = std::result::Result<T, Error>;
