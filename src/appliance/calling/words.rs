//! Between the calls' values and the words of the wire.

use std::time::Instant;

use crate::calling::{self, CallId, DeviceId, Leg, LegEnd, LegState, UserId};
use crate::web::wire::calling as wire;

pub(super) fn user_of_word(word: &str) -> Option<UserId> {
    number_behind('u', word).map(UserId)
}

pub(super) fn call_of_word(word: &str) -> Option<CallId> {
    number_behind('c', word).map(CallId)
}

pub(super) fn device_word(device: DeviceId) -> String {
    format!("d{}", device.0)
}

/// The number, if it stands there as we would write it.
fn number_behind(letter: char, word: &str) -> Option<u64> {
    let number = word.strip_prefix(letter)?.parse().ok()?;
    (word == format!("{letter}{number}")).then_some(number)
}

pub(super) const fn media_word(media: calling::Media) -> wire::Media {
    match media {
        calling::Media::Audio => wire::Media::Audio,
        calling::Media::Video => wire::Media::Video,
    }
}

pub(super) const fn media_of_word(media: wire::Media) -> calling::Media {
    match media {
        wire::Media::Audio => calling::Media::Audio,
        wire::Media::Video => calling::Media::Video,
    }
}

pub(super) const fn kind_word(kind: calling::UserKind) -> wire::UserKind {
    match kind {
        calling::UserKind::Person => wire::UserKind::Person,
        calling::UserKind::Room => wire::UserKind::Room,
        calling::UserKind::Appliance => wire::UserKind::Appliance,
    }
}

/// How somebody took being rung, as another appliance tells.
pub(super) const fn end_of_leg_word(state: wire::LegState) -> LegEnd {
    match state {
        wire::LegState::Declined => LegEnd::Declined,
        wire::LegState::NoAnswer => LegEnd::NoAnswer,
        wire::LegState::Busy => LegEnd::Busy,
        wire::LegState::DoNotDisturb => LegEnd::DoNotDisturb,
        _ => LegEnd::Lost,
    }
}

pub(super) const fn presence_word(presence: calling::Presence) -> wire::Presence {
    match presence {
        calling::Presence::Offline => wire::Presence::Offline,
        calling::Presence::Online => wire::Presence::Online,
        calling::Presence::Busy => wire::Presence::Busy,
        calling::Presence::DoNotDisturb => wire::Presence::DoNotDisturb,
    }
}

pub(super) const fn leg_word(leg: &Leg) -> wire::LegState {
    match leg.state {
        LegState::Calling => wire::LegState::Calling,
        LegState::Ringing { knock: false, .. } => wire::LegState::Ringing,
        LegState::Ringing { knock: true, .. } => wire::LegState::Knocking,
        LegState::Joining { .. } => wire::LegState::Joining,
        LegState::In => wire::LegState::In,
        LegState::Over(end) => match end {
            LegEnd::Left => wire::LegState::Left,
            LegEnd::Moved => wire::LegState::Moved,
            LegEnd::Declined => wire::LegState::Declined,
            LegEnd::NoAnswer => wire::LegState::NoAnswer,
            LegEnd::Cancelled => wire::LegState::Cancelled,
            LegEnd::Busy => wire::LegState::Busy,
            LegEnd::DoNotDisturb => wire::LegState::DoNotDisturb,
            LegEnd::Lost => wire::LegState::Lost,
        },
    }
}

/// A leg as it was told; `until` is for those that wait for something.
pub(super) const fn leg_of_word(state: wire::LegState, until: Instant) -> LegState {
    LegState::Over(match state {
        wire::LegState::Calling => return LegState::Calling,
        wire::LegState::Ringing => return LegState::Ringing { until, knock: false },
        wire::LegState::Knocking => return LegState::Ringing { until, knock: true },
        wire::LegState::Joining => return LegState::Joining { until },
        wire::LegState::In => return LegState::In,
        wire::LegState::Left => LegEnd::Left,
        wire::LegState::Moved => LegEnd::Moved,
        wire::LegState::Declined => LegEnd::Declined,
        wire::LegState::NoAnswer => LegEnd::NoAnswer,
        wire::LegState::Cancelled => LegEnd::Cancelled,
        wire::LegState::Busy => LegEnd::Busy,
        wire::LegState::DoNotDisturb => LegEnd::DoNotDisturb,
        wire::LegState::Lost => LegEnd::Lost,
    })
}

pub(super) const fn end_word(end: calling::CallEnd) -> wire::CallEnd {
    match end {
        calling::CallEnd::Finished => wire::CallEnd::Finished,
        calling::CallEnd::Cancelled => wire::CallEnd::Cancelled,
        calling::CallEnd::Declined => wire::CallEnd::Declined,
        calling::CallEnd::NoAnswer => wire::CallEnd::NoAnswer,
        calling::CallEnd::Busy => wire::CallEnd::Busy,
        calling::CallEnd::DoNotDisturb => wire::CallEnd::DoNotDisturb,
        calling::CallEnd::Lost => wire::CallEnd::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_nothing_else_does() {
        assert_eq!(user_of_word(&UserId(17).to_string()), Some(UserId(17)));
        assert_eq!(call_of_word(&CallId(17).to_string()), Some(CallId(17)));
        for word in ["", "u", "u-1", "u017", "17", "c17", "u18446744073709551616"] {
            assert_eq!(user_of_word(word), None, "{word:?}");
        }
    }
}
