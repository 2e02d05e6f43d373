//! The words of the WebSocket, exactly as they stand in JSON; `PROTOCOL.md` tells how they are used.
//!
//! ```text
//! client                                     appliance
//!   {"id":1,"do":{"hello":{..}}}      ──▶
//!                                     ◀──    {"re":1,"ok":{"welcome":{.. snapshot, seq}}}
//!   {"id":2,"do":{"offer":{"sdp":..}}} ─▶
//!                                     ◀──    {"re":2,"ok":{"answer":{"sdp":..}}}
//!                                     ◀──    {"seq":8,"event":{"joined":{..}}}     numbered deltas
//!                                     ◀──    {"tell":{"slot":{..}}}                for this client alone
//!   {"id":3,"do":{"screen_on":..}}     ─▶
//!                                     ◀──    {"re":3,"refused":{"code":..,"detail":..}}
//! ```

pub mod calling;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the protocol that this build speaks.
pub const VERSION: u16 = 1;

/// The oldest version that it still understands.
pub const OLDEST_VERSION: u16 = 1;

/// The longest frame that a client may send, in bytes; an untrimmed offer has 64 kB.
pub const REQUEST_BYTES_MAX: usize = 256 * 1024;

/// A numbered request. Each is answered once, by [`Frame::Answered`] or [`Frame::Refused`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Chosen by the client; comes back as `re`.
    pub id: u32,
    /// What is asked.
    #[serde(rename = "do")]
    pub ask: Ask,
}

/// What a client can ask.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// The first request: who I am and what lets me in.
    Hello(Hello),
    /// The one offer; or, later, an ICE restart (the same m-lines, new credentials).
    Offer {
        /// The SDP.
        sdp: String,
    },
    /// An address of mine, after the offer: the appliance's relay lets through only whom it knows.
    Candidate {
        /// The value of `a=candidate`, at most [`CANDIDATE_BYTES_MAX`].
        candidate: String,
    },
    /// Whom I want to see, the most wanted first; replaces the wishes before.
    Watch {
        /// At most [`WISHES_MAX`].
        wishes: Vec<Wish>,
    },
    /// My track begins, is muted, or ends.
    Track {
        /// Which of my tracks.
        source: Source,
        /// What it is from now on.
        state: TrackState,
    },
    /// What time is it at the appliance?
    Clock {},
    /// How old are the pictures of the others when they arrive at the appliance?
    Delays {},
    /// I leave.
    Leave {},
    /// The meeting ends for all; hosts only.
    End {},
    /// My hand goes up or down; a host may take another's down.
    Hand {
        /// Whose; mine where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        participant: Option<String>,
        /// Which of the two.
        up: bool,
    },
    /// I show all what I feel.
    React {
        /// One emoji.
        emoji: String,
    },
    /// I write.
    Chat {
        /// For whom.
        to: Audience,
        /// 1 to [`CHAT_CHARS_MAX`] characters.
        text: String,
    },
    /// Somebody gets another name: I, or by a host anybody.
    Rename {
        /// Who.
        participant: String,
        /// 1 to 64 characters.
        name: String,
    },
    /// A track is muted, a shared screen ended; hosts only.
    Mute {
        /// Whose.
        participant: String,
        /// Which.
        source: Source,
        /// It cannot be switched on again until it is released.
        hold: bool,
    },
    /// All microphones but those of hosts are muted; hosts only.
    MuteAll {
        /// Whether they may be switched on again.
        may_unmute: bool,
    },
    /// What was held may be switched on again; hosts only.
    Release {
        /// Whose.
        participant: String,
        /// Which.
        source: Source,
    },
    /// Somebody is asked to switch something on; hosts only.
    AskToSend {
        /// Who.
        participant: String,
        /// What.
        source: Source,
    },
    /// Somebody may do more, or less, from now on; hosts only.
    Role {
        /// Who.
        participant: String,
        /// What it may do.
        role: Role,
    },
    /// Somebody is removed; hosts only.
    Remove {
        /// Who.
        participant: String,
        /// For good.
        ban: bool,
    },
    /// Nobody comes in but hosts, or everybody does again; hosts only.
    Lock {
        /// Which of the two.
        locked: bool,
    },
    /// Newcomers wait until a host lets them in, or come in by themselves again; hosts only.
    Lobby {
        /// Which of the two.
        on: bool,
    },
    /// Those who wait are let in; hosts only.
    Admit {
        /// One of them; all for whom there is room where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        participant: Option<String>,
    },
    /// Somebody who waits is sent away; hosts only.
    Deny {
        /// Who waits.
        participant: String,
    },
    /// Somebody waits outside again; hosts only. There is a lobby from then on.
    SendBack {
        /// Whom.
        participant: String,
    },
    /// Who may do what; hosts only.
    Rights {
        /// From now on.
        rights: Rights,
    },
    /// A feature of yours says something to the same feature of others, who are here.
    Message {
        /// For whom.
        to: Audience,
        /// Chosen by you; whoever acknowledges the message tells it.
        number: u32,
        /// Whose feature it is: 1 to 64 bytes.
        topic: String,
        /// Up to [`MESSAGE_BYTES_MAX`] of JSON.
        #[cfg_attr(test, ts(type = "unknown"))]
        data: serde_json::Value,
    },
    /// A message has arrived, and its sender shall know.
    Acknowledge {
        /// Who sent it.
        from: String,
        /// Which of theirs.
        number: u32,
    },
    /// Something is noted about me, or by a host about anybody, for all to see.
    Attribute {
        /// About whom; me where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        participant: Option<String>,
        /// 1 to 64 characters of `a-z A-Z 0-9 - _ . :`.
        key: String,
        /// Up to 1 kB of JSON; nothing, or `null`, takes it away.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional, type = "unknown"))]
        value: Option<serde_json::Value>,
    },
    /// Something is noted about the meeting; hosts only.
    MeetingAttribute {
        /// As of [`Ask::Attribute`].
        key: String,
        /// As of [`Ask::Attribute`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional, type = "unknown"))]
        value: Option<serde_json::Value>,
    },
    /// The meeting is at another time; hosts only.
    Reschedule {
        /// When it is; what is absent is not planned.
        schedule: Schedule,
    },
    /// A poll is prepared, or changed while it is; hosts only.
    DraftPoll {
        /// Which draft; a new one where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        poll: Option<u32>,
        /// What it asks.
        question: Question,
    },
    /// A draft is taken away; hosts only.
    DiscardPoll {
        /// Which.
        poll: u32,
    },
    /// A draft becomes a poll that takes votes; hosts only.
    OpenPoll {
        /// Which.
        poll: u32,
    },
    /// A poll takes no more votes, and its result stands; hosts only.
    ClosePoll {
        /// Which.
        poll: u32,
    },
    /// I vote; while the poll is open, and unless it is anonymous, also anew.
    Vote {
        /// In which poll.
        poll: u32,
        /// For which of its options, from 0 on.
        choices: Vec<u8>,
    },
}

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

/// When a meeting is, in milliseconds since 1970. What is absent is not planned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Before it nobody comes in but hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub not_before_ms: Option<u64>,
    /// When it is meant to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub starts_at_ms: Option<u64>,
    /// When it ends for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub ends_at_ms: Option<u64>,
}

/// The longest message between features, in bytes of JSON.
pub const MESSAGE_BYTES_MAX: usize = 8192;

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
}

/// The longest candidate, in bytes.
pub const CANDIDATE_BYTES_MAX: usize = 512;

/// The most wishes in one [`Ask::Watch`].
pub const WISHES_MAX: usize = 64;

/// The longest display name, in characters.
pub const NAME_CHARS_MAX: usize = 64;

/// The longest `custom_info`, in bytes of JSON.
pub const CUSTOM_INFO_BYTES_MAX: usize = 4096;

/// The first request of a socket.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The version of the protocol that the client speaks.
    pub version: u16,
    /// A join token, or the admin token.
    pub token: String,
    /// The name to show, 1 to 64 characters.
    pub name: String,
    /// The meeting's password, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub password: Option<String>,
    /// Anything of the client's that every other participant is shown, up to 4 kB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "unknown"))]
    pub custom_info: Option<serde_json::Value>,
    /// What stays the same whenever this person, or this browser, joins: whoever is banned is known by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub identity: Option<String>,
    /// Back after a cut: be the same participant again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub resume: Option<Resume>,
}

/// What makes a socket the continuation of a cut one.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The secret of the welcome.
    pub secret: String,
    /// The number of the last delta that was seen.
    pub seq: u64,
    /// The number of the last chat message that was seen.
    #[serde(default)]
    pub chat: u64,
}

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

/// Whether a meeting has pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Sound and pictures.
    #[default]
    Video,
    /// Sound alone.
    Audio,
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

/// The meeting as a joiner is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct MeetingInfo {
    /// Its unique name.
    pub name: String,
    /// Whether it has pictures.
    pub mode: Mode,
    /// What its creator gave to every joiner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "unknown"))]
    pub custom_info: Option<serde_json::Value>,
    /// The most participants, the room among them.
    pub max_participants: u32,
    /// Who may do what.
    pub rights: Rights,
    /// Nobody comes in but hosts.
    pub locked: bool,
    /// Newcomers wait until a host lets them in.
    pub lobby: bool,
    /// When it is.
    pub schedule: Schedule,
    /// What is noted about it.
    #[cfg_attr(test, ts(type = "Record<string, unknown>"))]
    pub attributes: BTreeMap<String, serde_json::Value>,
    /// The polls that were opened, the first one first.
    pub polls: Vec<Poll>,
}

/// Words that go out as JSON.
pub(crate) trait Outgoing {
    /// The text of a frame.
    ///
    /// # Errors
    /// None that words can have: their keys are texts.
    fn json(&self) -> serde_json::Result<String>;
}

impl Outgoing for Frame {
    fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// Everything that the appliance sends.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
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
    /// The meeting has changed: numbered without gaps from the snapshot's `seq` on.
    Delta {
        /// Its number.
        #[cfg_attr(test, ts(type = "number"))]
        seq: u64,
        /// The change.
        event: Event,
    },
    /// For this client alone, not numbered: after a cut it is said anew.
    Told {
        /// What is told.
        tell: Tell,
    },
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct Refused {
    /// The stable code, see the table in `PROTOCOL.md`.
    pub code: String,
    /// A sentence for people.
    pub detail: String,
}

/// What came of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To [`Ask::Hello`]: you are in, and this is the meeting.
    Welcome(Box<Welcome>),
    /// To [`Ask::Hello`] with `resume`: the deltas that were missed follow.
    Resumed {
        /// The number of the last delta so far.
        #[cfg_attr(test, ts(type = "number"))]
        seq: u64,
        /// The codec to send.
        video_codec: VideoCodec,
    },
    /// To [`Ask::Offer`].
    Answer {
        /// The SDP.
        sdp: String,
    },
    /// To [`Ask::Clock`].
    Clock {
        /// Milliseconds since the Unix epoch, by the clock that capture times are told by.
        at_ms: f64,
    },
    /// To [`Ask::Delays`].
    Delays {
        /// Of the video tracks of which something is known.
        tracks: Vec<TrackDelay>,
    },
    /// To everything else.
    Done {},
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

/// The snapshot that a joiner starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct Welcome {
    /// The version that both ends speak from here on.
    pub version: u16,
    /// The joiner's own id.
    pub you: String,
    /// What makes a later socket the continuation of this one.
    pub secret: String,
    /// The meeting.
    pub meeting: MeetingInfo,
    /// Everybody, the joiner too.
    pub participants: Vec<Participant>,
    /// The number of the last delta that the snapshot contains.
    #[cfg_attr(test, ts(type = "number"))]
    pub seq: u64,
    /// Where a host finds who was there and how the polls went, also when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub record: Option<RecordKey>,
    /// The codec to send.
    pub video_codec: VideoCodec,
    /// A STUN server, `stun:host:port`, where the appliance has a relay: learn your address from it, and tell
    /// [`Ask::Candidate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub stun: Option<String>,
}

/// What opens the record of one meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct RecordKey {
    /// Its number: `/api/v1/records/{id}`, and below it `attendance.csv` and `polls.csv`.
    #[cfg_attr(test, ts(type = "number"))]
    pub id: i64,
    /// The bearer token for it.
    pub token: String,
}

/// A change of the meeting.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody came.
    Joined {
        /// Who.
        participant: Participant,
    },
    /// Somebody is no longer there.
    Left {
        /// Who.
        participant: String,
        /// Why.
        reason: LeaveReason,
    },
    /// A participant's socket was cut, or is back.
    Presence {
        /// Who.
        participant: String,
        /// Whether it is back.
        present: bool,
    },
    /// A track began, was muted, or ended.
    Track {
        /// Whose.
        participant: String,
        /// Which.
        source: Source,
        /// What it is from now on.
        state: TrackState,
    },
    /// The role of a participant changed.
    Role {
        /// Whose.
        participant: String,
        /// From now on.
        role: Role,
    },
    /// A host holds a track off, or does so no longer.
    Held {
        /// Whose.
        participant: String,
        /// Which.
        source: Source,
        /// Which of the two.
        held: bool,
    },
    /// A hand went up, or down.
    Hand {
        /// Whose.
        participant: String,
        /// Its number, if it is up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional, type = "number"))]
        hand: Option<u64>,
    },
    /// Somebody has another name.
    Renamed {
        /// Who.
        participant: String,
        /// From now on.
        name: String,
    },
    /// Who may do what has changed.
    Rights {
        /// From now on.
        rights: Rights,
    },
    /// The meeting was locked, or unlocked.
    Locked {
        /// Which of the two.
        locked: bool,
    },
    /// A host has sent somebody back to the lobby; `left` follows, and they may say hello again.
    SentBack {
        /// Who.
        participant: String,
    },
    /// Newcomers wait until a host lets them in, or come in by themselves.
    Lobby {
        /// Which of the two.
        on: bool,
    },
    /// Something was noted, or is no longer.
    Attribute {
        /// About whom; about the meeting where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        participant: Option<String>,
        /// Its name.
        key: String,
        /// From now on, if it is noted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional, type = "unknown"))]
        value: Option<serde_json::Value>,
    },
    /// The meeting is at another time.
    Rescheduled {
        /// From now on.
        schedule: Schedule,
    },
    /// A poll was opened, or closed.
    Poll {
        /// As it is now.
        poll: Poll,
    },
    /// Somebody has voted.
    Voted {
        /// In which poll.
        poll: u32,
        /// How many people have.
        voters: u32,
        /// How many votes each option has; absent while the result is hidden.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        counts: Option<Vec<u32>>,
    },
    /// The meeting is over; the socket closes.
    Ended {},
}

/// What one client alone is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Tell {
    /// One of your slots shows somebody else from the frame with this RTP timestamp on.
    Slot {
        /// The `a=mid` of the slot's m-line.
        mid: String,
        /// Whose track; absent when the slot is empty from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        track: Option<SlotTrack>,
        /// The RTP timestamp of the first packet of it; compare modulo 2^32.
        rtp_timestamp: u32,
    },
    /// Who speaks.
    Speaking {
        /// The active speaker, for the stage.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        active: Option<String>,
        /// Everybody who is heard now, the loudest first.
        heard: Vec<String>,
    },
    /// From now on send this codec.
    VideoCodec {
        /// The codec.
        codec: VideoCodec,
    },
    /// Nothing came from you for a while: offer an ICE restart.
    RestartIce {},
    /// How many of your layers of a video source anybody watches: stop the others. At first all are watched.
    Layers {
        /// The camera or the screen.
        source: Source,
        /// From the smallest on; 0 while nobody watches.
        watched: u8,
    },
    /// How good a participant's way is: 5 (nothing to be noticed) to 1 (hardly of use), 0 (lost). Told on change, and
    /// at the join of those who are not at 5 both ways.
    Quality {
        /// Whose.
        participant: String,
        /// From the participant to the appliance.
        up: u8,
        /// From the appliance to the participant.
        down: u8,
    },
    /// A host asks you to switch something on. You may, and need not.
    AskedToSend {
        /// Who asks; absent when it is the administrator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        by: Option<String>,
        /// What.
        source: Source,
    },
    /// Your hello is not answered yet: you wait outside, and are let in by the answer.
    Waiting {
        /// What for.
        until: WaitsFor,
        /// When the meeting is.
        schedule: Schedule,
    },
    /// Who waits to be let in, all of them, the longest first; told to hosts at each change.
    Guests {
        /// At most 100.
        guests: Vec<Guest>,
    },
    /// Somebody shows what they feel.
    Reaction {
        /// Who.
        participant: String,
        /// One emoji.
        emoji: String,
    },
    /// A feature of somebody else's says something.
    Message {
        /// Who.
        from: String,
        /// For the acknowledgement.
        number: u32,
        /// Whose feature it is for.
        topic: String,
        /// What.
        #[cfg_attr(test, ts(type = "unknown"))]
        data: serde_json::Value,
    },
    /// A message of yours has arrived.
    Acknowledged {
        /// Where.
        by: String,
        /// Which of yours.
        number: u32,
    },
    /// The polls that are prepared, all of them; told to hosts at each change.
    Drafts {
        /// The first one first.
        polls: Vec<Draft>,
    },
    /// You have voted: told at the join, of each poll.
    Vote {
        /// In which poll.
        poll: u32,
        /// For what; empty where the poll is anonymous.
        choices: Vec<u8>,
    },
    /// Chat messages that you may read, the oldest first; at the join those from before.
    Chat {
        /// At least one.
        messages: Vec<ChatMessage>,
    },
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

/// The track in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
pub struct SlotTrack {
    /// Whose.
    pub participant: String,
    /// Which.
    pub source: Source,
}
