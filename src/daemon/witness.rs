//! Puts what happens into words for those who follow it: meetings, calls, conditions, the configuration.

use std::sync::Arc;

use alcove_hal::clock::Clock;
use serde_json::{Value, json};

use crate::appliance::{Happening, Witness};
use crate::system::conditions::{Condition, Conditions};
use crate::system::configuration::State;
use crate::system::events::Events;

/// What the loop tells becomes events.
pub(super) fn of_the_loop(events: &Arc<Events>, clock: &Arc<dyn Clock>) -> Witness {
    let (events, clock) = (Arc::clone(events), Arc::clone(clock));
    Arc::new(move |happening| {
        let (kind, subject, data) = words(happening);
        events.add(&kind, Some(&subject), &data, clock.unix_ms());
    })
}

/// The type of the event, what it is about, and its data.
fn words(happening: &Happening<'_>) -> (String, String, Value) {
    match happening {
        Happening::MeetingOpened { meeting } => {
            ("meeting.opened".to_owned(), (*meeting).to_owned(), json!({ "meeting": meeting }))
        }
        Happening::InMeeting { meeting, event } => {
            let (word, mut data) = match json!(event) {
                Value::Object(fields) => fields.into_iter().next().unwrap_or_default(),
                word => (word.as_str().unwrap_or_default().to_owned(), json!({})),
            };
            data["meeting"] = json!(meeting);
            (format!("meeting.{word}"), (*meeting).to_owned(), data)
        }
        Happening::Call(call) => ("call.changed".to_owned(), call.id.clone(), json!(call)),
        Happening::CallEnded(record) => ("call.ended".to_owned(), record.number.to_string(), json!(record)),
    }
}

/// What has become another one since.
pub(super) fn conditions_changed(events: &Events, before: &Conditions, now: &Conditions, at: u64) {
    let is_new = |condition: &&Condition| {
        let finding = before.get(condition.kind).map(|before| &before.finding);
        finding.is_none_or(|finding| {
            (finding.status, finding.reason) != (condition.finding.status, condition.finding.reason)
        })
    };
    for condition in now.iter().filter(is_new) {
        let Condition { kind, finding, since_unix_ms, .. } = condition;
        let data = json!({
            "type": kind.as_str(),
            "status": finding.status,
            "reason": finding.reason,
            "message": finding.message,
            "since_unix_ms": since_unix_ms,
        });
        events.add("condition.changed", Some(kind.as_str()), &data, at);
    }
}

/// What is wanted, or what is in effect, is another one.
pub(super) fn configuration_changed(events: &Events, state: &State, at: u64) {
    let data = json!({
        "generation": state.generation,
        "observed_generation": state.observed,
        "taken_back": state.taken_back,
    });
    events.add("config.changed", None, &data, at);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::conditions::{Finding, Kind};
    use crate::web::wire;

    #[test]
    fn what_happens_in_a_meeting_has_a_type_of_its_own_and_names_the_meeting() {
        let told = |event: &wire::Event| words(&Happening::InMeeting { meeting: "board", event });
        let (kind, subject, data) =
            told(&wire::Event::Left { participant: "p4".to_owned(), reason: wire::LeaveReason::Kicked });
        assert_eq!((kind.as_str(), subject.as_str()), ("meeting.left", "board"));
        assert_eq!(data, json!({"participant": "p4", "reason": "kicked", "meeting": "board"}));
        let (kind, _, data) = told(&wire::Event::Ended {});
        assert_eq!((kind.as_str(), data), ("meeting.ended", json!({"meeting": "board"})));
    }

    #[test]
    fn a_condition_is_told_when_it_or_its_reason_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let (events, _) = Events::open(folder.path(), "urn:alcove:box".to_owned());
        let mut now = Conditions::default();
        let mut count = |finding: Finding| {
            let before = now.clone();
            now.find(Kind::CameraReady, finding, 5);
            conditions_changed(&events, &before, &now, 5);
            events.newest()
        };
        assert_eq!(count(Finding::yes("Present", "one camera")), 1);
        assert_eq!(count(Finding::yes("Present", "the same in other words")), 1);
        assert_eq!(count(Finding::yes("Simulated", "another one")), 2);
        assert_eq!(count(Finding::no("Lost", "none")), 3);
    }
}
