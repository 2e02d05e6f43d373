//! The words of calls, exactly as they stand in JSON: who is there, who is rung, who answers; see `PROTOCOL.md`.
//!
//! ```text
//! page of a user                             appliance
//!   {"id":1,"do":{"hello":{..}}}      ──▶
//!                                     ◀──    {"re":1,"ok":{"welcome":{.. users, calls}}}
//!   {"id":2,"do":{"ring":{..}}}       ──▶
//!                                     ◀──    {"tell":{"call":{.. legs}}}       the whole call, at each change
//!                                     ◀──    {"tell":{"enter":{.. meeting, token}}}    somebody has accepted
//! ```

use serde::{Deserialize, Serialize};

use super::{Outgoing, Refused};

/// The version of the words of calls that this build speaks.
pub const VERSION: u16 = 1;

/// The oldest version that it still understands.
pub const OLDEST_VERSION: u16 = 1;

/// The longest frame that a page may send, in bytes.
pub const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// The longest name of a device, in bytes.
pub const DEVICE_BYTES_MAX: usize = 64;

/// The longest endpoint of a push subscription, in bytes.
pub const ENDPOINT_BYTES_MAX: usize = 2_048;

/// The most records that one [`Ask::History`] is answered with.
pub const RECORDS_MAX: usize = 50;

/// A numbered request. Each is answered once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Chosen by the page; comes back as `re`.
    pub id: u32,
    /// What is asked.
    #[serde(rename = "do")]
    pub ask: Ask,
}

/// What a page can ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// The first request: who I am.
    Hello(Hello),
    /// Whose presence I want to be told; until I ask, everybody's.
    Watch {
        /// Their ids; everybody where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        users: Option<Vec<String>>,
    },
    /// I ring somebody. Answered with the call's id.
    Ring {
        /// One or many.
        users: Vec<String>,
        /// With pictures, or sound alone at first.
        media: Media,
        /// A meeting that I am in: they are rung into it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        meeting: Option<String>,
    },
    /// I ring more people into the call that I am in.
    Invite {
        /// Which call.
        call: String,
        /// One or many.
        users: Vec<String>,
    },
    /// I answer; `enter` follows.
    Accept {
        /// Which call.
        call: String,
    },
    /// I do not answer.
    Decline {
        /// Which call.
        call: String,
    },
    /// I take my call back, or leave it.
    HangUp {
        /// Which call.
        call: String,
    },
    /// I do not want to be rung, or do again.
    DoNotDisturb {
        /// Which of the two.
        on: bool,
    },
    /// The calls of mine that have ended, the last ones first.
    History {
        /// Only those before this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional, type = "number"))]
        before: Option<u64>,
    },
    /// I have seen which calls I have missed.
    SeenMissed {},
    /// Notify me here (Web Push, RFC 8030) when I am rung.
    Push(PushSubscription),
    /// Do not notify me there any more.
    Unpush {
        /// Where.
        endpoint: String,
    },
}

/// The first request of a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The version of these words that the page speaks.
    pub version: u16,
    /// A user's token.
    pub token: String,
    /// What stays the same when the same page comes back after a cut: 1 to 64 bytes, unguessed by others.
    pub device: String,
}

/// Where a browser takes notifications, as its `PushSubscription` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(deny_unknown_fields)]
pub struct PushSubscription {
    /// An `https` address of the browser's push service, at most [`ENDPOINT_BYTES_MAX`].
    pub endpoint: String,
    /// The browser's public key (P-256, uncompressed), in base64 for addresses.
    pub p256dh: String,
    /// The browser's secret of 16 bytes, likewise.
    pub auth: String,
}

/// What a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// Sound alone.
    Audio,
    /// Sound and pictures.
    Video,
}

/// Everything that the appliance sends.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(untagged)]
pub enum Frame {
    /// A request was carried out.
    Answered {
        /// The request's `id`.
        re: u32,
        /// What came of it.
        ok: Answer,
    },
    /// A request, or the socket itself, was refused.
    Refused {
        /// The request's `id`; absent when the frame could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        re: Option<u32>,
        /// Why.
        refused: Refused,
    },
    /// Something has happened.
    Told {
        /// What.
        tell: Tell,
    },
}

impl Outgoing for Frame {
    fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// What came of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To [`Ask::Hello`]: signed in.
    Welcome(Box<Welcome>),
    /// To [`Ask::Ring`].
    Ringing {
        /// The call's id.
        call: String,
    },
    /// To [`Ask::History`].
    History {
        /// At most [`RECORDS_MAX`], the last ones first.
        records: Vec<CallRecord>,
    },
    /// To everything else.
    Done {},
}

/// What a page starts from. What is told later replaces parts of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
pub struct Welcome {
    /// The version that both ends speak from here on.
    pub version: u16,
    /// Who I am.
    pub you: String,
    /// Which device of mine this is, in the legs of calls.
    pub device: String,
    /// The directory, me too.
    pub users: Vec<UserEntry>,
    /// The calls in which I am rung, or take part.
    pub calls: Vec<CallState>,
    /// How many calls I have missed since I last said [`Ask::SeenMissed`].
    pub missed: u32,
    /// What to subscribe to notifications with (`applicationServerKey`).
    pub push_key: String,
}

/// What a page is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Tell {
    /// An entry of the directory, new or changed.
    User {
        /// As it is now.
        user: UserEntry,
    },
    /// An entry of the directory is gone.
    UserGone {
        /// Whose.
        user: String,
    },
    /// A call that I have, or had, a part in.
    Call {
        /// As it is now. With an `end` it is the last time.
        call: CallState,
    },
    /// My call was answered, or I have answered: join this meeting now.
    Enter {
        /// Which call.
        call: String,
        /// The meeting's name.
        meeting: String,
        /// Lets me in.
        token: String,
        /// With pictures, or sound alone.
        media: Media,
    },
    /// A call of mine has ended, and stands in my history.
    Record {
        /// What has come of it.
        record: CallRecord,
    },
    /// So many calls were missed since I last looked.
    Missed {
        /// How many.
        count: u32,
    },
}

/// An entry of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
pub struct UserEntry {
    /// Unique for ever.
    pub id: String,
    /// The name to show, 1 to 64 characters.
    pub name: String,
    /// What sort it is.
    pub kind: UserKind,
    /// How they can be reached.
    pub presence: Presence,
}

/// What sort of user it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// A person.
    Person,
    /// A room.
    Room,
    /// The room of another appliance.
    Appliance,
}

/// How somebody can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Signed in nowhere; a call notifies them.
    Offline,
    /// Can be rung.
    Online,
    /// In a call, or a meeting.
    Busy,
    /// Does not want to be rung.
    DoNotDisturb,
}

/// A call as those who have a part in it are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[schema(as = Call)]
pub struct CallState {
    /// Unique while the appliance runs.
    pub id: String,
    /// Who has begun it.
    pub caller: String,
    /// With pictures, or sound alone.
    pub media: Media,
    /// Everybody who has, or had, a part in it; the caller first.
    pub legs: Vec<CallLeg>,
    /// When it began, in milliseconds since 1970 by the appliance's clock.
    #[cfg_attr(test, ts(type = "number"))]
    pub began_ms: u64,
    /// When it was first answered, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub answered_ms: Option<u64>,
    /// What has come of it, once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub end: Option<CallEnd>,
}

/// The part of one user in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
pub struct CallLeg {
    /// Whose.
    pub user: String,
    /// Who has rung them; absent for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub by: Option<String>,
    /// How it stands.
    pub state: LegState,
    /// The device that called, accepted or declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub device: Option<String>,
    /// When it stops ringing by itself, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub until_ms: Option<u64>,
}

/// How somebody's part in a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    /// Hears the ring-back: the caller.
    Calling,
    /// Is rung.
    Ringing,
    /// Is in another call, and told of this one.
    Knocking,
    /// Comes into the meeting.
    Joining,
    /// Is in the meeting.
    In,
    /// Was in, and is no longer.
    Left,
    /// Has taken another call.
    Moved,
    /// Did not want to.
    Declined,
    /// Did not answer in time.
    NoAnswer,
    /// It was taken back, or over, before an answer came.
    Cancelled,
    /// Was in another call.
    Busy,
    /// Did not want to be disturbed.
    DoNotDisturb,
    /// Was not heard of any more.
    Lost,
}

/// What has come of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
#[serde(rename_all = "snake_case")]
pub enum CallEnd {
    /// It was answered, and those in it have hung up.
    Finished,
    /// The caller has taken it back.
    Cancelled,
    /// Everybody declined.
    Declined,
    /// Nobody answered in time.
    NoAnswer,
    /// Everybody was in another call.
    Busy,
    /// Nobody wanted to be disturbed.
    DoNotDisturb,
    /// The caller, or somebody that was talked with, was not heard of any more.
    Lost,
}

/// A call that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
pub struct CallRecord {
    /// Counts up over all calls of the appliance.
    #[cfg_attr(test, ts(type = "number"))]
    pub number: u64,
    /// Who has begun it.
    pub caller: RecordParty,
    /// With pictures, or sound alone.
    pub media: Media,
    /// The others, and how each took it.
    pub callees: Vec<RecordParty>,
    /// When it began, in milliseconds since 1970 by the appliance's clock.
    #[cfg_attr(test, ts(type = "number"))]
    pub began_ms: u64,
    /// When it ended, likewise.
    #[cfg_attr(test, ts(type = "number"))]
    pub ended_ms: u64,
    /// For how long it was talked, in milliseconds; 0 when nobody answered.
    #[cfg_attr(test, ts(type = "number"))]
    pub talked_ms: u64,
    /// Why it ended.
    pub end: CallEnd,
}

/// Somebody in the record of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "calling.ts"))]
pub struct RecordParty {
    /// Who; nobody of that id may be left in the directory.
    pub user: String,
    /// The name that they had then.
    pub name: String,
    /// How their part ended.
    pub state: LegState,
}
