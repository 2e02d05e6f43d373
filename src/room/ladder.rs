//! The camera's simulcast layers: one encoder each, running only while somebody watches it. Where the camera
//! makes H.264 itself, the layer of its size is sent as it comes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::Thread;
use std::time::{Duration, Instant};

use alcove_hal::camera::VideoMode;
use alcove_hal::codec::{Codec, Codecs, EncoderSettings, Payload, PayloadSink, Probe, VideoEncoder};
use alcove_hal::frame::Frame;
use rtrb::Producer;

use crate::room::link::{Encoded, Mailbox, ask_for_keyframe};
use crate::room::shared::{Shared, rtp_time};
use crate::room::slots::hal_codec;
use crate::track::{Layer, Source, VideoCodec};

/// Heights and bit rates of the layers, the smallest first.
const RUNGS: [(u32, u32); Layer::MAX] = [(180, 150_000), (360, 500_000), (720, 1_700_000)];

/// How often a layer makes a key frame on request at most.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// How long to wait before an encoder that failed is made again.
const ENCODER_INTERVAL: Duration = Duration::from_secs(1);

/// The part of the time between two frames that a software encoder may take for one frame of the top layer.
const SOFTWARE_SHARE: f64 = 0.6;

/// The largest VP8 picture made in software: 720 rows took most of a core, and a quarter of a second each.
const SOFTWARE_VP8_HEIGHT_MAX: u32 = 360;

/// The RTP clock of video, in Hz.
const VIDEO_CLOCK_HZ: u32 = 90_000;

/// All layers of the camera.
pub(super) struct Ladder {
    codecs: Arc<dyn Codecs>,
    mailbox: Arc<Mailbox>,
    courier: Thread,
    codec: VideoCodec,
    rungs: Vec<Rung>,
}

/// One layer.
struct Rung {
    layer: Layer,
    mode: VideoMode,
    bitrate_bps: u32,
    encoder: Option<Box<dyn VideoEncoder>>,
    /// Whether its frames are sent as the camera coded them.
    passes_through: bool,
    failed_at: Option<Instant>,
    keyframe_at: Option<Instant>,
}

impl Ladder {
    /// Layers for a camera of that mode; no encoder runs yet.
    pub(super) fn new(
        codecs: Arc<dyn Codecs>,
        mailbox: Arc<Mailbox>,
        courier: Thread,
        camera: VideoMode,
    ) -> Self {
        let rungs = rungs(camera);
        Self { codecs, mailbox, courier, codec: VideoCodec::H264, rungs }
    }

    /// Hands the frame to the layers up to `highest`; layers above it end.
    pub(super) fn encode(
        &mut self,
        shared: &Arc<Shared>,
        frame: &Frame,
        codec: VideoCodec,
        highest: Option<Layer>,
    ) {
        if codec != self.codec {
            self.codec = codec;
            self.rungs.iter_mut().for_each(Rung::end);
        }
        self.rungs.iter_mut().for_each(|rung| rung.suit(frame, codec));
        let affordable = self.affordable(codec);
        let now = shared.clock.now();
        let asked = shared.keyframes.swap(0, Ordering::Relaxed);
        let mut later = 0;
        for rung in &mut self.rungs {
            if highest.is_none_or(|highest| rung.layer > highest)
                || rung.layer > affordable && !rung.passes_through
            {
                rung.end();
                continue;
            }
            let begins = rung.encoder.is_none() && rung.may_begin(now);
            if begins {
                let sink = sink(shared, &self.mailbox, &self.courier, rung.layer, codec);
                rung.begin(&*self.codecs, codec, sink, now);
            }
            let bit = 1 << rung.layer.0;
            // The first frame is a key frame anyway, or the next that the camera makes of one that is wished for.
            if asked & bit != 0 && !begins && !rung.make_keyframe(now) {
                later |= bit;
            }
            rung.encode(frame, now);
        }
        shared.keyframes.fetch_or(later, Ordering::Relaxed);
    }

    /// The highest layer that the machine has time to encode: any in hardware, else by what the probe took.
    fn affordable(&self, codec: VideoCodec) -> Layer {
        let codec = hal_codec(codec);
        let encodes = |probe: &&Probe| probe.codec == codec && !probe.pass_through && probe.outcome.is_ok();
        let best = self.codecs.probes().iter().find(encodes);
        let fits = |rung: &&Rung| match best.map(|probe| (probe.hardware, &probe.outcome)) {
            Some((false, Ok(milliseconds))) => {
                // Probes of software encode 320 x 180 and take mostly the fixed cost of a frame. That the time
                // grows with the root of the pixels is a rule of thumb, not a measurement.
                let pixels = f64::from(rung.mode.width * rung.mode.height) / f64::from(320 * 180);
                let is_small = codec != Codec::Vp8 || rung.mode.height <= SOFTWARE_VP8_HEIGHT_MAX;
                is_small
                    && milliseconds * pixels.sqrt()
                        < SOFTWARE_SHARE * 1_000.0 / f64::from(rung.mode.fps.max(1))
            }
            _ => true,
        };
        self.rungs.iter().filter(fits).map(|rung| rung.layer).max().unwrap_or(Layer(0))
    }
}

/// The layers that a camera of that mode can fill: none is larger than its picture.
/// The heights of the layers of a camera of that mode, in pixels, the smallest first.
pub(super) fn heights(camera: VideoMode) -> Vec<u16> {
    rungs(camera).iter().map(|rung| u16::try_from(rung.mode.height).unwrap_or(u16::MAX)).collect()
}

fn rungs(camera: VideoMode) -> Vec<Rung> {
    let fitting = (0..).zip(RUNGS).filter(|(index, (height, _))| *index == 0 || *height <= camera.height);
    fitting
        .map(|(index, (height, bitrate_bps))| {
            let height = height.min(camera.height) & !1;
            let width = (camera.width * height / camera.height.max(1)) & !1;
            Rung {
                layer: Layer(index),
                mode: VideoMode { width, height, fps: camera.fps },
                bitrate_bps,
                encoder: None,
                passes_through: false,
                failed_at: None,
                keyframe_at: None,
            }
        })
        .collect()
}

impl Rung {
    /// Ends an encoder that is not of the kind for such frames: the camera's picture and the notice that stands
    /// for it differ in what they carry.
    fn suit(&mut self, frame: &Frame, codec: VideoCodec) {
        let is_that_size = (frame.width(), frame.height()) == (self.mode.width, self.mode.height);
        let passes_through = codec == VideoCodec::H264 && is_that_size && frame.coded().is_some();
        if self.passes_through != passes_through {
            self.end();
            self.passes_through = passes_through;
        }
    }

    fn may_begin(&self, now: Instant) -> bool {
        self.failed_at.is_none_or(|at| now.saturating_duration_since(at) >= ENCODER_INTERVAL)
    }

    fn begin(&mut self, codecs: &dyn Codecs, codec: VideoCodec, sink: PayloadSink, now: Instant) {
        let settings = EncoderSettings {
            codec: hal_codec(codec),
            mode: self.mode,
            bitrate_bps: self.bitrate_bps,
            own_h264: self.passes_through,
        };
        match codecs.encoder(settings, sink) {
            Ok(encoder) => {
                self.encoder = Some(encoder);
                self.failed_at = None;
                // Whoever comes first is seldom connected in time for the first frame, and shall not wait.
                self.keyframe_at = None;
            }
            Err(cause) => self.fail(&cause, now),
        }
    }

    /// Makes the next frame a key frame, unless one was made just now.
    fn make_keyframe(&mut self, now: Instant) -> bool {
        if self.keyframe_at.is_some_and(|at| now.saturating_duration_since(at) < KEYFRAME_INTERVAL) {
            return false;
        }
        if let Some(encoder) = &mut self.encoder {
            encoder.request_keyframe();
            self.keyframe_at = Some(now);
        }
        true
    }

    fn encode(&mut self, frame: &Frame, now: Instant) {
        let Some(encoder) = &mut self.encoder else { return };
        if let Err(cause) = encoder.encode(frame) {
            self.fail(&cause, now);
        }
    }

    fn fail(&mut self, cause: &alcove_hal::Error, now: Instant) {
        let VideoMode { width, height, .. } = self.mode;
        log::warn!("the camera is not sent at {width}x{height} for the moment: {cause}");
        self.encoder = None;
        self.failed_at = Some(now);
    }

    fn end(&mut self) {
        self.encoder = None;
        self.failed_at = None;
    }
}

/// Where an encoder's payloads go: the link's thread, by a ring of their own.
fn sink(
    shared: &Arc<Shared>,
    mailbox: &Mailbox,
    courier: &Thread,
    layer: Layer,
    codec: VideoCodec,
) -> PayloadSink {
    let mut ring: Producer<Encoded> = mailbox.open(Source::Camera, layer, Some(codec));
    let (shared, courier) = (Arc::clone(shared), courier.clone());
    Box::new(move |Payload { data, marker, captured_at, .. }| {
        let timestamp = rtp_time(shared.epoch, captured_at, VIDEO_CLOCK_HZ);
        let encoded = Encoded { timestamp, marker, audio_level: None, captured_at, payload: data.into() };
        if ring.push(encoded).is_err() {
            ask_for_keyframe(&shared, layer);
        }
        courier.unpark();
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::testing::TestClock;
    use crate::room::testing_codecs::GlassCodecs;

    fn sizes(width: u32, height: u32) -> Vec<(u32, u32)> {
        let rungs = rungs(VideoMode { width, height, fps: 30 });
        rungs.iter().map(|rung| (rung.mode.width, rung.mode.height)).collect()
    }

    #[test]
    fn the_first_wish_for_a_key_frame_is_granted_at_once_and_the_next_half_a_second_later() {
        let start = TestClock::origin_of_time();
        let mut rung = rungs(VideoMode { width: 320, height: 180, fps: 30 }).remove(0);
        rung.begin(&GlassCodecs, VideoCodec::H264, Box::new(drop), start);
        let soon = start + Duration::from_millis(70);
        assert!(rung.make_keyframe(soon), "somebody has just come");
        assert!(!rung.make_keyframe(soon + KEYFRAME_INTERVAL / 2));
        assert!(rung.make_keyframe(soon + KEYFRAME_INTERVAL));
    }

    #[test]
    fn layers_keep_the_shape_of_the_camera_and_never_enlarge() {
        assert_eq!(sizes(1280, 720), [(320, 180), (640, 360), (1280, 720)]);
        assert_eq!(sizes(1920, 1080), [(320, 180), (640, 360), (1280, 720)]);
        assert_eq!(sizes(640, 480), [(240, 180), (480, 360)]);
        assert_eq!(sizes(160, 120), [(160, 120)]);
    }
}
