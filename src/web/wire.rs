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

mod bridge;
pub mod calling;
pub mod control;
mod media;
mod people;
mod polls;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use bridge::*;
pub use media::*;
pub use people::*;
pub use polls::*;

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
    /// Those for whom this bridge stands, all of them: bridges only.
    Behind(Behind),
    /// What this bridge sends to the other end, all of it: bridges only.
    Carry {
        /// At most [`CARRIED_MAX`].
        lines: Vec<CarriedLine>,
        /// What it does not send, for want of lines; at most [`LEFT_OUT_MAX`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(test, ts(optional, as = "Option<Vec<LeftOut>>"))]
        left_out: Vec<LeftOut>,
    },
    /// What time is it at the appliance?
    Clock {},
    /// How old are the pictures of the others when they arrive at the appliance?
    Delays {},
    /// I leave.
    Leave {},
    /// My page is closed, or loaded anew: I have left unless I am back soon.
    StepOut {},
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
    /// I want to be told how loud everybody is.
    Levels {
        /// How often: 100 to 60,000 milliseconds; 0: no longer.
        every_ms: u32,
    },
    /// I want to invite somebody: which link lets them in? My own may do more than theirs shall.
    Invitation {},
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
    /// Signs a user of the directory in: I am that one, and busy as long as I am here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub user: Option<String>,
    /// Back after a cut: be the same participant again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub resume: Option<Resume>,
    /// I am a bridge to a meeting of another appliance; only appliances of the directory are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub bridge: Option<BridgeHello>,
}

/// What a bridge says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "wire.ts"))]
#[serde(deny_unknown_fields)]
pub struct BridgeHello {
    /// The boxes that are reached through it.
    pub boxes: Vec<String>,
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
    /// To [`Ask::Invitation`].
    Invitation {
        /// Lets whoever opens it join as a speaker, for some hours.
        url: String,
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
        participant: Box<Participant>,
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
    /// To a bridge: what the other end is to be told of this one.
    Bridge {
        /// The boxes that are reached here without this bridge.
        boxes: Vec<String>,
        /// The video codecs that everybody here decodes.
        decodes: Vec<VideoCodec>,
    },
    /// These tracks of mine are not sent to the other end of a bridge, which has no line for them; all of them.
    LeftOut {
        /// The bridge.
        via: String,
        /// None: everything is sent.
        sources: Vec<Source>,
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
    /// How loud those are who are not silent, as often as [`Ask::Levels`] has asked for.
    Levels {
        /// The first in rank first, as the appliance chooses who is heard.
        levels: Vec<Level>,
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
        /// To a bridge: of whom, as the bridge calls them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        participant: Option<String>,
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
