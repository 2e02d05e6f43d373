//! Cameras: what they are, and the trait that both back ends implement.

use std::time::Duration;

use crate::{Result, codec::Probe, frame::Frame};

/// A picture size and rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct VideoMode {
    /// Pixels per row, even.
    pub width: u32,
    /// Rows, even.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
}

/// A camera that was opened, and captures until it is dropped.
///
/// Muting a camera is dropping this value: no capture, no light.
pub trait Camera: Send {
    /// The mode that was agreed upon, which may differ from the one asked for.
    fn mode(&self) -> VideoMode;

    /// Waits for the next picture. Pictures that nobody took in time are dropped, the oldest first.
    ///
    /// # Errors
    /// [`Silent`](crate::Error::Silent) when none came within `patience`,
    /// [`Gone`](crate::Error::Gone) when the camera was unplugged.
    fn next_frame(&mut self, patience: Duration) -> Result<Frame>;
}

/// Where cameras come from: one per back end and device.
pub trait CameraDevice: Send + Sync {
    /// The name as `alcove devices` shows it.
    fn name(&self) -> &str;

    /// Opens the camera in the mode nearest to `wanted`.
    ///
    /// # Errors
    /// [`Gone`](crate::Error::Gone) when it is not plugged in, [`Unsupported`](crate::Error::Unsupported)
    /// when it has no mode that can be turned into I420.
    fn open(&self, wanted: VideoMode) -> Result<Box<dyn Camera>>;

    /// Tries the H.264 that the camera makes by itself, if it makes any; from then on it is opened in that
    /// format, if that worked. Takes up to 1.5 seconds.
    fn try_h264(&self) -> Option<Probe> {
        None
    }
}
