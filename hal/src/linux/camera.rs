//! Cameras of the kernel (V4L2): found in `/dev`, read through memory-mapped buffers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use v4l::buffer::Type;
use v4l::capability::Flags;
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, FourCC};

use super::camera_controls;
use super::camera_h264::{self, H264Reader};
use super::camera_modes::{self, Coding, Offer};
use super::camera_signal;
use super::camera_units::Buffer;
use super::colour::Conversion;
use super::kernel_error::explain;
use super::picture_decoder::PictureDecoder;
use super::pixels::{self, Layout};
use crate::camera::{Camera, CameraDevice, VideoMode};
use crate::clock::Clock;
use crate::codec::{Codec, Probe};
use crate::frame::Frame;
use crate::{Error, Result};

/// Buffers shared with the kernel; when all are full, the kernel drops what comes.
const BUFFERS: u32 = 4;
/// The same for H.264, of which every buffer counts: a quarter of a second, rather than a wait for a key frame.
const H264_BUFFERS: u32 = 8;
/// The mode in which a camera's H.264 is tried: the one in which the room opens it.
const TRIAL_MODE: VideoMode = VideoMode { width: 1280, height: 720, fps: 30 };
/// `poll(2)`: there is something to read; something has happened.
const POLLIN: i16 = 1;
const POLLPRI: i16 = 2;

/// A camera of the kernel's.
pub struct V4lCamera {
    name: String,
    path: PathBuf,
    clock: Arc<dyn Clock>,
    has_h264: bool,
    /// Whether its H.264 was tried, with whatever outcome.
    h264_is_known: AtomicBool,
    /// Whether its H.264 was tried, worked, and has not been given up since.
    h264_is_usable: Arc<AtomicBool>,
}

impl V4lCamera {
    /// Looks for cameras whose pictures can be read, in the order of their numbers; and tells which devices may
    /// be cameras and cannot be used, with the reason.
    #[must_use]
    pub fn find_all(clock: &Arc<dyn Clock>) -> (Vec<Self>, Vec<String>) {
        let (mut cameras, mut problems) = (Vec::new(), Vec::new());
        for (number, path) in video_nodes() {
            let name = node_name(number, &path);
            match look_at(&path) {
                Ok(Some(has_h264)) => {
                    let clock = Arc::clone(clock);
                    let (h264_is_known, h264_is_usable) = (AtomicBool::default(), Arc::default());
                    cameras.push(Self { name, path, clock, has_h264, h264_is_known, h264_is_usable });
                }
                Ok(None) => log::debug!("{name} is no camera that can be read"),
                Err(error) => problems.push(explain(&name, &error).to_string()),
            }
        }
        (cameras, problems)
    }

    fn open_h264(&self, wanted: VideoMode) -> Result<OpenCamera> {
        let (device, tells_changes) = self.device()?;
        let Some(offer) = camera_modes::best_h264(&camera_modes::offers(&device, wanted), wanted) else {
            let VideoMode { width, height, fps } = wanted;
            let cause = format!("it has none of {width}x{height} at {fps} frames per second");
            return Err(Error::Unsupported { device: self.name.clone(), cause });
        };
        self.open_as(device, offer, tells_changes)
    }

    fn open_plain(&self, wanted: VideoMode) -> Result<OpenCamera> {
        let (device, tells_changes) = self.device()?;
        let Some(offer) = camera_modes::best(&camera_modes::offers(&device, wanted), wanted) else {
            let cause = "it has no pictures as I420, NV12, YUYV or JPEG".to_owned();
            return Err(Error::Unsupported { device: self.name.clone(), cause });
        };
        self.open_as(device, offer, tells_changes)
    }

    /// The device, and whether it tells when its signal changes.
    fn device(&self) -> Result<(Device, bool)> {
        let device = Device::with_path(&self.path).map_err(|error| explain(&self.name, &error))?;
        let tells_changes = camera_signal::take(&device, &self.name)?;
        Ok((device, tells_changes))
    }

    fn open_as(&self, device: Device, offer: Offer, tells_changes: bool) -> Result<OpenCamera> {
        let told = |error: io::Error| explain(&self.name, &error);
        let mut format = device.format().map_err(told)?;
        (format.width, format.height) = (offer.mode.width, offer.mode.height);
        format.fourcc = FourCC::new(&offer.fourcc);
        let format = device.set_format(&format).map_err(told)?;
        let coding = offer.granted(format.fourcc.repr, (format.width, format.height));
        let coding = coding.map_err(|cause| Error::Unsupported { device: self.name.clone(), cause })?;
        // Cameras with one rate may refuse to be told; then their rate is what they say.
        let fps = device.set_params(&Parameters::with_fps(offer.mode.fps)).map_or(offer.mode.fps, |agreed| {
            agreed.interval.denominator.div_ceil(agreed.interval.numerator.max(1)).max(1)
        });
        let mode = VideoMode { width: format.width, height: format.height, fps };
        let is_h264 = coding == Coding::H264;
        let makes_keyframes = is_h264 && camera_controls::prepare(&device, &self.name, mode);
        let reader = self.reader(format, coding)?;
        let stream = start(&device, if is_h264 { H264_BUFFERS } else { BUFFERS }).map_err(told)?;
        let (name, clock) = (self.name.clone(), Arc::clone(&self.clock));
        Ok(OpenCamera { name, mode, reader, makes_keyframes, tells_changes, device, stream, clock })
    }

    fn reader(&self, format: v4l::Format, coding: Coding) -> Result<Reader> {
        let (width, height) = (format.width as usize, format.height as usize);
        match coding {
            Coding::Jpeg => Ok(Reader::Jpeg(PictureDecoder::jpeg(&self.name)?)),
            Coding::H264 => {
                Ok(Reader::H264(H264Reader::start(&self.name, Arc::clone(&self.h264_is_usable))?))
            }
            Coding::Raw(format_of_pixels) => {
                let narrowest = if format_of_pixels == pixels::RawFormat::Yuyv { 2 * width } else { width };
                let stride = narrowest.max(format.stride as usize);
                let layout = Layout { format: format_of_pixels, width, height, stride };
                Ok(Reader::Raw(layout, Conversion::of_camera(format.colorspace, format.quantization)))
            }
        }
    }
}

/// Numbers and paths of `/dev/video0` and so on, in order.
fn video_nodes() -> Vec<(u32, PathBuf)> {
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix("video")?.parse::<u32>().ok();
    let mut nodes: Vec<_> =
        entries.filter_map(|entry| number(&entry.path()).map(|number| (number, entry.path()))).collect();
    nodes.sort();
    nodes
}

fn node_name(number: u32, path: &Path) -> String {
    let told = std::fs::read_to_string(format!("/sys/class/video4linux/video{number}/name"));
    let told = told.unwrap_or_default();
    let told = if told.trim().is_empty() { "camera" } else { told.trim() };
    format!("{told} ({})", path.display())
}

/// Whether there is a camera with a format that is understood, and whether it has H.264 as well.
fn look_at(path: &Path) -> io::Result<Option<bool>> {
    let device = Device::with_path(path)?;
    // The crate panics at names that are not UTF-8 (kernels cut names anywhere); a name shall not end us.
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| device.query_caps()));
    let flags = match asked {
        Ok(caps) => caps?.capabilities,
        Err(_) => Flags::VIDEO_CAPTURE | Flags::STREAMING,
    };
    if !flags.contains(Flags::VIDEO_CAPTURE | Flags::STREAMING) {
        return Ok(None);
    }
    let formats = device.enum_formats()?;
    let has = |wanted: &dyn Fn([u8; 4]) -> bool| formats.iter().any(|format| wanted(format.fourcc.repr));
    let readable = has(&camera_modes::is_always_readable);
    Ok(readable.then(|| has(&|fourcc| fourcc == *b"H264")))
}

impl CameraDevice for V4lCamera {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self, wanted: VideoMode) -> Result<Box<dyn Camera>> {
        // One that was plugged in later is tried when it is wanted first.
        if self.has_h264 && !self.h264_is_known.load(Ordering::Relaxed) {
            let tried = self.try_h264();
            log::info!("{} was tried: {tried:?}", self.name);
        }
        if self.h264_is_usable.load(Ordering::Relaxed) {
            match self.open_h264(wanted) {
                Ok(camera) => return Ok(Box::new(camera)),
                Err(Error::Unsupported { cause, .. }) => log::debug!("no H.264 of {}: {cause}", self.name),
                Err(error) => return Err(error),
            }
        }
        Ok(Box::new(self.open_plain(wanted)?))
    }

    fn try_h264(&self) -> Option<Probe> {
        if !self.has_h264 {
            return None;
        }
        self.h264_is_known.store(true, Ordering::Relaxed);
        self.h264_is_usable.store(true, Ordering::Relaxed);
        let outcome = match self.open_h264(TRIAL_MODE) {
            Ok(mut camera) => camera_h264::try_out(&mut camera, &*self.clock),
            Err(error) => Err(error.to_string()),
        };
        self.h264_is_usable.store(outcome.is_ok(), Ordering::Relaxed);
        let name = format!("H.264 of {}", self.name);
        Some(Probe { name, codec: Codec::H264, hardware: true, pass_through: true, outcome })
    }
}

/// Starts capture, with all buffers but the first queued: the crate's `next` queues that one before it waits.
fn start(device: &Device, buffers: u32) -> io::Result<Stream<'static>> {
    let mut stream = Stream::with_buffers(device, Type::VideoCapture, buffers)?;
    let mut queued = 0;
    while queued < buffers as usize && stream.queue(queued + 1).is_ok() {
        queued += 1;
    }
    if queued == 0 {
        return Err(io::Error::other("the kernel gave a single buffer, two are needed"));
    }
    stream.start()?;
    Ok(stream)
}

/// Makes I420 of what the camera delivers.
enum Reader {
    Raw(Layout, Option<Conversion>),
    Jpeg(PictureDecoder),
    H264(H264Reader),
}

impl Reader {
    /// Whether each picture builds on the one before, so that none may be left out.
    const fn needs_all(&self) -> bool {
        matches!(self, Self::H264(_))
    }

    /// The picture; nothing when it is damaged.
    fn read(&mut self, buffer: Buffer<'_>, captured_at: Instant) -> Result<Option<Frame>> {
        let picture = match self {
            Self::H264(reader) => return reader.read(buffer, captured_at),
            _ if buffer.is_damaged => None,
            Self::Raw(layout, conversion) => {
                let extent = |pixels: usize| u32::try_from(pixels).unwrap_or_default();
                let (width, height) = (extent(layout.width), extent(layout.height));
                let mut picture = pixels::to_i420(buffer.bytes, *layout);
                if let (Some(picture), Some(conversion)) = (&mut picture, conversion) {
                    conversion.apply(width, height, picture);
                }
                picture.map(|picture| (width, height, picture))
            }
            Self::Jpeg(decoder) => decoder.decode(buffer.bytes)?,
        };
        Ok(picture.map(|(width, height, data)| Frame::new(width, height, data, captured_at)))
    }
}

struct OpenCamera {
    name: String,
    mode: VideoMode,
    reader: Reader,
    makes_keyframes: bool,
    tells_changes: bool,
    device: Device,
    stream: Stream<'static>,
    clock: Arc<dyn Clock>,
}

impl OpenCamera {
    /// Waits until there is something to read.
    fn wait(&self, patience: Duration, deadline: Instant) -> Result<()> {
        let left = deadline.saturating_duration_since(self.clock.now());
        let left_ms = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
        let happened = if self.tells_changes { POLLIN | POLLPRI } else { POLLIN };
        match self.device.handle().poll(happened, left_ms) {
            Ok(0) => {
                let waited_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
                Err(Error::Silent { device: self.name.clone(), waited_ms })
            }
            Ok(_) if self.tells_changes && matches!(self.device.handle().poll(POLLPRI, 0), Ok(1..)) => {
                let cause = "it has changed, and is looked at anew".to_owned();
                Err(Error::NoSignal { device: self.name.clone(), cause })
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.wait(patience, deadline),
            Err(error) => Err(explain(&self.name, &error)),
        }
    }

    /// Tells the camera what is wished for.
    fn pass_on_wishes(&mut self) {
        if let Reader::H264(reader) = &mut self.reader
            && reader.must_tell(self.clock.now())
            && self.makes_keyframes
        {
            camera_controls::force_keyframe(&self.device, &self.name);
        }
    }

    /// The latest picture that has come, or the next one where none may be left out; nothing when it is
    /// damaged.
    fn read(&mut self) -> Result<Option<Frame>> {
        loop {
            let (bytes, meta) = self.stream.next().map_err(|error| explain(&self.name, &error))?;
            if !self.reader.needs_all() && matches!(self.device.handle().poll(POLLIN, 0), Ok(1..)) {
                continue;
            }
            let is_damaged = meta.flags.contains(v4l::buffer::Flags::ERROR);
            let bytes = &bytes[..bytes.len().min(meta.bytesused as usize)];
            let buffer = Buffer { sequence: meta.sequence, is_damaged, bytes };
            return self.reader.read(buffer, self.clock.now());
        }
    }
}

impl Camera for OpenCamera {
    fn mode(&self) -> VideoMode {
        self.mode
    }

    fn next_frame(&mut self, patience: Duration) -> Result<Frame> {
        let deadline = self.clock.now() + patience;
        loop {
            self.pass_on_wishes();
            self.wait(patience, deadline)?;
            if let Some(frame) = self.read()? {
                return Ok(frame);
            }
            log::debug!("{} delivered a picture that cannot be shown", self.name);
        }
    }
}
