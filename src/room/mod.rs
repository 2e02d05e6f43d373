//! The room as a participant: hal -> tracks, slots -> scene -> screen and loudspeaker.
//!
//! ```text
//!  camera ─▶ ladder (an encoder per layer) ─┐                      ┌─▶ slots (a decoder each) ─▶ composer ─▶ screen
//!                                           ├─▶ link ◀──▶ SFU ──▶ ─┤                               ▲  │
//!  microphone ─▶ voice (Opus) ──────────────┘  (courier)           └─▶ mixer ─▶ loudspeaker       │  └─▶ snapshots
//!                                                                       the meeting ─▶ plan ─▶ painter
//! ```
//!
//! A thread per device, one for the link, one that draws, one that paints texts and one that makes decoders. None waits for another:
//! packets pass in bounded rings, pictures by "the latest counts", and words are state that is read anew.

pub mod age;
mod aside;
mod camera;
pub mod canvas;
mod composer;
pub mod devices;
mod ladder;
pub mod layout;
mod link;
pub mod mixer;
pub mod overlay;
pub mod painter;
pub mod plan;
mod scaler;
pub mod scene;
mod screen;
mod shared;
pub mod slots;
mod snapshot;
mod sound;
pub mod stage;
mod svg;
pub mod tone;
pub mod voice;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod testing_codecs;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use alcove_hal::Wishes;
use alcove_hal::audio::{MicrophoneDevice, SpeakerDevice};
use alcove_hal::camera::{CameraDevice, VideoMode};
use alcove_hal::clock::Clock;
use alcove_hal::codec::Codecs;
use alcove_hal::display::DisplayDevice;
use alcove_hal::seat::{Seat, Wish};

use crate::room::camera::CameraTask;
use crate::room::layout::Size;
use crate::room::link::{Courier, Mailbox};
use crate::room::mixer::{Mixer, MixerCounters};
use crate::room::painter::Painter;
use crate::room::plan::Planner;
use crate::room::shared::{Counters, Shared, Sleepers, locked};
use crate::room::slots::SlotCounters;
use crate::room::sound::{SoundTask, VoiceTask};
use crate::room::tone::Ringer;
use crate::sfu::SlotId;
use crate::track::{Layer, Source, VideoCodec};

pub use link::{FROM_SFU_MAX, RoomLink, SfuEnd, TO_SFU_MAX};
pub use scene::{
    Arrangement, Language, SceneAside, SceneCall, SceneClaim, SceneMessage, SceneModel, SceneParticipant,
    ScenePoll, SceneSign, SlotWord,
};
pub use snapshot::{SnapshotError, Snapshots};
pub use tone::{Sounding, Tone};

/// The camera's mode, and the scene's size where no screen has its own.
pub const MODE: VideoMode = VideoMode { width: 1280, height: 720, fps: 30 };

/// What a room is made with.
#[derive(Debug, Clone)]
pub struct RoomSettings {
    /// The room's name, as its screen shows it.
    pub name: String,
    /// The camera's mode, and the scene's size where no screen has its own.
    pub mode: VideoMode,
    /// The join address for people to read, until [`Room::show`] says more.
    pub join_text: String,
}

/// The devices of a room. Each seat may have none in it: no camera, no picture.
#[derive(Clone)]
pub struct Devices {
    /// What others see.
    pub camera: Arc<Seat<dyn CameraDevice>>,
    /// What others hear.
    pub microphone: Arc<Seat<dyn MicrophoneDevice>>,
    /// Where others are heard.
    pub speaker: Arc<Seat<dyn SpeakerDevice>>,
    /// Where the scene is shown; snapshots work without.
    pub display: Arc<Seat<dyn DisplayDevice>>,
    /// Encoders and decoders.
    pub codecs: Arc<dyn Codecs>,
}

/// The kinds of devices that a room has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceClass {
    /// What others see.
    Camera,
    /// What others hear.
    Microphone,
    /// Where others are heard.
    Speaker,
    /// Where the scene is shown.
    Display,
}

impl fmt::Display for DeviceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Speaker => "loudspeaker",
            Self::Display => "display",
        })
    }
}

/// What a device is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceState {
    /// It is open: a camera or microphone captures.
    InUse,
    /// It is closed: a camera or microphone does not capture.
    Off,
    /// It is wanted but not there; the sentence says why. It is tried again by itself.
    Lost(String),
}

/// What the room tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomEvent {
    /// The pictures that it wants to receive, the most important first: participant, source, largest height.
    Wishes(Vec<(u64, Source, u16)>),
    /// A device came, went, or was switched.
    Device {
        /// Its kind.
        class: DeviceClass,
        /// Its name.
        name: String,
        /// What it is doing from now on.
        state: DeviceState,
    },
    /// A slot's decoder cannot go on without a key frame.
    KeyframeWanted {
        /// The slot.
        slot: SlotId,
    },
}

/// Takes events, on any of the room's threads or the caller's. It must not block, nor call the room.
pub type EventSink = Arc<dyn Fn(RoomEvent) + Send + Sync>;

/// What the room is doing, with counters since its start.
#[derive(Debug, Clone, Default)]
pub struct RoomStatus {
    /// Whether the microphone is to capture while in a meeting.
    pub microphone_on: bool,
    /// Whether the camera is to capture while in a meeting.
    pub camera_on: bool,
    /// Devices that were opened or tried: kind, name, what they are doing.
    pub devices: Vec<(DeviceClass, String, DeviceState)>,
    /// How loud the last 20 ms of the microphone were, in dBov; none while it does not capture.
    pub microphone_dbov: Option<i8>,
    /// Pictures of the scene drawn.
    pub frames: u64,
    /// Pictures drawn more than half a tick late, in meetings.
    pub frames_late: u64,
    /// Ticks left out, in meetings.
    pub frames_missing: u64,
    /// Mean time to draw a picture, in microseconds.
    pub compose_mean_us: u64,
    /// Longest time to draw a picture, in microseconds.
    pub compose_max_us: u64,
    /// Pictures that the camera gave.
    pub camera_frames: u64,
    /// Packets published.
    pub packets_out: u64,
    /// Packets that the SFU had no room for.
    pub packets_lost: u64,
    /// Packets received.
    pub packets_in: u64,
    /// What happened to the pictures of the others.
    pub slots: SlotCounters,
    /// What happened to the sound of the others.
    pub mixer: MixerCounters,
}

/// How old the pictures of a tile are when they are handed to the screen, as means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureDelay {
    /// Whose.
    pub participant: u64,
    /// Which track.
    pub source: Source,
    /// From the capture until the room had a packet of it.
    pub arrival: Duration,
    /// Collecting and decoding.
    pub decoding: Duration,
    /// Waiting for the scene's clock.
    pub waiting: Duration,
    /// Drawing the scene, until the screen had taken it; without a screen until it was drawn.
    pub screen: Duration,
}

/// The codecs in which pictures can be taken: H.264 and VP8 always, because every meeting may fall back on them.
fn decodes(codecs: &dyn Codecs) -> Vec<VideoCodec> {
    let more = [VideoCodec::Vp9, VideoCodec::Av1];
    let more = more.into_iter().filter(|codec| codecs.decodes(slots::hal_codec(*codec)));
    [VideoCodec::H264, VideoCodec::Vp8].into_iter().chain(more).collect()
}

/// The room as a participant. It owns its threads; dropping it stops and joins them.
pub struct Room {
    shared: Arc<Shared>,
    devices: Devices,
    mailbox: Arc<Mailbox>,
    courier: Thread,
    snapshots: Snapshots,
    mode: VideoMode,
    decodes: Vec<VideoCodec>,
    joins: Mutex<u64>,
    threads: Vec<JoinHandle<()>>,
}

impl Room {
    /// Starts the room's threads: its screen welcomes, nothing captures until [`Self::join`].
    ///
    /// # Panics
    /// When the operating system gives no thread: then nothing can be done.
    #[must_use]
    pub fn start(
        devices: &Devices,
        settings: RoomSettings,
        clock: Arc<dyn Clock>,
        events: EventSink,
    ) -> Self {
        let size = Size { width: settings.mode.width & !1, height: settings.mode.height & !1 };
        let model = SceneModel { join_text: settings.join_text.clone(), ..SceneModel::default() };
        let planner = Planner::new(settings.name, model, size);
        let shared = Arc::new(Shared::new(clock, events, planner));
        let mailbox = Arc::new(Mailbox::default());
        let (threads, courier) = start_threads(devices, settings.mode, &shared, &mailbox);
        let snapshots = Snapshots::new(Arc::clone(&shared.composed));
        let (mode, joins, decodes) = (settings.mode, Mutex::default(), decodes(&*devices.codecs));
        let devices = devices.clone();
        Self { shared, devices, mailbox, courier, snapshots, mode, decodes, joins, threads }
    }

    /// Takes part in a meeting through `link`; the link before is dropped.
    pub fn join(&self, link: RoomLink) {
        let mut joins = locked(&self.joins);
        *joins += 1;
        locked(&self.shared.slots).begin(*joins);
        self.mailbox.change_link(Some((*joins, link)));
        self.courier.unpark();
        self.shared.want(|wanted| wanted.joined = Some(*joins));
    }

    /// Takes no part any more: camera, microphone and loudspeaker are closed.
    pub fn leave(&self) {
        // No packet belongs to join 0.
        locked(&self.shared.slots).begin(0);
        self.shared.want(|wanted| wanted.joined = None);
        self.mailbox.change_link(None);
        self.courier.unpark();
    }

    /// Called after packets were put into the link, from any thread; never blocks.
    #[must_use]
    pub fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let courier = self.courier.clone();
        Arc::new(move || courier.unpark())
    }

    /// Who is in the meeting. [`RoomEvent::Wishes`] follows when other pictures are wanted.
    pub fn show(&self, model: SceneModel) {
        self.shared.show(model);
    }

    /// A slot shows another track from a certain frame on.
    pub fn slot(&self, word: SlotWord) {
        locked(&self.shared.slots).word(word);
        self.shared.wake_decoders();
    }

    /// The codecs in which it can be sent pictures.
    #[must_use]
    pub fn decodes(&self) -> Vec<VideoCodec> {
        self.decodes.clone()
    }

    /// From now on the camera is sent in that codec: H.264 or VP8, whatever others send.
    pub fn set_codec(&self, codec: VideoCodec) {
        self.shared.want(|wanted| wanted.codec = codec);
    }

    /// The next frame of that layer shall be a key frame. At most two a second are made.
    pub fn request_keyframe(&self, source: Source, layer: Layer) {
        if source == Source::Camera {
            link::ask_for_keyframe(&self.shared, layer);
        }
    }

    /// The highest layer that anybody watches: encoders above it end. Until told, all run.
    pub fn set_layers(&self, source: Source, highest: Option<Layer>) {
        if source == Source::Camera {
            self.shared.want(|wanted| wanted.highest = highest);
        }
    }

    /// The heights of the camera's layers, in pixels, the smallest first.
    #[must_use]
    pub fn layer_heights(&self) -> Vec<u16> {
        ladder::heights(self.mode)
    }

    /// Other devices are wished for from now on: those in use that are not wished for are closed, others opened.
    pub fn choose(&self, wishes: &Wishes) {
        let Wishes { camera, microphone, speaker, display } = wishes.clone();
        self.devices.camera.set_wish(camera);
        self.devices.microphone.set_wish(microphone);
        self.devices.speaker.set_wish(speaker);
        self.devices.display.set_wish(display);
        self.shared.wake_all();
    }

    /// Whether a camera is wished for at all.
    #[must_use]
    pub fn has_camera(&self) -> bool {
        self.devices.camera.wish() != Wish::None
    }

    /// Whether a microphone is wished for at all.
    #[must_use]
    pub fn has_microphone(&self) -> bool {
        self.devices.microphone.wish() != Wish::None
    }

    /// Switches the microphone; off means that nothing captures.
    pub fn set_microphone(&self, on: bool) {
        self.shared.want(|wanted| wanted.microphone = on);
    }

    /// Switches the camera; off means that nothing captures.
    pub fn set_camera(&self, on: bool) {
        self.shared.want(|wanted| wanted.camera = on);
    }

    /// How loud the others are, in percent of what they send; tones of calls have a volume of their own.
    pub fn set_volume(&self, percent: u8) {
        self.shared.want(|wanted| wanted.volume = percent.min(100));
    }

    /// A tone of a call is heard from now on, in a meeting or not; `None`: no longer.
    pub fn sound(&self, sounding: Option<Sounding>) {
        self.shared.want(|wanted| wanted.sounding = sounding);
    }

    /// What the screen shows, as PNG. Takes some milliseconds of the calling thread.
    ///
    /// # Errors
    /// [`SnapshotError::Busy`] while another is being made.
    pub fn snapshot(&self) -> Result<Vec<u8>, SnapshotError> {
        self.snapshots.png()
    }

    /// Takes snapshots from other threads.
    #[must_use]
    pub fn snapshots(&self) -> Snapshots {
        self.snapshots.clone()
    }

    /// How old the pictures of the others are on the screen; of those whose publishers stamp them.
    #[must_use]
    pub fn picture_delays(&self) -> Vec<PictureDelay> {
        let counters = &self.shared.counters;
        let screen = Duration::from_micros(Counters::read(&counters.screen_us));
        let ages = locked(&self.shared.slots).ages();
        let delay = |((participant, source), age): (_, age::PictureAge)| {
            let age::PictureAge { arrival, decoding, waiting } = age;
            PictureDelay { participant, source, arrival, decoding, waiting, screen }
        };
        ages.into_iter().map(delay).collect()
    }

    /// How often the scene's clock has turned: several times a second, in meetings and between them.
    #[must_use]
    pub fn turns(&self) -> u64 {
        Counters::read(&self.shared.counters.turns)
    }

    /// What the room is doing.
    #[must_use]
    pub fn status(&self) -> RoomStatus {
        let wanted = self.shared.wanted();
        let counters = &self.shared.counters;
        let frames = Counters::read(&counters.frames);
        RoomStatus {
            microphone_on: wanted.microphone && self.has_microphone(),
            camera_on: wanted.camera && self.has_camera(),
            devices: self.shared.devices(),
            microphone_dbov: counters.microphone_dbov(),
            frames,
            frames_late: Counters::read(&counters.late),
            frames_missing: Counters::read(&counters.missing),
            compose_mean_us: Counters::read(&counters.compose_us) / frames.max(1),
            compose_max_us: counters.compose_max_us.load(Ordering::Relaxed),
            camera_frames: Counters::read(&counters.camera_frames),
            packets_out: Counters::read(&counters.packets_out),
            packets_lost: Counters::read(&counters.packets_lost),
            packets_in: Counters::read(&counters.packets_in),
            slots: locked(&self.shared.slots).counters(),
            mixer: *locked(&self.shared.mixer),
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.stop();
        self.courier.unpark();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a thread of the room had panicked");
            }
        }
    }
}

/// Starts a thread per device and task, and tells them of each other.
fn start_threads(
    devices: &Devices,
    mode: VideoMode,
    shared: &Arc<Shared>,
    mailbox: &Arc<Mailbox>,
) -> (Vec<JoinHandle<()>>, Thread) {
    let (to_mixer, packets) = rtrb::RingBuffer::new(link::SOUND_MAX);
    let painter = Arc::new(Painter::default());
    let mut courier_task = Courier::new(Arc::clone(mailbox), to_mixer);
    let link = spawn("room-link", shared, move |shared| courier_task.run(shared));
    let courier = link.thread().clone();
    let camera = CameraTask {
        seat: Arc::clone(&devices.camera),
        codecs: Arc::clone(&devices.codecs),
        mailbox: Arc::clone(mailbox),
        courier: courier.clone(),
        painter: Arc::clone(&painter),
        mode,
    };
    let voice = VoiceTask {
        seat: Arc::clone(&devices.microphone),
        mailbox: Arc::clone(mailbox),
        courier: courier.clone(),
    };
    let mut sound = SoundTask {
        seat: Arc::clone(&devices.speaker),
        packets,
        mixer: Mixer::default(),
        ringer: Ringer::default(),
    };
    let display = Arc::clone(&devices.display);
    let codecs = Arc::clone(&devices.codecs);
    let threads = vec![
        spawn("room-paint", shared, move |shared| composer::paint(shared, &painter)),
        spawn("room-camera", shared, move |shared| camera.run(shared)),
        spawn("room-voice", shared, move |shared| voice.run(shared)),
        spawn("room-sound", shared, move |shared| sound.run(shared)),
        spawn("room-screen", shared, move |shared| screen::run(shared, &display, mode)),
        spawn("room-decoders", shared, move |shared| slots::run_decoders(shared, &codecs)),
    ];
    let sleeper = |index: usize| threads[index].thread().clone();
    let sleepers = Sleepers {
        painter: sleeper(0),
        camera: sleeper(1),
        voice: sleeper(2),
        sound: sleeper(3),
        screen: sleeper(4),
        decoders: sleeper(5),
    };
    if shared.sleepers.set(sleepers).is_err() {
        log::error!("the threads of a room were started twice");
    }
    let scene = spawn("room-scene", shared, |shared| composer::run(shared));
    (threads.into_iter().chain([link, scene]).collect(), courier)
}

fn spawn(
    name: &str,
    shared: &Arc<Shared>,
    mut task: impl FnMut(&Arc<Shared>) + Send + 'static,
) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || task(&shared));
    thread.expect("the operating system gives a thread")
}
