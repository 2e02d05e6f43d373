//! Displays: where the scene is shown.

use crate::{Result, camera::VideoMode, frame::Frame};

/// A display that was opened, and shows what it is given until it is dropped.
pub trait Display: Send {
    /// The size and rate that the display wants; frames of another size are refused.
    fn mode(&self) -> VideoMode;

    /// Shows a picture. Never blocks: what the display cannot take in time is dropped.
    ///
    /// # Errors
    /// [`Gone`](crate::Error::Gone) when it was unplugged, [`Unsupported`](crate::Error::Unsupported)
    /// when the frame is not of [`Display::mode`].
    fn show(&mut self, frame: &Frame) -> Result<()>;
}

/// Where displays come from.
pub trait DisplayDevice: Send + Sync {
    /// The name as `alcove devices` shows it.
    fn name(&self) -> &str;

    /// Opens the display at its own mode, or the one nearest to `wanted` where it has no own.
    ///
    /// # Errors
    /// [`Gone`](crate::Error::Gone) when it is not plugged in.
    fn open(&self, wanted: VideoMode) -> Result<Box<dyn Display>>;
}
