//! Whether every loop still turns: looked at before anybody is told that the appliance is alive.

use std::sync::Arc;
use std::time::Duration;

use crate::appliance::run::Appliance;
use crate::room::DeviceState;

/// The shortest time between two looks: longer than any loop waits when it has nothing to do.
pub const LOOK_AFTER_MIN: Duration = Duration::from_millis(2_500);

/// Somebody who wants to hear that the appliance is alive, and starts it anew when it does not say so.
#[derive(Clone)]
pub struct Heartbeat {
    /// The time between two beats; at least [`LOOK_AFTER_MIN`].
    pub every: Duration,
    /// Told what the appliance is doing, in a line, while all its loops turn.
    pub beat: Arc<dyn Fn(&str) + Send + Sync>,
}

/// How often each loop had turned when it was looked at last.
#[derive(Debug, Default)]
pub(super) struct Pulses {
    seen: Vec<u64>,
}

impl Pulses {
    /// The names of the loops that have not turned since the last look.
    pub(super) fn look(&mut self, turns: &[(String, u64)]) -> Vec<String> {
        let before = std::mem::replace(&mut self.seen, turns.iter().map(|(_, turns)| *turns).collect());
        let standing = turns.iter().zip(before).filter(|((_, turns), before)| turns == before);
        standing.map(|((name, _), _)| name.clone()).collect()
    }
}

impl Appliance {
    /// Tells that the appliance is alive, if it is.
    pub(super) fn beat(&mut self, heartbeat: &Heartbeat) {
        let turns: Vec<(String, u64)> = self
            .workers
            .iter()
            .enumerate()
            .map(|(index, worker)| (format!("media thread {index}"), worker.turns()))
            .chain([("scene".to_owned(), self.room.turns())])
            .collect();
        let standing = self.pulses.look(&turns);
        if standing.is_empty() {
            (heartbeat.beat)(&self.status_line());
        } else {
            log::error!("stands still: {}", standing.join(", "));
        }
    }

    /// What the appliance is doing, for people who look after it.
    fn status_line(&self) -> String {
        let count = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let status = self.status();
        let lost = self.room.status().devices.into_iter().filter_map(|(class, name, state)| match state {
            DeviceState::Lost(_) => Some(format!(", the {class} {name} is lost")),
            _ => None,
        });
        let lost: String = lost.collect();
        format!("{}, {}{lost}", count(status.meetings, "meeting"), count(status.participants, "participant"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_has_not_turned_since_the_last_look_stands_still() {
        let of = |scene, media| [("scene".to_owned(), scene), ("media thread 0".to_owned(), media)];
        let mut pulses = Pulses::default();
        assert_eq!(pulses.look(&of(0, 7)), Vec::<String>::new(), "nothing is known yet");
        assert_eq!(pulses.look(&of(5, 7)), ["media thread 0"]);
        assert_eq!(pulses.look(&of(5, 7)), ["scene", "media thread 0"]);
        assert_eq!(pulses.look(&of(6, 8)), Vec::<String>::new(), "it has recovered");
    }
}
