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
use crate::simulated::SimulatedRoom;

/// What to look for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiscoverOptions {
    /// Use simulated devices only, even where there are real ones; the display is simulated then, too.
    pub simulated: bool,
    /// The name that the simulated camera shows.
    pub room_name: String,
}

/// The hardware of the room: the first of each kind is the one to use.
pub struct Hardware {
    /// At least one.
    pub cameras: Vec<Arc<dyn CameraDevice>>,
    /// At least one.
    pub microphones: Vec<Arc<dyn MicrophoneDevice>>,
    /// At least one.
    pub speakers: Vec<Arc<dyn SpeakerDevice>>,
    /// None where there is no screen: then the scene is seen in the snapshot only.
    pub displays: Vec<Arc<dyn DisplayDevice>>,
    /// The encoders and decoders.
    pub codecs: Arc<dyn Codecs>,
    /// What was found, and why what is used.
    pub report: Report,
    /// The simulated devices, whether they are used or not: handles for tests.
    pub simulation: SimulatedRoom,
}

/// Looks for devices and tries the encoders. Takes some tens of milliseconds when GStreamer's list of plug-ins
/// is warm; trying a camera that makes H.264 takes up to 1.5 seconds more.
#[must_use]
pub fn discover(options: &DiscoverOptions, clock: &Arc<dyn Clock>) -> Hardware {
    let simulation = SimulatedRoom::new(&options.room_name, clock);
    let mut finder = Finder { simulated_only: options.simulated, devices: Vec::new(), notes: Vec::new() };
    let real_cameras = finder.find_cameras(clock);
    let found = real_cameras.iter().map(|camera| Arc::clone(camera) as Arc<dyn CameraDevice>).collect();
    let stand_in: Arc<dyn CameraDevice> = Arc::clone(&simulation.camera) as _;
    let cameras = finder.choose(DeviceClass::Camera, found, stand_in, |it| it.name());
    let found = finder.real(|| AlsaDevice::microphones(clock));
    let found = found.into_iter().map(|device| Arc::new(device) as Arc<dyn MicrophoneDevice>).collect();
    let stand_in: Arc<dyn MicrophoneDevice> = Arc::clone(&simulation.microphone) as _;
    let microphones = finder.choose(DeviceClass::Microphone, found, stand_in, |it| it.name());
    let found = finder.real(|| AlsaDevice::speakers(clock));
    let found = found.into_iter().map(|device| Arc::new(device) as Arc<dyn SpeakerDevice>).collect();
    let stand_in: Arc<dyn SpeakerDevice> = Arc::clone(&simulation.speaker) as _;
    let speakers = finder.choose(DeviceClass::Speaker, found, stand_in, |it| it.name());

    let start = clock.now();
    linux::start_media();
    let started = clock.now();
    let displays = finder.find_displays(&simulation);
    let probing = clock.now();
    let own_h264: Vec<Probe> = real_cameras.iter().filter_map(|camera| camera.try_h264()).collect();
    let codecs = GstCodecs::probe(Arc::clone(clock), &own_h264);
    let report = Report {
        devices: finder.devices,
        encoders: codecs.probes().to_vec(),
        notes: finder.notes,
        media_start_ms: milliseconds(start, started),
        probing_ms: milliseconds(probing, clock.now()),
    };
    Hardware { cameras, microphones, speakers, displays, codecs: Arc::new(codecs), report, simulation }
}

fn milliseconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1_000.0
}

/// Collects the report on the way.
struct Finder {
    simulated_only: bool,
    devices: Vec<DeviceReport>,
    notes: Vec<String>,
}

impl Finder {
    /// What `find` finds, unless real devices are not wanted.
    fn real<Device>(&self, find: impl FnOnce() -> Vec<Device>) -> Vec<Device> {
        if self.simulated_only { Vec::new() } else { find() }
    }

    /// The cameras of the kernel's, unless real devices are not wanted.
    fn find_cameras(&mut self, clock: &Arc<dyn Clock>) -> Vec<Arc<V4lCamera>> {
        if self.simulated_only {
            return Vec::new();
        }
        let found = V4lCamera::find_all(clock);
        self.notes.extend(found.problems);
        found.cameras.into_iter().map(Arc::new).collect()
    }

    /// Real devices if there are any, else the simulated one; and says so.
    fn choose<Device: ?Sized>(
        &mut self,
        class: DeviceClass,
        found: Vec<Arc<Device>>,
        simulated: Arc<Device>,
        name: fn(&Device) -> &str,
    ) -> Vec<Arc<Device>> {
        if found.is_empty() {
            let reason = self.why_simulated(class);
            self.tell(class, name(&simulated), true, &reason, true);
            return vec![simulated];
        }
        self.tell_real(class, found.iter().map(|device| name(device)));
        found
    }

    fn tell_real<'a>(&mut self, class: DeviceClass, names: impl Iterator<Item = &'a str>) {
        for (index, name) in names.enumerate() {
            let reason = if index == 0 { "the first that was found" } else { "another one comes first" };
            self.tell(class, name, index == 0, reason, false);
        }
    }

    fn find_displays(&mut self, simulation: &SimulatedRoom) -> Vec<Arc<dyn DisplayDevice>> {
        if self.simulated_only {
            let display: Arc<dyn DisplayDevice> = Arc::clone(&simulation.display) as _;
            self.tell(DeviceClass::Display, display.name(), true, "simulated devices were asked for", true);
            return vec![display];
        }
        let (found, why_none) = GstDisplay::find_all();
        let displays: Vec<Arc<dyn DisplayDevice>> =
            found.into_iter().map(|display| Arc::new(display) as Arc<dyn DisplayDevice>).collect();
        if displays.is_empty() {
            self.notes.push(format!("no display: {why_none}; the scene is seen in the snapshot only"));
        }
        self.tell_real(DeviceClass::Display, displays.iter().map(|display| display.name()));
        displays
    }

    fn why_simulated(&self, class: DeviceClass) -> String {
        if self.simulated_only {
            return "simulated devices were asked for".to_owned();
        }
        match class {
            DeviceClass::Camera => "no camera found: /dev/video* has none; a simulated test card is in use",
            DeviceClass::Microphone => "no microphone found: ALSA has none; simulated speech is in use",
            DeviceClass::Speaker => "no loudspeaker found: ALSA has none; nothing will be heard in the room",
            DeviceClass::Display => "no display found",
        }
        .to_owned()
    }

    fn tell(&mut self, class: DeviceClass, name: &str, chosen: bool, reason: &str, simulated: bool) {
        let (name, reason) = (name.to_owned(), reason.to_owned());
        self.devices.push(DeviceReport { class, name, chosen, simulated, reason });
    }
}
