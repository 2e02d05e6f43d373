//! Questions to the search for hardware: something is found on every machine, and the report tells what.

mod support;

use std::sync::Arc;
use std::time::Duration;

use alcove_hal::audio::SpeakerDevice;
use alcove_hal::camera::CameraDevice;
use alcove_hal::clock::Clock;
use alcove_hal::discover::{DiscoverOptions, Hardware, discover};
use alcove_hal::report::DeviceClass;
use alcove_hal::{Error, simulated};
use support::SystemClock;

const PATIENCE: Duration = Duration::from_secs(5);

fn find(simulated: bool) -> Hardware {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let options =
        DiscoverOptions { simulated, room_name: "Blue Room".to_owned(), ..DiscoverOptions::default() };
    discover(&options, &clock)
}

fn camera_of(hardware: &Hardware) -> Arc<dyn CameraDevice> {
    hardware.camera.device().expect("a camera, simulated or not")
}

fn speaker_of(hardware: &Hardware) -> Arc<dyn SpeakerDevice> {
    hardware.speaker.device().expect("a loudspeaker, simulated or not")
}

#[test]
fn every_machine_has_a_camera_a_microphone_and_a_loudspeaker_real_or_simulated() {
    let hardware = find(false);
    let report = hardware.report();
    println!("{report}");
    println!("start {} ms, probing {} ms", report.media_start_ms, report.probing_ms);
    for class in [DeviceClass::Camera, DeviceClass::Microphone, DeviceClass::Speaker] {
        let chosen = report.devices.iter().filter(|it| it.class == class && it.chosen);
        assert_eq!(chosen.count(), 1, "{class:?}");
    }
    let shown = report.devices.iter().any(|it| it.class == DeviceClass::Display);
    assert!(shown || report.notes.iter().any(|note| note.contains("no display")));
}

#[test]
fn simulated_devices_are_used_when_asked_for_and_can_be_unplugged() {
    let hardware = find(true);
    let report = hardware.report();
    for class in [DeviceClass::Camera, DeviceClass::Microphone, DeviceClass::Speaker, DeviceClass::Display] {
        assert!(report.is_simulated(class), "{class:?}");
    }
    let mut camera = camera_of(&hardware).open(simulated::DISPLAY_MODE).unwrap();
    let mut display = hardware.display.device().unwrap().open(simulated::DISPLAY_MODE).unwrap();
    display.show(&camera.next_frame(PATIENCE).unwrap()).unwrap();
    assert_eq!(hardware.simulation.display.frames(), 1);
    hardware.simulation.camera.plug().unplug();
    assert!(matches!(camera.next_frame(PATIENCE), Err(Error::Gone { .. })));
}

#[test]
fn two_rooms_in_one_process_share_nothing() {
    let (here, there) = (find(true), find(true));
    here.simulation.speaker.plug().unplug();
    assert!(speaker_of(&here).open().is_err() && speaker_of(&there).open().is_ok());
}
