//! The simulated back end: devices that need no hardware, and that tests can question and unplug.
//!
//! A [`SimulatedRoom`] holds one device of each kind. Nothing in it is shared with another one, so that two
//! appliances in one process do not meet behind our back, and nothing runs before a device is opened.

use std::sync::Arc;

use crate::camera::VideoMode;
use crate::clock::Clock;

pub mod camera;
pub mod clock;
pub mod display;
pub mod glyphs;
pub mod microphone;
pub mod plug;
pub mod speaker;
pub mod test_card;
pub mod time_code;
pub mod tone;
mod voice;

pub use camera::SimulatedCamera;
pub use clock::VirtualClock;
pub use display::SimulatedDisplay;
pub use microphone::SimulatedMicrophone;
pub use plug::SimulatedPlug;
pub use speaker::SimulatedSpeaker;
pub use test_card::PatchColour;

/// The size and rate of the simulated display.
pub const DISPLAY_MODE: VideoMode = VideoMode { width: 1280, height: 720, fps: 30 };

/// One simulated device of each kind. Cloning shares the devices.
#[derive(Clone)]
pub struct SimulatedRoom {
    /// A moving test card with a time code.
    pub camera: Arc<SimulatedCamera>,
    /// Speech-like sound over a quiet tone.
    pub microphone: Arc<SimulatedMicrophone>,
    /// Keeps what it was given.
    pub speaker: Arc<SimulatedSpeaker>,
    /// Keeps the last picture.
    pub display: Arc<SimulatedDisplay>,
}

impl SimulatedRoom {
    /// The devices of a room of that name, paced by `clock`.
    #[must_use]
    pub fn new(room_name: &str, clock: &Arc<dyn Clock>) -> Self {
        Self {
            camera: Arc::new(SimulatedCamera::new(room_name, PatchColour::Orange, Arc::clone(clock))),
            microphone: Arc::new(SimulatedMicrophone::new(Arc::clone(clock))),
            speaker: Arc::new(SimulatedSpeaker::new(Arc::clone(clock))),
            display: Arc::new(SimulatedDisplay::new(DISPLAY_MODE)),
        }
    }
}
