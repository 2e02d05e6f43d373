//! Speech-like sound: syllables of a voiced source through three formants, with pauses, the same each time.

use std::f32::consts::TAU;

use crate::audio::SAMPLE_RATE_HZ;

/// Formant frequencies in Hz of the vowels that the syllables use.
const VOWELS: [[f32; 3]; 5] = [
    [730.0, 1090.0, 2440.0],
    [530.0, 1840.0, 2480.0],
    [270.0, 2290.0, 3010.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
];
/// Bandwidths of the formants in Hz.
const BANDWIDTHS: [f32; 3] = [80.0, 100.0, 140.0];
/// How much of each formant is heard.
const GAINS: [f32; 3] = [1.0, 0.5, 0.25];
/// Samples of a syllable with the gap behind it: 200 ms.
const SYLLABLE_SAMPLES: u64 = SAMPLE_RATE_HZ as u64 / 5;
/// The part of it that sounds: 150 ms.
const VOICED_SAMPLES: u64 = SYLLABLE_SAMPLES * 3 / 4;
/// Syllables of a phrase, of which the last [`PAUSE_SYLLABLES`] are silent: 2.4 s of speech, 0.8 s of pause.
const PHRASE_SYLLABLES: u64 = 16;
const PAUSE_SYLLABLES: u64 = 4;
/// Brings the peaks to about -10 dBFS, as somebody at a table.
const LOUDNESS: f32 = 0.11;

/// A resonance of the vocal tract: a two-pole filter with unit gain at its centre, about.
#[derive(Debug, Default)]
struct Formant {
    history: [f32; 2],
    a: [f32; 2],
    gain: f32,
}

impl Formant {
    fn tune(&mut self, frequency_hz: f32, bandwidth_hz: f32) {
        let rate = SAMPLE_RATE_HZ as f32;
        let radius = (-std::f32::consts::PI * bandwidth_hz / rate).exp();
        let angle = TAU * frequency_hz / rate;
        self.a = [2.0 * radius * angle.cos(), -radius * radius];
        self.gain = (1.0 - radius) * (1.0 - 2.0 * radius * (2.0 * angle).cos() + radius * radius).sqrt();
    }

    fn filter(&mut self, input: f32) -> f32 {
        let output = self.gain * input + self.a[0] * self.history[0] + self.a[1] * self.history[1];
        self.history = [output, self.history[0]];
        output
    }
}

/// The speaker behind the simulated microphone.
#[derive(Debug, Default)]
pub(super) struct Voice {
    sample: u64,
    glottis: f32,
    formants: [Formant; 3],
}

impl Voice {
    /// The next sample, -1..=1.
    pub(super) fn next_sample(&mut self) -> f32 {
        let syllable = self.sample / SYLLABLE_SAMPLES;
        let within = self.sample % SYLLABLE_SAMPLES;
        if within == 0 {
            self.begin(syllable);
        }
        self.sample += 1;
        let pause = syllable % PHRASE_SYLLABLES >= PHRASE_SYLLABLES - PAUSE_SYLLABLES;
        let source = if pause || within >= VOICED_SAMPLES { 0.0 } else { self.source(syllable, within) };
        let mixed: f32 =
            self.formants.iter_mut().zip(GAINS).map(|(formant, gain)| gain * formant.filter(source)).sum();
        (LOUDNESS * mixed).clamp(-1.0, 1.0)
    }

    fn begin(&mut self, syllable: u64) {
        // Steps of 3 through 5 vowels visit all of them, in an order that is not the alphabet's.
        let vowel = VOWELS[(syllable * 3 % VOWELS.len() as u64) as usize];
        for ((formant, frequency), bandwidth) in self.formants.iter_mut().zip(vowel).zip(BANDWIDTHS) {
            formant.tune(frequency, bandwidth);
        }
    }

    /// Pulses of the vocal folds, falling a little through the phrase, under the envelope of the syllable.
    fn source(&mut self, syllable: u64, within: u64) -> f32 {
        let pitch_hz = 130.0 - 2.0 * (syllable % PHRASE_SYLLABLES) as f32;
        self.glottis = (self.glottis + pitch_hz / SAMPLE_RATE_HZ as f32).fract();
        let envelope = (std::f32::consts::PI * within as f32 / VOICED_SAMPLES as f32).sin();
        // A closing pulse over 4 % of the period: rich in harmonics, without a constant part.
        let pulse = if self.glottis < 0.04 { 12.0 } else { -0.5 };
        pulse * envelope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_is_loud_in_the_phrase_silent_in_the_pause_and_never_clipped() {
        let mut voice = Voice::default();
        let mut seconds =
            |count: u64| -> Vec<f32> { (0..count * SYLLABLE_SAMPLES).map(|_| voice.next_sample()).collect() };
        let speech = seconds(PHRASE_SYLLABLES - PAUSE_SYLLABLES);
        let pause = seconds(PAUSE_SYLLABLES);
        let rms = |samples: &[f32]| {
            (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
        };
        let peak = speech.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        println!("rms {} peak {peak} pause {}", rms(&speech), rms(&pause));
        assert!((0.02..0.1).contains(&rms(&speech)));
        assert!((0.2..0.5).contains(&peak));
        assert!(rms(&pause[4800..]) < 0.0005, "the resonances have died away");
    }
}
