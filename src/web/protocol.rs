//! `PROTOCOL.md` against the code: its tables and its examples say what is so.

use super::wire::calling;
use super::{socket, wire};
use crate::appliance::handle::FRAMES_MAX;
use crate::refusal::Code;

const TEXT: &str = include_str!("PROTOCOL.md");

/// Where the part about calls begins.
const CALLS: &str = "# The words of calls";

#[test]
fn the_table_of_refusals_has_every_code_with_its_numbers() {
    let rows: Vec<_> = TEXT
        .lines()
        .skip_while(|line| *line != "| code | HTTP | close | meaning |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|row| row.rsplit_once(" | ").expect("a meaning").0.to_owned())
        .collect();
    let wanted: Vec<_> = Code::ALL
        .iter()
        .map(|code| format!("| `{code}` | {} | {}", code.http_status(), code.close_code()))
        .collect();
    assert_eq!(rows, wanted);
}

#[test]
fn the_table_of_limits_has_the_limits_of_the_code() {
    let limits = TEXT.split("## Limits").nth(1).expect("a section");
    for figure in [
        format!("| {} bytes |", wire::REQUEST_BYTES_MAX),
        format!("| {} s | refused", socket::HELLO_WITHIN.as_secs()),
        format!("cannot be read | {} |", socket::BAD_FRAMES_MAX),
        format!("unanswered requests | {} |", socket::UNANSWERED_MAX),
        format!("| {FRAMES_MAX}, and {} s", socket::SENT_WITHIN.as_secs()),
        format!("| {} s (pings come every {} s)", socket::DEAD_AFTER.as_secs(), socket::PING_EVERY.as_secs()),
        format!("wishes | {} |", wire::WISHES_MAX),
        format!("name | {} characters", wire::NAME_CHARS_MAX),
        format!("| {} bytes of JSON", wire::CUSTOM_INFO_BYTES_MAX),
    ] {
        assert!(limits.contains(&figure), "{figure}");
    }
}

#[test]
fn the_examples_are_words_of_the_wire() {
    let (meetings, calls) = TEXT.split_once(CALLS).expect("both parts");
    let examples: Vec<_> = meetings.lines().filter(|line| line.starts_with("{\"")).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        if example.contains("\"do\"") {
            serde_json::from_str::<wire::Request>(example).expect(example);
        } else {
            let frame: wire::Frame = serde_json::from_str(example).expect(example);
            assert!(matches!(frame, wire::Frame::Told { .. }), "{example}");
        }
    }
    let examples: Vec<_> = calls.lines().filter(|line| line.starts_with("{\"")).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        if example.contains("\"do\"") {
            serde_json::from_str::<calling::Request>(example).expect(example);
        } else {
            let frame: calling::Frame = serde_json::from_str(example).expect(example);
            assert!(matches!(frame, calling::Frame::Told { .. }), "{example}");
        }
    }
}

#[test]
fn the_table_of_calls_has_the_limits_of_the_code() {
    let (_, calls) = TEXT.split_once(CALLS).expect("both parts");
    for figure in [
        format!("at most {} bytes from the page", calling::REQUEST_BYTES_MAX),
        format!("1 to {} bytes that stay the same", calling::DEVICE_BYTES_MAX),
        format!("at most {} `records`", calling::RECORDS_MAX),
        format!("does not read | {} |", socket::calling::FRAMES_MAX),
    ] {
        assert!(calls.contains(&figure), "{figure}");
    }
}
