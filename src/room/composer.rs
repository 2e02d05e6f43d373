//! The scene's clock: one thread draws a picture each tick and hands it on; nobody can make it wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alcove_hal::frame::Frame;

use crate::room::RoomEvent;
use crate::room::layout::Place;
use crate::room::shared::{Counters, Shared, locked};
use crate::room::stage::Stage;

/// The time between two pictures in a meeting: 30 per second.
const PERIOD: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// The time between two looks while the room is in no meeting; it draws only what has changed.
const IDLE_PERIOD: Duration = Duration::from_millis(100);

/// Ticks at fixed distances from the first. One that was missed is left out: never two at once.
struct Ticker {
    due: Instant,
}

/// How punctual a tick was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Punctuality {
    /// It came more than half a period late.
    late: bool,
    /// So many ticks before it were left out.
    missing: u64,
}

impl Ticker {
    /// It is `now`: how punctual is this, and the next tick is set.
    fn advance(&mut self, now: Instant, period: Duration) -> Punctuality {
        let behind = now.saturating_duration_since(self.due);
        let missing = behind.as_nanos() / period.as_nanos();
        let steps = u32::try_from(missing).unwrap_or(u32::MAX).saturating_add(1);
        self.due += period * steps;
        Punctuality { late: behind > period / 2, missing: u64::from(steps - 1) }
    }
}

/// Draws until the room stops.
pub(super) fn run(shared: &Shared) {
    let mut stage = Stage::new(shared.plan(), shared.art());
    let mut ticker = Ticker { due: shared.clock.now() };
    let mut was_in_meeting = false;
    let mut is_first = true;
    loop {
        shared.clock.wait_until(ticker.due);
        if shared.is_stopping() {
            return;
        }
        Counters::add(&shared.counters.turns, 1);
        let now = shared.clock.now();
        let in_meeting = shared.wanted().joined.is_some();
        if in_meeting != was_in_meeting {
            ticker.due = now;
            was_in_meeting = in_meeting;
            is_first = true;
        }
        let punctuality = ticker.advance(now, if in_meeting { PERIOD } else { IDLE_PERIOD });
        let is_new = stage.update(shared.plan(), shared.art());
        if in_meeting {
            count(&shared.counters, punctuality);
        }
        if in_meeting || is_new || is_first {
            is_first = false;
            let pictures = pictures(shared, &stage, now);
            hand_on(shared, stage.draw(&pictures, now));
            measure(shared, now);
        }
    }
}

fn count(counters: &Counters, punctuality: Punctuality) {
    Counters::add(&counters.late, u64::from(punctuality.late));
    Counters::add(&counters.missing, punctuality.missing);
}

/// The pictures of the tiles, and the slots' wishes on the way.
fn pictures(shared: &Shared, stage: &Stage, now: Instant) -> Vec<Option<Frame>> {
    let mut slots = locked(&shared.slots);
    let wishes = slots.refresh(now);
    let own = locked(&shared.own_picture).clone();
    let of_tile = |(participant, source, place)| match place {
        Place::Own => own.clone(),
        _ => slots.picture((participant, source), now).cloned(),
    };
    let pictures = stage.tracks().map(of_tile).collect();
    drop(slots);
    for slot in wishes {
        shared.tell(RoomEvent::KeyframeWanted { slot });
    }
    pictures
}

/// The picture is there for snapshots, and the screen is told.
fn hand_on(shared: &Shared, frame: Frame) {
    shared.composed.set(frame);
    if let Some(sleepers) = shared.sleepers.get() {
        sleepers.screen.unpark();
    }
}

fn measure(shared: &Shared, began: Instant) {
    let spent = shared.clock.now().saturating_duration_since(began).as_micros();
    let spent = u64::try_from(spent).unwrap_or(u64::MAX);
    Counters::add(&shared.counters.frames, 1);
    Counters::add(&shared.counters.compose_us, spent);
    shared.counters.compose_max_us.fetch_max(spent, Ordering::Relaxed);
}

/// Draws the texts that a new plan needs, until the room stops.
pub(super) fn paint(shared: &Shared, painter: &crate::room::painter::Painter) {
    let mut painted = None;
    while !shared.is_stopping() {
        let plan = shared.plan();
        if painted.as_ref().is_some_and(|done| Arc::ptr_eq(done, &plan)) {
            std::thread::park();
            continue;
        }
        shared.set_art(plan.art(painter, &shared.art()));
        painted = Some(plan);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::testing::TestClock;

    #[test]
    fn a_tick_that_was_missed_is_left_out() {
        let start = TestClock::origin_of_time();
        let mut ticker = Ticker { due: start };
        assert_eq!(ticker.advance(start, PERIOD), Punctuality { late: false, missing: 0 });
        let late = start + PERIOD + PERIOD * 3 / 4;
        assert_eq!(ticker.advance(late, PERIOD), Punctuality { late: true, missing: 0 });
        assert_eq!(ticker.due, start + PERIOD * 2);
        let stalled = start + PERIOD * 7 + PERIOD / 4;
        assert_eq!(ticker.advance(stalled, PERIOD), Punctuality { late: true, missing: 5 });
        assert_eq!(ticker.due, start + PERIOD * 8);
    }
}
