//! Answers: what another appliance, to which we have offered, may answer instead of what it would.

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
    let (mut near, mut far) = (meeting(), meeting());
    let mut now = origin();
    let offer = near.propose(BRIDGE, LINES, now).expect("there is room for a bridge");
    let answer = far.offer(BRIDGE, EVERYTHING, &offer, now).expect("our own offer is taken");
    let answer = changed(&answer, Input(data));
    let refused = near.accept(BRIDGE, &answer, now).err();
    assert_ne!(refused, Some(OfferRefused::Internal), "a peer's step has panicked");
    assert!(refused.is_none_or(|refused| refused.to_string().len() < 1024), "a refusal without end");
    for mid in answer.lines().filter_map(|line| line.strip_prefix("a=mid:")) {
        let mid = mid.to_owned();
        let source = Source::Camera;
        near.carry_in(BRIDGE, &[Inward { mid: mid.clone(), guest: GUEST, source }], now);
        near.carry_out(BRIDGE, vec![Outward { mid, publisher: super::WITNESS, source, layers: 3 }], now);
        now += Duration::from_millis(100);
        near.handle_timeout(now);
        drain(&mut near);
    }
    near.remove(BRIDGE, now);
    drain(&mut near);
    assert!(near.slots(BRIDGE).is_empty() && near.ufrag(BRIDGE).is_none());
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
