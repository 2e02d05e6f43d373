//! What strangers can send to WHIP and WHEP, made up: offers and trickle fragments.

use super::sdp::{Direction, Fragment, MEDIA_MAX, Offer, Unusable, takes_all};

/// Two texts with a zero between them: an offer, which is taken for an answer too, and a fragment.
pub fn whip(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (offer, fragment) = text.split_once('\0').unwrap_or((text, text));
    let fragment = usable(Fragment::read(fragment));
    for direction in [Direction::Publish, Direction::Play] {
        let Some(offer) = usable(Offer::read(offer, direction)) else { continue };
        assert!(offer.sources.len() <= 2 && (direction == Direction::Publish || offer.sources.is_empty()));
        check_plain(&offer, direction);
        if let Some(fragment) = &fragment {
            check_restarted(&offer, fragment);
        }
    }
    takes_all(offer);
    let of_answer = Fragment::of_answer(offer);
    assert!(of_answer.len() <= 2 * offer.len() + 64 && usable(Fragment::read(&of_answer)).is_some());
}

/// What is refused is refused with a sentence of a few words.
fn usable<T>(read: Result<T, Unusable>) -> Option<T> {
    match read {
        Ok(usable) => Some(usable),
        Err(Unusable::Malformed(why) | Unusable::Unacceptable(why)) => {
            assert!(!why.is_empty() && why.len() < 1024, "{why}");
            None
        }
    }
}

/// What was made plain is an offer that stays as it is.
fn check_plain(offer: &Offer, direction: Direction) {
    assert!(media(&offer.text) <= MEDIA_MAX);
    assert_eq!(Offer::read(&offer.text, direction).as_ref(), Ok(offer), "it is not plain yet");
}

fn check_restarted(offer: &Offer, fragment: &Fragment) {
    let restarted = offer.restarted(fragment);
    assert_eq!(media(&restarted.text), media(&offer.text), "a restart changes the media lines");
    assert_eq!((&restarted.sources, &restarted.ufrag), (&offer.sources, &fragment.ufrag));
}

fn media(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("m=")).count()
}
