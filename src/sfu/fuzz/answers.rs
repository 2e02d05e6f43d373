//! Answers: what another appliance, to which we have offered, may answer instead of what it would.

use std::sync::LazyLock;
use std::time::Duration;

use super::{EVERYTHING, Input, drain, meeting, origin};
use crate::sfu::{BridgeLines, Inward, OfferRefused, Outward, PeerId};
use crate::track::Source;

const BRIDGE: PeerId = PeerId(1);
const GUEST: PeerId = PeerId(2);
const LINES: BridgeLines = BridgeLines { audio: 2, video: 2 };

/// An answer as another appliance gives it, changed step by step: each step has a byte for what is done, and a piece whose
/// first byte says where. What is left of the answer is taken or refused, and lines are filled all the same.
pub fn answers(data: &[u8]) {
    let refused = outcome(data);
    assert_ne!(refused, Some(OfferRefused::Internal), "a peer's step has panicked");
    assert!(refused.is_none_or(|refused| refused.to_string().len() < 1024), "a refusal without end");
}

/// Why that answer was refused, if it was.
fn outcome(data: &[u8]) -> Option<OfferRefused> {
    let (mut near, mut now) = (meeting(), origin());
    let offer = near.propose(BRIDGE, LINES, now).expect("there is room for a bridge");
    let answer = usual(&offer);
    let answer = changed(&answer, Input(data));
    let refused = near.accept(BRIDGE, &answer, now).err();
    for mid in mids(&answer) {
        let source = Source::Camera;
        near.carry_in(BRIDGE, &[Inward { mid: mid.clone(), guest: GUEST, source }], now);
        near.carry_out(BRIDGE, vec![Outward { mid, publisher: super::WITNESS, source, layers: 3 }], now);
    }
    for _ in 0..2 {
        now += Duration::from_millis(100);
        near.handle_timeout(now);
        drain(&mut near);
    }
    near.remove(BRIDGE, now);
    drain(&mut near);
    assert!(near.slots(BRIDGE).is_empty() && near.ufrag(BRIDGE).is_none());
    refused
}

/// What another appliance answers. It takes as long as all the rest, and is the same every time but for the names of the
/// lines: those of this offer take the place of those of the first.
fn usual(offer: &str) -> String {
    static FIRST: LazyLock<(Vec<String>, String)> = LazyLock::new(|| {
        let offer = meeting().propose(BRIDGE, LINES, origin()).expect("there is room for a bridge");
        let answer = meeting().offer(BRIDGE, EVERYTHING, &offer, origin()).expect("our own offer is taken");
        (mids(&offer), answer)
    });
    let (first, answer) = &*FIRST;
    let mut names = first.iter().zip(mids(offer)).collect::<Vec<_>>();
    let lines = answer.split("\r\n").map(|line| {
        let Some(at) = line.strip_prefix("a=mid:") else { return line.to_owned() };
        let found = names.iter().position(|(first, _)| *first == at).expect("each line is answered once");
        format!("a=mid:{}", names.swap_remove(found).1)
    });
    let bundle = format!("a=group:BUNDLE {}", mids(offer).join(" "));
    let lines = lines.map(|line| if line.starts_with("a=group:BUNDLE") { bundle.clone() } else { line });
    lines.collect::<Vec<_>>().join("\r\n")
}

fn mids(sdp: &str) -> Vec<String> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(str::to_owned).collect()
}

fn changed(answer: &str, mut steps: Input<'_>) -> String {
    let mut lines: Vec<String> = answer.split("\r\n").map(str::to_owned).collect();
    while let Some((kind, [at, text @ ..])) = steps.step() {
        let at = usize::from(*at) % lines.len().max(1);
        let text = String::from_utf8_lossy(text).into_owned();
        match kind & 3 {
            0 => lines.insert(at, text),
            1 if at < lines.len() => drop(lines.remove(at)),
            2 if at < lines.len() => lines[at] = text,
            _ if at < lines.len() => lines[at].push_str(&text),
            _ => {}
        }
    }
    lines.join("\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_appliance_answers_is_taken_as_long_as_nothing_of_it_is_changed() {
        assert_eq!(outcome(b""), None);
        assert_eq!(outcome(b""), None, "the answer to one offer fits every other");
        // Its first line is gone.
        assert_ne!(outcome(&[1, 0, 1, 0]), None);
    }
}
