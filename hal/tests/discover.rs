//! Questions to the search for hardware: something is found on every machine, and the report tells what.

mod support;

use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;
use alcove_hal::discover::{DiscoverOptions, Hardware, discover};
use alcove_hal::report::DeviceClass;
use alcove_hal::{Error, simulated};
use support::SystemClock;

const PATIENCE: Duration = Duration::from_secs(5);

fn find(simulated: bool) -> Hardware {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    discover(&DiscoverOptions { simulated, room_name: "Blue Room".to_owned() }, &clock)
}

#[test]
fn every_machine_has_a_camera_a_microphone_and_a_loudspeaker_real_or_simulated() {
    let hardware = find(false);
    println!("{}", hardware.report);
    println!("start {} ms, probing {} ms", hardware.report.media_start_ms, hardware.report.probing_ms);
    assert!(
        !hardware.cameras.is_empty() && !hardware.microphones.is_empty() && !hardware.speakers.is_empty()
    );
    for class in [DeviceClass::Camera, DeviceClass::Microphone, DeviceClass::Speaker] {
        let chosen = hardware.report.devices.iter().filter(|it| it.class == class && it.chosen);
        assert_eq!(chosen.count(), 1, "{class:?}");
    }
    let shown = hardware.report.devices.iter().any(|it| it.class == DeviceClass::Display);
    assert!(shown || hardware.report.notes.iter().any(|note| note.contains("no display")));
}

#[test]
fn simulated_devices_are_used_when_asked_for_and_can_be_unplugged() {
    let hardware = find(true);
    for class in [DeviceClass::Camera, DeviceClass::Microphone, DeviceClass::Speaker, DeviceClass::Display] {
        assert!(hardware.report.is_simulated(class), "{class:?}");
    }
    let mut camera = hardware.cameras[0].open(simulated::DISPLAY_MODE).unwrap();
    let mut display = hardware.displays[0].open(simulated::DISPLAY_MODE).unwrap();
    display.show(&camera.next_frame(PATIENCE).unwrap()).unwrap();
    assert_eq!(hardware.simulation.display.frames(), 1);
    hardware.simulation.camera.plug().unplug();
    assert!(matches!(camera.next_frame(PATIENCE), Err(Error::Gone { .. })));
}

#[test]
fn two_rooms_in_one_process_share_nothing() {
    let (here, there) = (find(true), find(true));
    here.simulation.speaker.plug().unplug();
    assert!(here.speakers[0].open().is_err() && there.speakers[0].open().is_ok());
}
