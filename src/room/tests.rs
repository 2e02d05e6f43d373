//! The room as a whole, on simulated devices and in time that is turned by hand: what it sends comes back to it
//! as somebody else's, and is seen on its screen and heard from its loudspeaker.

mod own_h264;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use alcove_hal::audio::{MicrophoneDevice, SpeakerDevice};
use alcove_hal::display::DisplayDevice;
use alcove_hal::seat::{Seat, Wish};
use alcove_hal::simulated::microphone::MARKER_HZ;
use alcove_hal::simulated::{SimulatedRoom, time_code};

use super::layout::{Place, Rect};
use super::testing::TestClock;
use super::testing_codecs::{GlassCodecs, height, is_keyframe};
use super::*;
use crate::sfu::local::{Delivered, Published};

const MODE: VideoMode = VideoMode { width: 1280, height: 720, fps: 30 };
const START: Duration = Duration::from_secs(1_800_000_000);
const OWN: u64 = 0;
const OTHER: u64 = 7;
const SOUND_SLOT: SlotId = SlotId(0);
const PICTURE_SLOT: SlotId = SlotId(3);

/// Threads that wait for the clock in a meeting: scene, camera, microphone, loudspeaker.
const IN_MEETING: usize = 4;

struct House {
    clock: Arc<TestClock>,
    devices: SimulatedRoom,
    events: Arc<Mutex<Vec<RoomEvent>>>,
    room: Option<Room>,
    sfu: Option<SfuEnd>,
    /// Everything that was published, in order.
    published: Vec<Published>,
    /// The camera layer that comes back.
    layer: Layer,
}

fn seat<Device: ?Sized>(
    device: Arc<Device>,
    name: fn(&Device) -> &str,
    clock: &Arc<dyn Clock>,
) -> Arc<Seat<Device>> {
    Arc::new(Seat::fixed(device, Wish::Auto, name, Arc::clone(clock)))
}

impl House {
    fn new() -> Self {
        Self::with(|camera| camera, Arc::new(GlassCodecs))
    }

    /// A house with a camera made of the simulated one.
    fn with(
        camera: impl FnOnce(Arc<dyn CameraDevice>) -> Arc<dyn CameraDevice>,
        codecs: Arc<dyn Codecs>,
    ) -> Self {
        let clock = TestClock::new(START);
        let as_clock: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let devices = SimulatedRoom::new("Library", &as_clock);
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let all = Devices {
            camera: seat(camera(devices.camera.clone()), <dyn CameraDevice>::name, &as_clock),
            microphone: seat(devices.microphone.clone(), <dyn MicrophoneDevice>::name, &as_clock),
            speaker: seat(devices.speaker.clone(), <dyn SpeakerDevice>::name, &as_clock),
            display: seat(devices.display.clone(), <dyn DisplayDevice>::name, &as_clock),
            codecs,
        };
        let settings = RoomSettings { name: "Library".into(), mode: MODE, join_text: "library.local".into() };
        let room =
            Room::start(&all, settings, as_clock, Arc::new(move |event| sink.lock().unwrap().push(event)));
        Self { clock, devices, events, room: Some(room), sfu: None, published: Vec::new(), layer: Layer(1) }
    }

    fn room(&self) -> &Room {
        self.room.as_ref().expect("it lives until the end of the test")
    }

    fn join(&mut self) {
        let (link, sfu) = RoomLink::new(Arc::new(|| ()));
        self.sfu = Some(sfu);
        self.room().join(link);
        self.room().show(meeting());
        self.word(Some(OTHER), 0);
    }

    fn word(&self, other: Option<u64>, rtp_timestamp: u32) {
        let track = other.map(|id| (id, Source::Camera));
        self.room().slot(SlotWord { slot: PICTURE_SLOT, track, rtp_timestamp });
    }

    /// Time goes on by one deadline, and what the room has published comes back to it.
    fn step(&mut self) {
        self.clock.turn_to_next(IN_MEETING);
        let Some(sfu) = &mut self.sfu else { return };
        while let Ok(packet) = sfu.from_room.pop() {
            if packet.source == Source::Microphone || packet.layer == self.layer {
                sfu.to_room.push(delivered(&packet)).expect("the room reads what it is sent");
            }
            self.published.push(packet);
        }
        self.room().waker()();
    }

    /// Lets time go on until `is_so`; says `what` is missing after a virtual minute.
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..20_000 {
            if is_so(self) {
                return;
            }
            self.step();
        }
        panic!("{what} did not come to pass; events: {:?}", self.events.lock().unwrap());
    }

    /// How old the time code in a tile of the screen is.
    fn age_on_screen(&self, rect: Rect) -> Option<i64> {
        let frame = self.devices.display.last_frame()?;
        let start = (rect.y * frame.width() + rect.x) as usize;
        let stride = frame.width() as usize;
        let code = time_code::decode(
            &frame.planes()[0][start..],
            stride,
            rect.width as usize,
            rect.height as usize,
        )?;
        Some(time_code::age_ms(code, self.clock.unix_time()).into())
    }

    fn was_told(&self, class: DeviceClass, is_it: impl Fn(&DeviceState) -> bool) -> bool {
        self.events.lock().unwrap().iter().any(
            |event| matches!(event, RoomEvent::Device { class: told, state, .. } if *told == class && is_it(state)),
        )
    }

    fn packets(&self, source: Source) -> impl Iterator<Item = &Published> {
        self.published.iter().filter(move |packet| packet.source == source)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.clock.release();
        drop(self.room.take());
    }
}

fn meeting() -> SceneModel {
    let person = |id, name: &str, is_room| SceneParticipant {
        id,
        name: name.into(),
        is_room,
        camera: true,
        microphone_muted: false,
        screen: false,
    };
    SceneModel {
        meeting: Some("standup".into()),
        join_url: "https://library.local:8443/m/standup".into(),
        join_text: "library.local:8443".into(),
        participants: vec![person(OWN, "Library", true), person(OTHER, "Ann", false)],
        ..SceneModel::default()
    }
}

fn tile(place: Place) -> Rect {
    let size = Size { width: 1280, height: 720 };
    let layout = layout::arrange(&meeting(), size, None);
    layout.tiles.iter().find(|tile| tile.place == place).expect("both have a tile").rect
}

fn delivered(packet: &Published) -> Delivered {
    Delivered {
        slot: if packet.source == Source::Microphone { SOUND_SLOT } else { PICTURE_SLOT },
        codec: packet.codec,
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        marker: packet.marker,
        captured_at: None,
        payload: Arc::clone(&packet.payload),
    }
}

#[test]
fn what_is_sent_and_comes_back_is_seen_in_its_tile_and_heard() {
    let mut house = House::new();
    house.join();
    house.until("a fresh time code in the other's tile", |house| {
        house.age_on_screen(tile(Place::Stage)).is_some_and(|age| (0..1_000).contains(&age))
    });
    house.until("a fresh time code in the own tile", |house| {
        house.age_on_screen(tile(Place::Own)).is_some_and(|age| (0..200).contains(&age))
    });
    house.until("the microphone's tone from the loudspeaker", |house| {
        house.devices.speaker.tone_dbfs(MARKER_HZ, Duration::from_secs(1)) > -40.0
    });
    let wishes = RoomEvent::Wishes(vec![(OTHER, Source::Camera, 720)]);
    assert!(house.events.lock().unwrap().contains(&wishes));
    assert!(house.room().snapshot().is_ok_and(|png| png.starts_with(b"\x89PNG")));
}

#[test]
fn sequences_have_no_gap_also_across_a_change_of_the_codec() {
    let mut house = House::new();
    house.join();
    house.until("H.264", |house| house.packets(Source::Camera).any(|it| it.codec == Some(VideoCodec::H264)));
    house.room().set_codec(VideoCodec::Vp8);
    house.until("thirty frames of VP8", |house| {
        house.packets(Source::Camera).filter(|it| it.codec == Some(VideoCodec::Vp8)).count() > 90
    });
    for layer in 0..3 {
        let of_layer: Vec<_> = house.packets(Source::Camera).filter(|it| it.layer == Layer(layer)).collect();
        assert!(of_layer.iter().zip(0..).all(|(packet, expected)| packet.sequence == expected));
        assert!(of_layer.windows(2).all(|two| two[0].timestamp < two[1].timestamp), "layer {layer}");
        let first_vp8 = of_layer.iter().find(|packet| packet.codec == Some(VideoCodec::Vp8));
        assert!(first_vp8.is_some_and(|packet| is_keyframe(&packet.payload)));
    }
    let voice: Vec<_> = house.packets(Source::Microphone).collect();
    assert!(voice.windows(2).all(|two| two[1].timestamp - two[0].timestamp == 960));
    assert!(voice.iter().all(|packet| packet.audio_level.is_some_and(|level| level <= 0)));
}

#[test]
fn layers_that_nobody_watches_are_not_encoded() {
    let mut house = House::new();
    house.join();
    house.until("the top layer", |house| house.packets(Source::Camera).any(|it| height(&it.payload) == 720));
    house.room().set_layers(Source::Camera, Some(Layer(0)));
    // What was on its way still comes.
    (0..20).for_each(|_| house.step());
    house.published.clear();
    house.until("frames", |house| house.packets(Source::Camera).count() > 20);
    assert!(house.packets(Source::Camera).all(|packet| height(&packet.payload) == 180));
    house.room().set_layers(Source::Camera, None);
    (0..20).for_each(|_| house.step());
    house.published.clear();
    (0..100).for_each(|_| house.step());
    assert_eq!(house.packets(Source::Camera).count(), 0);
}

#[test]
fn key_frames_come_on_request_but_not_in_a_burst() {
    let mut house = House::new();
    house.join();
    house.until("frames", |house| house.packets(Source::Camera).count() > 3);
    for _ in 0..600 {
        house.room().request_keyframe(Source::Camera, Layer(1));
        house.step();
    }
    let of_layer = || house.packets(Source::Camera).filter(|packet| packet.layer == Layer(1));
    let frames = of_layer().count();
    let keyframes = of_layer().filter(|packet| is_keyframe(&packet.payload)).count();
    assert!(keyframes >= 3 && keyframes <= frames / 14 + 2, "{keyframes} of {frames}");
}

#[test]
fn muted_means_that_nothing_is_captured() {
    let mut house = House::new();
    house.join();
    house.until("sound", |house| house.packets(Source::Microphone).count() > 5);
    house.room().set_camera(false);
    house.room().set_microphone(false);
    let is_off = |house: &House| {
        [DeviceClass::Camera, DeviceClass::Microphone]
            .iter()
            .all(|class| house.was_told(*class, |state| *state == DeviceState::Off))
    };
    // Both threads leave the clock; two remain.
    while !is_off(&house) {
        house.clock.turn_to_next(2);
    }
    let sfu = house.sfu.as_mut().expect("it joined");
    for _ in 0..100 {
        house.clock.turn_to_next(2);
    }
    while sfu.from_room.pop().is_ok() {}
    for _ in 0..100 {
        house.clock.turn_to_next(2);
    }
    assert!(sfu.from_room.pop().is_err(), "nothing is published");
    let status = house.room().status();
    assert!(!status.microphone_on && !status.camera_on);
}

#[test]
fn an_unplugged_camera_is_replaced_by_a_notice_until_it_is_back() {
    let mut house = House::new();
    house.join();
    house.until("frames", |house| house.packets(Source::Camera).count() > 3);
    house.devices.camera.plug().unplug();
    house.until("the loss", |house| {
        house.was_told(DeviceClass::Camera, |it| matches!(it, DeviceState::Lost(_)))
    });
    house.published.clear();
    house.until("the notice", |house| house.packets(Source::Camera).count() > 3);
    house.devices.camera.plug().plug();
    house.events.lock().unwrap().clear();
    house.until("the camera", |house| house.was_told(DeviceClass::Camera, |it| *it == DeviceState::InUse));
    house.until("a fresh time code in the own tile", |house| {
        house.age_on_screen(tile(Place::Own)).is_some_and(|age| (0..200).contains(&age))
    });
}

#[test]
fn a_camera_that_is_there_and_silent_is_replaced_by_a_notice_that_stays_until_it_speaks() {
    let mut house = House::new();
    house.join();
    house.until("frames", |house| house.packets(Source::Camera).count() > 3);
    house.devices.camera.plug().silence();
    house.until("the loss", |house| {
        house.was_told(DeviceClass::Camera, |it| matches!(it, DeviceState::Lost(_)))
    });
    // Longer than it takes to open the camera anew, and to wait for it in vain.
    for _ in 0..3 {
        house.events.lock().unwrap().clear();
        house.published.clear();
        house.until("the notice", |house| house.packets(Source::Camera).count() > 20);
        assert!(!house.was_told(DeviceClass::Camera, |it| *it == DeviceState::InUse), "it has said nothing");
    }
    house.devices.camera.plug().plug();
    house.until("the camera", |house| house.was_told(DeviceClass::Camera, |it| *it == DeviceState::InUse));
}

#[test]
fn every_device_may_be_pulled_and_the_scene_goes_on() {
    let mut house = House::new();
    house.join();
    house.until("frames", |house| house.packets(Source::Camera).count() > 3);
    let devices = house.devices.clone();
    let plugs =
        [devices.camera.plug(), devices.microphone.plug(), devices.speaker.plug(), devices.display.plug()];
    plugs.iter().for_each(alcove_hal::simulated::SimulatedPlug::unplug);
    let classes = [DeviceClass::Camera, DeviceClass::Microphone, DeviceClass::Speaker, DeviceClass::Display];
    // The screen's thread waits for the clock too while its display is gone.
    house.until("the losses", |house| {
        classes.iter().all(|class| house.was_told(*class, |state| matches!(state, DeviceState::Lost(_))))
    });
    let frames = house.room().status().frames;
    house.until("more pictures", |house| house.room().status().frames > frames + 30);
    plugs.iter().for_each(alcove_hal::simulated::SimulatedPlug::plug);
    house.events.lock().unwrap().clear();
    house.until("all devices", |house| {
        classes.iter().all(|class| house.was_told(*class, |state| *state == DeviceState::InUse))
    });
}

#[test]
fn devices_that_are_not_wished_for_any_more_are_closed_in_a_meeting_and_opened_when_they_are_again() {
    let mut house = House::new();
    house.join();
    let classes = [DeviceClass::Camera, DeviceClass::Microphone, DeviceClass::Speaker, DeviceClass::Display];
    let all_are = |house: &House, wanted: &DeviceState| {
        classes.iter().all(|class| house.was_told(*class, |state| state == wanted))
    };
    house.until("all devices", |house| all_are(house, &DeviceState::InUse));
    let none =
        Wishes { camera: Wish::None, microphone: Wish::None, speaker: Wish::None, display: Wish::None };
    house.room().choose(&none);
    house.until("their end", |house| all_are(house, &DeviceState::Off));
    let status = house.room().status();
    assert!(!status.microphone_on && !status.camera_on, "whatever the switches say");
    house.until("what was on its way", |house| house.room().status().frames > status.frames + 3);
    house.published.clear();
    house.until("more pictures", |house| house.room().status().frames > status.frames + 30);
    assert_eq!((house.published.len(), house.room().status().camera_frames), (0, status.camera_frames));
    house.events.lock().unwrap().clear();
    house.room().choose(&Wishes::default());
    house.until("all devices", |house| all_are(house, &DeviceState::InUse));
    house.until("what they capture", |house| {
        house.packets(Source::Camera).count() > 3 && house.packets(Source::Microphone).count() > 3
    });
}

#[test]
fn in_a_meeting_no_picture_is_late_or_missing() {
    let mut house = House::new();
    house.join();
    house.until("pictures", |house| house.room().status().frames > 100);
    let status = house.room().status();
    assert_eq!((status.frames_late, status.frames_missing), (0, 0), "{status:?}");
}

#[test]
fn a_machine_that_stalls_leaves_pictures_out_and_says_so() {
    let mut house = House::new();
    house.join();
    house.until("pictures", |house| house.room().status().frames > 10);
    house.clock.turn(Duration::from_secs(1));
    house.until("the count", |house| house.room().status().frames_missing > 0);
    let status = house.room().status();
    assert!((28..=31).contains(&status.frames_missing), "{status:?}");
    assert!(status.frames < 60, "no burst: {status:?}");
}

#[test]
fn outside_a_meeting_nothing_runs_but_a_slow_look_at_what_has_changed() {
    let house = House::new();
    for _ in 0..200 {
        house.clock.turn_to_next(1);
    }
    let frames = house.room().status().frames;
    assert!((1..=4).contains(&frames), "{frames} pictures of a screen that does not change");
    assert!(house.published.is_empty() && house.room().status().camera_frames == 0);
    assert!(house.room().snapshot().is_ok_and(|png| png.starts_with(b"\x89PNG")));
}

#[test]
fn leaving_closes_the_devices_and_joining_again_begins_anew() {
    let mut house = House::new();
    for _ in 0..2 {
        house.join();
        house.until("the other's picture", |house| house.age_on_screen(tile(Place::Stage)).is_some());
        let first = house.packets(Source::Camera).next().map(|packet| packet.sequence);
        assert_eq!(first, Some(0));
        house.events.lock().unwrap().clear();
        house.room().leave();
        house.room().show(SceneModel::default());
        let closed = [DeviceClass::Camera, DeviceClass::Microphone, DeviceClass::Speaker];
        while !closed.iter().all(|class| house.was_told(*class, |state| *state == DeviceState::Off)) {
            house.clock.turn_to_next(1);
        }
        // What is seen the next time shall not be what is still on the screen.
        while house.age_on_screen(tile(Place::Stage)).is_some() {
            house.clock.turn_to_next(1);
        }
        house.published.clear();
    }
}

#[test]
fn a_call_is_heard_and_seen_outside_a_meeting_and_leaves_nothing_open() {
    /// The scene's clock, and the loudspeaker.
    const RINGING: usize = 2;
    let house = House::new();
    let call = SceneCall { names: "Ann".into(), what: SceneSign::IsRung, bright: true };
    house.room().show(SceneModel { call: Some(call), ..SceneModel::default() });
    house.room().sound(Some(Sounding { tone: Tone::Back, volume: 100 }));
    let is_heard = || house.devices.speaker.tone_dbfs(425.0, Duration::from_millis(500)) > -25.0;
    while !is_heard() {
        house.clock.turn_to_next(RINGING);
    }
    assert!(house.room().status().camera_frames == 0 && house.published.is_empty(), "nothing is captured");
    let is_bright = || {
        let frame = house.devices.display.last_frame()?;
        // BT.709 of the bright ground, in limited range.
        Some((90..=105).contains(&frame.planes()[0][frame.width() as usize * 60 + 60]))
    };
    // Texts are painted in their own time.
    while is_bright() != Some(true) {
        house.clock.turn_to_next(RINGING);
    }
    house.room().sound(None);
    while !house.was_told(DeviceClass::Speaker, |state| *state == DeviceState::Off) {
        house.clock.turn_to_next(1);
    }
}
