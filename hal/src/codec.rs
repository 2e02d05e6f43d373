//! Video encoders and decoders: frames in and RTP payloads out, and back.

use std::time::Instant;

use crate::{Result, camera::VideoMode, frame::Frame};

/// A video codec as RTP carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// H.264 constrained baseline, packetization mode 1 (RFC 6184).
    H264,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9, profile 0 (RFC 9628). It is decoded only.
    Vp9,
    /// AV1, main profile (AV1 RTP specification). It is decoded only.
    Av1,
}

/// One RTP payload of a video flow. Its header is written by whoever sends it.
#[derive(Debug, Clone)]
pub struct Payload {
    /// The payload, at most 1,200 bytes, without the RTP header.
    pub data: Vec<u8>,
    /// Whether it ends a frame (the RTP marker bit).
    pub marker: bool,
    /// The RTP timestamp, 90 kHz, of the frame it belongs to.
    pub timestamp: u32,
    /// When the frame was captured.
    pub captured_at: Instant,
}

/// What an encoder is asked to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// The codec.
    pub codec: Codec,
    /// The size of the picture that comes out; frames of another size are scaled.
    pub mode: VideoMode,
    /// The bit rate aimed at, in bits per second.
    pub bitrate_bps: u32,
    /// Whether the frames carry H.264 of that size ([`Frame::coded`]), which is then sent as it is if H.264 is
    /// wanted: its bit rate is the camera's affair.
    pub own_h264: bool,
}

/// Takes the payloads of an encoder, on a thread of the encoder's. It must not block.
pub type PayloadSink = Box<dyn FnMut(Payload) + Send>;

/// A running encoder with its RTP payloader. Payloads come out of the sink, within about a frame.
pub trait VideoEncoder: Send {
    /// Hands over a frame; never blocks. At overload the oldest waiting frame is dropped; of H.264 that is sent
    /// as it is, all up to the next key frame.
    ///
    /// # Errors
    /// [`Failed`](crate::Error::Failed) when the encoder has stopped: make another.
    /// [`Unsupported`](crate::Error::Unsupported) when the H.264 that frames were to carry is not there, or of
    /// another size: ask for an encoder that needs none.
    fn encode(&mut self, frame: &Frame) -> Result<()>;

    /// The next frame shall be a key frame; a camera that codes by itself makes one as soon as it can.
    fn request_keyframe(&mut self);
}

/// An RTP packet of a video flow as it arrived, for decoding.
#[derive(Debug, Clone)]
pub struct Packet<'a> {
    /// The RTP sequence number.
    pub sequence_number: u16,
    /// The RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// The RTP marker bit.
    pub marker: bool,
    /// The payload, without header.
    pub payload: &'a [u8],
}

/// A decoded frame and the RTP timestamp it came with.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The picture; it was "captured" when it left the decoder.
    pub frame: Frame,
    /// The RTP timestamp of its packets, 90 kHz.
    pub timestamp: u32,
}

/// A running decoder that keeps the latest picture.
pub trait VideoDecoder: Send {
    /// Hands over a packet; never blocks.
    ///
    /// # Errors
    /// [`Failed`](crate::Error::Failed) when the decoder has stopped: make another.
    fn push(&mut self, packet: &Packet<'_>) -> Result<()>;

    /// Takes the latest picture, if there is one that was not taken yet.
    fn take_latest(&mut self) -> Option<Decoded>;

    /// Whether a key frame is needed to go on; asking takes the wish back.
    fn take_keyframe_wish(&mut self) -> bool;
}

/// An encoder that was tried at start, in the order of preference.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Probe {
    /// What it is called, for example `v4l2h264enc` or `x264enc`.
    pub name: String,
    /// The codec tried.
    pub codec: Codec,
    /// Whether it is hardware.
    pub hardware: bool,
    /// Whether it is a camera whose own H.264 is sent as it is, in the layer that has its size.
    pub pass_through: bool,
    /// What came of really encoding frames: milliseconds per frame (of a camera: to decode them for whoever
    /// needs pixels), or why it cannot be used.
    pub outcome: std::result::Result<f64, String>,
}

/// Makes encoders and decoders: knows which of the machine's codecs work.
pub trait Codecs: Send + Sync {
    /// What was tried, best first, with the reasons.
    fn probes(&self) -> &[Probe];

    /// Starts the best encoder for `settings`.
    ///
    /// # Errors
    /// [`Unsupported`](crate::Error::Unsupported) when none can do it.
    fn encoder(&self, settings: EncoderSettings, sink: PayloadSink) -> Result<Box<dyn VideoEncoder>>;

    /// Whether there is a decoder for `codec`.
    fn decodes(&self, codec: Codec) -> bool;

    /// Starts the best decoder for `codec`.
    ///
    /// # Errors
    /// [`Unsupported`](crate::Error::Unsupported) when there is none.
    fn decoder(&self, codec: Codec) -> Result<Box<dyn VideoDecoder>>;
}
