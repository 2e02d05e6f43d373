//! A video decoder that keeps the latest picture: one small GStreamer pipeline per flow.
//!
//! ```text
//!   push() -> jitter buffer (50 ms, only while a packet is missing) -> depayloader -> decoder -> [1 frame]
//!                                                                      (of AV1: ours)
//! ```
//! After a loss the picture stands still until the next key frame, which is wished for at once. The RTP
//! timestamp of a picture is found by its time in the pipeline: the jitter buffer gives all packets of a frame
//! one time, a probe behind it notes time and timestamp, and decoders leave the time alone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;

use super::av1;
use super::colour::Conversion;
use super::pipeline::Pipeline;
use crate::Result;
use crate::clock::Clock;
use crate::codec::{Codec, Decoded, Packet, VideoDecoder};
use crate::frame::Frame;

/// Packets that wait for the decoder, about a second of 10 Mbit/s; at the limit the oldest is dropped.
const WAITING_PACKETS: u32 = 1_024;
/// Times of frames that are remembered until the frame comes out of the decoder; the oldest is forgotten.
const REMEMBERED_TIMES: usize = 64;

/// Frames in a row without a picture after which a decoder is taken for spoilt (by broken parameter sets that it
/// remembers, for example): 5 s at 30 frames per second, more than any key frame takes.
const SPOILT_AFTER_FRAMES: u32 = 150;

/// What [`write_packet`] writes before a payload.
pub(super) const RTP_HEADER_BYTES: usize = 12;
/// Where [`av1::join`] stands between the jitter buffer and the decoder.
const AV1_UNITS: &str = "appsink name=ordered sync=false async=false enable-last-sample=false \
     appsrc name=units is-live=true format=time max-bytes=0 max-buffers=64 leaky-type=downstream \
     caps=video/x-av1,stream-format=obu-stream,alignment=tu";

/// Time in the pipeline and RTP timestamp of the latest frames.
type Times = Arc<Mutex<VecDeque<(gst::ClockTime, u32)>>>;

/// A decoder that runs.
pub(super) struct GstDecoder {
    pipeline: Pipeline,
    packets: AppSrc,
    pictures: AppSink,
    times: Times,
    keyframe_wished: Arc<AtomicBool>,
    /// When the latest picture came out.
    decoded_at: Arc<Mutex<Option<Instant>>>,
    /// Frames handed in since the last picture came out.
    unanswered: Arc<AtomicU32>,
    clock: Arc<dyn Clock>,
}

impl GstDecoder {
    /// Starts a decoder by the element of that name.
    pub(super) fn start(codec: Codec, factory: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        let pipeline = Pipeline::parse(factory, &describe(codec, factory))?;
        let (packets, pictures) = (pipeline.source("packets")?, pipeline.sink("pictures")?);
        let times = Times::default();
        note_times(&pipeline.element("jitterbuffer")?, &times);
        let keyframe_wished = Arc::new(AtomicBool::new(false));
        note_wishes(&packets, &keyframe_wished);
        if codec == Codec::Av1 {
            let wished = Arc::clone(&keyframe_wished);
            let wish = move || wished.store(true, Ordering::Relaxed);
            av1::join(&pipeline.sink("ordered")?, pipeline.source("units")?, wish);
        }
        let unanswered = Arc::new(AtomicU32::new(0));
        let decoded_at = Arc::default();
        note_pictures(&pictures, &unanswered, &decoded_at, &clock);
        pipeline.play()?;
        Ok(Self { pipeline, packets, pictures, times, keyframe_wished, decoded_at, unanswered, clock })
    }

    fn timestamp_of(&self, time: gst::ClockTime) -> Option<u32> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.iter().rev().find(|(known, _)| *known <= time).map(|(_, timestamp)| *timestamp)
    }
}

impl VideoDecoder for GstDecoder {
    fn push(&mut self, packet: &Packet<'_>) -> Result<()> {
        if packet.marker && self.unanswered.fetch_add(1, Ordering::Relaxed) >= SPOILT_AFTER_FRAMES {
            return Err(self.pipeline.failed(format!("no picture out of {SPOILT_AFTER_FRAMES} frames")));
        }
        self.pipeline.push(&self.packets, gst::Buffer::from_mut_slice(write_packet(packet)))
    }

    fn take_latest(&mut self) -> Option<Decoded> {
        let sample = self.pictures.try_pull_sample(gst::ClockTime::ZERO)?;
        let timestamp = self.timestamp_of(sample.buffer()?.pts()?)?;
        let (width, height, data) = pack(&sample)?;
        let decoded_at = *self.decoded_at.lock().unwrap_or_else(PoisonError::into_inner);
        let made_at = decoded_at.unwrap_or_else(|| self.clock.now());
        Some(Decoded { frame: Frame::new(width, height, data, made_at), timestamp })
    }

    fn take_keyframe_wish(&mut self) -> bool {
        self.keyframe_wished.swap(false, Ordering::Relaxed)
    }
}

fn describe(codec: Codec, factory: &str) -> String {
    let (encoding, depayloader) = match codec {
        Codec::H264 => ("H264", "rtph264depay request-keyframe=true wait-for-keyframe=true ! h264parse"),
        Codec::Vp8 => ("VP8", "rtpvp8depay request-keyframe=true wait-for-keyframe=true"),
        Codec::Vp9 => ("VP9", "rtpvp9depay request-keyframe=true wait-for-keyframe=true"),
        Codec::Av1 => ("AV1", AV1_UNITS),
    };
    let threads = match factory {
        "avdec_h264" => "max-threads=1 max-errors=-1",
        "vp8dec" | "vp9dec" => "threads=1 max-errors=-1",
        _ => "",
    };
    format!(
        "appsrc name=packets is-live=true format=time do-timestamp=true max-bytes=0 \
         max-buffers={WAITING_PACKETS} leaky-type=downstream \
         caps=application/x-rtp,media=video,clock-rate=90000,encoding-name={encoding},payload=96 \
         ! rtpjitterbuffer name=jitterbuffer latency=50 do-lost=true ! {depayloader} \
         ! {factory} {threads} ! videoconvert n-threads=1 ! video/x-raw,format=I420 \
         ! appsink name=pictures max-buffers=1 drop=true sync=false async=false enable-last-sample=false"
    )
}

/// An RTP packet (RFC 3550, section 5.1) with the payload type that the pipeline expects.
fn write_packet(packet: &Packet<'_>) -> Vec<u8> {
    const VERSION_2: u8 = 0x80;
    const PAYLOAD_TYPE: u8 = 96;
    const SSRC: [u8; 4] = [0, 0, 0, 1];
    let mut bytes = Vec::with_capacity(RTP_HEADER_BYTES + packet.payload.len());
    bytes.extend([VERSION_2, PAYLOAD_TYPE | u8::from(packet.marker) << 7]);
    bytes.extend(packet.sequence_number.to_be_bytes());
    bytes.extend(packet.timestamp.to_be_bytes());
    bytes.extend(SSRC);
    bytes.extend(packet.payload);
    bytes
}

/// Notes time and RTP timestamp of whatever leaves the jitter buffer.
fn note_times(jitterbuffer: &gst::Element, times: &Times) {
    let Some(pad) = jitterbuffer.static_pad("src") else { return };
    let times = Arc::clone(times);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(entry) = info.buffer().and_then(|buffer| time_and_timestamp(buffer)) {
            let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
            if times.back() != Some(&entry) {
                times.push_back(entry);
            }
            if times.len() > REMEMBERED_TIMES {
                times.pop_front();
            }
        }
        gst::PadProbeReturn::Ok
    });
}

fn time_and_timestamp(buffer: &gst::BufferRef) -> Option<(gst::ClockTime, u32)> {
    let mut timestamp = [0; 4];
    buffer.copy_to_slice(4, &mut timestamp).ok()?;
    Some((buffer.pts()?, u32::from_be_bytes(timestamp)))
}

/// Notes the key-frame requests that elements send upstream. They come several times per loss.
fn note_wishes(packets: &AppSrc, wished: &Arc<AtomicBool>) {
    let Some(pad) = packets.static_pad("src") else { return };
    let wished = Arc::clone(wished);
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        let structure = info.event().and_then(|event| event.structure());
        if structure.is_some_and(|structure| structure.name() == "GstForceKeyUnit") {
            wished.store(true, Ordering::Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Notes that pictures come out, whether somebody takes them or not.
fn note_pictures(
    pictures: &AppSink,
    unanswered: &Arc<AtomicU32>,
    decoded_at: &Arc<Mutex<Option<Instant>>>,
    clock: &Arc<dyn Clock>,
) {
    let Some(pad) = pictures.static_pad("sink") else { return };
    let unanswered = Arc::clone(unanswered);
    let (decoded_at, clock) = (Arc::clone(decoded_at), Arc::clone(clock));
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        *decoded_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock.now());
        unanswered.store(0, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
}

/// Width, height and the planes without gaps between rows, in the colour space of frames. Odd sides lose their
/// last row or column.
pub(super) fn pack(sample: &gst::Sample) -> Option<(u32, u32, Vec<u8>)> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let picture = gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
    let (width, height) = (info.width() & !1, info.height() & !1);
    if width == 0 || height == 0 {
        return None;
    }
    let mut data = Vec::with_capacity(Frame::byte_len(width, height));
    for (plane, by) in [(0, 1), (1, 2), (2, 2)] {
        let stride = usize::try_from(picture.plane_stride()[plane as usize]).ok()?;
        let rows = picture.plane_data(plane).ok()?.chunks(stride).take((height / by) as usize);
        for row in rows {
            data.extend_from_slice(row.get(..(width / by) as usize)?);
        }
    }
    if data.len() != Frame::byte_len(width, height) {
        return None;
    }
    if let Some(conversion) = Conversion::of(&info.colorimetry()) {
        conversion.apply(width, height, &mut data);
    }
    Some((width, height, data))
}
