//! Displays: a connector of the kernel's (DRM/KMS) where there is one, else a window where there is a desktop.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use gstreamer as gst;
use gstreamer_app::AppSrc;

use super::encoder::{describe_planes, raw_caps};
use super::kernel_error::explain;
use super::pipeline::{self, Pipeline};
use crate::camera::VideoMode;
use crate::display::{Display, DisplayDevice};
use crate::frame::Frame;
use crate::simulated::display::wrong_size;
use crate::{Error, Result};

/// Pictures that wait for the display; at the limit the oldest is dropped.
const WAITING_FRAMES: u32 = 2;
/// Where the kernel lists connectors.
const DRM: &str = "/sys/class/drm";
/// Where the devices of graphics cards are.
const CARDS: &str = "/dev/dri";
/// The largest picture that is composed for a display; a larger display is asked for a smaller mode.
const LARGEST: (u32, u32) = (1920, 1080);

/// Where the pictures go.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Output {
    /// A connector of a graphics card: the card's device, and what modes it has, the preferred one first.
    Connector { card: PathBuf, connector_id: Option<u32>, sizes: Vec<(u32, u32)> },
    /// A window on a desktop.
    Window,
}

/// A display of this machine.
pub struct GstDisplay {
    name: String,
    output: Output,
}

impl GstDisplay {
    /// The displays of this machine: windows on a desktop when this program runs on one, else connectors that
    /// have something plugged in. Also says why there is none.
    #[must_use]
    pub fn find_all() -> (Vec<Self>, String) {
        let desktop = ["WAYLAND_DISPLAY", "DISPLAY"].into_iter().find(|name| env::var_os(name).is_some());
        if let Some(variable) = desktop.filter(|_| pipeline::has_element("autovideosink")) {
            let name = format!("window ({variable})");
            return (vec![Self { name, output: Output::Window }], String::new());
        }
        let found = connectors(Path::new(DRM));
        if !found.is_empty() && !pipeline::has_element("kmssink") {
            return (
                Vec::new(),
                "GStreamer's kmssink is missing; install gstreamer1.0-plugins-bad".to_owned(),
            );
        }
        (found, format!("nothing is plugged into a connector in {DRM}, and there is no desktop"))
    }
}

/// Every connector and whether something is plugged into it, without asking the hardware.
#[must_use]
pub fn list_displays() -> Vec<String> {
    let entries = fs::read_dir(DRM).into_iter().flatten().flatten();
    let told =
        |path: PathBuf| Some(format!("{} {}", path.display(), fs::read_to_string(path.join("status")).ok()?));
    let mut listed: Vec<_> = entries.filter_map(|entry| told(entry.path())).collect();
    listed.sort();
    listed
}

/// The connectors below `drm` that have a display plugged in.
fn connectors(drm: &Path) -> Vec<GstDisplay> {
    let mut names: Vec<_> =
        fs::read_dir(drm).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    names.sort();
    names.iter().filter_map(|connector| connected(connector)).collect()
}

fn connected(connector: &Path) -> Option<GstDisplay> {
    let read = |file: &str| fs::read_to_string(connector.join(file)).unwrap_or_default();
    if read("status").trim() != "connected" {
        return None;
    }
    let name = connector.file_name()?.to_str()?;
    let (card, plug) = name.split_once('-')?;
    let sizes = read("modes").lines().filter_map(parse_size).collect();
    let connector_id = read("connector_id").trim().parse().ok();
    let output = Output::Connector { card: Path::new(CARDS).join(card), connector_id, sizes };
    Some(GstDisplay { name: format!("{plug} ({card})"), output })
}

/// A line such as `1920x1080` or `1920x1080i`.
fn parse_size(line: &str) -> Option<(u32, u32)> {
    let (width, height) = line.trim().split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// The mode to compose for: the preferred one if it is not too large, else the largest that is not.
fn best_size(sizes: &[(u32, u32)], wanted: VideoMode) -> (u32, u32) {
    let fits = |size: &&(u32, u32)| {
        size.0 <= LARGEST.0 && size.1 <= LARGEST.1 && size.0.is_multiple_of(2) && size.1.is_multiple_of(2)
    };
    let preferred = sizes.first().filter(fits);
    let largest = || sizes.iter().filter(fits).max_by_key(|size| size.0 * size.1);
    preferred.or_else(largest).copied().unwrap_or((wanted.width, wanted.height))
}

impl DisplayDevice for GstDisplay {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self, wanted: VideoMode) -> Result<Box<dyn Display>> {
        let ((width, height), sink, card) = match &self.output {
            Output::Window => ((wanted.width, wanted.height), "autovideosink sync=false".to_owned(), None),
            Output::Connector { card, connector_id, sizes } => {
                let connector = connector_id.map_or_else(String::new, |id| format!("connector-id={id}"));
                // The sink would look for the card by the names of the drivers it knows; this one may be another.
                let card = open_card(card).map_err(|error| explain(&self.name, &error))?;
                let sink = format!(
                    "video/x-raw,format=BGRx ! kmssink fd={} {connector} force-modesetting=true sync=false \
                     async=false",
                    card.as_raw_fd()
                );
                (best_size(sizes, wanted), sink, Some(card))
            }
        };
        let mode = VideoMode { width, height, fps: wanted.fps.max(1) };
        Ok(Box::new(OpenDisplay::start(&self.name, &sink, mode, card)?))
    }
}

fn open_card(card: &Path) -> io::Result<File> {
    File::options().read(true).write(true).open(card)
}

struct OpenDisplay {
    name: String,
    mode: VideoMode,
    pipeline: Pipeline,
    frames: AppSrc,
    /// Closed after the pipeline has ended, which draws through it.
    _card: Option<File>,
}

impl OpenDisplay {
    fn start(name: &str, sink: &str, mode: VideoMode, card: Option<File>) -> Result<Self> {
        let description = format!(
            "appsrc name=frames is-live=true format=time do-timestamp=true max-bytes=0 \
             max-buffers={WAITING_FRAMES} leaky-type=downstream ! videoconvert n-threads=1 ! {sink}"
        );
        let pipeline = Pipeline::parse(name, &description)?;
        let frames = pipeline.source("frames")?;
        frames.set_caps(Some(&raw_caps((mode.width, mode.height), mode.fps)));
        pipeline.play()?;
        Ok(Self { name: name.to_owned(), mode, pipeline, frames, _card: card })
    }
}

/// A picture as the bytes of a buffer.
struct SharedBytes(Frame);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        self.0.data()
    }
}

impl Display for OpenDisplay {
    fn mode(&self) -> VideoMode {
        self.mode
    }

    fn show(&mut self, frame: &Frame) -> Result<()> {
        if (frame.width(), frame.height()) != (self.mode.width, self.mode.height) {
            return Err(wrong_size(&self.name, frame, self.mode));
        }
        let mut buffer = gst::Buffer::from_slice(SharedBytes(frame.clone()));
        if let Some(buffer) = buffer.get_mut() {
            describe_planes(buffer, frame);
        }
        // Whatever ends the output, a closed window or a pulled plug: the display is not there any more.
        self.pipeline.push(&self.frames, buffer).map_err(|error| match error {
            Error::Failed { device, cause } => Error::Gone { device, cause },
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::simulated::VirtualClock;

    const WANTED: VideoMode = VideoMode { width: 1280, height: 720, fps: 30 };

    #[test]
    fn the_preferred_mode_is_taken_unless_it_is_too_large() {
        assert_eq!(best_size(&[(1366, 768), (1920, 1080)], WANTED), (1366, 768));
        assert_eq!(best_size(&[(3840, 2160), (1920, 1080), (640, 480)], WANTED), (1920, 1080));
        assert_eq!(best_size(&[], WANTED), (1280, 720));
    }

    fn show_grey(display: &mut OpenDisplay, width: u32, height: u32) -> Result<()> {
        let captured_at = VirtualClock::new().now();
        display.show(&Frame::new(width, height, vec![128; Frame::byte_len(width, height)], captured_at))
    }

    #[test]
    fn pictures_of_the_mode_reach_the_sink_as_it_wants_them_and_others_are_refused() {
        let sink = "video/x-raw,format=BGRx ! fakesink name=screen sync=false async=false";
        let mut display = OpenDisplay::start("test", sink, WANTED, None).unwrap();
        (0..5).for_each(|_| show_grey(&mut display, 1280, 720).unwrap());
        assert!(matches!(show_grey(&mut display, 640, 360), Err(Error::Unsupported { .. })));
    }

    #[test]
    fn an_output_that_ends_is_gone() {
        let sink = "identity error-after=2 ! fakesink sync=false async=false";
        let mut display = OpenDisplay::start("test", sink, WANTED, None).unwrap();
        let outcome = (0..100_000).find_map(|_| show_grey(&mut display, 1280, 720).err());
        assert!(matches!(outcome, Some(Error::Gone { .. })), "{outcome:?}");
    }

    #[test]
    fn sizes_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse_size("1920x1080\n"), Some((1920, 1080)));
        assert_eq!(parse_size("1920x1080i"), None, "interlaced modes are not used");
        assert_eq!(parse_size(""), None);
    }

    #[test]
    fn a_card_that_is_not_there_is_gone() {
        let error = open_card(Path::new("/nonexistent")).unwrap_err();
        assert!(matches!(explain("HDMI-A-1", &error), Error::Gone { .. }));
    }

    #[test]
    fn a_machine_without_graphics_has_no_connectors() {
        assert!(connectors(Path::new("/nonexistent")).is_empty());
    }
}
