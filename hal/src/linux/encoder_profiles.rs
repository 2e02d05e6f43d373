//! What the video encoders of GStreamer differ in: one table, best first.
//!
//! Hardware entries follow the documentation of their makers; each of them is used only after it has really
//! encoded frames on the machine at hand.

use crate::codec::{Codec, EncoderSettings};

/// Seconds between key frames that nobody asked for.
const KEY_FRAME_SECONDS: u32 = 100;
/// What an encoder may save up and spend at once, in milliseconds of its bit rate.
const BURST_MS: u32 = 400;
/// Above these pixels per frame `vp8enc` gets a second thread. H.264 always has one: more would each hold
/// back a frame, or cut it into slices that some decoders do not take.
const ONE_THREAD_PIXELS: u32 = 640 * 360;

/// One encoder element.
pub(super) struct Profile {
    /// The GStreamer element, by which the probe is named.
    pub(super) factory: &'static str,
    /// What it makes.
    pub(super) codec: Codec,
    /// Whether it spares the processor.
    pub(super) hardware: bool,
    /// The raw format that it takes.
    pub(super) format: &'static str,
    /// The part of a pipeline description from the raw frames to the coded ones, with `name=encoder`.
    pub(super) describe: fn(&EncoderSettings) -> String,
}

/// All encoders that are known, best first.
pub(super) const PROFILES: [Profile; 9] = [
    Profile { factory: "v4l2h264enc", codec: Codec::H264, hardware: true, format: "I420", describe: v4l2 },
    Profile {
        factory: "nvv4l2h264enc",
        codec: Codec::H264,
        hardware: true,
        format: "I420",
        describe: jetson,
    },
    Profile { factory: "mpph264enc", codec: Codec::H264, hardware: true, format: "NV12", describe: rockchip },
    Profile {
        factory: "vah264lpenc",
        codec: Codec::H264,
        hardware: true,
        format: "NV12",
        describe: va_low_power,
    },
    Profile { factory: "vah264enc", codec: Codec::H264, hardware: true, format: "NV12", describe: va },
    Profile { factory: "vaapih264enc", codec: Codec::H264, hardware: true, format: "NV12", describe: vaapi },
    Profile { factory: "x264enc", codec: Codec::H264, hardware: false, format: "I420", describe: x264 },
    Profile {
        factory: "openh264enc",
        codec: Codec::H264,
        hardware: false,
        format: "I420",
        describe: openh264,
    },
    Profile { factory: "vp8enc", codec: Codec::Vp8, hardware: false, format: "I420", describe: vp8 },
];

/// What follows a hardware encoder: its parameter sets are repeated before every key frame.
const H264_OUT: &str = "! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au";

fn kbps(settings: &EncoderSettings) -> u32 {
    (settings.bitrate_bps / 1_000).max(1)
}

fn key_frame_distance(settings: &EncoderSettings) -> u32 {
    settings.mode.fps.max(1) * KEY_FRAME_SECONDS
}

/// Raspberry Pi 4, i.MX8 and others. The level has to be in the caps, or the Pi's driver does not negotiate.
fn v4l2(settings: &EncoderSettings) -> String {
    // The Pi's driver takes steps of 25 kbit/s.
    let bitrate = (settings.bitrate_bps / 25_000).max(1) * 25_000;
    format!(
        "v4l2h264enc name=encoder extra-controls=\"c,video_bitrate_mode=1,video_bitrate={bitrate},\
         repeat_sequence_header=1,h264_i_frame_period={}\" \
         ! video/x-h264,level=(string)4,profile=constrained-baseline {H264_OUT}",
        key_frame_distance(settings)
    )
}

/// Jetson: frames go through its own memory; the bit rate is in bits per second.
fn jetson(settings: &EncoderSettings) -> String {
    format!(
        "nvvidconv ! video/x-raw(memory:NVMM),format=NV12 ! nvv4l2h264enc name=encoder bitrate={} \
         control-rate=1 insert-sps-pps=true idrinterval={distance} iframeinterval={distance} \
         preset-level=1 maxperf-enable=true profile=0 {H264_OUT}",
        settings.bitrate_bps,
        distance = key_frame_distance(settings)
    )
}

/// Rockchip: the bit rate is in bits per second.
fn rockchip(settings: &EncoderSettings) -> String {
    format!(
        "mpph264enc name=encoder bps={} rc-mode=cbr gop={} header-mode=each-idr profile=baseline {H264_OUT}",
        settings.bitrate_bps,
        key_frame_distance(settings)
    )
}

fn va_low_power(settings: &EncoderSettings) -> String {
    va_named("vah264lpenc", settings)
}

fn va(settings: &EncoderSettings) -> String {
    va_named("vah264enc", settings)
}

/// Intel and AMD.
fn va_named(factory: &str, settings: &EncoderSettings) -> String {
    format!(
        "{factory} name=encoder rate-control=cbr bitrate={} key-int-max={} b-frames=0 ref-frames=1 \
         target-usage=7 ! video/x-h264,profile=constrained-baseline {H264_OUT}",
        kbps(settings),
        key_frame_distance(settings).min(1_024)
    )
}

/// Intel with the older plug-in.
fn vaapi(settings: &EncoderSettings) -> String {
    format!(
        "vaapih264enc name=encoder rate-control=cbr bitrate={} keyframe-period={} max-bframes=0 \
         ! video/x-h264,profile=constrained-baseline {H264_OUT}",
        kbps(settings),
        key_frame_distance(settings)
    )
}

/// One slice per picture: with several, and the parameter sets between them, OpenH264 (which Firefox decodes
/// with) shows nothing. No key frames at scene cuts: they come when somebody needs one.
fn x264(settings: &EncoderSettings) -> String {
    format!(
        "x264enc name=encoder tune=zerolatency speed-preset=superfast sliced-threads=false threads=1 bframes=0 aud=false \
         bitrate={} vbv-buf-capacity={BURST_MS} key-int-max={} option-string=scenecut=0 \
         ! video/x-h264,profile=constrained-baseline,stream-format=byte-stream",
        kbps(settings),
        key_frame_distance(settings)
    )
}

fn openh264(settings: &EncoderSettings) -> String {
    format!(
        "openh264enc name=encoder rate-control=bitrate bitrate={} complexity=low usage-type=camera \
         multi-thread=1 gop-size={} ! video/x-h264,profile=constrained-baseline",
        settings.bitrate_bps,
        key_frame_distance(settings)
    )
}

fn vp8(settings: &EncoderSettings) -> String {
    let threads = if settings.mode.width * settings.mode.height > ONE_THREAD_PIXELS { 2 } else { 1 };
    format!(
        "vp8enc name=encoder deadline=1 cpu-used=8 end-usage=cbr lag-in-frames=0 error-resilient=default \
         target-bitrate={} buffer-size={BURST_MS} buffer-initial-size={} buffer-optimal-size={} \
         max-intra-bitrate=400 keyframe-max-dist={} threads={threads} ! video/x-vp8",
        settings.bitrate_bps,
        BURST_MS / 2,
        BURST_MS * 3 / 5,
        key_frame_distance(settings)
    )
}
