//! Sends the H.264 that frames carry: a camera's own pictures become RTP payloads without being coded again.
//!
//! ```text
//!   encode() -> [access units] -> RTP payloader -> sink(Payload)
//!
//!                    key frame
//!   waiting ──────────────────────────▶ sending
//!      ▲      a unit is missing, or       │
//!      └──── the pipeline is full: wish ──┘
//! ```
//! What was coded elsewhere cannot be dropped a picture at a time, as raw pictures are: after a gap nothing is
//! sent until the next key frame, which is wished for at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gstreamer as gst;
use gstreamer_app::AppSrc;

use super::payloads::{Outlet, Timeline};
use super::pipeline::Pipeline;
use crate::codec::{EncoderSettings, PayloadSink, VideoEncoder};
use crate::coded::{Coded, KeyframeWish};
use crate::frame::Frame;
use crate::{Error, Result};

/// What errors name it.
const NAME: &str = "the camera's own H.264";
/// Access units that wait for the payloader, which takes microseconds for each.
const WAITING_UNITS: u64 = 8;

/// An encoder that does not encode.
pub(super) struct PassThrough {
    pipeline: Pipeline,
    units: AppSrc,
    size: (u32, u32),
    /// The number of the unit that can be decoded next; nothing while only a key frame can.
    expected: Option<u64>,
    /// The way to the camera, once a frame has come.
    wish: Option<KeyframeWish>,
    timeline: Timeline,
    outlet: Outlet,
    /// Set when the pipeline fails, so that frames are really encoded next time.
    broken: Arc<AtomicBool>,
}

impl PassThrough {
    /// Starts to pass on the access units of frames of that size.
    pub(super) fn start(
        settings: &EncoderSettings,
        epoch: Instant,
        broken: Arc<AtomicBool>,
        sink: PayloadSink,
    ) -> Result<Self> {
        let pipeline = Pipeline::parse(NAME, &describe())?;
        let outlet = Outlet::open(&pipeline, epoch, sink)?;
        let units = pipeline.source("units")?;
        pipeline.play()?;
        let size = (settings.mode.width, settings.mode.height);
        let timeline = Timeline::new(epoch);
        Ok(Self { pipeline, units, size, expected: None, wish: None, timeline, outlet, broken })
    }

    /// The access unit of a frame that may be passed on.
    fn unit_of<'a>(&self, frame: &'a Frame) -> Result<&'a Coded> {
        let (width, height) = (frame.width(), frame.height());
        if (width, height) != self.size {
            let (asked_width, asked_height) = self.size;
            return Err(refusal(format!("it is {width}x{height}, not {asked_width}x{asked_height}")));
        }
        frame.coded().ok_or_else(|| refusal("a frame came without it".to_owned()))
    }

    fn follows(&self, coded: &Coded) -> bool {
        coded.is_keyframe() || self.expected == Some(coded.number())
    }

    fn is_full(&self) -> bool {
        self.units.current_level_buffers() >= WAITING_UNITS
    }

    fn pass_on(&mut self, coded: &Coded, captured_at: Instant) -> Result<()> {
        self.outlet.expect_one(&self.pipeline)?;
        let mut buffer = gst::Buffer::from_slice(Arc::clone(coded.access_unit()));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(self.timeline.next(captured_at));
        }
        self.pipeline.push(&self.units, buffer)
    }
}

impl VideoEncoder for PassThrough {
    fn encode(&mut self, frame: &Frame) -> Result<()> {
        let coded = self.unit_of(frame)?;
        self.wish = Some(coded.wish().clone());
        if !self.follows(coded) || self.is_full() {
            self.expected = None;
            coded.wish().make();
            return self.pipeline.check();
        }
        self.expected = Some(coded.number() + 1);
        let outcome = self.pass_on(coded, frame.captured_at);
        if outcome.is_err() {
            self.broken.store(true, Ordering::Relaxed);
        }
        outcome
    }

    /// Before the first frame there is nobody to ask, and no need: it begins with a key frame anyway.
    fn request_keyframe(&mut self) {
        self.wish.iter().for_each(KeyframeWish::make);
    }
}

fn refusal(cause: String) -> Error {
    Error::Unsupported { device: NAME.to_owned(), cause }
}

/// The source has no limit of its own: what would be beyond it is not handed in. Key frames have their
/// parameter sets in them, so none are added.
fn describe() -> String {
    format!(
        "appsrc name=units is-live=true format=time max-bytes=0 max-buffers=0 \
         caps=video/x-h264,stream-format=byte-stream,alignment=au ! {}",
        Outlet::describe("rtph264pay aggregate-mode=zero-latency config-interval=0")
    )
}
