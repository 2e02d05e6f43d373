//! Codecs for tests that lose nothing and make one packet per frame, so that a test needs no media library.

use std::collections::VecDeque;

use alcove_hal::Result;
use alcove_hal::codec::{
    Codec, Codecs, Decoded, EncoderSettings, Packet, Payload, PayloadSink, Probe, VideoDecoder, VideoEncoder,
};
use alcove_hal::frame::Frame;

use crate::room::canvas::{Canvas, Colour, Scaler};
use crate::room::layout::{Fit, Rect, Size};
use crate::room::testing::TestClock;

/// Encoders that scale a frame and pass its bytes on, after a header that says codec, size, and key frame.
pub(super) struct GlassCodecs;

impl Codecs for GlassCodecs {
    fn probes(&self) -> &[Probe] {
        &[]
    }

    fn encoder(&self, settings: EncoderSettings, sink: PayloadSink) -> Result<Box<dyn VideoEncoder>> {
        Ok(Box::new(GlassEncoder { settings, sink, keyframe: true }))
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
