//! The simulated loudspeaker: plays in time, and keeps the last seconds for whoever asks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::plug::{Contact, SimulatedPlug};
use super::tone;
use crate::Result;
use crate::audio::{Block, SAMPLE_RATE_HZ, Speaker, SpeakerDevice};
use crate::clock::Clock;

/// 10 ms.
const BLOCK: Duration = Duration::from_millis(10);
/// What the loudspeaker takes ahead of what is heard, as the ring buffer of real hardware does.
const BUFFERED: Duration = Duration::from_millis(20);
/// Samples kept: 4 s. Older ones are forgotten.
const KEPT_SAMPLES: usize = 4 * SAMPLE_RATE_HZ as usize;

#[derive(Debug, Default)]
struct Heard {
    samples: VecDeque<f32>,
    blocks: u64,
}

/// A loudspeaker that remembers what was heard.
pub struct SimulatedSpeaker {
    name: String,
    clock: Arc<dyn Clock>,
    plug: SimulatedPlug,
    heard: Arc<Mutex<Heard>>,
}

impl SimulatedSpeaker {
    /// A loudspeaker that is plugged in.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let name = "simulated loudspeaker".to_owned();
        Self { name, clock, plug: SimulatedPlug::default(), heard: Arc::default() }
    }

    /// Its plug.
    #[must_use]
    pub fn plug(&self) -> SimulatedPlug {
        self.plug.clone()
    }

    /// How many blocks of 10 ms it was given so far.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        lock(&self.heard).blocks
    }

    /// The latest samples, oldest first: `span` of them, or fewer when there were fewer. 4 s are kept.
    #[must_use]
    pub fn samples(&self, span: Duration) -> Vec<f32> {
        let heard = lock(&self.heard);
        let wanted = (span.as_secs_f64() * f64::from(SAMPLE_RATE_HZ)) as usize;
        heard.samples.iter().skip(heard.samples.len().saturating_sub(wanted)).copied().collect()
    }

    /// The level of the latest `span` in dBFS, see [`tone::level_dbfs`].
    #[must_use]
    pub fn level_dbfs(&self, span: Duration) -> f32 {
        tone::level_dbfs(&self.samples(span))
    }

    /// The level of one frequency in the latest `span`, see [`tone::tone_dbfs`].
    #[must_use]
    pub fn tone_dbfs(&self, frequency_hz: f32, span: Duration) -> f32 {
        tone::tone_dbfs(&self.samples(span), frequency_hz)
    }

    /// The pitch of the latest `span`, see [`tone::pitch_hz`]. 100 ms are enough.
    #[must_use]
    pub fn pitch_hz(&self, span: Duration) -> Option<f32> {
        tone::pitch_hz(&self.samples(span))
    }
}

impl SpeakerDevice for SimulatedSpeaker {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> Result<Box<dyn Speaker>> {
        let contact = self.plug.open(&self.name)?;
        let clock = Arc::clone(&self.clock);
        let played_until = clock.now();
        Ok(Box::new(OpenSpeaker { contact, clock, played_until, heard: Arc::clone(&self.heard) }))
    }
}

struct OpenSpeaker {
    contact: Contact,
    clock: Arc<dyn Clock>,
    /// When the last sample that was handed over will have been heard.
    played_until: Instant,
    heard: Arc<Mutex<Heard>>,
}

impl Speaker for OpenSpeaker {
    fn write(&mut self, block: &Block) -> Result<()> {
        self.contact.check()?;
        {
            let mut heard = lock(&self.heard);
            heard.blocks += 1;
            heard.samples.extend(block);
            let too_many = heard.samples.len().saturating_sub(KEPT_SAMPLES);
            heard.samples.drain(..too_many);
        }
        // After a gap the sound goes on from now: what was missed is not made up for.
        self.played_until = self.played_until.max(self.clock.now()) + BLOCK;
        if let Some(room_at) = self.played_until.checked_sub(BUFFERED) {
            self.clock.wait_until(room_at);
        }
        self.contact.check()
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::BLOCK_SAMPLES;
    use crate::simulated::VirtualClock;

    fn speaker() -> (SimulatedSpeaker, Arc<VirtualClock>) {
        let clock = Arc::new(VirtualClock::new());
        (SimulatedSpeaker::new(Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    fn sine(block: u64) -> Block {
        let step = std::f32::consts::TAU * 300.0 / SAMPLE_RATE_HZ as f32;
        std::array::from_fn(|index| 0.5 * (step * (block * BLOCK_SAMPLES as u64 + index as u64) as f32).sin())
    }

    #[test]
    fn it_sets_the_pace_and_tells_what_was_heard() {
        let (device, clock) = speaker();
        let mut speaker = device.open().unwrap();
        let start = clock.now();
        (0..100).for_each(|block| speaker.write(&sine(block)).unwrap());
        assert_eq!(clock.now() - start, Duration::from_secs(1) - BUFFERED);
        assert_eq!(device.blocks(), 100);
        let span = Duration::from_millis(200);
        assert!((device.level_dbfs(span) + 9.0).abs() < 0.2);
        assert!((device.pitch_hz(span).unwrap() - 300.0).abs() < 1.0);
        assert!(device.tone_dbfs(500.0, span) < -30.0);
    }

    #[test]
    fn it_forgets_what_is_older_than_four_seconds() {
        let (device, _) = speaker();
        let mut speaker = device.open().unwrap();
        (0..1_000).for_each(|_| speaker.write(&[0.1; BLOCK_SAMPLES]).unwrap());
        assert_eq!(device.samples(Duration::from_secs(60)).len(), KEPT_SAMPLES);
    }

    #[test]
    fn a_gap_is_not_made_up_for() {
        let (device, clock) = speaker();
        let mut speaker = device.open().unwrap();
        speaker.write(&sine(0)).unwrap();
        clock.advance(Duration::from_secs(2));
        let late = clock.now();
        (0..3).for_each(|block| speaker.write(&sine(block)).unwrap());
        assert_eq!(clock.now() - late, Duration::from_millis(10), "two blocks ahead, no burst");
    }
}
