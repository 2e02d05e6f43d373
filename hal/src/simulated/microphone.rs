//! The simulated microphone: speech-like syllables over a quiet, known tone.
//!
//! The syllables come five a second, 2.4 s of them and 0.8 s of pause, with peaks of about -10 dBFS; the tone
//! never stops: 440 Hz at -33 dBFS unless another one was asked for, so that a receiver can tell from any
//! 100 ms of sound whose it is (see [`super::tone`]).

use std::f32::consts::TAU;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::plug::{Contact, SimulatedPlug};
use super::voice::Voice;
use crate::Result;
use crate::audio::{BLOCK_SAMPLES, Block, Microphone, MicrophoneDevice, SAMPLE_RATE_HZ};
use crate::clock::Clock;

/// The tone below the speech.
pub const MARKER_HZ: f32 = 440.0;
/// The peak of the tone, full scale being 1.
const MARKER_AMPLITUDE: f32 = 0.03;
/// 10 ms.
const BLOCK: Duration = Duration::from_millis(10);
/// Blocks that are kept for a late reader, as the ring buffer of real hardware does; older ones are lost.
const BACKLOG_BLOCKS: u64 = 10;

/// A microphone in front of somebody who talks all the time.
pub struct SimulatedMicrophone {
    name: String,
    marker_hz: f32,
    clock: Arc<dyn Clock>,
    plug: SimulatedPlug,
}

impl SimulatedMicrophone {
    /// A microphone that is plugged in, with the tone [`MARKER_HZ`].
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_marker(MARKER_HZ, clock)
    }

    /// A microphone with a tone of its own, so that several can be told apart.
    #[must_use]
    pub fn with_marker(marker_hz: f32, clock: Arc<dyn Clock>) -> Self {
        Self { name: "simulated microphone".to_owned(), marker_hz, clock, plug: SimulatedPlug::default() }
    }

    /// Its plug.
    #[must_use]
    pub fn plug(&self) -> SimulatedPlug {
        self.plug.clone()
    }
}

impl MicrophoneDevice for SimulatedMicrophone {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> Result<Box<dyn Microphone>> {
        let contact = self.plug.open(&self.name)?;
        Ok(Box::new(OpenMicrophone {
            contact,
            clock: Arc::clone(&self.clock),
            next_block_at: self.clock.now() + BLOCK,
            voice: Voice::default(),
            marker_step: self.marker_hz / SAMPLE_RATE_HZ as f32,
            marker_phase: 0.0,
        }))
    }
}

struct OpenMicrophone {
    contact: Contact,
    clock: Arc<dyn Clock>,
    /// When the last sample of the next block will have been heard.
    next_block_at: Instant,
    voice: Voice,
    /// Turns per sample.
    marker_step: f32,
    marker_phase: f32,
}

impl OpenMicrophone {
    fn forget_what_is_too_old(&mut self) {
        let behind = self.clock.now().saturating_duration_since(self.next_block_at);
        let blocks = u64::try_from(behind.as_millis() / BLOCK.as_millis()).unwrap_or(u64::MAX);
        if blocks >= BACKLOG_BLOCKS {
            self.next_block_at += Duration::from_millis(10 * blocks);
        }
    }

    fn make_block(&mut self) -> Block {
        let mut block = [0.0; BLOCK_SAMPLES];
        for sample in &mut block {
            self.marker_phase = (self.marker_phase + self.marker_step).fract();
            *sample = self.voice.next_sample() + MARKER_AMPLITUDE * (TAU * self.marker_phase).sin();
        }
        block
    }
}

impl Microphone for OpenMicrophone {
    fn read(&mut self, patience: Duration) -> Result<Block> {
        self.contact.check()?;
        self.forget_what_is_too_old();
        let deadline = self.clock.now() + patience;
        if self.contact.is_silent() || self.next_block_at > deadline {
            self.clock.wait_until(deadline);
            self.contact.check()?;
            return Err(self.contact.silent(patience));
        }
        self.clock.wait_until(self.next_block_at);
        self.contact.check()?;
        self.next_block_at += BLOCK;
        Ok(self.make_block())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::{VirtualClock, tone};

    const PATIENCE: Duration = Duration::from_millis(100);

    fn microphone() -> (SimulatedMicrophone, Arc<VirtualClock>) {
        let clock = Arc::new(VirtualClock::new());
        (SimulatedMicrophone::new(Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    #[test]
    fn a_second_of_sound_takes_a_second() {
        let (device, clock) = microphone();
        let mut microphone = device.open().unwrap();
        let start = clock.now();
        for _ in 0..100 {
            microphone.read(PATIENCE).unwrap();
        }
        assert_eq!(clock.now() - start, Duration::from_secs(1));
    }

    #[test]
    fn the_marker_is_heard_in_speech_and_in_the_pause() {
        let (device, _) = microphone();
        let mut microphone = device.open().unwrap();
        let mut sound = Vec::new();
        (0..320).for_each(|_| sound.extend(microphone.read(PATIENCE).unwrap()));
        for second in [&sound[..48_000], &sound[48_000 * 25 / 10..48_000 * 31 / 10]] {
            let level = tone::tone_dbfs(second, MARKER_HZ);
            assert!((level + 33.5).abs() < 3.0, "marker at {level} dBFS");
        }
        assert!(tone::tone_dbfs(&sound[48_000 * 25 / 10..], 660.0) < -60.0);
        assert!(tone::level_dbfs(&sound) > -30.0, "speech at {} dBFS", tone::level_dbfs(&sound));
    }

    #[test]
    fn a_short_delay_loses_nothing_and_a_long_one_does_not_grow_latency() {
        let (device, clock) = microphone();
        let mut microphone = device.open().unwrap();
        clock.advance(Duration::from_millis(60));
        let late = clock.now();
        for _ in 0..6 {
            microphone.read(PATIENCE).unwrap();
        }
        assert_eq!(clock.now(), late, "six blocks had been waiting");
        clock.advance(Duration::from_secs(5));
        let later = clock.now();
        microphone.read(PATIENCE).unwrap();
        microphone.read(PATIENCE).unwrap();
        assert!(clock.now() > later, "five seconds of backlog are not delivered");
    }
}
