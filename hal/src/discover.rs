//! Finds the hardware of the room, and puts a simulated device where there is none.

use std::sync::Arc;
use std::time::Instant;

use crate::audio::{MicrophoneDevice, SpeakerDevice};
use crate::camera::CameraDevice;
use crate::clock::Clock;
use crate::codec::{Codecs, Probe};
use crate::display::DisplayDevice;
use crate::linux::{self, AlsaDevice, GstCodecs, GstDisplay, V4lCamera};
use crate::report::{DeviceClass, DeviceReport, Report};
use crate::seat::{Found, Looker, Seat, Wish};
use crate::simulated::SimulatedRoom;

/// What to look for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiscoverOptions {
    /// Use simulated devices only, even where there are real ones; the display is simulated then, too.
    pub simulated: bool,
    /// The name that the simulated camera shows.
    pub room_name: String,
    /// Which devices are wished for.
    pub wishes: Wishes,
}

/// What is wished for of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// What others see.
    pub camera: Wish,
    /// What others hear.
    pub microphone: Wish,
    /// Where others are heard.
    pub speaker: Wish,
    /// Where the scene is shown.
    pub display: Wish,
}

/// The hardware of the room.
pub struct Hardware {
    /// What others see.
    pub camera: Arc<Seat<dyn CameraDevice>>,
    /// What others hear.
    pub microphone: Arc<Seat<dyn MicrophoneDevice>>,
    /// Where others are heard.
    pub speaker: Arc<Seat<dyn SpeakerDevice>>,
    /// Where the scene is shown. With nothing in this seat, it is seen in the snapshot only.
    pub display: Arc<Seat<dyn DisplayDevice>>,
    /// The encoders and decoders.
    pub codecs: Arc<dyn Codecs>,
    /// The simulated devices, whether they are used or not: handles for tests.
    pub simulation: SimulatedRoom,
    simulated_only: bool,
    encoders: Vec<Probe>,
    media_start_ms: f64,
    probing_ms: f64,
}

/// Looks for devices and tries the encoders. Takes some tens of milliseconds when GStreamer's list of plug-ins
/// is warm; trying a camera that makes H.264 takes up to 1.5 seconds more.
#[must_use]
pub fn discover(options: &DiscoverOptions, clock: &Arc<dyn Clock>) -> Hardware {
    let simulation = SimulatedRoom::new(&options.room_name, clock);
    let start = clock.now();
    linux::start_media();
    let started = clock.now();
    let place = Place { simulated_only: options.simulated, clock };
    let wishes = &options.wishes;
    let camera: Arc<dyn CameraDevice> = Arc::clone(&simulation.camera) as _;
    let camera = place.seat(&wishes.camera, <dyn CameraDevice>::name, cameras(clock), camera);
    let microphone: Arc<dyn MicrophoneDevice> = Arc::clone(&simulation.microphone) as _;
    let microphone =
        place.seat(&wishes.microphone, <dyn MicrophoneDevice>::name, microphones(clock), microphone);
    let speaker: Arc<dyn SpeakerDevice> = Arc::clone(&simulation.speaker) as _;
    let speaker = place.seat(&wishes.speaker, <dyn SpeakerDevice>::name, speakers(clock), speaker);
    let display: Arc<dyn DisplayDevice> = Arc::clone(&simulation.display) as _;
    let display = place.seat(&wishes.display, <dyn DisplayDevice>::name, displays(), display);
    let probing = clock.now();
    let own_h264: Vec<Probe> = camera.found().iter().filter_map(|camera| camera.try_h264()).collect();
    let codecs = GstCodecs::probe(Arc::clone(clock), &own_h264);
    Hardware {
        camera,
        microphone,
        speaker,
        display,
        encoders: codecs.probes().to_vec(),
        codecs: Arc::new(codecs),
        simulation,
        simulated_only: options.simulated,
        media_start_ms: milliseconds(start, started),
        probing_ms: milliseconds(probing, clock.now()),
    }
}

fn milliseconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1_000.0
}

fn cameras(clock: &Arc<dyn Clock>) -> Looker<dyn CameraDevice> {
    let clock = Arc::clone(clock);
    let share = |camera| Arc::new(camera) as Arc<dyn CameraDevice>;
    Looker { has_stand_in: true, ..looker(linux::list_cameras, move || V4lCamera::find_all(&clock), share) }
}

fn microphones(clock: &Arc<dyn Clock>) -> Looker<dyn MicrophoneDevice> {
    let clock = Arc::clone(clock);
    let find = move || (AlsaDevice::microphones(&clock), Vec::new());
    let share = |device| Arc::new(device) as Arc<dyn MicrophoneDevice>;
    Looker { has_stand_in: true, ..looker(linux::list_sound, find, share) }
}

fn speakers(clock: &Arc<dyn Clock>) -> Looker<dyn SpeakerDevice> {
    let clock = Arc::clone(clock);
    let find = move || (AlsaDevice::speakers(&clock), Vec::new());
    let share = |device| Arc::new(device) as Arc<dyn SpeakerDevice>;
    Looker { has_stand_in: true, ..looker(linux::list_sound, find, share) }
}

/// A simulated display shows nothing to anybody: it stands in for none.
fn displays() -> Looker<dyn DisplayDevice> {
    let find = || {
        let (displays, why_none) = GstDisplay::find_all();
        let why_none = format!("no display: {why_none}; the scene is seen in the snapshot only");
        let problems = if displays.is_empty() { vec![why_none] } else { Vec::new() };
        (displays, problems)
    };
    looker(linux::list_displays, find, |display| Arc::new(display) as Arc<dyn DisplayDevice>)
}

/// A looker of what `find` returns: devices, and what cannot be used and why. Nothing stands in for them.
fn looker<Real: 'static, Device: ?Sized + 'static>(
    list: fn() -> Vec<String>,
    find: impl Fn() -> (Vec<Real>, Vec<String>) + Send + Sync + 'static,
    share: fn(Real) -> Arc<Device>,
) -> Looker<Device> {
    let find = move || {
        let (devices, problems) = find();
        Found { devices: devices.into_iter().map(share).collect(), problems }
    };
    Looker { list, find: Box::new(find), has_stand_in: false }
}

/// What seats are made with.
struct Place<'a> {
    simulated_only: bool,
    clock: &'a Arc<dyn Clock>,
}

impl Place<'_> {
    fn seat<Device: ?Sized>(
        &self,
        wish: &Wish,
        name: fn(&Device) -> &str,
        looker: Looker<Device>,
        simulated: Arc<Device>,
    ) -> Arc<Seat<Device>> {
        let (wish, clock) = (wish.clone(), Arc::clone(self.clock));
        Arc::new(if self.simulated_only {
            Seat::fixed(simulated, wish, name, clock)
        } else {
            Seat::new(wish, name, looker, simulated, clock)
        })
    }
}

impl Hardware {
    /// What is wished for now.
    #[must_use]
    pub fn wishes(&self) -> Wishes {
        Wishes {
            camera: self.camera.wish(),
            microphone: self.microphone.wish(),
            speaker: self.speaker.wish(),
            display: self.display.wish(),
        }
    }

    /// What is there now, what is used, and why.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut told = Told { simulated_only: self.simulated_only, devices: Vec::new(), notes: Vec::new() };
        told.tell(DeviceClass::Camera, &self.camera);
        told.tell(DeviceClass::Microphone, &self.microphone);
        told.tell(DeviceClass::Speaker, &self.speaker);
        told.tell(DeviceClass::Display, &self.display);
        Report {
            devices: told.devices,
            encoders: self.encoders.clone(),
            notes: told.notes,
            media_start_ms: self.media_start_ms,
            probing_ms: self.probing_ms,
        }
    }
}

/// Collects the report on the way.
struct Told {
    simulated_only: bool,
    devices: Vec<DeviceReport>,
    notes: Vec<String>,
}

impl Told {
    fn tell<Device: ?Sized>(&mut self, class: DeviceClass, seat: &Seat<Device>) {
        let wish = seat.wish();
        if wish == Wish::None {
            self.notes.push(format!("no {} is used: the configuration says so", class.word()));
            return;
        }
        let in_use = seat.device().map(|device| seat.name_of(&device).to_owned());
        let (present, problems) = seat.present();
        self.notes.extend(problems);
        if let Wish::Named(part) = &wish
            && !self.simulated_only
            && !present.iter().any(|(name, _)| name.contains(part.as_str()))
        {
            self.notes.push(format!(
                "no {} named {part:?} is there; another one is used until it is",
                class.word()
            ));
        }
        let mut told: Vec<_> = present
            .into_iter()
            .map(|(name, simulated)| {
                let chosen = in_use.as_ref() == Some(&name);
                let reason = self.reason(class, &wish, &name, chosen, simulated).to_owned();
                DeviceReport { class, name, chosen, simulated, reason }
            })
            .collect();
        told.sort_by_key(|device| !device.chosen);
        self.devices.extend(told);
    }

    fn reason(
        &self,
        class: DeviceClass,
        wish: &Wish,
        name: &str,
        chosen: bool,
        simulated: bool,
    ) -> &'static str {
        match (simulated, chosen, wish) {
            (true, ..) if self.simulated_only || *wish == Wish::Simulated => {
                "simulated devices were asked for"
            }
            (true, ..) => why_simulated(class),
            (false, false, _) => "another one comes first",
            (false, true, Wish::Named(part)) if name.contains(part.as_str()) => "the configuration names it",
            (false, true, _) => "the first that was found",
        }
    }
}

const fn why_simulated(class: DeviceClass) -> &'static str {
    match class {
        DeviceClass::Camera => "no camera found: /dev/video* has none; a simulated test card is in use",
        DeviceClass::Microphone => "no microphone found: ALSA has none; simulated speech is in use",
        DeviceClass::Speaker => "no loudspeaker found: ALSA has none; nothing will be heard in the room",
        DeviceClass::Display => "no display found",
    }
}
