//! The bodies of the API: what is sent and what is answered, as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::timestamp::{Timestamp, absent_or_null};
use crate::appliance::handle::{MeetingView, RoomView, StatusView};
use crate::system::conditions;
use crate::system::configuration::State;
use crate::web::wire::{Mode, Participant, Role, SamePerson};

/// What a meeting is created with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateMeeting {
    /// Unique among the living meetings: 1 to 64 characters of `a-z 0-9 - _ .`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9._-]+$", example = "weekly")]
    pub name: String,
    /// Sound and pictures, or sound alone.
    #[serde(default = "video")]
    pub mode: Mode,
    /// Asked of every joiner, 1 to 128 characters.
    #[schema(min_length = 1, max_length = 128)]
    pub password: Option<String>,
    /// Anything; given to every joiner, up to 4 kB of JSON.
    pub custom_info: Option<Value>,
    /// The most participants, the room among them.
    #[schema(minimum = 1)]
    pub max_participants: Option<u32>,
    /// Newcomers wait until a host lets them in.
    #[serde(default)]
    pub lobby: bool,
    /// Nobody comes in before a host does.
    #[serde(default)]
    pub wait_for_host: bool,
    /// What becomes of somebody who is in it and joins again, known by `identity`.
    #[serde(default)]
    pub same_person: SamePerson,
    /// Before it nobody comes in but hosts; the others wait.
    pub not_before: Option<Timestamp>,
    /// When it is meant to begin; it is there, and stays, until then.
    pub starts_at: Option<Timestamp>,
    /// When it ends for all; until then it stays, be it empty.
    pub ends_at: Option<Timestamp>,
    /// Who gets, at the end, who was there and how the polls went, by mail.
    #[schema(format = "email", max_length = 254)]
    pub report_to: Option<String>,
}

/// When a meeting is from now on: what is absent stays, `null` is no longer planned.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeMeeting {
    /// Before it nobody comes in but hosts.
    #[serde(default, deserialize_with = "absent_or_null")]
    #[schema(value_type = Option<Timestamp>)]
    pub not_before: Option<Option<Timestamp>>,
    /// When it is meant to begin.
    #[serde(default, deserialize_with = "absent_or_null")]
    #[schema(value_type = Option<Timestamp>)]
    pub starts_at: Option<Option<Timestamp>>,
    /// When it ends for all.
    #[serde(default, deserialize_with = "absent_or_null")]
    #[schema(value_type = Option<Timestamp>)]
    pub ends_at: Option<Option<Timestamp>>,
}

const fn video() -> Mode {
    Mode::Video
}

/// A living meeting.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Meeting {
    /// Its unique name.
    pub name: String,
    /// Sound and pictures, or sound alone.
    pub mode: Mode,
    /// Whether joiners are asked for a password.
    pub has_password: bool,
    /// Given to every joiner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_info: Option<Value>,
    /// The most participants, the room among them.
    pub max_participants: u32,
    /// Newcomers wait until a host lets them in, at the moment.
    pub lobby: bool,
    /// Nobody comes in before a host does.
    pub wait_for_host: bool,
    /// What becomes of somebody who is in it and joins again.
    pub same_person: SamePerson,
    /// Before it nobody comes in but hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When it is meant to begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// When it ends for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// How many participants there are now.
    pub participants: usize,
    /// Whether it is the room's standing meeting.
    pub standing: bool,
}

impl From<MeetingView> for Meeting {
    fn from(view: MeetingView) -> Self {
        Self {
            name: view.name,
            mode: view.mode,
            has_password: view.has_password,
            custom_info: view.custom_info,
            max_participants: view.max_participants,
            lobby: view.lobby,
            wait_for_host: view.wait_for_host,
            same_person: view.same_person,
            not_before: view.schedule.not_before_ms.map(Timestamp),
            starts_at: view.schedule.starts_at_ms.map(Timestamp),
            ends_at: view.schedule.ends_at_ms.map(Timestamp),
            participants: view.participants.len(),
            standing: view.standing,
        }
    }
}

/// A meeting that has just been created, with the links into it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedMeeting {
    /// The meeting.
    #[serde(flatten)]
    pub meeting: Meeting,
    /// Lets its bearer join as a speaker: for a day, or until a day after a planned meeting.
    #[schema(format = "uri")]
    pub join_url: String,
    /// Lets its bearer join as the host, for as long.
    #[schema(format = "uri")]
    pub host_url: String,
}

/// The living meetings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeetingList {
    /// In no particular order.
    pub meetings: Vec<Meeting>,
}

/// Who is in a meeting.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParticipantList {
    /// In the order in which they came.
    pub participants: Vec<Participant>,
}

/// What a join token shall allow, and for how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueToken {
    /// The role of who joins with it.
    pub role: Role,
    /// How long it lets in, in seconds: 1 to 31622400 (366 days).
    #[serde(default = "a_day_s")]
    #[schema(minimum = 1, maximum = 31_622_400, default = 86_400)]
    pub expires_in_s: u64,
}

const fn a_day_s() -> u64 {
    86_400
}

/// A join token, and the link that carries it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Token {
    /// For the `hello` of a WebSocket, or as bearer token of WHIP and WHEP.
    pub token: String,
    /// Opens the page with it.
    #[schema(format = "uri")]
    pub url: String,
}

/// The meeting that the room shall join.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinRoom {
    /// The name of a living meeting, or of the standing one.
    pub meeting: String,
}

/// Which of the room's devices shall be muted; what is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MuteRoom {
    /// Whether the microphone shall be muted.
    pub microphone: Option<bool>,
    /// Whether the camera shall be muted.
    pub camera: Option<bool>,
}

/// What the room does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Room {
    /// The meeting that it is in.
    #[schema(required)]
    pub meeting: Option<String>,
    /// Whether its microphone captures.
    pub microphone_on: bool,
    /// Whether its camera captures.
    pub camera_on: bool,
    /// The devices in use.
    pub devices: Vec<Device>,
}

/// A device in use.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Device {
    /// Camera, microphone, loudspeaker, display or encoder.
    pub class: String,
    /// Which one, and why it was chosen.
    pub choice: String,
}

impl From<RoomView> for Room {
    fn from(view: RoomView) -> Self {
        let device = |(class, choice)| Device { class, choice };
        Self {
            meeting: view.meeting,
            microphone_on: view.microphone_on,
            camera_on: view.camera_on,
            devices: view.devices.into_iter().map(device).collect(),
        }
    }
}

/// What the appliance does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    /// What tells this box from all others: the serial number of its board, or one that was drawn.
    pub box_id: String,
    /// The version of the program.
    pub version: &'static str,
    /// How long it has been running, in seconds.
    pub uptime_s: u64,
    /// The room.
    pub room: Room,
    /// How many meetings live.
    pub meetings: usize,
    /// How many participants they have together.
    pub participants: usize,
    /// Where media arrives over UDP and TCP, `address:port`.
    pub media_addresses: Vec<String>,
    /// What was wrong at the start, and what is wrong with the relay now, a sentence each with what to do; else empty.
    pub troubles: Vec<String>,
    /// The SHA-256 of the appliance's own authority, by which others know it; none with a certificate of the owner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority_fingerprint: Option<String>,
    /// Counts changes of the configuration.
    pub generation: u64,
    /// The generation that is in effect.
    pub observed_generation: u64,
    /// How it is, thing by thing.
    pub conditions: Vec<Condition>,
}

/// A thing that is looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Condition {
    /// Which: `Ready`, `ConfigApplied`, `CameraReady`, …
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// Why, in a word for programs.
    pub reason: &'static str,
    /// Why, in a sentence, and what to do next.
    pub message: String,
    /// Since when the status is that, in milliseconds since the Unix epoch.
    pub since_unix_ms: u64,
    /// When it was last true, in milliseconds since the Unix epoch; absent where it never was, and while it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_true_unix_ms: Option<u64>,
}

impl From<&conditions::Condition> for Condition {
    fn from(condition: &conditions::Condition) -> Self {
        let status = match condition.finding.status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        };
        Self {
            kind: condition.kind.as_str(),
            status,
            reason: condition.finding.reason,
            message: condition.finding.message.clone(),
            since_unix_ms: condition.since_unix_ms,
            last_true_unix_ms: condition.last_true_unix_ms.filter(|_| status != "True"),
        }
    }
}

impl Status {
    /// What the loop says, and what is known beside it.
    pub(crate) fn new(
        view: StatusView,
        (box_id, authority_fingerprint): (String, Option<String>),
        state: &State,
        conditions: &conditions::Conditions,
    ) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: view.uptime.as_secs(),
            room: view.room.into(),
            meetings: view.meetings,
            participants: view.participants,
            media_addresses: view.media_addresses.iter().map(ToString::to_string).collect(),
            troubles: view.troubles,
            box_id,
            authority_fingerprint,
            generation: state.generation,
            observed_generation: state.observed,
            conditions: conditions.iter().map(Condition::from).collect(),
        }
    }
}
