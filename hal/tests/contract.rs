//! The same questions to both back ends: to the simulated one always, to real devices where the kernel has any.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use alcove_hal::audio::{BLOCK_SAMPLES, Block, MicrophoneDevice, SpeakerDevice};
use alcove_hal::camera::{CameraDevice, VideoMode};
use alcove_hal::clock::Clock;
use alcove_hal::display::DisplayDevice;
use alcove_hal::frame::Frame;
use alcove_hal::linux::{AlsaDevice, GstDisplay, V4lCamera};
use alcove_hal::simulated::{SimulatedPlug, SimulatedRoom, VirtualClock};
use alcove_hal::{Error, Result};
use support::SystemClock;

/// What a device may take to deliver; real cameras need seconds after they were opened.
const PATIENCE: Duration = Duration::from_secs(10);
const WANTED: VideoMode = VideoMode { width: 640, height: 360, fps: 30 };

/// A device under question.
struct Asked<Device: ?Sized> {
    device: Arc<Device>,
    clock: Arc<dyn Clock>,
    /// Simulated devices have one; nobody pulls the plug of a real one here.
    plug: Option<SimulatedPlug>,
}

impl<Device: ?Sized> Asked<Device> {
    fn simulated(device: Arc<Device>, clock: &Arc<dyn Clock>, plug: SimulatedPlug) -> Self {
        Self { device, clock: Arc::clone(clock), plug: Some(plug) }
    }

    fn real(device: Arc<Device>) -> Self {
        Self { device, clock: Arc::new(SystemClock), plug: None }
    }
}

fn simulation() -> (SimulatedRoom, Arc<dyn Clock>) {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    (SimulatedRoom::new("Contract", &clock), clock)
}

/// Says which devices are asked, so that a run tells what it has proven.
#[expect(clippy::print_stdout, reason = "a test's output")]
fn tell<'a>(names: impl Iterator<Item = &'a str>) {
    names.for_each(|name| println!("asked: {name}"));
}

fn cameras() -> Vec<Asked<dyn CameraDevice>> {
    let (room, clock) = simulation();
    let plug = room.camera.plug();
    let mut asked = vec![Asked::simulated(room.camera as Arc<dyn CameraDevice>, &clock, plug)];
    let system: Arc<dyn Clock> = Arc::new(SystemClock);
    let real = V4lCamera::find_all(&system).0;
    asked.extend(real.into_iter().map(|device| Asked::real(Arc::new(device) as Arc<dyn CameraDevice>)));
    tell(asked.iter().map(|it| it.device.name()));
    asked
}

fn microphones() -> Vec<Asked<dyn MicrophoneDevice>> {
    let (room, clock) = simulation();
    let plug = room.microphone.plug();
    let mut asked = vec![Asked::simulated(room.microphone as Arc<dyn MicrophoneDevice>, &clock, plug)];
    let system: Arc<dyn Clock> = Arc::new(SystemClock);
    let real = AlsaDevice::microphones(&system);
    asked.extend(real.into_iter().map(|device| Asked::real(Arc::new(device) as Arc<dyn MicrophoneDevice>)));
    tell(asked.iter().map(|it| it.device.name()));
    asked
}

fn speakers() -> Vec<Asked<dyn SpeakerDevice>> {
    let (room, clock) = simulation();
    let plug = room.speaker.plug();
    let mut asked = vec![Asked::simulated(room.speaker as Arc<dyn SpeakerDevice>, &clock, plug)];
    let system: Arc<dyn Clock> = Arc::new(SystemClock);
    let real = AlsaDevice::speakers(&system);
    asked.extend(real.into_iter().map(|device| Asked::real(Arc::new(device) as Arc<dyn SpeakerDevice>)));
    tell(asked.iter().map(|it| it.device.name()));
    asked
}

fn displays() -> Vec<Asked<dyn DisplayDevice>> {
    let (room, clock) = simulation();
    let plug = room.display.plug();
    let mut asked = vec![Asked::simulated(room.display as Arc<dyn DisplayDevice>, &clock, plug)];
    let real = GstDisplay::find_all().0;
    asked.extend(real.into_iter().map(|device| Asked::real(Arc::new(device) as Arc<dyn DisplayDevice>)));
    tell(asked.iter().map(|it| it.device.name()));
    asked
}

/// How long `work` took by `clock`.
fn time(clock: &Arc<dyn Clock>, work: impl FnOnce()) -> Duration {
    let start: Instant = clock.now();
    work();
    clock.now() - start
}

fn is_gone<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(Error::Gone { .. }))
}

/// Whether `took` is what is due, within a fifth and two of the device's own steps. The upper bound is wide:
/// the machine may be busy, but no device may run ahead of its time.
fn is_in_time(took: Duration, due: Duration, step: Duration) -> bool {
    took + step * 2 >= due * 4 / 5 && took <= due * 4 + step * 2
}

#[test]
fn a_camera_delivers_frames_of_its_mode_at_its_rate() {
    for asked in cameras() {
        let mut camera = asked.device.open(WANTED).unwrap();
        let mode = camera.mode();
        println!("{}: {mode:?}", asked.device.name());
        let mut latest = camera.next_frame(PATIENCE).unwrap().captured_at;
        let took = time(&asked.clock, || {
            for _ in 0..mode.fps {
                let frame = camera.next_frame(PATIENCE).unwrap();
                assert_eq!((frame.width(), frame.height()), (mode.width, mode.height));
                assert!(frame.captured_at > latest, "frames come in the order in which they were caught");
                latest = frame.captured_at;
            }
        });
        let step = Duration::from_secs(1) / mode.fps;
        assert!(is_in_time(took, Duration::from_secs(1), step), "{took:?} for a second");
    }
}

#[test]
fn a_camera_that_was_dropped_can_be_opened_again() {
    for asked in cameras() {
        for _ in 0..3 {
            asked.device.open(WANTED).unwrap().next_frame(PATIENCE).unwrap();
        }
    }
}

#[test]
fn a_camera_without_patience_left_is_silent_and_goes_on_afterwards() {
    for asked in cameras() {
        let mut camera = asked.device.open(WANTED).unwrap();
        camera.next_frame(PATIENCE).unwrap();
        // The frame behind may be there already when the machine was busy: then it is no silence.
        let outcome = camera.next_frame(Duration::ZERO);
        assert!(matches!(outcome, Ok(_) | Err(Error::Silent { waited_ms: 0, .. })), "{outcome:?}");
        camera.next_frame(PATIENCE).unwrap();
    }
}

#[test]
fn a_camera_that_is_silenced_or_unplugged_says_which() {
    for asked in cameras() {
        let Some(plug) = asked.plug else { continue };
        let mut camera = asked.device.open(WANTED).unwrap();
        plug.silence();
        let outcome = camera.next_frame(Duration::from_millis(300));
        assert!(matches!(outcome, Err(Error::Silent { waited_ms: 300, .. })), "{outcome:?}");
        plug.unplug();
        assert!(is_gone(&camera.next_frame(PATIENCE)) && is_gone(&asked.device.open(WANTED)));
        plug.plug();
        assert!(is_gone(&camera.next_frame(PATIENCE)), "it has to be opened again");
        asked.device.open(WANTED).unwrap().next_frame(PATIENCE).unwrap();
    }
}

#[test]
fn a_microphone_paces_its_reader() {
    for asked in microphones() {
        let mut microphone = asked.device.open().unwrap();
        microphone.read(PATIENCE).unwrap();
        let took = time(&asked.clock, || {
            for _ in 0..100 {
                let block = microphone.read(PATIENCE).unwrap();
                assert!(block.iter().all(|sample| sample.abs() <= 1.0));
            }
        });
        assert!(is_in_time(took, Duration::from_secs(1), Duration::from_millis(10)), "{took:?} for a second");
    }
}

#[test]
fn a_microphone_that_is_silenced_or_unplugged_says_which() {
    for asked in microphones() {
        let Some(plug) = asked.plug else { continue };
        let mut microphone = asked.device.open().unwrap();
        plug.silence();
        let outcome = microphone.read(Duration::from_millis(50));
        assert!(matches!(outcome, Err(Error::Silent { waited_ms: 50, .. })));
        plug.unplug();
        assert!(is_gone(&microphone.read(PATIENCE)) && is_gone(&asked.device.open()));
        plug.plug();
        asked.device.open().unwrap().read(PATIENCE).unwrap();
    }
}

#[test]
fn a_microphone_that_was_dropped_can_be_opened_again() {
    for asked in microphones() {
        for _ in 0..3 {
            asked.device.open().unwrap().read(PATIENCE).unwrap();
        }
    }
}

#[test]
fn a_loudspeaker_paces_its_writer_and_goes_on_after_a_gap() {
    const QUIET: Block = [0.0; BLOCK_SAMPLES];
    for asked in speakers() {
        let mut speaker = asked.device.open().unwrap();
        let took = time(&asked.clock, || (0..100).for_each(|_| speaker.write(&QUIET).unwrap()));
        assert!(is_in_time(took, Duration::from_secs(1), Duration::from_millis(20)), "{took:?} for a second");
        asked.clock.wait_until(asked.clock.now() + Duration::from_millis(200));
        (0..10).for_each(|_| speaker.write(&QUIET).unwrap());
    }
}

#[test]
fn a_loudspeaker_that_is_unplugged_is_gone() {
    for asked in speakers() {
        let Some(plug) = asked.plug else { continue };
        let mut speaker = asked.device.open().unwrap();
        plug.unplug();
        assert!(is_gone(&speaker.write(&[0.0; BLOCK_SAMPLES])) && is_gone(&asked.device.open()));
        plug.plug();
        asked.device.open().unwrap().write(&[0.0; BLOCK_SAMPLES]).unwrap();
    }
}

#[test]
fn a_display_shows_frames_of_its_mode_and_refuses_others() {
    for asked in displays() {
        let mut display = asked.device.open(WANTED).unwrap();
        let mode = display.mode();
        let grey = |width, height| {
            Frame::new(width, height, vec![128; Frame::byte_len(width, height)], asked.clock.now())
        };
        for _ in 0..5 {
            display.show(&grey(mode.width, mode.height)).unwrap();
        }
        let outcome = display.show(&grey(mode.width - 2, mode.height));
        assert!(matches!(outcome, Err(Error::Unsupported { .. })), "{outcome:?}");
        display.show(&grey(mode.width, mode.height)).unwrap();
    }
}

#[test]
fn a_display_that_is_unplugged_is_gone() {
    for asked in displays() {
        let Some(plug) = asked.plug else { continue };
        let mut display = asked.device.open(WANTED).unwrap();
        let mode = display.mode();
        let bytes = vec![128; Frame::byte_len(mode.width, mode.height)];
        let frame = Frame::new(mode.width, mode.height, bytes, asked.clock.now());
        plug.unplug();
        assert!(is_gone(&display.show(&frame)) && is_gone(&asked.device.open(WANTED)));
        plug.plug();
        asked.device.open(WANTED).unwrap().show(&frame).unwrap();
    }
}
