//! The words of those who control the room, exactly as they stand in JSON. What is asked goes over HTTP, see `openapi.json`.

use serde::{Deserialize, Serialize};

use super::calling::{CallState, UserEntry};

/// How people in the room see the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "control.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Arrangement {
    /// Up to four as equals, more of them with a stage.
    Auto,
    /// As equals, up to nine.
    Grid,
    /// Who speaks on the stage.
    Speaker,
}

/// The room as its controllers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "control.ts"))]
pub struct RoomState {
    /// Another one with each change; say it as `since` to be answered at the next one.
    #[cfg_attr(test, ts(type = "number"))]
    pub revision: u64,
    /// The room's name.
    pub name: String,
    /// The meeting that is there whenever somebody comes.
    pub standing_meeting: String,
    /// The meeting that the room is in.
    #[schema(required)]
    pub meeting: Option<String>,
    /// The link to it for others, while the room is in one.
    #[schema(required, format = "uri")]
    pub join_url: Option<String>,
    /// The names of everybody else in it.
    pub others: Vec<String>,
    /// Whether somebody shares a screen in it.
    pub is_shared: bool,
    /// Whether pictures are sent in it.
    pub has_video: bool,
    /// Whether the microphone captures, or will in a meeting.
    pub microphone_on: bool,
    /// Whether the camera captures, or will in a meeting.
    pub camera_on: bool,
    /// How loud the others are, in percent.
    #[schema(maximum = 100)]
    pub volume_percent: u8,
    /// How the others are arranged on the screen.
    pub arrangement: Arrangement,
    /// The room's own id in the directory.
    pub user: String,
    /// The call that rings in the room, else the one that it is in or has begun.
    #[schema(required)]
    pub call: Option<CallState>,
    /// Everybody else in the directory.
    pub users: Vec<UserEntry>,
}
