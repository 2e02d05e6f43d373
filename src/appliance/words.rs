//! Translates the values of the pure modules into the words of the wire, and back.

use std::collections::BTreeMap;

use crate::config::MeetingCodec;
use crate::meeting;
use crate::track;
use crate::web::wire;

/// A participant's id as it stands in the words.
pub(super) fn id_word(id: meeting::ParticipantId) -> String {
    id.to_string()
}

/// Reads a participant's id.
pub(super) fn id_of_word(word: &str) -> Option<meeting::ParticipantId> {
    let number = word.strip_prefix('p')?.parse().ok()?;
    let id = meeting::ParticipantId(number);
    (id_word(id) == word).then_some(id)
}

pub(crate) const fn source_word(source: track::Source) -> wire::Source {
    match source {
        track::Source::Microphone => wire::Source::Microphone,
        track::Source::Camera => wire::Source::Camera,
        track::Source::Screen => wire::Source::Screen,
        track::Source::ScreenAudio => wire::Source::ScreenAudio,
    }
}

pub(super) const fn source_of_word(source: wire::Source) -> track::Source {
    match source {
        wire::Source::Microphone => track::Source::Microphone,
        wire::Source::Camera => track::Source::Camera,
        wire::Source::Screen => track::Source::Screen,
        wire::Source::ScreenAudio => track::Source::ScreenAudio,
    }
}

/// The codec that goes before others in a meeting.
pub(super) const fn preferred_codec(codec: MeetingCodec) -> track::VideoCodec {
    match codec {
        MeetingCodec::Auto => track::VideoCodec::H264,
        MeetingCodec::Vp8 => track::VideoCodec::Vp8,
        MeetingCodec::Vp9 => track::VideoCodec::Vp9,
        MeetingCodec::Av1 => track::VideoCodec::Av1,
    }
}

pub(crate) const fn codec_word(codec: track::VideoCodec) -> wire::VideoCodec {
    match codec {
        track::VideoCodec::H264 => wire::VideoCodec::H264,
        track::VideoCodec::Vp8 => wire::VideoCodec::Vp8,
        track::VideoCodec::Vp9 => wire::VideoCodec::Vp9,
        track::VideoCodec::Av1 => wire::VideoCodec::Av1,
    }
}

pub(super) const fn codec_of_word(codec: wire::VideoCodec) -> track::VideoCodec {
    match codec {
        wire::VideoCodec::H264 => track::VideoCodec::H264,
        wire::VideoCodec::Vp8 => track::VideoCodec::Vp8,
        wire::VideoCodec::Vp9 => track::VideoCodec::Vp9,
        wire::VideoCodec::Av1 => track::VideoCodec::Av1,
    }
}

const fn who_word(who: meeting::Who) -> wire::Who {
    match who {
        meeting::Who::Hosts => wire::Who::Hosts,
        meeting::Who::Speakers => wire::Who::Speakers,
        meeting::Who::Everybody => wire::Who::Everybody,
    }
}

const fn who_of_word(who: wire::Who) -> meeting::Who {
    match who {
        wire::Who::Hosts => meeting::Who::Hosts,
        wire::Who::Speakers => meeting::Who::Speakers,
        wire::Who::Everybody => meeting::Who::Everybody,
    }
}

pub(super) const fn rights_word(rights: meeting::Rights) -> wire::Rights {
    wire::Rights {
        chat: who_word(rights.chat),
        share: who_word(rights.share),
        unmute: who_word(rights.unmute),
        rename: who_word(rights.rename),
        invite: who_word(rights.invite),
    }
}

pub(super) const fn rights_of_word(rights: wire::Rights) -> meeting::Rights {
    meeting::Rights {
        chat: who_of_word(rights.chat),
        share: who_of_word(rights.share),
        unmute: who_of_word(rights.unmute),
        rename: who_of_word(rights.rename),
        invite: who_of_word(rights.invite),
    }
}

pub(super) fn audience_word(audience: meeting::Audience) -> wire::Audience {
    match audience {
        meeting::Audience::All => wire::Audience::All,
        meeting::Audience::Hosts => wire::Audience::Hosts,
        meeting::Audience::One(id) => wire::Audience::One(id_word(id)),
    }
}

pub(super) const fn waits_for_word(waits_for: meeting::WaitsFor) -> wire::WaitsFor {
    match waits_for {
        meeting::WaitsFor::Admission => wire::WaitsFor::Admission,
        meeting::WaitsFor::Host => wire::WaitsFor::Host,
        meeting::WaitsFor::Opening => wire::WaitsFor::Opening,
    }
}

pub(super) fn guest_word(guest: &meeting::Guest) -> wire::Guest {
    wire::Guest { id: id_word(guest.id), name: guest.name.clone() }
}

const fn state_word(state: meeting::TrackState) -> wire::TrackState {
    match state {
        meeting::TrackState::On => wire::TrackState::On,
        meeting::TrackState::Muted => wire::TrackState::Muted,
        meeting::TrackState::Off => wire::TrackState::Off,
    }
}

pub(super) const fn state_of_word(state: wire::TrackState) -> meeting::TrackState {
    match state {
        wire::TrackState::On => meeting::TrackState::On,
        wire::TrackState::Muted => meeting::TrackState::Muted,
        wire::TrackState::Off => meeting::TrackState::Off,
    }
}

pub(super) const fn role_word(role: meeting::Role) -> wire::Role {
    match role {
        meeting::Role::Host => wire::Role::Host,
        meeting::Role::Cohost => wire::Role::Cohost,
        meeting::Role::Speaker => wire::Role::Speaker,
        meeting::Role::Audience => wire::Role::Audience,
    }
}

pub(super) const fn role_of_word(role: wire::Role) -> meeting::Role {
    match role {
        wire::Role::Host => meeting::Role::Host,
        wire::Role::Cohost => meeting::Role::Cohost,
        wire::Role::Speaker => meeting::Role::Speaker,
        wire::Role::Audience => meeting::Role::Audience,
    }
}

pub(super) const fn kind_word(kind: meeting::ParticipantKind) -> wire::ParticipantKind {
    match kind {
        meeting::ParticipantKind::Browser => wire::ParticipantKind::Browser,
        meeting::ParticipantKind::Room => wire::ParticipantKind::Room,
        meeting::ParticipantKind::Bridge => wire::ParticipantKind::Bridge,
    }
}

pub(super) const fn kind_of_word(kind: wire::ParticipantKind) -> meeting::ParticipantKind {
    match kind {
        wire::ParticipantKind::Browser => meeting::ParticipantKind::Browser,
        wire::ParticipantKind::Room => meeting::ParticipantKind::Room,
        wire::ParticipantKind::Bridge => meeting::ParticipantKind::Bridge,
    }
}

pub(super) const fn mode_word(mode: meeting::Mode) -> wire::Mode {
    match mode {
        meeting::Mode::Video => wire::Mode::Video,
        meeting::Mode::Audio => wire::Mode::Audio,
    }
}

pub(super) const fn mode_of_word(mode: wire::Mode) -> meeting::Mode {
    match mode {
        wire::Mode::Video => meeting::Mode::Video,
        wire::Mode::Audio => meeting::Mode::Audio,
    }
}

pub(super) const fn same_person_word(same: meeting::SamePerson) -> wire::SamePerson {
    match same {
        meeting::SamePerson::Replaces => wire::SamePerson::Replace,
        meeting::SamePerson::IsRefused => wire::SamePerson::Refuse,
        meeting::SamePerson::IsTwice => wire::SamePerson::Allow,
    }
}

pub(super) const fn same_person_of_word(same: wire::SamePerson) -> meeting::SamePerson {
    match same {
        wire::SamePerson::Replace => meeting::SamePerson::Replaces,
        wire::SamePerson::Refuse => meeting::SamePerson::IsRefused,
        wire::SamePerson::Allow => meeting::SamePerson::IsTwice,
    }
}

pub(super) const fn reason_word(reason: meeting::LeaveReason) -> wire::LeaveReason {
    match reason {
        meeting::LeaveReason::Left => wire::LeaveReason::Left,
        meeting::LeaveReason::Timeout => wire::LeaveReason::Timeout,
        meeting::LeaveReason::Kicked => wire::LeaveReason::Kicked,
        meeting::LeaveReason::Banned => wire::LeaveReason::Banned,
        meeting::LeaveReason::Ended => wire::LeaveReason::Ended,
        meeting::LeaveReason::Replaced => wire::LeaveReason::Replaced,
        meeting::LeaveReason::TransportFailed => wire::LeaveReason::TransportFailed,
        meeting::LeaveReason::Version => wire::LeaveReason::Version,
    }
}

/// The core keeps JSON as text: it was checked when it came in, so that it can be read again.
pub(super) fn json_of_text(text: Option<&str>) -> Option<serde_json::Value> {
    text.and_then(|text| serde_json::from_str(text).ok())
}

pub(super) fn text_of_json(value: Option<&serde_json::Value>) -> Option<String> {
    value.map(ToString::to_string)
}

pub(super) fn attributes_word(attributes: &BTreeMap<String, String>) -> BTreeMap<String, serde_json::Value> {
    let value = |text: &String| json_of_text(Some(text)).unwrap_or_default();
    attributes.iter().map(|(key, text)| (key.clone(), value(text))).collect()
}

pub(super) fn schedule_word(schedule: &meeting::Schedule) -> wire::Schedule {
    let ms = |moment: Option<meeting::Moment>| {
        moment.map(|moment| u64::try_from(moment.unix.as_millis()).unwrap_or(u64::MAX))
    };
    wire::Schedule {
        not_before_ms: ms(schedule.not_before),
        starts_at_ms: ms(schedule.starts_at),
        ends_at_ms: ms(schedule.ends_at),
    }
}

pub(super) fn poll_word(poll: &meeting::Poll) -> wire::Poll {
    wire::Poll {
        poll: poll.id.0,
        question: question_word(&poll.question),
        state: poll_state_word(poll.state),
        voters: poll.voters(),
        counts: poll.result().map(<[u32]>::to_vec),
    }
}

pub(super) const fn poll_state_word(state: meeting::PollState) -> wire::PollState {
    match state {
        meeting::PollState::Open => wire::PollState::Open,
        // Drafts are told to hosts alone, and otherwise.
        meeting::PollState::Draft | meeting::PollState::Closed => wire::PollState::Closed,
    }
}

pub(super) fn draft_word(poll: &meeting::Poll) -> wire::Draft {
    wire::Draft { poll: poll.id.0, question: question_word(&poll.question) }
}

pub(super) fn question_word(question: &meeting::Question) -> wire::Question {
    wire::Question {
        text: question.text.clone(),
        options: question.options.clone(),
        multiple: question.is_multiple,
        anonymous: question.is_anonymous,
        hidden: question.is_hidden,
    }
}

pub(super) fn question_of_word(question: wire::Question) -> meeting::Question {
    let wire::Question { text, options, multiple, anonymous, hidden } = question;
    meeting::Question { text, options, is_multiple: multiple, is_anonymous: anonymous, is_hidden: hidden }
}

pub(super) fn participant_word(participant: &meeting::Participant) -> wire::Participant {
    let track_word = |(source, state): (&track::Source, &meeting::TrackState)| wire::Track {
        source: source_word(*source),
        muted: *state == meeting::TrackState::Muted,
    };
    wire::Participant {
        id: id_word(participant.id),
        name: participant.name.clone(),
        kind: kind_word(participant.kind),
        role: role_word(participant.role),
        custom_info: json_of_text(participant.custom_info.as_deref()),
        tracks: participant.tracks.iter().map(track_word).collect(),
        held: participant.held.iter().map(|source| source_word(*source)).collect(),
        hand: participant.hand,
        attributes: attributes_word(&participant.attributes),
        present: participant.presence == meeting::Presence::Here,
        via: participant.via.map(id_word),
    }
}

pub(super) fn delta_word(numbered: &meeting::Numbered) -> wire::Frame {
    wire::Frame::Delta { seq: numbered.seq, event: event_word(&numbered.event) }
}

fn event_word(event: &meeting::Event) -> wire::Event {
    match event {
        meeting::Event::Joined { participant } => {
            wire::Event::Joined { participant: Box::new(participant_word(participant)) }
        }
        meeting::Event::Left { participant, reason } => {
            wire::Event::Left { participant: id_word(*participant), reason: reason_word(*reason) }
        }
        meeting::Event::Presence { participant, presence } => wire::Event::Presence {
            participant: id_word(*participant),
            present: *presence == meeting::Presence::Here,
        },
        meeting::Event::Track { participant, source, state } => wire::Event::Track {
            participant: id_word(*participant),
            source: source_word(*source),
            state: state_word(*state),
        },
        meeting::Event::Role { participant, role } => {
            wire::Event::Role { participant: id_word(*participant), role: role_word(*role) }
        }
        meeting::Event::Held { participant, source, held } => wire::Event::Held {
            participant: id_word(*participant),
            source: source_word(*source),
            held: *held,
        },
        meeting::Event::Hand { participant, hand } => {
            wire::Event::Hand { participant: id_word(*participant), hand: *hand }
        }
        meeting::Event::Renamed { participant, name } => {
            wire::Event::Renamed { participant: id_word(*participant), name: name.clone() }
        }
        meeting::Event::Rights { rights } => wire::Event::Rights { rights: rights_word(*rights) },
        meeting::Event::Locked { locked } => wire::Event::Locked { locked: *locked },
        meeting::Event::SentBack { participant } => {
            wire::Event::SentBack { participant: id_word(*participant) }
        }
        meeting::Event::Lobby { on } => wire::Event::Lobby { on: *on },
        meeting::Event::Attribute { participant, key, value } => wire::Event::Attribute {
            participant: participant.map(id_word),
            key: key.clone(),
            value: json_of_text(value.as_deref()),
        },
        meeting::Event::Rescheduled { schedule } => {
            wire::Event::Rescheduled { schedule: schedule_word(schedule) }
        }
        meeting::Event::Poll { poll } => wire::Event::Poll { poll: poll_word(poll) },
        meeting::Event::Voted { poll, voters, counts } => {
            wire::Event::Voted { poll: poll.0, voters: *voters, counts: counts.clone() }
        }
        meeting::Event::Ended => wire::Event::Ended {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_nothing_else_does() {
        let id = meeting::ParticipantId(17);
        assert_eq!(id_of_word(&id_word(id)), Some(id));
        for word in ["", "p", "p-1", "p017", "17", "q17", "p18446744073709551616"] {
            assert_eq!(id_of_word(word), None, "{word:?}");
        }
    }
}
