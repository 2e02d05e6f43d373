//! What is published in a meeting: sources, codecs and layers, the words that every module shares.

use std::fmt;

/// One published flow of a participant. A participant has at most one track of each source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// Speech, Opus at 48 kHz.
    Microphone,
    /// The participant's picture, simulcast where the sender can.
    Camera,
    /// A shared screen.
    Screen,
    /// The sound that belongs to a shared screen.
    ScreenAudio,
}

impl Source {
    /// Every source, in the order in which a participant's tracks are listed.
    pub const ALL: [Self; 4] = [Self::Microphone, Self::Camera, Self::Screen, Self::ScreenAudio];

    /// Whether the source is heard or seen.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Microphone | Self::ScreenAudio => Kind::Audio,
            Self::Camera | Self::Screen => Kind::Video,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Microphone => "microphone",
            Self::Camera => "camera",
            Self::Screen => "screen",
            Self::ScreenAudio => "screen_audio",
        })
    }
}

/// Heard or seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Opus.
    Audio,
    /// One of [`VideoCodec`].
    Video,
}

/// The video codecs of meetings. Nothing is transcoded between browsers, so a meeting uses one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VideoCodec {
    /// H.264 constrained baseline, packetization mode 1 (RFC 6184).
    H264,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9, profile 0 (RFC 9628).
    Vp9,
    /// AV1, main profile (AV1 RTP specification).
    Av1,
}

impl VideoCodec {
    /// Whether pictures of several sizes share one flow (SVC). Of other codecs each size is a flow of its own
    /// (simulcast).
    #[must_use]
    pub const fn is_scalable(self) -> bool {
        matches!(self, Self::Vp9 | Self::Av1)
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "H.264",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
        })
    }
}

/// One quality of a video track: 0 is the smallest picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Layer(pub u8);

impl Layer {
    /// The most layers that a track may have.
    pub const MAX: usize = 3;
}
