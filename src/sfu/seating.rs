//! Who sits in which slot: whoever is already shown stays where it is, so that nothing jumps on the page.

/// A slot as far as seating is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chair<K> {
    /// The track that is in it, or on its way into it.
    pub(super) holds: Option<K>,
    /// Set apart for screens (or their sound).
    pub(super) for_screen: bool,
}

/// A track that is to be seated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guest<K> {
    pub(super) key: K,
    pub(super) is_screen: bool,
}

/// The first guests that have a chair: screens take the chairs set apart for them, then any; others never
/// take those.
pub(super) fn admit<K: Copy>(chairs: &[Chair<K>], guests: &[Guest<K>]) -> Vec<Guest<K>> {
    let mut for_screens = chairs.iter().filter(|chair| chair.for_screen).count();
    let mut for_all = chairs.len() - for_screens;
    let mut admitted = Vec::with_capacity(chairs.len());
    for guest in guests {
        let free = if guest.is_screen && for_screens > 0 { &mut for_screens } else { &mut for_all };
        if *free > 0 {
            *free -= 1;
            admitted.push(*guest);
        }
    }
    admitted
}

/// The guest of each chair. Guests must have been [admitted](admit).
pub(super) fn seat<K: Copy + Eq>(chairs: &[Chair<K>], guests: &[Guest<K>]) -> Vec<Option<K>> {
    let screens = guests.iter().filter(|guest| guest.is_screen).count();
    // Of the screens only those may stay among the others for which no chair is set apart.
    let mut strays = screens.saturating_sub(chairs.iter().filter(|chair| chair.for_screen).count());
    let mut stay = |chair: &Chair<K>| {
        let guest = guests.iter().find(|guest| Some(guest.key) == chair.holds)?;
        let stray = guest.is_screen && !chair.for_screen;
        let fits = if stray { strays > 0 } else { guest.is_screen == chair.for_screen };
        strays -= usize::from(stray && fits);
        fits.then_some(guest.key)
    };
    let mut seats: Vec<Option<K>> = chairs.iter().map(&mut stay).collect();
    drop_duplicates(&mut seats);
    for wants_screen_chair in [true, false] {
        for guest in guests {
            if seats.contains(&Some(guest.key)) || (wants_screen_chair && !guest.is_screen) {
                continue;
            }
            let free = (0..chairs.len()).filter(|at| seats[*at].is_none());
            let mut fitting = free.filter(|at| chairs[*at].for_screen == wants_screen_chair);
            // An empty chair rather than one whose picture is still shown.
            let best = fitting.clone().find(|at| chairs[*at].holds.is_none()).or_else(|| fitting.next());
            if let Some(at) = best {
                seats[at] = Some(guest.key);
            }
        }
    }
    seats
}

/// A track is in two chairs for a moment while it moves; the first one counts.
fn drop_duplicates<K: Copy + Eq>(seats: &mut [Option<K>]) {
    for at in 1..seats.len() {
        if seats[at].is_some() && seats[..at].contains(&seats[at]) {
            seats[at] = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chairs(holds: &[Option<u8>], last_is_for_screens: bool) -> Vec<Chair<u8>> {
        let last = holds.len() - 1;
        let chair = |(at, holds): (usize, &Option<u8>)| Chair {
            holds: *holds,
            for_screen: last_is_for_screens && at == last,
        };
        holds.iter().enumerate().map(chair).collect()
    }

    /// Guests from 100 on are screens.
    fn guests(keys: &[u8]) -> Vec<Guest<u8>> {
        keys.iter().map(|key| Guest { key: *key, is_screen: *key >= 100 }).collect()
    }

    fn seated(chairs: &[Chair<u8>], keys: &[u8]) -> Vec<Option<u8>> {
        seat(chairs, &admit(chairs, &guests(keys)))
    }

    #[test]
    fn whoever_is_shown_stays_where_it_is() {
        let chairs = chairs(&[Some(1), Some(2), Some(3), None], false);
        assert_eq!(seated(&chairs, &[4, 3, 1]), [Some(1), None, Some(3), Some(4)]);
    }

    #[test]
    fn a_screen_takes_the_screen_slot_and_a_second_one_any() {
        let chairs = chairs(&[None, None, None], true);
        assert_eq!(seated(&chairs, &[100, 1, 2, 3]), [Some(1), Some(2), Some(100)]);
        assert_eq!(seated(&chairs, &[100, 101, 1, 2]), [Some(101), Some(1), Some(100)]);
    }

    #[test]
    fn a_camera_never_takes_the_screen_slot() {
        let chairs = chairs(&[None, Some(2)], true);
        assert_eq!(seated(&chairs, &[1, 2]), [Some(1), None]);
    }

    #[test]
    fn the_least_wanted_stand() {
        let chairs = chairs(&[Some(9), Some(8)], false);
        assert_eq!(seated(&chairs, &[1, 2, 9]), [Some(1), Some(2)]);
    }

    proptest! {
        #[test]
        fn every_admitted_guest_sits_exactly_once(
            holds in proptest::collection::vec(proptest::option::of(0_u8..8), 1..6),
            last_is_for_screens: bool,
            keys in proptest::collection::hash_set(prop_oneof![0_u8..8, 100_u8..103], 0..8)) {
            let chairs = chairs(&holds, last_is_for_screens);
            let admitted = admit(&chairs, &guests(&keys.into_iter().collect::<Vec<_>>()));
            let seats = seat(&chairs, &admitted);
            for guest in &admitted {
                prop_assert_eq!(seats.iter().filter(|seat| **seat == Some(guest.key)).count(), 1);
            }
            prop_assert_eq!(seats.iter().flatten().count(), admitted.len());
        }
    }
}
