//! The simulated display: keeps the last picture, and counts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::plug::{Contact, SimulatedPlug};
use crate::camera::VideoMode;
use crate::display::{Display, DisplayDevice};
use crate::frame::Frame;
use crate::{Error, Result};

#[derive(Debug, Default)]
struct Shown {
    last: Option<Frame>,
    frames: u64,
}

/// A display that remembers what it showed last.
pub struct SimulatedDisplay {
    name: String,
    mode: VideoMode,
    plug: SimulatedPlug,
    shown: Arc<Mutex<Shown>>,
}

impl SimulatedDisplay {
    /// A display of that size and rate, plugged in.
    #[must_use]
    pub fn new(mode: VideoMode) -> Self {
        let name = "simulated display".to_owned();
        Self { name, mode, plug: SimulatedPlug::default(), shown: Arc::default() }
    }

    /// Its plug.
    #[must_use]
    pub fn plug(&self) -> SimulatedPlug {
        self.plug.clone()
    }

    /// The picture that was shown last.
    #[must_use]
    pub fn last_frame(&self) -> Option<Frame> {
        lock(&self.shown).last.clone()
    }

    /// How many pictures it was given so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        lock(&self.shown).frames
    }
}

impl DisplayDevice for SimulatedDisplay {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self, _wanted: VideoMode) -> Result<Box<dyn Display>> {
        let contact = self.plug.open(&self.name)?;
        Ok(Box::new(OpenDisplay { contact, mode: self.mode, shown: Arc::clone(&self.shown) }))
    }
}

struct OpenDisplay {
    contact: Contact,
    mode: VideoMode,
    shown: Arc<Mutex<Shown>>,
}

impl Display for OpenDisplay {
    fn mode(&self) -> VideoMode {
        self.mode
    }

    fn show(&mut self, frame: &Frame) -> Result<()> {
        self.contact.check()?;
        if (frame.width(), frame.height()) != (self.mode.width, self.mode.height) {
            return Err(wrong_size(self.contact.device(), frame, self.mode));
        }
        let mut shown = lock(&self.shown);
        shown.last = Some(frame.clone());
        shown.frames += 1;
        Ok(())
    }
}

/// The error of a display that was handed a frame of another size than its own.
pub(crate) fn wrong_size(device: &str, frame: &Frame, mode: VideoMode) -> Error {
    let (given, wanted) = ((frame.width(), frame.height()), (mode.width, mode.height));
    let cause = format!("a picture of {}x{} where it shows {}x{}", given.0, given.1, wanted.0, wanted.1);
    Error::Unsupported { device: device.to_owned(), cause }
}

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}
