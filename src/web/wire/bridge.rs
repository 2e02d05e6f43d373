//! The words of bridges, exactly as they stand in JSON: who is behind one, and what it carries.

use serde::{Deserialize, Serialize};

use super::{Source, VideoCodec};

/// The most people for whom one bridge stands.
pub const BEHIND_MAX: usize = 32;

/// The most lines of a bridge each way.
pub const CARRIED_MAX: usize = 64;

/// The most tracks of which a bridge says that it leaves them out.
pub const LEFT_OUT_MAX: usize = 256;

/// Those for whom a bridge stands, and what is known of the other end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct Behind {
    /// At most [`BEHIND_MAX`].
    pub people: Vec<BehindPerson>,
    /// The boxes that are reached through this bridge.
    pub boxes: Vec<String>,
    /// The video codecs that everybody there decodes.
    pub decodes: Vec<VideoCodec>,
}

/// Somebody for whom a bridge stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct BehindPerson {
    /// What it is called at the other end.
    pub id: String,
    /// The name to show.
    pub name: String,
    /// What it publishes.
    pub tracks: Vec<BehindTrack>,
}

/// A track that arrives at a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct BehindTrack {
    /// Its source.
    pub source: Source,
    /// Published, and silent or dark.
    pub muted: bool,
    /// The `a=mid` of the line on which it arrives; absent where there was none left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub mid: Option<String>,
}

/// A track that a bridge sends to the other end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct CarriedLine {
    /// The `a=mid` of the line.
    pub mid: String,
    /// Whose.
    pub participant: String,
    /// Which.
    pub source: Source,
    /// How many of its layers the other end watches, from the smallest on.
    pub layers: u8,
}

/// A track that is not sent to the other end, for there is no line left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Whose.
    pub participant: String,
    /// Which.
    pub source: Source,
}
