//! How old the pictures of a slot are when the scene takes them, by the capture times that come with some packets.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::sfu::local::Delivered;

/// Frames that were stamped and have not come out of the decoder; the oldest is forgotten.
const WAITING_MAX: usize = 16;
/// What a new figure counts in a mean.
const NEW_SHARE: f64 = 0.2;
/// A picture older than this tells of a clock that is wrong.
const AGE_MAX: Duration = Duration::from_secs(10);

/// The parts of a picture's age, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureAge {
    /// From the capture until the room had a packet of it.
    pub arrival: Duration,
    /// Until it had left the decoder.
    pub decoding: Duration,
    /// Until the scene took it.
    pub waiting: Duration,
}

/// The ages of one slot's pictures, as means.
#[derive(Debug, Default)]
pub(super) struct Ages {
    /// RTP timestamp, capture, arrival.
    waiting: VecDeque<(u32, Instant, Instant)>,
    mean: Option<PictureAge>,
}

impl Ages {
    /// A packet has arrived; some tell when their frame was captured.
    pub(super) fn arrived(&mut self, packet: &Delivered, now: Instant) {
        let Some(captured_at) = packet.captured_at else { return };
        if self.waiting.back().is_some_and(|(timestamp, ..)| *timestamp == packet.timestamp) {
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back((packet.timestamp, captured_at, now));
    }

    /// The scene takes a picture that left the decoder at `decoded_at`.
    pub(super) fn taken(&mut self, timestamp: u32, decoded_at: Instant, now: Instant) {
        let Some(at) = self.waiting.iter().position(|(one, ..)| *one == timestamp) else { return };
        let Some((_, captured_at, arrived_at)) = self.waiting.drain(..=at).next_back() else { return };
        let age = PictureAge {
            arrival: arrived_at.saturating_duration_since(captured_at),
            decoding: decoded_at.saturating_duration_since(arrived_at),
            waiting: now.saturating_duration_since(decoded_at),
        };
        if age.arrival <= AGE_MAX {
            self.mean = Some(self.mean.map_or(age, |before| PictureAge {
                arrival: average(before.arrival, age.arrival),
                decoding: average(before.decoding, age.decoding),
                waiting: average(before.waiting, age.waiting),
            }));
        }
    }

    /// `None` until something was measured.
    pub(super) const fn mean(&self) -> Option<PictureAge> {
        self.mean
    }
}

fn average(before: Duration, new: Duration) -> Duration {
    before.mul_f64(1.0 - NEW_SHARE) + new.mul_f64(NEW_SHARE)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::room::testing::TestClock;
    use crate::sfu::SlotId;
    use crate::track::VideoCodec;

    fn packet(timestamp: u32, captured_at: Option<Instant>) -> Delivered {
        Delivered {
            slot: SlotId(1),
            codec: Some(VideoCodec::H264),
            sequence: 0,
            timestamp,
            marker: false,
            captured_at,
            payload: Arc::from([0]),
        }
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_parts_of_an_age_follow_each_other() {
        let t0 = TestClock::origin_of_time();
        let mut ages = Ages::default();
        ages.arrived(&packet(3000, None), t0);
        ages.arrived(&packet(6000, Some(t0)), t0 + ms(30));
        ages.arrived(&packet(6000, Some(t0)), t0 + ms(35));
        ages.taken(3000, t0 + ms(40), t0 + ms(50));
        assert_eq!(ages.mean(), None, "nobody told when that one was captured");
        ages.taken(6000, t0 + ms(42), t0 + ms(60));
        let age = PictureAge { arrival: ms(30), decoding: ms(12), waiting: ms(18) };
        assert_eq!(ages.mean(), Some(age));
    }

    #[test]
    fn a_clock_that_is_wrong_tells_nothing_and_pictures_that_never_come_are_forgotten() {
        let t0 = TestClock::origin_of_time() + ms(60_000);
        let mut ages = Ages::default();
        ages.arrived(&packet(1, Some(t0 - ms(30_000))), t0);
        ages.taken(1, t0, t0);
        assert_eq!(ages.mean(), None);
        for timestamp in 2..200 {
            ages.arrived(&packet(timestamp, Some(t0)), t0);
        }
        assert_eq!(ages.waiting.len(), WAITING_MAX);
    }
}
