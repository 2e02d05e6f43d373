//! Questions to a seat: which device is used as devices come and go.

use std::cell::RefCell;

use super::*;
use crate::simulated::VirtualClock;

thread_local! {
    /// What the kernel has, for a test on its own thread.
    static KERNEL: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

const EYE: &str = "Eye (/dev/video0)";
const EYE_ELSEWHERE: &str = "Eye (/dev/video2)";
const HDMI: &str = "HDMI (/dev/video1)";
const SIMULATED: &str = "simulated";

struct Room {
    clock: Arc<VirtualClock>,
    seat: Seat<String>,
}

impl Room {
    fn new(wish: Wish, plugged: &[&'static str]) -> Self {
        KERNEL.replace(plugged.to_vec());
        let list = || KERNEL.with_borrow(|names| names.iter().map(ToString::to_string).collect());
        let find = || {
            let devices =
                KERNEL.with_borrow(|names| names.iter().map(|name| Arc::new(name.to_string())).collect());
            Found { devices, problems: Vec::new() }
        };
        let looker = Looker { list, find: Box::new(find), has_stand_in: true };
        let clock = Arc::new(VirtualClock::new());
        let simulated = Arc::new(SIMULATED.to_owned());
        Self { seat: Seat::new(wish, String::as_str, looker, simulated, Arc::clone(&clock) as _), clock }
    }

    fn plug(&self, plugged: &[&'static str]) {
        KERNEL.replace(plugged.to_vec());
        self.clock.advance(LOOK_EVERY);
    }

    fn device(&self) -> Arc<String> {
        self.seat.device().expect("there is a stand-in")
    }

    fn uses(&self) -> String {
        self.device().to_string()
    }
}

#[test]
fn the_first_device_is_used_and_a_simulated_one_where_there_is_none() {
    assert_eq!(Room::new(Wish::Auto, &[EYE, HDMI]).uses(), EYE);
    assert_eq!(Room::new(Wish::Auto, &[]).uses(), SIMULATED);
}

#[test]
fn a_device_that_is_plugged_in_later_takes_the_place_of_the_simulated_one() {
    let room = Room::new(Wish::Auto, &[]);
    let simulated = room.device();
    assert!(!room.seat.is_outdone(&simulated));
    room.plug(&[EYE]);
    assert!(room.seat.is_outdone(&simulated), "whoever uses the simulated one is told");
    assert_eq!(room.uses(), EYE);
}

#[test]
fn a_device_in_use_keeps_its_place_when_others_come() {
    let room = Room::new(Wish::Auto, &[HDMI]);
    let in_use = room.device();
    room.plug(&[EYE, HDMI]);
    assert!(!room.seat.is_outdone(&in_use));
    assert_eq!(room.uses(), HDMI);
}

#[test]
fn a_pulled_device_is_waited_for_and_known_again_at_another_place() {
    let room = Room::new(Wish::Auto, &[EYE, HDMI]);
    assert_eq!(room.uses(), EYE);
    room.plug(&[HDMI]);
    assert_eq!(room.uses(), EYE, "it is waited for");
    room.plug(&[HDMI, EYE_ELSEWHERE]);
    assert_eq!(room.uses(), EYE_ELSEWHERE);
}

#[test]
fn another_device_is_used_when_the_own_one_stays_away_and_gives_way_when_it_is_back() {
    let room = Room::new(Wish::Auto, &[EYE, HDMI]);
    assert_eq!(room.uses(), EYE);
    room.plug(&[HDMI]);
    assert_eq!(room.uses(), EYE);
    room.clock.advance(WAIT_MAX);
    let other = room.device();
    assert_eq!(*other, HDMI);
    assert!(!room.seat.is_outdone(&other));
    room.plug(&[EYE, HDMI]);
    assert!(room.seat.is_outdone(&other));
    assert_eq!(room.uses(), EYE);
}

#[test]
fn a_simulated_device_never_hides_that_the_real_one_was_pulled() {
    let room = Room::new(Wish::Auto, &[EYE]);
    assert_eq!(room.uses(), EYE);
    room.plug(&[]);
    room.clock.advance(2 * WAIT_MAX);
    assert_eq!(room.uses(), EYE);
}

#[test]
fn the_device_that_is_asked_for_comes_first_whenever_it_is_there() {
    let room = Room::new(Wish::Named("HDMI".to_owned()), &[EYE]);
    let in_use = room.device();
    assert_eq!(*in_use, EYE);
    room.plug(&[EYE, HDMI]);
    assert!(room.seat.is_outdone(&in_use));
    assert_eq!(room.uses(), HDMI);
}

#[test]
fn changes_are_counted_so_that_whoever_waits_can_go_on() {
    let room = Room::new(Wish::Auto, &[EYE]);
    let before = room.seat.changes();
    room.plug(&[EYE]);
    assert_eq!(room.seat.changes(), before);
    room.plug(&[]);
    assert_ne!(room.seat.changes(), before);
}

#[test]
fn a_device_that_is_looked_at_again_is_the_same_one() {
    let room = Room::new(Wish::Auto, &[EYE]);
    let in_use = room.device();
    room.plug(&[EYE, HDMI]);
    assert!(Arc::ptr_eq(&in_use, &room.device()), "what was learned about it is kept");
}

#[test]
fn what_is_wished_for_may_change_and_the_device_in_use_goes_on_where_it_fits() {
    let room = Room::new(Wish::Auto, &[EYE, HDMI]);
    let eye = room.device();
    let before = room.seat.changes();
    room.seat.set_wish(Wish::Named("HDMI".to_owned()));
    assert!(room.seat.is_outdone(&eye) && room.seat.changes() > before);
    let hdmi = room.device();
    assert_eq!(*hdmi, HDMI);
    for wish in [Wish::Auto, Wish::Named("absent".to_owned()), Wish::Named("HDMI".to_owned())] {
        room.seat.set_wish(wish);
        assert!(!room.seat.is_outdone(&hdmi), "nobody asks for another one");
        assert_eq!(room.uses(), HDMI);
    }
}

#[test]
fn the_simulated_one_may_be_wished_for_and_given_up_again() {
    let room = Room::new(Wish::Auto, &[EYE]);
    let eye = room.device();
    room.seat.set_wish(Wish::Simulated);
    assert!(room.seat.is_outdone(&eye));
    let simulated = room.device();
    assert_eq!(*simulated, SIMULATED);
    assert_eq!(room.seat.present().0, [(SIMULATED.to_owned(), true)]);
    room.seat.set_wish(Wish::Auto);
    assert!(room.seat.is_outdone(&simulated));
    assert_eq!(room.uses(), EYE);
}

#[test]
fn where_none_is_wished_for_there_is_none_and_the_kernel_is_not_asked() {
    let room = Room::new(Wish::Auto, &[EYE]);
    let eye = room.device();
    room.seat.set_wish(Wish::None);
    let before = room.seat.changes();
    room.plug(&[EYE, HDMI]);
    assert!(room.seat.is_outdone(&eye) && room.seat.device().is_none());
    assert_eq!((room.seat.changes(), room.seat.present().0), (before, vec![]));
    room.seat.set_wish(Wish::Auto);
    assert_eq!(room.uses(), EYE, "it is still the room's own");
}
