//! The tones of calls in the room: made in blocks of 10 ms and added to what its loudspeaker plays anyway.
//!
//! The page's are the same (`calls/tones.ts`).

use std::f32::consts::TAU;

use alcove_hal::audio::{BLOCK_SAMPLES, Block, SAMPLE_RATE_HZ};

use crate::room::mixer::softly_limited;

/// How long a note takes to come and to go, in seconds: nothing clicks.
const EDGE_S: f32 = 0.015;

/// Which tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Somebody rings the room.
    Ring,
    /// The room rings somebody.
    Back,
    /// Somebody rings the room while it is busy.
    Knock,
}

/// A tone, and how loud it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sounding {
    /// Which.
    pub tone: Tone,
    /// Percent of the loudest; at 0 nothing is heard.
    pub volume: u8,
}

/// When it begins and how long it lasts, in seconds, its pitches in hertz, and how loud it is.
struct Note(f32, f32, &'static [f32], f32);

impl Tone {
    const fn notes(self) -> &'static [Note] {
        match self {
            Self::Ring => &[
                Note(0.0, 0.22, &[659.26], 0.9),
                Note(0.22, 0.22, &[783.99], 0.9),
                Note(0.44, 0.22, &[987.77], 0.9),
                Note(0.66, 0.5, &[783.99, 1318.51], 0.8),
            ],
            Self::Back => &[Note(0.0, 1.0, &[425.0], 0.3)],
            Self::Knock => &[Note(0.0, 0.12, &[587.33], 0.7), Note(0.2, 0.12, &[587.33], 0.7)],
        }
    }

    /// After how many seconds it begins anew; `None`: it is played once.
    const fn every(self) -> Option<f32> {
        match self {
            Self::Ring => Some(3.0),
            Self::Back => Some(4.0),
            Self::Knock => None,
        }
    }
}

/// Plays tones from their beginnings.
#[derive(Debug, Default)]
pub struct Ringer {
    playing: Option<Tone>,
    /// How many samples of it were played.
    played: u64,
}

impl Ringer {
    /// Adds the next 10 ms of what is wanted.
    pub fn add_to(&mut self, block: &mut Block, wanted: Option<Sounding>) {
        let tone = wanted.map(|sounding| sounding.tone);
        if self.playing != tone {
            (self.playing, self.played) = (tone, 0);
        }
        let Some(Sounding { tone, volume }) = wanted else { return };
        let gain = (f32::from(volume.min(100)) / 100.0).powi(2);
        for (index, sample) in (0..).zip(block.iter_mut()) {
            *sample = softly_limited(*sample + gain * sample_of(tone, self.played + index));
        }
        self.played += BLOCK_SAMPLES as u64;
    }
}

/// The sample of a tone with that number.
fn sample_of(tone: Tone, number: u64) -> f32 {
    let rate = SAMPLE_RATE_HZ;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds of samples")]
    let number = tone.every().map_or(number, |every| number % ((every * rate as f32) as u64));
    #[expect(clippy::cast_precision_loss, reason = "what is played once has ended long before")]
    let at = number.min(10 * u64::from(rate)) as f32 / rate as f32;
    let note = |Note(start, length, pitches, loudness): &Note| {
        let since = at - start;
        if !(0.0..*length).contains(&since) {
            return 0.0;
        }
        let edge = (since.min(length - since) / EDGE_S).min(1.0);
        let sum: f32 = pitches.iter().map(|pitch| (since * pitch * TAU).sin()).sum();
        loudness * edge * sum / pitches.len() as f32
    };
    tone.notes().iter().map(note).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(ringer: &mut Ringer, wanted: Option<Sounding>, blocks: usize) -> Vec<f32> {
        let mut samples = Vec::new();
        for _ in 0..blocks {
            let mut block = [0.0; BLOCK_SAMPLES];
            ringer.add_to(&mut block, wanted);
            samples.extend(block);
        }
        samples
    }

    fn loudest(samples: &[f32]) -> f32 {
        samples.iter().fold(0.0, |most, sample| sample.abs().max(most))
    }

    fn sounding(tone: Tone, volume: u8) -> Option<Sounding> {
        Some(Sounding { tone, volume })
    }

    #[test]
    fn it_rings_again_and_again_with_pauses() {
        let samples = play(&mut Ringer::default(), sounding(Tone::Ring, 100), 600);
        for turn in 0..2 {
            let from = turn * 3 * 48_000;
            assert!(loudest(&samples[from..from + 48_000]) > 0.5, "turn {turn}");
            assert!(loudest(&samples[from + 60_000..from + 143_000]) < 0.001, "the pause after turn {turn}");
        }
    }

    #[test]
    fn a_knock_is_heard_once_and_again_when_somebody_knocks_again() {
        let mut ringer = Ringer::default();
        let samples = play(&mut ringer, sounding(Tone::Knock, 100), 500);
        assert!(loudest(&samples[..24_000]) > 0.3);
        assert!(loudest(&samples[24_000..]) < 0.001);
        play(&mut ringer, None, 1);
        assert!(loudest(&play(&mut ringer, sounding(Tone::Knock, 100), 50)) > 0.3);
    }

    #[test]
    fn the_volume_is_what_was_wanted_and_nothing_at_0() {
        let at = |volume| loudest(&play(&mut Ringer::default(), sounding(Tone::Ring, volume), 100));
        assert!(at(0) == 0.0 && at(10) < at(50) && at(50) < at(100) && at(100) <= 1.0);
        assert!((at(10) - 0.009).abs() < 0.002, "{}", at(10));
    }

    #[test]
    fn what_others_say_goes_on_below_it() {
        let mut block = [0.25; BLOCK_SAMPLES];
        Ringer::default().add_to(&mut block, None);
        assert_eq!(block, [0.25; BLOCK_SAMPLES]);
    }
}
