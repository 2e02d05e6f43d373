//! Microphones and loudspeakers: 48 kHz mono in blocks of 10 ms, `f32` in -1..=1.

use std::time::Duration;

use crate::Result;

/// Samples per second, everywhere.
pub const SAMPLE_RATE_HZ: u32 = 48_000;

/// Samples in a block of 10 ms.
pub const BLOCK_SAMPLES: usize = 480;

/// 10 ms of mono sound.
pub type Block = [f32; BLOCK_SAMPLES];

/// A microphone that was opened, and captures until it is dropped.
///
/// Muting the room is dropping this value: "muted" means that capture is stopped.
pub trait Microphone: Send {
    /// Waits for the next 10 ms.
    ///
    /// # Errors
    /// [`Silent`](crate::Error::Silent) when nothing came within `patience`,
    /// [`Gone`](crate::Error::Gone) when it was unplugged.
    fn read(&mut self, patience: Duration) -> Result<Block>;
}

/// A loudspeaker that was opened, and plays until it is dropped.
pub trait Speaker: Send {
    /// Hands over the next 10 ms, and waits until there is room for more: the loudspeaker sets the pace.
    ///
    /// # Errors
    /// [`Gone`](crate::Error::Gone) when it was unplugged.
    fn write(&mut self, block: &Block) -> Result<()>;
}

/// Where microphones come from.
pub trait MicrophoneDevice: Send + Sync {
    /// The name as `alcove devices` shows it.
    fn name(&self) -> &str;

    /// Starts capture.
    ///
    /// # Errors
    /// [`Gone`](crate::Error::Gone) when it is not plugged in.
    fn open(&self) -> Result<Box<dyn Microphone>>;
}

/// Where loudspeakers come from.
pub trait SpeakerDevice: Send + Sync {
    /// The name as `alcove devices` shows it.
    fn name(&self) -> &str;

    /// Starts playback.
    ///
    /// # Errors
    /// [`Gone`](crate::Error::Gone) when it is not plugged in.
    fn open(&self) -> Result<Box<dyn Speaker>>;
}
