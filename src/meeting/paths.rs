//! Which appliances a meeting reaches through its bridges, so that no path comes back to where it began.
//!
//! ```text
//!   box A ── meeting ── bridge ══ box B ── meeting ── bridge ══ box C
//!     ▲                                                           ║
//!     └───────────── a third bridge would close the loop: refused ╝
//! ```
//!
//! Each side tells the other which boxes it reaches without it. Whatever goes round would be heard twice, and at last
//! without end; so a box is reached in one way, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use super::ParticipantId;
use crate::refusal::{Code, Refusal};

/// The most boxes that are reached through all bridges of a meeting.
pub const BOXES_MAX: usize = 64;

/// The longest name of a box, in bytes.
pub const BOX_BYTES_MAX: usize = 64;

/// The boxes that a meeting reaches.
#[derive(Debug, Clone)]
pub struct Paths {
    own: String,
    bridges: BTreeMap<ParticipantId, BTreeSet<String>>,
}

impl Paths {
    /// Of a meeting without bridges, on the box of this name.
    #[must_use]
    pub const fn new(own: String) -> Self {
        Self { own, bridges: BTreeMap::new() }
    }

    /// Through this bridge these boxes are reached, instead of those that it told before.
    ///
    /// # Errors
    /// `meeting-loop` when one of them is reached already, `invalid-parameter` for too many and for names that are none.
    pub fn reach(&mut self, bridge: ParticipantId, boxes: Vec<String>) -> Result<(), Refusal> {
        self.check(bridge, &boxes)?;
        self.bridges.insert(bridge, boxes.into_iter().collect());
        Ok(())
    }

    /// Whether a bridge may reach these boxes.
    ///
    /// # Errors
    /// As [`Paths::reach`].
    pub fn check(&self, bridge: ParticipantId, boxes: &[String]) -> Result<(), Refusal> {
        let invalid = |detail: String| Err(Refusal::new(Code::InvalidParameter, detail));
        let others = self.others(bridge);
        if boxes.len() + others.len() > BOXES_MAX {
            return invalid(format!("a meeting reaches {BOXES_MAX} boxes at most; join fewer"));
        }
        if boxes.iter().any(|name| !(1..=BOX_BYTES_MAX).contains(&name.len())) {
            return invalid(format!("the name of a box has 1 to {BOX_BYTES_MAX} bytes"));
        }
        if boxes.iter().any(|name| *name == self.own || others.contains(name.as_str())) {
            let detail = "these two meetings are joined already, directly or through others; leave one of the ways first";
            return Err(Refusal::new(Code::MeetingLoop, detail));
        }
        Ok(())
    }

    /// Nothing is reached through this bridge any more. Returns whether something was.
    pub fn forget(&mut self, bridge: ParticipantId) -> bool {
        self.bridges.remove(&bridge).is_some()
    }

    /// What a bridge is to tell the other side: all that is reached here without it.
    #[must_use]
    pub fn told_to(&self, bridge: ParticipantId) -> Vec<String> {
        let others = self.others(bridge).into_iter().map(str::to_owned);
        std::iter::once(self.own.clone()).chain(others).collect()
    }

    /// The bridges, in the order in which they came.
    pub fn bridges(&self) -> impl Iterator<Item = ParticipantId> {
        self.bridges.keys().copied()
    }

    fn others(&self, bridge: ParticipantId) -> BTreeSet<&str> {
        let others = self.bridges.iter().filter(|(other, _)| **other != bridge);
        others.flat_map(|(_, boxes)| boxes).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: ParticipantId = ParticipantId(1);
    const TWO: ParticipantId = ParticipantId(2);

    fn boxes(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn code(outcome: Result<(), Refusal>) -> Option<Code> {
        outcome.err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_second_bridge_to_the_same_box_is_refused_and_the_first_may_tell_again() {
        let mut paths = Paths::new("a".to_owned());
        assert_eq!(code(paths.reach(ONE, boxes(&["b"]))), None);
        assert_eq!(code(paths.reach(TWO, boxes(&["b"]))), Some(Code::MeetingLoop));
        assert_eq!(code(paths.reach(ONE, boxes(&["b", "c"]))), None);
        assert_eq!(paths.told_to(TWO), ["a", "b", "c"]);
        assert_eq!(paths.told_to(ONE), ["a"]);
    }

    #[test]
    fn a_path_that_comes_back_is_refused() {
        let mut paths = Paths::new("a".to_owned());
        assert_eq!(code(paths.reach(ONE, boxes(&["b", "a"]))), Some(Code::MeetingLoop));
        assert_eq!(code(paths.reach(ONE, boxes(&["b", "c"]))), None);
        assert_eq!(code(paths.reach(TWO, boxes(&["d", "c"]))), Some(Code::MeetingLoop));
        assert!(paths.forget(ONE));
        assert_eq!(code(paths.reach(TWO, boxes(&["d", "c"]))), None);
    }

    #[test]
    fn names_and_numbers_of_boxes_are_bounded() {
        let mut paths = Paths::new("a".to_owned());
        assert_eq!(code(paths.reach(ONE, vec![String::new()])), Some(Code::InvalidParameter));
        let many: Vec<String> = (0..=BOXES_MAX).map(|number| format!("box {number}")).collect();
        assert_eq!(code(paths.reach(ONE, many)), Some(Code::InvalidParameter));
    }

    proptest! {
        /// Boxes that join in any order, each telling what it reaches, never make a graph with a loop.
        #[test]
        fn no_order_of_joining_makes_a_loop(tries in proptest::collection::vec((0_usize..6, 0_usize..6), 0..40)) {
            let mut paths: Vec<Paths> = (0..6).map(|name| Paths::new(name.to_string())).collect();
            let mut ways: Vec<(usize, usize, ParticipantId)> = Vec::new();
            for (number, (one, other)) in tries.into_iter().enumerate() {
                let bridge = ParticipantId(number as u64);
                let (of_one, of_other) = (paths[one].told_to(bridge), paths[other].told_to(bridge));
                if paths[one].check(bridge, &of_other).is_ok() && paths[other].check(bridge, &of_one).is_ok() {
                    ways.push((one, other, bridge));
                    // Everybody tells until nobody learns anything new.
                    for _ in 0..6 {
                        for (one, other, bridge) in &ways {
                            let (of_one, of_other) = (paths[*one].told_to(*bridge), paths[*other].told_to(*bridge));
                            prop_assert!(paths[*one].reach(*bridge, of_other).is_ok());
                            prop_assert!(paths[*other].reach(*bridge, of_one).is_ok());
                        }
                    }
                }
            }
            prop_assert!(ways.len() < 6, "a graph of six without loops has five ways at most");
        }
    }
}
