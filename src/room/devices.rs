//! Which of the machine's devices the room uses: what the configuration wishes for, and what the room is given.

use std::sync::Arc;

use alcove_hal::seat::Wish;
use alcove_hal::{Hardware, Wishes};

use crate::config::{Choice, Room};
use crate::room::Devices;

/// What the configuration wishes for.
#[must_use]
pub fn wishes(room: &Room) -> Wishes {
    Wishes {
        camera: wish(&room.camera),
        microphone: wish(&room.microphone),
        speaker: wish(&room.speaker),
        display: wish(&room.display),
    }
}

fn wish(choice: &Choice) -> Wish {
    match choice {
        Choice::Auto => Wish::Auto,
        Choice::None => Wish::None,
        Choice::Simulated => Wish::Simulated,
        Choice::Named(part) => Wish::Named(part.clone()),
    }
}

/// The seats of the machine's devices.
#[must_use]
pub fn of(hardware: &Hardware) -> Devices {
    Devices {
        camera: hardware.camera.clone(),
        microphone: hardware.microphone.clone(),
        speaker: hardware.speaker.clone(),
        display: hardware.display.clone(),
        codecs: Arc::clone(&hardware.codecs),
    }
}
