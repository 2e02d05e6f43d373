//! Codecs for tests that lose nothing and make one packet per frame, so that a test needs no media library; and
//! a camera that codes by itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use alcove_hal::camera::{Camera, CameraDevice, VideoMode};
use alcove_hal::codec::{
    Codec, Codecs, Decoded, EncoderSettings, Packet, Payload, PayloadSink, Probe, VideoDecoder, VideoEncoder,
};
use alcove_hal::coded::{Coded, KeyframeWish};
use alcove_hal::frame::Frame;
use alcove_hal::{Error, Result};

use crate::room::canvas::{Canvas, Colour};
use crate::room::layout::{Fit, Rect, Size};
use crate::room::scaler::Scaler;
use crate::room::testing::TestClock;

/// Encoders that scale a frame and pass its bytes on, after a header that says codec, size, and key frame.
pub(super) struct GlassCodecs;

impl Codecs for GlassCodecs {
    fn probes(&self) -> &[Probe] {
        &[]
    }

    fn encoder(&self, settings: EncoderSettings, sink: PayloadSink) -> Result<Box<dyn VideoEncoder>> {
        if settings.own_h264 {
            return Ok(Box::new(OpenWindow { sink, wish: None }));
        }
        Ok(Box::new(GlassEncoder { settings, sink, keyframe: true }))
    }

    fn decodes(&self, _: Codec) -> bool {
        true
    }

    fn decoder(&self, codec: Codec) -> Result<Box<dyn VideoDecoder>> {
        Ok(Box::new(GlassDecoder { codec, decoded: VecDeque::new(), wishes: true }))
    }
}

struct GlassEncoder {
    settings: EncoderSettings,
    sink: PayloadSink,
    keyframe: bool,
}

/// Whether the packet of a glass encoder is a key frame.
pub(super) fn is_keyframe(payload: &[u8]) -> bool {
    payload[1] == 1
}

/// The height of the picture in the packet of a glass encoder.
pub(super) fn height(payload: &[u8]) -> u32 {
    u32::from(u16::from_be_bytes([payload[4], payload[5]]))
}

impl VideoEncoder for GlassEncoder {
    fn encode(&mut self, frame: &Frame) -> Result<()> {
        let size = Size { width: self.settings.mode.width, height: self.settings.mode.height };
        let mut canvas = Canvas::new(size, Colour::rgb(0, 0, 0));
        let whole = Rect { x: 0, y: 0, width: size.width, height: size.height };
        canvas.draw(frame, whole, Fit::Contain, &mut Scaler::default());
        let mut data = vec![self.settings.codec as u8, u8::from(self.keyframe)];
        data.extend(u16::try_from(size.width).expect("small").to_be_bytes());
        data.extend(u16::try_from(size.height).expect("small").to_be_bytes());
        data.extend(canvas.into_frame(frame.captured_at).data());
        self.keyframe = false;
        (self.sink)(Payload { data, marker: true, timestamp: 0, captured_at: frame.captured_at });
        Ok(())
    }

    fn request_keyframe(&mut self) {
        self.keyframe = true;
    }
}

struct GlassDecoder {
    codec: Codec,
    decoded: VecDeque<Decoded>,
    wishes: bool,
}

impl VideoDecoder for GlassDecoder {
    fn push(&mut self, packet: &Packet<'_>) -> Result<()> {
        let bytes = packet.payload;
        assert_eq!(bytes[0], self.codec as u8, "a decoder gets packets of its codec only");
        let side = |start: usize| u32::from(u16::from_be_bytes([bytes[start], bytes[start + 1]]));
        let made_at = TestClock::origin_of_time();
        let frame = Frame::new(side(2), side(4), bytes[6..].to_vec(), made_at);
        self.decoded.push_back(Decoded { frame, timestamp: packet.timestamp });
        self.wishes &= !is_keyframe(bytes);
        Ok(())
    }

    fn take_latest(&mut self) -> Option<Decoded> {
        self.decoded.drain(..).next_back()
    }

    fn take_keyframe_wish(&mut self) -> bool {
        self.wishes
    }
}

/// What the access units of a [`CodingCamera`] begin with, and no packet of a glass encoder.
const START_CODE: [u8; 4] = [0, 0, 0, 1];
const KEY_FRAME_SLICE: u8 = 0x65;
const SLICE: u8 = 0x41;

/// Whether a packet is as a [`CodingCamera`] made it.
pub(super) fn is_made_by_camera(payload: &[u8]) -> bool {
    payload.starts_with(&START_CODE)
}

/// Whether a packet is a key frame as a [`CodingCamera`] made it.
pub(super) fn is_keyframe_of_camera(payload: &[u8]) -> bool {
    is_made_by_camera(payload) && payload[START_CODE.len()] == KEY_FRAME_SLICE
}

/// Passes on what the camera has coded.
struct OpenWindow {
    sink: PayloadSink,
    wish: Option<KeyframeWish>,
}

impl VideoEncoder for OpenWindow {
    fn encode(&mut self, frame: &Frame) -> Result<()> {
        let Some(coded) = frame.coded() else {
            return Err(Error::Unsupported { device: "window".into(), cause: "nothing to pass on".into() });
        };
        self.wish = Some(coded.wish().clone());
        let (data, captured_at) = (coded.access_unit().to_vec(), frame.captured_at);
        (self.sink)(Payload { data, marker: true, timestamp: 0, captured_at });
        Ok(())
    }

    fn request_keyframe(&mut self) {
        self.wish.iter().for_each(KeyframeWish::make);
    }
}

/// A camera that makes H.264: the pictures of another camera, each with an access unit of few bytes.
pub(super) struct CodingCamera(pub(super) Arc<dyn CameraDevice>);

impl CameraDevice for CodingCamera {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn open(&self, wanted: VideoMode) -> Result<Box<dyn Camera>> {
        let camera = self.0.open(wanted)?;
        Ok(Box::new(OpenCodingCamera { camera, wish: KeyframeWish::default(), number: 0 }))
    }
}

struct OpenCodingCamera {
    camera: Box<dyn Camera>,
    wish: KeyframeWish,
    number: u64,
}

impl Camera for OpenCodingCamera {
    fn mode(&self) -> VideoMode {
        self.camera.mode()
    }

    fn next_frame(&mut self, patience: Duration) -> Result<Frame> {
        let frame = self.camera.next_frame(patience)?;
        let is_keyframe = self.wish.take() || self.number == 0;
        let mut access_unit = START_CODE.to_vec();
        access_unit.push(if is_keyframe { KEY_FRAME_SLICE } else { SLICE });
        access_unit.extend(self.number.to_string().bytes());
        let coded = Coded::new(access_unit.into(), self.number, self.wish.clone());
        self.number += 1;
        Ok(frame.with_coded(coded))
    }
}
