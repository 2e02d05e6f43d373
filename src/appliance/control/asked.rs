//! What controllers, and administrators about them, ask of the loop.

use std::time::Duration;

use super::ControllerId;
use crate::appliance::handle::{Call, Handle, Reply};
use crate::refusal::Refusal;
use crate::web::wire::control::{Arrangement, RoomState};

/// A controller as administrators see it.
#[derive(Debug, Clone)]
pub struct ControllerView {
    /// Its number.
    pub id: u64,
    /// Under which an administrator has let it in; `None`: until the meeting is over.
    pub name: Option<String>,
    /// How long it was not heard of.
    pub unheard: Duration,
}

/// Everything that is asked about controlling the room.
pub(in crate::appliance) enum Asked {
    /// Whether that one may.
    Controls(ControllerId, Reply<()>),
    /// Somebody has scanned the screen.
    Pair(ControllerId, Reply<()>),
    /// An administrator lets one in for good.
    Enrol(ControllerId, String, Reply<()>),
    Strike(ControllerId, Reply<()>),
    Controllers(Reply<Vec<ControllerView>>),
    /// With the revision that is known.
    State(Option<u64>, Reply<RoomState>),
    SetVolume(u8, Reply<()>),
    Arrange(Arrangement, Reply<()>),
}

impl Handle {
    /// Whether a controller may control the room; it is noted that it was heard of.
    ///
    /// # Errors
    /// `not-permitted` when its time is over, `busy`.
    pub async fn controls(&self, id: u64) -> Result<(), Refusal> {
        self.control(|reply| Asked::Controls(id, reply)).await
    }

    /// Lets somebody who has scanned the screen control the room until the meeting is over.
    ///
    /// # Errors
    /// `busy`, also while there are too many.
    pub async fn pair(&self, id: u64) -> Result<(), Refusal> {
        self.control(|reply| Asked::Pair(id, reply)).await
    }

    /// Lets somebody control the room for good.
    ///
    /// # Errors
    /// `invalid-parameter` for a name of a wrong length, `busy`, also while there are too many.
    pub async fn enrol_controller(&self, id: u64, name: String) -> Result<(), Refusal> {
        self.control(|reply| Asked::Enrol(id, name, reply)).await
    }

    /// Lets somebody control the room no longer.
    ///
    /// # Errors
    /// `invalid-parameter` when nobody has that number, `busy`.
    pub async fn strike_controller(&self, id: u64) -> Result<(), Refusal> {
        self.control(|reply| Asked::Strike(id, reply)).await
    }

    /// Everybody who may control the room.
    ///
    /// # Errors
    /// `busy`.
    pub async fn controllers(&self) -> Result<Vec<ControllerView>, Refusal> {
        self.control(Asked::Controllers).await
    }

    /// The state of the room: at once to whoever knows another revision or none, else when it changes, and after 25 s in
    /// any case.
    ///
    /// # Errors
    /// `busy`.
    pub async fn room_state(&self, known: Option<u64>) -> Result<RoomState, Refusal> {
        self.control(|reply| Asked::State(known, reply)).await
    }

    /// Makes the others as loud in the room as that percentage.
    ///
    /// # Errors
    /// `busy`.
    pub async fn room_volume(&self, percent: u8) -> Result<(), Refusal> {
        self.control(|reply| Asked::SetVolume(percent, reply)).await
    }

    /// Arranges the others on the screen.
    ///
    /// # Errors
    /// `busy`.
    pub async fn room_arrange(&self, arrangement: Arrangement) -> Result<(), Refusal> {
        self.control(|reply| Asked::Arrange(arrangement, reply)).await
    }

    async fn control<T>(&self, build: impl FnOnce(Reply<T>) -> Asked) -> Result<T, Refusal> {
        self.call(|reply| Call::Control(Box::new(build(reply)))).await
    }
}
