//! Offers and candidates: SDP as the words and WHIP bring it.

use std::time::Duration;

use super::{EVERYTHING, drain, meeting, origin};
use crate::sfu::offer::OFFER_BYTES_MAX;
use crate::sfu::{OfferRefused, PeerId};

const PEER: PeerId = PeerId(1);
/// An answer repeats what was offered, and adds a little to each line.
const ADDED_BYTES_MAX: usize = 64 * 1024;

/// Texts with zeros between them, all from one peer: those that begin with `candidate:` or `a=` are candidates, the
/// others offers.
pub fn offers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut forwarder = meeting();
    let mut now = origin();
    for text in text.split('\0') {
        let refused = if text.starts_with("candidate:") || text.starts_with("a=") {
            forwarder.trickle(PEER, text, now).err()
        } else {
            let answer = forwarder.offer(PEER, EVERYTHING, text, now);
            answer.map(|answer| check_answer(text, &answer)).err()
        };
        assert_ne!(refused, Some(OfferRefused::Internal), "a peer's step has panicked");
        assert!(refused.is_none_or(|refused| refused.to_string().len() < 1024), "a refusal without end");
        now += Duration::from_millis(100);
        forwarder.handle_timeout(now);
        drain(&mut forwarder);
        assert!(forwarder.slots(PEER).len() <= 64);
    }
    forwarder.remove(PEER, now);
    drain(&mut forwarder);
    assert!(forwarder.slots(PEER).is_empty() && forwarder.ufrag(PEER).is_none());
}

fn check_answer(offer: &str, answer: &str) {
    assert!(offer.len() <= OFFER_BYTES_MAX);
    assert!(answer.starts_with("v=0\r\n"), "the answer is not SDP");
    assert!(answer.len() <= 2 * offer.len() + ADDED_BYTES_MAX, "{} bytes of answer", answer.len());
    let lines = |text: &str| text.lines().filter(|line| line.starts_with("m=")).count();
    assert_eq!(lines(answer), lines(offer), "the answer has other media lines");
}
