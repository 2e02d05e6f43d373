//! Which codecs of GStreamer work on this machine: each encoder is tried by encoding frames with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use super::decoder::GstDecoder;
use super::encoder::GstEncoder;
use super::encoder_profiles::{PROFILES, Profile};
use super::pass_through::PassThrough;
use super::pipeline;
use crate::camera::VideoMode;
use crate::clock::Clock;
use crate::codec::{Codec, Codecs, EncoderSettings, Payload, PayloadSink, Probe, VideoDecoder, VideoEncoder};
use crate::frame::Frame;
use crate::simulated::PatchColour;
use crate::simulated::test_card::TestCard;
use crate::{Error, Result};

/// Frames that an encoder has to encode to be taken.
const PROBE_FRAMES: u32 = 5;
/// How long the next frame waits for the one before; some hardware gives out a frame only with the next.
const PROBE_PATIENCE: Duration = Duration::from_millis(60);
/// How long the next of an encoder's frames is waited for in the end: hardware that hangs shall not hold up the start;
/// software always comes, also on a small board that is busy starting.
const PROBE_LAST_PATIENCE: Duration = Duration::from_millis(400);
const PROBE_LAST_PATIENCE_SOFTWARE: Duration = Duration::from_secs(3);
/// Payloads that wait for the probe to look at them; more are dropped, none are needed.
const PROBE_PAYLOADS: usize = 64;

/// Decoders for H.264, best first.
const H264_DECODERS: [&str; 3] = ["avdec_h264", "openh264dec", "v4l2h264dec"];
/// Decoders for VP8, best first.
const VP8_DECODERS: [&str; 2] = ["vp8dec", "avdec_vp8"];
/// Decoders for VP9 whose pictures may change their size from one to the next.
const VP9_DECODERS: [&str; 1] = ["vp9dec"];
/// Decoders for AV1.
const AV1_DECODERS: [&str; 1] = ["av1dec"];

/// An encoder that worked when it was tried.
struct Candidate {
    profile: &'static Profile,
    /// Set when it failed later on; then others are preferred.
    broken: Arc<AtomicBool>,
}

/// The encoders and decoders of GStreamer.
pub struct GstCodecs {
    probes: Vec<Probe>,
    candidates: Vec<Candidate>,
    /// Set when passing on what a camera has coded failed; then it is encoded.
    pass_through_is_broken: Arc<AtomicBool>,
    epoch: Instant,
    clock: Arc<dyn Clock>,
}

impl GstCodecs {
    /// Tries all known encoders, best first. `cameras` says what came of trying the H.264 that cameras make:
    /// it goes before all encoders.
    ///
    /// Without GStreamer there are no encoders, and their probes say so.
    #[must_use]
    pub fn probe(clock: Arc<dyn Clock>, cameras: &[Probe]) -> Self {
        let (probes, epoch) = (cameras.to_vec(), clock.now());
        let mut codecs =
            Self { probes, candidates: Vec::new(), pass_through_is_broken: Arc::default(), epoch, clock };
        for profile in &PROFILES {
            let outcome = codecs.try_out(profile);
            if outcome.is_ok() {
                codecs.candidates.push(Candidate { profile, broken: Arc::default() });
            }
            let (name, codec, hardware) = (profile.factory.to_owned(), profile.codec, profile.hardware);
            codecs.probes.push(Probe { name, codec, hardware, pass_through: false, outcome });
        }
        codecs
    }

    /// Milliseconds per frame, or why it cannot be used.
    fn try_out(&self, profile: &Profile) -> std::result::Result<f64, String> {
        pipeline::init().map_err(|error| error.to_string())?;
        if !pipeline::has_element(profile.factory) {
            return Err("not installed".to_owned());
        }
        // Hardware has smallest sizes of its own.
        let (width, height) = if profile.hardware { (640, 360) } else { (320, 180) };
        let mode = VideoMode { width, height, fps: 30 };
        let settings = EncoderSettings { codec: profile.codec, mode, bitrate_bps: 300_000, own_h264: false };
        let (sender, payloads) = sync_channel(PROBE_PAYLOADS);
        let sink: PayloadSink = Box::new(move |payload| _ = sender.try_send(payload));
        let mut encoder = GstEncoder::start(profile, &settings, self.epoch, Arc::default(), sink)
            .map_err(|error| error.to_string())?;
        let last = if profile.hardware { PROBE_LAST_PATIENCE } else { PROBE_LAST_PATIENCE_SOFTWARE };
        self.encode_some(&mut encoder, mode, &payloads, last).map_err(|error| error.to_string())
    }

    fn encode_some(
        &self,
        encoder: &mut GstEncoder,
        mode: VideoMode,
        payloads: &Receiver<Payload>,
        last_patience: Duration,
    ) -> Result<f64> {
        let card = TestCard::new(mode.width as usize, mode.height as usize, "", PatchColour::Red);
        let mut came = 0;
        let mut first_came_at = self.clock.now();
        for number in 0..PROBE_FRAMES {
            let at = Duration::from_millis(33 * u64::from(number));
            let picture = card.paint(at);
            encoder.encode(&Frame::new(mode.width, mode.height, picture, self.epoch + at))?;
            came += u32::from(frame_came(payloads, PROBE_PATIENCE));
            if number == 0 {
                first_came_at = self.clock.now();
            }
        }
        while came < PROBE_FRAMES - 1 && frame_came(payloads, last_patience) {
            came += 1;
        }
        if came < PROBE_FRAMES - 1 {
            let cause = format!("{came} of {PROBE_FRAMES} frames came out");
            return Err(Error::Failed { device: "the encoder".to_owned(), cause });
        }
        let spent = self.clock.now().saturating_duration_since(first_came_at);
        Ok(spent.as_secs_f64() * 1_000.0 / f64::from(PROBE_FRAMES - 1))
    }

    fn pass_through(&self, settings: &EncoderSettings, sink: PayloadSink) -> Result<Box<dyn VideoEncoder>> {
        let broken = Arc::clone(&self.pass_through_is_broken);
        let encoder = PassThrough::start(settings, self.epoch, broken, sink);
        if encoder.is_err() {
            self.pass_through_is_broken.store(true, Ordering::Relaxed);
        }
        Ok(Box::new(encoder?))
    }
}

impl Codecs for GstCodecs {
    fn probes(&self) -> &[Probe] {
        &self.probes
    }

    fn encoder(&self, settings: EncoderSettings, sink: PayloadSink) -> Result<Box<dyn VideoEncoder>> {
        let is_broken = self.pass_through_is_broken.load(Ordering::Relaxed);
        if settings.own_h264 && settings.codec == Codec::H264 && !is_broken {
            return self.pass_through(&settings, sink);
        }
        let able = || self.candidates.iter().filter(|it| it.profile.codec == settings.codec);
        let healthy = able().find(|it| !it.broken.load(Ordering::Relaxed));
        // When all have failed once, the last one (software) is tried again.
        let Some(chosen) = healthy.or_else(|| able().next_back()) else {
            return Err(nothing_for(settings.codec, "encoder"));
        };
        let broken = Arc::clone(&chosen.broken);
        let encoder = GstEncoder::start(chosen.profile, &settings, self.epoch, broken, sink);
        if encoder.is_err() {
            chosen.broken.store(true, Ordering::Relaxed);
        }
        Ok(Box::new(encoder?))
    }

    fn decodes(&self, codec: Codec) -> bool {
        pipeline::init().is_ok() && decoder_for(codec).is_some()
    }

    fn decoder(&self, codec: Codec) -> Result<Box<dyn VideoDecoder>> {
        let Some(factory) = decoder_for(codec) else { return Err(nothing_for(codec, "decoder")) };
        Ok(Box::new(GstDecoder::start(codec, factory, Arc::clone(&self.clock))?))
    }
}

/// The best decoder that is installed.
fn decoder_for(codec: Codec) -> Option<&'static str> {
    let known = match codec {
        Codec::H264 => H264_DECODERS.as_slice(),
        Codec::Vp8 => VP8_DECODERS.as_slice(),
        Codec::Vp9 => VP9_DECODERS.as_slice(),
        Codec::Av1 => AV1_DECODERS.as_slice(),
    };
    known.iter().copied().find(|factory| pipeline::has_element(factory))
}

/// Whether the end of a frame came out in time.
fn frame_came(payloads: &Receiver<Payload>, patience: Duration) -> bool {
    while let Ok(payload) = payloads.recv_timeout(patience) {
        if payload.marker {
            return true;
        }
    }
    false
}

fn nothing_for(codec: Codec, what: &str) -> Error {
    let cause = match codec {
        Codec::H264 => "no H.264 worked; install gstreamer1.0-plugins-ugly and gstreamer1.0-libav",
        Codec::Vp8 => "no VP8 worked; install gstreamer1.0-plugins-good",
        Codec::Vp9 => "no VP9 worked; install gstreamer1.0-plugins-good",
        Codec::Av1 => "no AV1 worked; install gstreamer1.0-plugins-bad",
    };
    Error::Unsupported { device: format!("video {what}"), cause: cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::codec::Packet;
    use crate::simulated::{VirtualClock, time_code};

    const MODE: VideoMode = VideoMode { width: 320, height: 180, fps: 30 };

    /// The payloads of the first frame, with the time code `millis`, by every encoder that works here.
    fn first_frames(codecs: &GstCodecs, codec: Codec, millis: u64) -> Vec<(&'static str, Vec<Payload>)> {
        let settings = EncoderSettings { codec, mode: MODE, bitrate_bps: 300_000, own_h264: false };
        let card = TestCard::new(320, 180, "Room", PatchColour::Red);
        let frame = Frame::new(320, 180, card.paint(Duration::from_millis(millis)), codecs.epoch);
        let able = codecs.candidates.iter().filter(|it| it.profile.codec == codec);
        able.map(|candidate| {
            let (sender, payloads) = channel();
            let sink: PayloadSink = Box::new(move |payload| _ = sender.send(payload));
            let profile = candidate.profile;
            let mut encoder =
                GstEncoder::start(profile, &settings, codecs.epoch, Arc::default(), sink).unwrap();
            encoder.encode(&frame).unwrap();
            let mut all = Vec::new();
            while all.last().is_none_or(|payload: &Payload| !payload.marker) {
                all.push(payloads.recv_timeout(Duration::from_secs(20)).unwrap());
            }
            (profile.factory, all)
        })
        .collect()
    }

    /// Firefox decodes with OpenH264, which is choosier than others.
    #[test]
    fn every_decoder_shows_the_first_frame_of_every_encoder() {
        let codecs = GstCodecs::probe(Arc::new(VirtualClock::new()), &[]);
        for (codec, decoders) in [(Codec::H264, &H264_DECODERS[..2]), (Codec::Vp8, &VP8_DECODERS[..])] {
            for (encoder, payloads) in first_frames(&codecs, codec, 4_711) {
                for factory in decoders.iter().filter(|factory| pipeline::has_element(factory)) {
                    let shown = decode(codec, factory, &payloads);
                    assert_eq!(shown, Some(4_711), "{encoder} to {factory}");
                }
            }
        }
    }

    fn decode(codec: Codec, factory: &str, payloads: &[Payload]) -> Option<u32> {
        let mut decoder = GstDecoder::start(codec, factory, Arc::new(VirtualClock::new())).unwrap();
        for (payload, sequence_number) in payloads.iter().zip(0..) {
            let Payload { data: payload, marker, timestamp, .. } = payload;
            decoder
                .push(&Packet { sequence_number, timestamp: *timestamp, marker: *marker, payload })
                .unwrap();
        }
        let (_never, pause) = channel::<()>();
        (0..5_000).find_map(|_| {
            let _ = pause.recv_timeout(Duration::from_millis(1));
            time_code::of_frame(&decoder.take_latest()?.frame)
        })
    }
}
