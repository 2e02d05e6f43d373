//! Questions to the codecs of this machine: frames in, RTP payloads out, and back, for both codecs.
#![expect(clippy::unwrap_used, reason = "a test, and what it shares")]

#[path = "support/receiving.rs"]
mod receiving;
mod support;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use alcove_hal::camera::{CameraDevice, VideoMode};
use alcove_hal::clock::Clock;
use alcove_hal::codec::{Codec, Codecs, EncoderSettings, Payload, VideoEncoder};
use alcove_hal::frame::Frame;
use alcove_hal::linux::GstCodecs;
use alcove_hal::simulated::{PatchColour, SimulatedCamera, VirtualClock, time_code};
use receiving::{PATIENCE, Receiving, h264_has, wait_for};
use support::SystemClock;

const BOTH: [Codec; 2] = [Codec::H264, Codec::Vp8];
const SMALL: VideoMode = VideoMode { width: 320, height: 180, fps: 30 };

fn codecs() -> GstCodecs {
    GstCodecs::probe(Arc::new(SystemClock), &[])
}

/// An encoder whose input can be made as fast as it encodes: frames of a camera in virtual time.
struct Sender {
    encoder: Box<dyn VideoEncoder>,
    payloads: Receiver<Payload>,
    camera: Box<dyn alcove_hal::camera::Camera>,
}

impl Sender {
    fn new(codecs: &GstCodecs, codec: Codec, picture: VideoMode, coded: VideoMode, bitrate_bps: u32) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
        let camera = SimulatedCamera::new("Codec Room", PatchColour::Green, clock).open(picture).unwrap();
        let (sender, payloads) = channel();
        let sink = Box::new(move |payload| drop(sender.send(payload)));
        let settings = EncoderSettings { codec, mode: coded, bitrate_bps, own_h264: false };
        let encoder = codecs.encoder(settings, sink).unwrap();
        Self { encoder, payloads, camera }
    }

    /// The next frame, and its payloads.
    fn next(&mut self) -> (Frame, Vec<Payload>) {
        let frame = self.camera.next_frame(PATIENCE).unwrap();
        self.encoder.encode(&frame).unwrap();
        let mut payloads = Vec::new();
        while payloads.last().is_none_or(|last: &Payload| !last.marker) {
            payloads.push(self.payloads.recv_timeout(PATIENCE).expect("a frame gives payloads at once"));
        }
        (frame, payloads)
    }
}

/// Whether the payloads of a frame begin a key frame.
fn is_key_frame(codec: Codec, payloads: &[Payload]) -> bool {
    match codec {
        Codec::H264 => payloads.iter().any(|payload| h264_has(5, &payload.data)),
        Codec::Vp8 => vp8_is_key(&payloads[0].data),
        Codec::Vp9 | Codec::Av1 => panic!("{codec:?} is decoded only"),
    }
}

/// The inverse key frame bit behind the payload descriptor of RFC 7741.
fn vp8_is_key(payload: &[u8]) -> bool {
    let mut header = 1;
    if payload[0] & 0x80 != 0 {
        let extension = payload[1];
        header += 1;
        if extension & 0x80 != 0 {
            header += if payload[2] & 0x80 != 0 { 2 } else { 1 };
        }
        header += usize::from(extension & 0x40 != 0) + usize::from(extension & 0x30 != 0);
    }
    payload[header] & 1 == 0
}

#[test]
fn both_codecs_have_an_encoder_that_really_encoded() {
    let clock = SystemClock;
    let start = clock.now();
    let codecs = codecs();
    println!("probing took {:?}", clock.now() - start);
    for probe in codecs.probes() {
        println!("{:?} {} hardware={}: {:?}", probe.codec, probe.name, probe.hardware, probe.outcome);
    }
    for codec in BOTH {
        assert!(
            codecs.probes().iter().any(|probe| probe.codec == codec && probe.outcome.is_ok()),
            "{codec:?}"
        );
    }
}

#[test]
fn what_is_encoded_is_decoded_with_time_code_colour_and_timestamp() {
    let codecs = codecs();
    for codec in BOTH {
        let mut sender = Sender::new(&codecs, codec, SMALL, SMALL, 300_000);
        let mut receiving = Receiving::new(&codecs, codec);
        for number in 0..20 {
            let (frame, payloads) = sender.next();
            assert!(payloads.iter().all(|payload| payload.data.len() <= 1_200), "{codec:?}");
            assert!(payloads.iter().all(|payload| payload.captured_at == frame.captured_at));
            receiving.push(&payloads);
            let decoded = receiving.picture();
            assert_eq!(decoded.timestamp, payloads[0].timestamp, "{codec:?} frame {number}");
            assert_eq!(time_code::of_frame(&decoded.frame), time_code::of_frame(&frame), "{codec:?}");
            assert_eq!(PatchColour::of_frame(&decoded.frame), Some(PatchColour::Green), "{codec:?}");
        }
    }
}

#[test]
fn timestamps_follow_the_time_of_capture() {
    let codecs = codecs();
    for codec in BOTH {
        let mut sender = Sender::new(&codecs, codec, SMALL, SMALL, 300_000);
        let stamps: Vec<u32> = (0..5).map(|_| sender.next().1[0].timestamp).collect();
        for pair in stamps.windows(2) {
            assert!(pair[1].wrapping_sub(pair[0]).abs_diff(3_000) <= 1, "{codec:?}: {stamps:?}");
        }
    }
}

#[test]
fn a_key_frame_comes_first_and_on_request_and_not_otherwise() {
    let codecs = codecs();
    for codec in BOTH {
        let mut sender = Sender::new(&codecs, codec, SMALL, SMALL, 300_000);
        let keys: Vec<u32> = (0..30)
            .filter(|number| {
                if *number == 12 {
                    sender.encoder.request_keyframe();
                }
                is_key_frame(codec, &sender.next().1)
            })
            .collect();
        assert_eq!(keys, [0, 12], "{codec:?}");
    }
}

#[test]
fn h264_key_frames_carry_their_parameter_sets() {
    let codecs = codecs();
    let mut sender = Sender::new(&codecs, Codec::H264, SMALL, SMALL, 300_000);
    for _ in 0..3 {
        sender.encoder.request_keyframe();
        let payloads = sender.next().1;
        for parameter_set in [7, 8] {
            assert!(payloads.iter().any(|payload| h264_has(parameter_set, &payload.data)), "{parameter_set}");
        }
    }
}

#[test]
fn frames_of_another_size_are_scaled_and_the_code_survives() {
    let codecs = codecs();
    let large = VideoMode { width: 1280, height: 720, fps: 30 };
    let narrow = VideoMode { width: 426, height: 240, fps: 30 };
    for codec in BOTH {
        for picture in [large, narrow] {
            let mut sender = Sender::new(&codecs, codec, picture, SMALL, 400_000);
            let mut receiving = Receiving::new(&codecs, codec);
            let (frame, payloads) = sender.next();
            receiving.push(&payloads);
            let decoded = receiving.picture().frame;
            assert_eq!((decoded.width(), decoded.height()), (320, 180));
            assert_eq!(time_code::of_frame(&decoded), time_code::of_frame(&frame), "{codec:?} {picture:?}");
        }
    }
}

#[test]
fn the_bit_rate_is_kept_within_bounds() {
    let codecs = codecs();
    const ASKED_BPS: u32 = 400_000;
    let mode = VideoMode { width: 640, height: 360, fps: 30 };
    for codec in BOTH {
        let mut sender = Sender::new(&codecs, codec, mode, mode, ASKED_BPS);
        let bytes: usize = (0..150).flat_map(|_| sender.next().1).map(|payload| payload.data.len()).sum();
        let bps = bytes * 8 / 5;
        println!("{codec:?}: {bps} bit/s of {ASKED_BPS}");
        assert!((ASKED_BPS as usize / 20..ASKED_BPS as usize * 3 / 2).contains(&bps), "{codec:?}: {bps}");
    }
}

#[test]
fn a_decoder_that_begins_in_the_middle_wishes_for_a_key_frame_and_goes_on_with_it() {
    let codecs = codecs();
    for codec in BOTH {
        let mut sender = Sender::new(&codecs, codec, SMALL, SMALL, 300_000);
        let mut receiving = Receiving::new(&codecs, codec);
        sender.next();
        receiving.push(&sender.next().1);
        wait_for("the wish", || receiving.decoder.take_keyframe_wish());
        sender.encoder.request_keyframe();
        let (frame, payloads) = sender.next();
        receiving.push(&payloads);
        let shown = time_code::of_frame(&receiving.picture().frame);
        assert_eq!(shown, time_code::of_frame(&frame), "{codec:?}");
    }
}

#[test]
fn after_a_loss_the_picture_stands_still_until_the_key_frame_that_is_wished_for() {
    let codecs = codecs();
    for codec in BOTH {
        let mut sender = Sender::new(&codecs, codec, SMALL, SMALL, 300_000);
        let mut receiving = Receiving::new(&codecs, codec);
        receiving.push(&sender.next().1);
        receiving.picture();
        receiving.decoder.take_keyframe_wish();
        let lost = sender.next().1;
        receiving.sequence_number = receiving.sequence_number.wrapping_add(lost.len() as u16);
        let broken = sender.next();
        receiving.push(&broken.1);
        wait_for("the wish", || receiving.decoder.take_keyframe_wish());
        sender.encoder.request_keyframe();
        let (frame, payloads) = sender.next();
        receiving.push(&payloads);
        let shown = time_code::of_frame(&receiving.picture().frame);
        assert_eq!(shown, time_code::of_frame(&frame), "{codec:?}: nothing of the broken frame was shown");
    }
}

#[test]
fn garbage_does_no_more_than_make_another_decoder_necessary() {
    let codecs = codecs();
    for codec in BOTH {
        let mut sender = Sender::new(&codecs, codec, SMALL, SMALL, 300_000);
        let mut receiving = Receiving::new(&codecs, codec);
        let template = sender.next().1.remove(0);
        for seed in 0..50_u8 {
            let data = (0..usize::from(seed)).map(|index| (index as u8).wrapping_mul(seed) ^ seed).collect();
            receiving.push(&[Payload { data, ..template.clone() }]);
        }
        // Remembered parameter sets may have spoilt this decoder for good; then it has to say so.
        let mut recovered = false;
        for _ in 0..200 {
            sender.encoder.request_keyframe();
            let (_, payloads) = sender.next();
            if recovered || receiving.try_push(&payloads).is_err() {
                break;
            }
            recovered = receiving.decoder.take_latest().is_some();
        }
        println!("{codec:?} recovered by itself: {recovered}");
        if !recovered {
            assert!(
                receiving.try_push(&[Payload { marker: true, ..template }]).is_err(),
                "{codec:?} shows nothing and says nothing"
            );
            receiving = Receiving::new(&codecs, codec);
        }
        sender.encoder.request_keyframe();
        let (frame, payloads) = sender.next();
        receiving.push(&payloads);
        wait_for("the picture after the garbage", || {
            let latest = receiving.decoder.take_latest();
            latest.is_some_and(|it| time_code::of_frame(&it.frame) == time_code::of_frame(&frame))
        });
    }
}

#[test]
fn encoders_and_decoders_can_be_thrown_away_in_the_midst_of_their_work() {
    let codecs = codecs();
    for round in 0..25 {
        for codec in BOTH {
            let mut sender = Sender::new(&codecs, codec, SMALL, SMALL, 300_000);
            let mut receiving = Receiving::new(&codecs, codec);
            if round % 3 > 0 {
                receiving.push(&sender.next().1);
            }
            if round % 3 > 1 {
                let frame = sender.camera.next_frame(PATIENCE).unwrap();
                sender.encoder.encode(&frame).unwrap();
            }
        }
    }
}

#[test]
fn at_overload_frames_are_dropped_and_nothing_waits() {
    let codecs = codecs();
    let large = VideoMode { width: 1280, height: 720, fps: 30 };
    for codec in BOTH {
        let mut sender = Sender::new(&codecs, codec, large, large, 1_000_000);
        let frames: Vec<Frame> = (0..60).map(|_| sender.camera.next_frame(PATIENCE).unwrap()).collect();
        for frame in &frames {
            sender.encoder.encode(frame).unwrap();
        }
        let last = frames.last().unwrap().captured_at;
        let mut came = 0;
        while sender.payloads.recv_timeout(PATIENCE).map(|it| (it.captured_at, it.marker)) != Ok((last, true))
        {
            came += 1;
        }
        println!("{codec:?}: the last of {} frames came after {came} payloads", frames.len());
    }
}
