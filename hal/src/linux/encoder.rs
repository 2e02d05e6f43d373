//! A video encoder with its RTP payloader: one GStreamer pipeline per encoding.
//!
//! ```text
//!   encode() -> [2 frames, oldest dropped] -> scale -> convert -> encoder -> RTP payloader -> sink(Payload)
//! ```
//! Scaling and conversion pass frames through untouched when there is nothing to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use gstreamer_video as gst_video;

use super::encoder_profiles::Profile;
use super::payloads::{Outlet, Timeline};
use super::pipeline::Pipeline;
use crate::Result;
use crate::codec::{Codec, EncoderSettings, PayloadSink, VideoEncoder};
use crate::frame::Frame;

/// Frames that wait for the encoder; at the limit the oldest is dropped.
const WAITING_FRAMES: u32 = 2;

/// An encoder that runs.
pub(super) struct GstEncoder {
    pipeline: Pipeline,
    frames: AppSrc,
    encoder: gst::Element,
    fps: u32,
    /// The size that the source was told.
    size: Option<(u32, u32)>,
    timeline: Timeline,
    outlet: Outlet,
    /// Set when this encoder fails, so that another kind is taken next time.
    broken: Arc<AtomicBool>,
}

impl GstEncoder {
    /// Starts an encoder of that kind.
    pub(super) fn start(
        profile: &Profile,
        settings: &EncoderSettings,
        epoch: Instant,
        broken: Arc<AtomicBool>,
        sink: PayloadSink,
    ) -> Result<Self> {
        let pipeline = Pipeline::parse(profile.factory, &describe(profile, settings))?;
        let outlet = Outlet::open(&pipeline, epoch, sink)?;
        let (frames, encoder) = (pipeline.source("frames")?, pipeline.element("encoder")?);
        pipeline.play()?;
        let fps = settings.mode.fps.max(1);
        let timeline = Timeline::new(epoch);
        Ok(Self { pipeline, frames, encoder, fps, size: None, timeline, outlet, broken })
    }

    fn try_encode(&mut self, frame: &Frame) -> Result<()> {
        self.tell_size(frame);
        self.outlet.expect_one(&self.pipeline)?;
        let buffer = self.wrap(frame);
        self.pipeline.push(&self.frames, buffer)
    }

    fn tell_size(&mut self, frame: &Frame) {
        let size = (frame.width(), frame.height());
        if self.size == Some(size) {
            return;
        }
        self.size = Some(size);
        self.frames.set_caps(Some(&raw_caps(size, self.fps)));
    }

    /// A buffer that shares the frame's bytes.
    fn wrap(&mut self, frame: &Frame) -> gst::Buffer {
        let time = self.timeline.next(frame.captured_at);
        let mut buffer = gst::Buffer::from_slice(SharedBytes(frame.clone()));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(time);
            describe_planes(buffer, frame);
        }
        buffer
    }
}

impl VideoEncoder for GstEncoder {
    fn encode(&mut self, frame: &Frame) -> Result<()> {
        let outcome = self.try_encode(frame);
        if outcome.is_err() {
            self.broken.store(true, Ordering::Relaxed);
        }
        outcome
    }

    fn request_keyframe(&mut self) {
        let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(false).build();
        if let Some(pad) = self.encoder.static_pad("src") {
            pad.send_event(event);
        }
    }
}

/// A frame as the bytes of a buffer.
struct SharedBytes(Frame);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        self.0.data()
    }
}

/// The caps of frames as they are handed in.
pub(super) fn raw_caps((width, height): (u32, u32), fps: u32) -> gst::Caps {
    let extent = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", extent(width))
        .field("height", extent(height))
        .field("framerate", gst::Fraction::new(extent(fps), 1))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .field("interlace-mode", "progressive")
        .field("colorimetry", "bt709")
        .build()
}

/// Says where the planes are when that is not where GStreamer expects them: it pads rows to 4 bytes.
pub(super) fn describe_planes(buffer: &mut gst::BufferRef, frame: &Frame) {
    let (width, height) = (frame.width(), frame.height());
    if width.is_multiple_of(8) {
        return;
    }
    let luma = width as usize * height as usize;
    let stride = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
    let added = gst_video::VideoMeta::add_full(
        buffer,
        gst_video::VideoFrameFlags::empty(),
        gst_video::VideoFormat::I420,
        width,
        height,
        &[0, luma, luma + luma / 4],
        &[stride(width), stride(width / 2), stride(width / 2)],
    );
    if let Err(error) = added {
        log::error!("frame of {width}x{height} without a description of its planes: {error}");
    }
}

fn describe(profile: &Profile, settings: &EncoderSettings) -> String {
    let mode = settings.mode;
    let payloader = match settings.codec {
        Codec::H264 => "rtph264pay aggregate-mode=zero-latency config-interval=-1",
        Codec::Vp8 => "rtpvp8pay picture-id-mode=15-bit",
        Codec::Vp9 => "rtpvp9pay picture-id-mode=15-bit",
        Codec::Av1 => "rtpav1pay",
    };
    format!(
        "appsrc name=frames is-live=true format=time max-bytes=0 max-buffers={WAITING_FRAMES} \
         leaky-type=downstream \
         ! videoscale method=bilinear n-threads=1 ! videoconvert n-threads=1 \
         ! video/x-raw,format={},width={},height={},framerate={}/1,pixel-aspect-ratio=1/1 \
         ! {} ! {}",
        profile.format,
        mode.width,
        mode.height,
        mode.fps.max(1),
        (profile.describe)(settings),
        Outlet::describe(payloader)
    )
}
