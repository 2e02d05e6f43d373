//! `PROTOCOL.md` against the code: its tables and its examples say what is so.

use super::{socket, wire};
use crate::appliance::handle::FRAMES_MAX;
use crate::refusal::Code;

const TEXT: &str = include_str!("PROTOCOL.md");

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
    let examples: Vec<_> = TEXT.lines().filter(|line| line.starts_with("{\"")).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        if example.contains("\"do\"") {
            serde_json::from_str::<wire::Request>(example).expect(example);
        } else {
            let frame: wire::Frame = serde_json::from_str(example).expect(example);
            assert!(matches!(frame, wire::Frame::Told { .. }), "{example}");
        }
    }
}
