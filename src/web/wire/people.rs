//! The words of people, exactly as they stand in JSON: who they are, what they may, what they write, why they go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Source, Track};

/// The longest message of a chat, in characters.
pub const CHAT_CHARS_MAX: usize = 2000;

/// The longest `identity`, in bytes.
pub const IDENTITY_BYTES_MAX: usize = 64;

/// For whom a message is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Everybody.
    All,
    /// Hosts and cohosts.
    Hosts,
    /// The participant with this id.
    One(String),
}

/// Who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Hosts and cohosts.
    Hosts,
    /// Whoever may send.
    Speakers,
    /// The audience too.
    Everybody,
}

/// Who may do what. The audience never sends, whatever is said here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// Write to all and to one person, and react.
    pub chat: Who,
    /// Share a screen.
    pub share: Who,
    /// Switch the own microphone on.
    pub unmute: Who,
    /// Change the own name.
    pub rename: Who,
    /// Be told the link that lets others in; everybody where absent.
    #[serde(default = "everybody")]
    pub invite: Who,
}

const fn everybody() -> Who {
    Who::Everybody
}

/// The longest display name, in characters.
pub const NAME_CHARS_MAX: usize = 64;

/// The longest `custom_info`, in bytes of JSON.
pub const CUSTOM_INFO_BYTES_MAX: usize = 4096;

/// What a participant may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Host,
    /// What the host may, but end the meeting.
    Cohost,
    /// May send.
    Speaker,
    /// Only receives.
    Audience,
}

/// What sort of participant it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum ParticipantKind {
    /// A person in a browser.
    Browser,
    /// The physical room with the appliance.
    Room,
    /// A meeting elsewhere, or a WHIP publisher or WHEP player.
    Bridge,
}

/// What becomes of somebody who is in a meeting and joins again, known by their `identity`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum SamePerson {
    /// The newer one takes the place of the older one, who is told `replaced`.
    #[default]
    Replace,
    /// The newer one is refused.
    Refuse,
    /// Both are there.
    Allow,
}

/// Why a participant is no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "kebab-case")]
pub enum LeaveReason {
    /// By its own wish.
    Left,
    /// Was away too long.
    Timeout,
    /// Removed by a host.
    Kicked,
    /// Removed by a host, for good.
    Banned,
    /// The meeting ended.
    Ended,
    /// The same identity joined from elsewhere.
    Replaced,
    /// No way through the network was found.
    TransportFailed,
    /// Speaks a version that the appliance does not.
    Version,
}

/// A participant as the others are told.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct Participant {
    /// Unique in the meeting's life.
    pub id: String,
    /// The name to show.
    pub name: String,
    /// What sort it is.
    pub kind: ParticipantKind,
    /// What it may do.
    pub role: Role,
    /// What it brought along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "unknown"))]
    pub custom_info: Option<serde_json::Value>,
    /// The tracks that it publishes.
    pub tracks: Vec<Track>,
    /// The sources that a host holds off.
    pub held: Vec<Source>,
    /// The number of its raised hand: the smallest was raised first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub hand: Option<u64>,
    /// What is noted about it.
    #[cfg_attr(test, ts(type = "Record<string, unknown>"))]
    pub attributes: BTreeMap<String, serde_json::Value>,
    /// False while its socket is cut and it may yet come back.
    pub present: bool,
    /// The bridge that it is here through: it is in a meeting elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub via: Option<String>,
}

/// What somebody outside waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// A host, to let them in.
    Admission,
    /// A host, to be there at all.
    Host,
    /// The time from which people come in.
    Opening,
}

/// Somebody who waits outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct Guest {
    /// The id that they will have inside.
    pub id: String,
    /// The name to show.
    pub name: String,
}

/// A chat message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct ChatMessage {
    /// Counts up; nobody sees every number.
    #[cfg_attr(test, ts(type = "number"))]
    pub id: u64,
    /// Who wrote it.
    pub from: String,
    /// The name that they had then.
    pub name: String,
    /// For whom.
    pub to: Audience,
    /// What.
    pub text: String,
    /// When, in milliseconds since 1970 by the appliance's clock.
    #[cfg_attr(test, ts(type = "number"))]
    pub at_ms: u64,
}
