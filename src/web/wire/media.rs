//! The words of media, exactly as they stand in JSON: tracks, codecs, who is seen in what size, and how late.

use serde::{Deserialize, Serialize};

/// How often one can be told how loud everybody is, in milliseconds.
pub const LEVELS_EVERY_MS: std::ops::RangeInclusive<u32> = 100..=60_000;

/// The longest candidate, in bytes.
pub const CANDIDATE_BYTES_MAX: usize = 512;

/// The most wishes in one [`Ask::Watch`](super::Ask::Watch).
pub const WISHES_MAX: usize = 64;

/// One wish: a track to be seen, and how large.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Whose.
    pub participant: String,
    /// `camera` or `screen`.
    pub source: Source,
    /// The largest useful height in pixels.
    pub max_height: u16,
}

/// A source of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Speech.
    Microphone,
    /// The participant's picture.
    Camera,
    /// A shared screen.
    Screen,
    /// The sound of a shared screen.
    ScreenAudio,
}

/// What a track is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum TrackState {
    /// Sent.
    On,
    /// Published, and silent or dark.
    Muted,
    /// Not published.
    Off,
}

/// The codec that publishers shall send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    /// H.264 constrained baseline.
    H264,
    /// VP8.
    Vp8,
    /// VP9: the camera's layers share one flow.
    Vp9,
    /// AV1, likewise.
    Av1,
}

/// A published track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct Track {
    /// Its source.
    pub source: Source,
    /// Published, and silent or dark.
    pub muted: bool,
}

/// How old the pictures of a track are when they arrive at the appliance, in milliseconds: means of the last seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct TrackDelay {
    /// Whose.
    pub participant: String,
    /// Which.
    pub source: Source,
    /// Which of its layers, 0 the smallest.
    pub layer: u8,
    /// The height of the layer in pixels.
    pub height: u16,
    /// From the capture to here; absent where the publisher does not stamp its pictures, or its clock is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub until_here_ms: Option<f64>,
    /// Of it until the encoding began; absent where the publisher does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub capture_ms: Option<f64>,
    /// Of it the encoding; absent where the publisher does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub encode_ms: Option<f64>,
}

/// How loud somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct Level {
    /// Who.
    pub participant: String,
    /// In dBov (RFC 6464): 0 is the loudest that there is, -127 silence.
    pub dbov: i8,
}

/// The track in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct SlotTrack {
    /// Whose.
    pub participant: String,
    /// Which.
    pub source: Source,
}
