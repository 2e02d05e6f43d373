//! When a camera is told to make a key frame, and when it is given up.

use std::time::{Duration, Instant};

/// How long a camera has for a key frame before it is told again.
const FORCE_INTERVAL: Duration = Duration::from_millis(500);
/// How long anybody may be left waiting for a key frame: more than the distance that cameras are asked for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is to be done about a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// The camera is to be told.
    Telling,
    /// It leaves wishes unanswered: its pictures are not to be sent as they are.
    GivingUp,
}

/// The wish that waits for an answer.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// When it was made, and when the camera was told last.
    waiting: Option<(Instant, Instant)>,
}

impl Wishes {
    /// What is due; `wished` says that a key frame was wished for just now.
    pub(super) fn due(&mut self, wished: bool, now: Instant) -> Due {
        match self.waiting {
            None if wished => {
                self.waiting = Some((now, now));
                Due::Telling
            }
            None => Due::Nothing,
            Some((made_at, _)) if now.saturating_duration_since(made_at) >= PATIENCE => {
                self.waiting = None;
                Due::GivingUp
            }
            Some((made_at, told_at)) if now.saturating_duration_since(told_at) >= FORCE_INTERVAL => {
                self.waiting = Some((made_at, now));
                Due::Telling
            }
            Some(_) => Due::Nothing,
        }
    }

    /// A key frame has come.
    pub(super) const fn answered(&mut self) {
        self.waiting = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::simulated::VirtualClock;

    fn at(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_camera_is_told_at_once_and_again_while_it_does_not_answer() {
        let start = VirtualClock::new().now();
        let mut wishes = Wishes::default();
        assert_eq!(wishes.due(false, start), Due::Nothing);
        let told: Vec<u64> = (0..40)
            .map(|tick| tick * 33)
            .filter(|ms| wishes.due(true, at(start, *ms)) == Due::Telling)
            .collect();
        assert_eq!(told, [0, 528, 1_056], "also when the wish is repeated with each picture");
        wishes.answered();
        assert_eq!(wishes.due(false, at(start, 2_000)), Due::Nothing);
        assert_eq!(wishes.due(true, at(start, 2_001)), Due::Telling);
    }

    #[test]
    fn a_camera_that_leaves_a_wish_unanswered_is_given_up_once() {
        let start = VirtualClock::new().now();
        let mut wishes = Wishes::default();
        wishes.due(true, start);
        let given_up: Vec<u64> = (1..60)
            .map(|tick| tick * 100)
            .filter(|ms| wishes.due(false, at(start, *ms)) == Due::GivingUp)
            .collect();
        assert_eq!(given_up, [3_000]);
    }
}
