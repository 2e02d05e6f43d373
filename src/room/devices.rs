//! Which of the machine's devices the room uses: those that the configuration names, else the first of each kind.

use std::sync::Arc;

use alcove_hal::Hardware;
use alcove_hal::audio::{MicrophoneDevice, SpeakerDevice};
use alcove_hal::camera::CameraDevice;
use alcove_hal::clock::Clock;
use alcove_hal::display::DisplayDevice;
use alcove_hal::simulated::SimulatedRoom;

use crate::config::{Choice, Room};
use crate::room::Devices;

/// Chooses the room's devices. One that is named and not there is warned of, and the first of its kind used.
#[must_use]
pub fn choose(hardware: &Hardware, room: &Room, clock: &Arc<dyn Clock>) -> Devices {
    let SimulatedRoom { camera, microphone, speaker, display } = SimulatedRoom::new(&room.name, clock);
    let (cameras, microphones) = (&hardware.cameras, &hardware.microphones);
    let (speakers, displays) = (&hardware.speakers, &hardware.displays);
    Devices {
        camera: one("camera", &room.camera, cameras, camera, <dyn CameraDevice>::name),
        microphone: one(
            "microphone",
            &room.microphone,
            microphones,
            microphone,
            <dyn MicrophoneDevice>::name,
        ),
        speaker: one("speaker", &room.speaker, speakers, speaker, <dyn SpeakerDevice>::name),
        display: one("display", &room.display, displays, display, <dyn DisplayDevice>::name),
        codecs: Arc::clone(&hardware.codecs),
    }
}

fn one<D: ?Sized>(
    kind: &str,
    choice: &Choice,
    found: &[Arc<D>],
    simulated: Arc<D>,
    name: impl Fn(&D) -> &str,
) -> Option<Arc<D>> {
    match choice {
        Choice::Auto => found.first().cloned(),
        Choice::None => None,
        Choice::Simulated => Some(simulated),
        Choice::Named(wanted) => {
            let named = found.iter().find(|device| name(device).contains(wanted.as_str()));
            if named.is_none() {
                log::warn!("no {kind} is named {wanted:?} (room.{kind}); the first there is will be used");
            }
            named.or_else(|| found.first()).cloned()
        }
    }
}
