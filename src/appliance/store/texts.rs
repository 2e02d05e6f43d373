//! How the values of the pure modules stand in the store: as short texts, read back by the same tables.

use std::time::Duration;

use rusqlite::types::Type;

use crate::meeting::{
    Audience, LeaveReason, Mode, ParticipantId, ParticipantKind, PollState, Rights, Role, SamePerson, Who,
};

/// The values of a type with their texts.
pub(in crate::appliance) trait Text: Sized + Copy + PartialEq + 'static {
    /// Each value once.
    const TABLE: &'static [(Self, &'static str)];

    /// Its text.
    fn text(self) -> &'static str {
        // Every value stands in its table, which a test goes through.
        Self::TABLE.iter().find(|(value, _)| *value == self).map_or("", |(_, text)| text)
    }

    /// The value of a text.
    fn of_text(text: &str) -> rusqlite::Result<Self> {
        let found = Self::TABLE.iter().find(|(_, its)| *its == text).map(|(value, _)| *value);
        found.ok_or_else(|| unreadable(text))
    }
}

impl Text for Mode {
    const TABLE: &'static [(Self, &'static str)] = &[(Self::Video, "video"), (Self::Audio, "audio")];
}

impl Text for Role {
    const TABLE: &'static [(Self, &'static str)] = &[
        (Self::Host, "host"),
        (Self::Cohost, "cohost"),
        (Self::Speaker, "speaker"),
        (Self::Audience, "audience"),
    ];
}

impl Text for ParticipantKind {
    const TABLE: &'static [(Self, &'static str)] =
        &[(Self::Browser, "browser"), (Self::Room, "room"), (Self::Bridge, "bridge")];
}

impl Text for SamePerson {
    const TABLE: &'static [(Self, &'static str)] =
        &[(Self::Replaces, "replace"), (Self::IsRefused, "refuse"), (Self::IsTwice, "allow")];
}

impl Text for PollState {
    const TABLE: &'static [(Self, &'static str)] =
        &[(Self::Draft, "draft"), (Self::Open, "open"), (Self::Closed, "closed")];
}

impl Text for Who {
    const TABLE: &'static [(Self, &'static str)] =
        &[(Self::Hosts, "hosts"), (Self::Speakers, "speakers"), (Self::Everybody, "everybody")];
}

impl Text for LeaveReason {
    const TABLE: &'static [(Self, &'static str)] = &[
        (Self::Left, "left"),
        (Self::Timeout, "timeout"),
        (Self::Kicked, "kicked"),
        (Self::Banned, "banned"),
        (Self::Ended, "ended"),
        (Self::Replaced, "replaced"),
        (Self::TransportFailed, "transport-failed"),
        (Self::Version, "version"),
    ];
}

/// The rights in their order, with spaces between.
pub(in crate::appliance) fn rights_text(rights: Rights) -> String {
    let Rights { chat, share, unmute, rename, invite } = rights;
    [chat, share, unmute, rename, invite].map(Text::text).join(" ")
}

pub(in crate::appliance) fn rights_of_text(text: &str) -> rusqlite::Result<Rights> {
    let who = text.split(' ').map(Who::of_text).collect::<rusqlite::Result<Vec<_>>>()?;
    let [chat, share, unmute, rename, ref later @ ..] = who[..] else { return Err(unreadable(text)) };
    // An older appliance knew four.
    let invite = later.first().copied().unwrap_or_else(|| Rights::default().invite);
    Ok(Rights { chat, share, unmute, rename, invite })
}

pub(in crate::appliance) fn audience_text(audience: Audience) -> String {
    match audience {
        Audience::All => "all".to_owned(),
        Audience::Hosts => "hosts".to_owned(),
        Audience::One(id) => id.0.to_string(),
    }
}

pub(in crate::appliance) fn audience_of_text(text: &str) -> rusqlite::Result<Audience> {
    match text {
        "all" => Ok(Audience::All),
        "hosts" => Ok(Audience::Hosts),
        one => one.parse().map(|id| Audience::One(ParticipantId(id))).map_err(|_| unreadable(one)),
    }
}

/// A list of JSON.
pub(in crate::appliance) fn of_json<T: serde::de::DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|cause| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(cause)))
}

/// Whole milliseconds, as they are kept.
pub(in crate::appliance) fn ms(unix: Duration) -> i64 {
    i64::try_from(unix.as_millis()).unwrap_or(i64::MAX)
}

/// The time of kept milliseconds.
pub(in crate::appliance) fn of_ms(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn unreadable(text: &str) -> rusqlite::Error {
    let cause = format!("{text:?} is nothing that this appliance has written");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, cause.into())
}
