//! A video encoder with its RTP payloader: one GStreamer pipeline per encoding.
//!
//! ```text
//!   encode() -> [2 frames, oldest dropped] -> scale -> convert -> encoder -> RTP payloader -> sink(Payload)
//! ```
//! Scaling and conversion pass frames through untouched when there is nothing to do. Times go through the
//! pipeline as the time since an epoch that all encoders of a [`GstCodecs`](super::GstCodecs) share: the RTP
//! timestamp is `captured_at - epoch` at 90 kHz, modulo 2^32, with no random offset. So layers of one camera,
//! and one encoder that takes over from another, are on the same time line.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSinkCallbacks, AppSrc};
use gstreamer_video as gst_video;

use super::encoder_profiles::Profile;
use super::pipeline::Pipeline;
use crate::Result;
use crate::codec::{Codec, EncoderSettings, Payload, PayloadSink, VideoEncoder};
use crate::frame::Frame;

/// Frames that wait for the encoder; at the limit the oldest is dropped.
const WAITING_FRAMES: u32 = 2;
/// Bytes of an RTP packet, header included: leaves room for header extensions, SRTP and IPv6 in 1,280 bytes.
const MTU: u32 = 1_200;
/// Frames in a row without any output after which an encoder is taken for dead: 3 s at 30 frames per second.
const DEAD_AFTER_FRAMES: u32 = 90;

/// An encoder that runs.
pub(super) struct GstEncoder {
    pipeline: Pipeline,
    frames: AppSrc,
    encoder: gst::Element,
    fps: u32,
    /// The size that the source was told.
    size: Option<(u32, u32)>,
    epoch: Instant,
    /// The time of the latest frame, which the next one has to exceed.
    latest: Option<Duration>,
    /// Frames handed in since the last payload came out.
    unanswered: Arc<AtomicU32>,
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
        let unanswered = Arc::new(AtomicU32::new(0));
        let callbacks = payload_callbacks(epoch, Arc::clone(&unanswered), sink);
        pipeline.sink("payloads")?.set_callbacks(callbacks);
        let (frames, encoder) = (pipeline.source("frames")?, pipeline.element("encoder")?);
        pipeline.play()?;
        let fps = settings.mode.fps.max(1);
        Ok(Self { pipeline, frames, encoder, fps, size: None, epoch, latest: None, unanswered, broken })
    }

    fn try_encode(&mut self, frame: &Frame) -> Result<()> {
        self.tell_size(frame);
        if self.unanswered.fetch_add(1, Ordering::Relaxed) >= DEAD_AFTER_FRAMES {
            return Err(self.pipeline.failed(format!("nothing came out after {DEAD_AFTER_FRAMES} frames")));
        }
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
        let since_epoch = frame.captured_at.saturating_duration_since(self.epoch);
        let time =
            self.latest.map_or(since_epoch, |latest| since_epoch.max(latest + Duration::from_micros(1)));
        self.latest = Some(time);
        let mut buffer = gst::Buffer::from_slice(SharedBytes(frame.clone()));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::try_from(time).ok());
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
        Codec::H264 => "rtph264pay aggregate-mode=zero-latency config-interval=-1 pt=96",
        Codec::Vp8 => "rtpvp8pay picture-id-mode=15-bit pt=96",
    };
    format!(
        "appsrc name=frames is-live=true format=time max-bytes=0 max-buffers={WAITING_FRAMES} \
         leaky-type=downstream \
         ! videoscale method=bilinear n-threads=1 ! videoconvert n-threads=1 \
         ! video/x-raw,format={},width={},height={},framerate={}/1,pixel-aspect-ratio=1/1 \
         ! {} ! {payloader} timestamp-offset=0 mtu={MTU} \
         ! appsink name=payloads sync=false async=false enable-last-sample=false",
        profile.format,
        mode.width,
        mode.height,
        mode.fps.max(1),
        (profile.describe)(settings)
    )
}

fn payload_callbacks(epoch: Instant, unanswered: Arc<AtomicU32>, mut sink: PayloadSink) -> AppSinkCallbacks {
    AppSinkCallbacks::builder()
        .new_sample(move |appsink| {
            let sample = appsink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            unanswered.store(0, Ordering::Relaxed);
            if let Some(payload) = payload(&sample, epoch) {
                sink(payload);
            }
            Ok(gst::FlowSuccess::Ok)
        })
        .build()
}

/// The payload in an RTP packet that a payloader made.
///
/// The time is taken from the running time of the buffer, not from its PTS: encoders shift that by hours to
/// keep their decoding times positive.
fn payload(sample: &gst::Sample, epoch: Instant) -> Option<Payload> {
    let buffer = sample.buffer()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let time = Duration::from(segment.to_running_time(buffer.pts()?)?);
    let packet = buffer.map_readable().ok()?;
    let (marker, start) = payload_start(&packet)?;
    let data = packet.get(start..)?.to_vec();
    Some(Payload { data, marker, timestamp: rtp_timestamp(time), captured_at: epoch + time })
}

/// The marker bit, and where the payload begins (RFC 3550, section 5.1).
fn payload_start(packet: &[u8]) -> Option<(bool, usize)> {
    let (first, second) = (*packet.first()?, *packet.get(1)?);
    let sources = usize::from(first & 0x0f);
    let mut start = 12 + 4 * sources;
    if first & 0x10 != 0 {
        let words = packet.get(start + 2..start + 4)?;
        start += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    Some((second & 0x80 != 0, start))
}

/// 90 kHz, modulo 2^32.
#[expect(clippy::cast_possible_truncation, reason = "RTP timestamps are modulo 2^32")]
const fn rtp_timestamp(since_epoch: Duration) -> u32 {
    ((since_epoch.as_nanos() * 90_000 + 500_000_000) / 1_000_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtp_timestamps_run_at_90_khz_and_wrap() {
        assert_eq!(rtp_timestamp(Duration::ZERO), 0);
        assert_eq!(rtp_timestamp(Duration::from_millis(33)), 2_970);
        assert_eq!(rtp_timestamp(Duration::from_secs(47_722)), 12_704);
    }

    #[test]
    fn the_payload_begins_behind_sources_and_extensions() {
        let mut packet = vec![0x80, 0xe0];
        packet.resize(12, 0);
        assert_eq!(payload_start(&packet), Some((true, 12)));
        packet[0] = 0x92;
        packet[1] = 0x60;
        packet.extend([0; 8]);
        packet.extend([0xbe, 0xde, 0, 2]);
        assert_eq!(payload_start(&packet), Some((false, 32)));
        assert_eq!(payload_start(&[0x80]), None);
    }
}
