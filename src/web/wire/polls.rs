//! The words of polls, exactly as they stand in JSON.

use serde::{Deserialize, Serialize};

/// What a poll asks, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// 1 to 300 characters.
    pub text: String,
    /// 2 to 20 different ones of 1 to 120 characters.
    pub options: Vec<String>,
    /// One may vote for several.
    #[serde(default)]
    pub multiple: bool,
    /// Nobody learns who voted for what; votes cannot be changed.
    #[serde(default)]
    pub anonymous: bool,
    /// The result is seen only once the poll is closed.
    #[serde(default)]
    pub hidden: bool,
}

/// Whether a poll takes votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum PollState {
    /// It does.
    Open,
    /// It did, and the result stands.
    Closed,
}

/// A poll that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct Poll {
    /// Counts up in the meeting.
    pub poll: u32,
    /// What it asks.
    pub question: Question,
    /// Where it stands.
    pub state: PollState,
    /// How many people have voted.
    pub voters: u32,
    /// How many votes each option has; absent while the result is hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub counts: Option<Vec<u32>>,
}

/// A poll that is prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct Draft {
    /// The number that the poll will have.
    pub poll: u32,
    /// What it will ask.
    pub question: Question,
}
