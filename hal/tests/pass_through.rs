//! Questions about a camera's own H.264: it is sent as it is, from a key frame on, and nothing of it is made anew.
#![expect(clippy::unwrap_used, reason = "a test, and what it shares")]

#[path = "support/receiving.rs"]
mod receiving;
mod support;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use alcove_hal::Error;
use alcove_hal::camera::{Camera, CameraDevice, VideoMode};
use alcove_hal::codec::{Codec, Codecs, EncoderSettings, Payload, VideoEncoder};
use alcove_hal::coded::{Coded, KeyframeWish};
use alcove_hal::frame::Frame;
use alcove_hal::linux::GstCodecs;
use alcove_hal::simulated::{PatchColour, SimulatedCamera, VirtualClock, time_code};
use receiving::{PATIENCE, Receiving, h264_has};
use support::SystemClock;

const MODE: VideoMode = VideoMode { width: 640, height: 360, fps: 30 };
const START_CODE: [u8; 4] = [0, 0, 0, 1];

fn codecs() -> GstCodecs {
    GstCodecs::probe(Arc::new(SystemClock), &[])
}

fn settings(own_h264: bool) -> EncoderSettings {
    EncoderSettings { codec: Codec::H264, mode: MODE, bitrate_bps: 800_000, own_h264 }
}

fn encoder(codecs: &GstCodecs, settings: EncoderSettings) -> (Box<dyn VideoEncoder>, Receiver<Payload>) {
    let (sender, payloads) = channel();
    let sink = Box::new(move |payload| drop(sender.send(payload)));
    (codecs.encoder(settings, sink).unwrap(), payloads)
}

/// All payloads of the next frame.
fn of_one_frame(payloads: &Receiver<Payload>) -> Vec<Payload> {
    let mut all = Vec::new();
    while all.last().is_none_or(|last: &Payload| !last.marker) {
        all.push(payloads.recv_timeout(PATIENCE).expect("a frame gives payloads at once"));
    }
    all
}

/// The NAL units in the payloads of a frame (RFC 6184).
fn nal_units(payloads: &[Payload]) -> Vec<Vec<u8>> {
    let mut units: Vec<Vec<u8>> = Vec::new();
    for Payload { data, .. } in payloads {
        match data[0] & 0x1f {
            24 => {
                let mut rest = &data[1..];
                while rest.len() > 2 {
                    let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                    units.push(rest[2..2 + length].to_vec());
                    rest = &rest[2 + length..];
                }
            }
            28 if data[1] & 0x80 != 0 => {
                units.push([&[data[0] & 0xe0 | data[1] & 0x1f], &data[2..]].concat());
            }
            28 => units.last_mut().unwrap().extend(&data[2..]),
            _ => units.push(data.clone()),
        }
    }
    units
}

/// An access unit of these NAL units.
fn annex_b(units: &[Vec<u8>]) -> Vec<u8> {
    units.iter().flat_map(|unit| [&START_CODE, &unit[..]].concat()).collect()
}

/// A camera that codes by itself, made of a simulated one and an encoder.
struct CodingCamera {
    camera: Box<dyn Camera>,
    encoder: Box<dyn VideoEncoder>,
    payloads: Receiver<Payload>,
    wish: KeyframeWish,
    number: u64,
}

impl CodingCamera {
    fn open(codecs: &GstCodecs) -> Self {
        let camera = SimulatedCamera::new("Room", PatchColour::Blue, Arc::new(VirtualClock::new()));
        let (encoder, payloads) = encoder(codecs, settings(false));
        let wish = KeyframeWish::default();
        Self { camera: camera.open(MODE).unwrap(), encoder, payloads, wish, number: 0 }
    }

    fn next(&mut self) -> Frame {
        if self.wish.take() {
            self.encoder.request_keyframe();
        }
        let frame = self.camera.next_frame(PATIENCE).unwrap();
        self.encoder.encode(&frame).unwrap();
        let access_unit = annex_b(&nal_units(&of_one_frame(&self.payloads)));
        let coded = Coded::new(access_unit.into(), self.number, self.wish.clone());
        self.number += 1;
        frame.with_coded(coded)
    }
}

/// What is sent of the frames of one camera.
struct Sending {
    camera: CodingCamera,
    encoder: Box<dyn VideoEncoder>,
    payloads: Receiver<Payload>,
}

impl Sending {
    fn new(codecs: &GstCodecs) -> Self {
        let (encoder, payloads) = encoder(codecs, settings(true));
        Self { camera: CodingCamera::open(codecs), encoder, payloads }
    }

    /// Hands over the next frame, of which nothing is to come out.
    fn next_is_held_back(&mut self) {
        self.encoder.encode(&self.camera.next()).unwrap();
    }

    /// Hands over the next frame; its payloads are the next that come out.
    fn next(&mut self) -> (Frame, Vec<Payload>) {
        let frame = self.camera.next();
        self.encoder.encode(&frame).unwrap();
        let payloads = of_one_frame(&self.payloads);
        assert!(payloads.iter().all(|payload| payload.captured_at == frame.captured_at));
        (frame, payloads)
    }
}

#[test]
fn every_bit_is_sent_as_the_camera_made_it() {
    let codecs = codecs();
    let mut sending = Sending::new(&codecs);
    let mut receiving = Receiving::new(&codecs, Codec::H264);
    for number in 0..20 {
        let (frame, payloads) = sending.next();
        assert!(payloads.iter().all(|payload| payload.data.len() <= 1_200));
        let sent = annex_b(&nal_units(&payloads));
        assert!(sent == **frame.coded().unwrap().access_unit(), "frame {number}");
        receiving.push(&payloads);
        let decoded = receiving.picture();
        assert_eq!(decoded.timestamp, payloads[0].timestamp);
        assert_eq!(time_code::of_frame(&decoded.frame), time_code::of_frame(&frame));
    }
}

#[test]
fn nothing_is_sent_before_the_key_frame_that_is_wished_for() {
    let codecs = codecs();
    let mut sending = Sending::new(&codecs);
    sending.camera.next();
    sending.next_is_held_back();
    let (frame, payloads) = sending.next();
    assert!(frame.coded().unwrap().is_keyframe(), "the wish has reached the camera");
    for kind in [7, 8, 5] {
        assert!(payloads.iter().any(|payload| h264_has(kind, &payload.data)), "NAL unit of type {kind}");
    }
    assert!(h264_has(7, &payloads[0].data), "parameter sets come first");
}

#[test]
fn a_key_frame_that_is_requested_is_made_by_the_camera() {
    let codecs = codecs();
    let mut sending = Sending::new(&codecs);
    let keyframes: Vec<u32> = (0..20)
        .filter(|number| {
            if *number == 12 {
                sending.encoder.request_keyframe();
            }
            sending.next().0.coded().unwrap().is_keyframe()
        })
        .collect();
    assert_eq!(keyframes, [0, 12]);
}

#[test]
fn after_a_gap_nothing_is_sent_until_the_key_frame_that_is_wished_for() {
    let codecs = codecs();
    let mut sending = Sending::new(&codecs);
    sending.next();
    sending.next();
    sending.camera.next();
    sending.next_is_held_back();
    let (frame, _) = sending.next();
    assert!(frame.coded().unwrap().is_keyframe());
    assert!(!sending.next().0.coded().unwrap().is_keyframe(), "one is enough");
}

#[test]
fn frames_without_h264_or_of_another_size_are_refused() {
    let codecs = codecs();
    let mut sending = Sending::new(&codecs);
    let (frame, _) = sending.next();
    let plain = Frame::new(MODE.width, MODE.height, frame.data().to_vec(), frame.captured_at);
    let (width, height) = (320, 180);
    let small = Frame::new(width, height, vec![128; Frame::byte_len(width, height)], frame.captured_at);
    let small = small.with_coded(frame.coded().unwrap().clone());
    for refused in [plain, small] {
        let outcome = sending.encoder.encode(&refused);
        assert!(matches!(outcome, Err(Error::Unsupported { .. })), "{outcome:?}");
    }
    sending.next();
}

#[test]
fn a_meeting_in_vp8_is_encoded_whatever_the_camera_makes() {
    let codecs = codecs();
    let vp8 = EncoderSettings { codec: Codec::Vp8, ..settings(true) };
    let (mut encoder, payloads) = encoder(&codecs, vp8);
    let mut receiving = Receiving::new(&codecs, Codec::Vp8);
    let frame = CodingCamera::open(&codecs).next();
    encoder.encode(&frame).unwrap();
    receiving.push(&of_one_frame(&payloads));
    assert_eq!(time_code::of_frame(&receiving.picture().frame), time_code::of_frame(&frame));
}
