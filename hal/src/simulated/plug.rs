//! The plug of a simulated device: tests pull it, put it back, or make the device fall silent.
//!
//! ```text
//!             unplug()                silence()
//!   gone  <------------  plugged in  ---------->  silent
//!     |                   ^      ^                  |
//!     +----- plug() ------+      +----- plug() -----+        (unplug() leads to `gone` from everywhere)
//! ```
//! A device that was open when its plug was pulled stays [`Gone`](crate::Error::Gone) after the plug is back:
//! it has to be opened again, as with real hardware.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::{Error, Result};

/// What the kernel would have said.
const PULLED: &str = "the simulated plug was pulled";

#[derive(Debug)]
struct State {
    /// Even while plugged in, odd while pulled; so a pull in between is never missed.
    pulls: AtomicU64,
    silent: AtomicBool,
}

/// A handle on the plug of one simulated device. Cloning gives another hand on the same plug.
#[derive(Debug, Clone)]
pub struct SimulatedPlug(Arc<State>);

impl Default for SimulatedPlug {
    fn default() -> Self {
        Self(Arc::new(State { pulls: AtomicU64::new(0), silent: AtomicBool::new(false) }))
    }
}

impl SimulatedPlug {
    /// Pulls the plug: what is open is gone, and opening fails.
    pub fn unplug(&self) {
        self.set_pulled(true);
    }

    /// Puts the plug back, and ends a silence.
    pub fn plug(&self) {
        self.0.silent.store(false, Ordering::SeqCst);
        self.set_pulled(false);
    }

    /// Makes a camera or microphone deliver nothing, while it stays plugged in.
    pub fn silence(&self) {
        self.0.silent.store(true, Ordering::SeqCst);
    }

    /// Whether the device is there.
    #[must_use]
    pub fn is_plugged(&self) -> bool {
        self.0.pulls.load(Ordering::SeqCst).is_multiple_of(2)
    }

    fn set_pulled(&self, pulled: bool) {
        let turn = |pulls: u64| (pulls.is_multiple_of(2) == pulled).then_some(pulls + 1);
        // An error means that the plug is already where it shall be.
        let _ = self.0.pulls.fetch_update(Ordering::SeqCst, Ordering::SeqCst, turn);
    }

    /// What a device holds while it is open.
    pub(super) fn open(&self, device: &str) -> Result<Contact> {
        let pulls = self.0.pulls.load(Ordering::SeqCst);
        if !pulls.is_multiple_of(2) {
            return Err(Error::Gone { device: device.to_owned(), cause: PULLED.to_owned() });
        }
        Ok(Contact { state: Arc::clone(&self.0), pulls, device: device.to_owned() })
    }
}

/// The contact that an open device had with its plug when it was opened.
#[derive(Debug)]
pub(super) struct Contact {
    state: Arc<State>,
    pulls: u64,
    device: String,
}

impl Contact {
    /// The device, as `alcove devices` names it.
    pub(super) fn device(&self) -> &str {
        &self.device
    }

    /// Fails when the plug was pulled since the device was opened.
    pub(super) fn check(&self) -> Result<()> {
        if self.state.pulls.load(Ordering::SeqCst) == self.pulls {
            return Ok(());
        }
        Err(Error::Gone { device: self.device.clone(), cause: PULLED.to_owned() })
    }

    /// Whether a test wants nothing delivered.
    pub(super) fn is_silent(&self) -> bool {
        self.state.silent.load(Ordering::SeqCst)
    }

    /// The error of a device that delivered nothing for `patience`.
    pub(super) fn silent(&self, patience: std::time::Duration) -> Error {
        let waited_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        Error::Silent { device: self.device.clone(), waited_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_device_stays_gone_after_the_plug_is_back() {
        let plug = SimulatedPlug::default();
        let before = plug.open("lamp").unwrap();
        plug.unplug();
        plug.unplug();
        assert!(before.check().is_err() && plug.open("lamp").is_err() && !plug.is_plugged());
        plug.plug();
        assert!(before.check().is_err(), "the old contact is broken for good");
        assert!(plug.open("lamp").unwrap().check().is_ok());
    }
}
