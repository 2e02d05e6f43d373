//! Refusals: what was asked and is not allowed, with a stable code that clients act on.

use std::fmt;

/// The stable codes of refusals. They are part of the API: never renamed, only added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// A meeting of that name is alive.
    MeetingExists,
    /// No meeting of that name is alive.
    MeetingNotFound,
    /// The meeting has as many participants as it may have.
    MeetingFull,
    /// The meeting admits nobody more.
    MeetingLocked,
    /// The password is missing or wrong.
    WrongPassword,
    /// The meetings are joined already, directly or through others.
    MeetingLoop,
    /// The role, or the token, does not allow it.
    NotPermitted,
    /// Admission waits for a host.
    WaitingForHost,
    /// A field is unknown, missing, of the wrong type or out of its range.
    InvalidParameter,
    /// The meeting's mode does not have it (video in an audio meeting).
    UnsupportedMode,
    /// The participant already publishes a track of that source.
    TrackIdTaken,
    /// The client speaks an older version of the protocol than we still know.
    ClientTooOld,
    /// The client speaks a newer version of the protocol than we know.
    ServerTooOld,
    /// Too many requests in too short a time.
    TooManyRequests,
    /// The thing is in use.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// The callee declined.
    Declined,
    /// The other end is gone.
    PeerLost,
    /// Nobody of that id is in the directory.
    UserNotFound,
    /// What was to be changed has changed since it was read.
    Stale,
    /// A bug of ours; the log has the details.
    Internal,
}

impl Code {
    /// Every code, in the order of the documented table.
    pub const ALL: [Self; 21] = [
        Self::MeetingExists,
        Self::MeetingNotFound,
        Self::MeetingFull,
        Self::MeetingLocked,
        Self::WrongPassword,
        Self::MeetingLoop,
        Self::NotPermitted,
        Self::WaitingForHost,
        Self::InvalidParameter,
        Self::UnsupportedMode,
        Self::TrackIdTaken,
        Self::ClientTooOld,
        Self::ServerTooOld,
        Self::TooManyRequests,
        Self::Busy,
        Self::NoAnswer,
        Self::Declined,
        Self::PeerLost,
        Self::UserNotFound,
        Self::Stale,
        Self::Internal,
    ];

    /// The code as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MeetingExists => "meeting-exists",
            Self::MeetingNotFound => "meeting-not-found",
            Self::MeetingFull => "meeting-full",
            Self::MeetingLocked => "meeting-locked",
            Self::WrongPassword => "wrong-password",
            Self::MeetingLoop => "meeting-loop",
            Self::NotPermitted => "not-permitted",
            Self::WaitingForHost => "waiting-for-host",
            Self::InvalidParameter => "invalid-parameter",
            Self::UnsupportedMode => "unsupported-mode",
            Self::TrackIdTaken => "track-id-taken",
            Self::ClientTooOld => "client-too-old",
            Self::ServerTooOld => "server-too-old",
            Self::TooManyRequests => "too-many-requests",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Declined => "declined",
            Self::PeerLost => "peer-lost",
            Self::UserNotFound => "user-not-found",
            Self::Stale => "stale",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::WaitingForHost => 202,
            Self::InvalidParameter => 400,
            Self::WrongPassword => 401,
            Self::MeetingLocked | Self::NotPermitted => 403,
            Self::MeetingNotFound | Self::UserNotFound => 404,
            Self::NoAnswer => 408,
            Self::MeetingExists
            | Self::MeetingFull
            | Self::MeetingLoop
            | Self::UnsupportedMode
            | Self::TrackIdTaken
            | Self::Busy
            | Self::Declined => 409,
            Self::PeerLost => 410,
            Self::Stale => 412,
            Self::ClientTooOld | Self::ServerTooOld => 426,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
        }
    }

    /// The WebSocket close code (RFC 6455, 7.4.2: the private range) when the refusal ends the socket:
    /// 4000 and the HTTP status.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        4000 + self.http_status()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was asked and is not allowed: a code for machines and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// What clients act on.
    pub code: Code,
    /// The thing, the cause and the next step, in the user's words; never a secret.
    pub detail: String,
}

impl Refusal {
    /// A refusal with its sentence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}
