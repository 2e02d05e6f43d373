//! Questions about sound: how loud, how much of one frequency, which pitch.

use std::f32::consts::TAU;

use crate::audio::SAMPLE_RATE_HZ;

/// The level of silence: what no samples, or only zeros, are said to have.
pub const SILENCE_DBFS: f32 = -120.0;

/// The mean level of `samples` in dBFS, where a full-scale square wave has 0 and a full-scale sine -3.
#[must_use]
pub fn level_dbfs(samples: &[f32]) -> f32 {
    power_to_db(samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32)
}

/// The level in dBFS of one frequency, by the Goertzel algorithm: a full-scale sine there has -3.
///
/// Takes in what lies within about `48,000 / samples.len()` Hz on either side: 1 Hz for a second of sound.
#[must_use]
pub fn tone_dbfs(samples: &[f32], frequency_hz: f32) -> f32 {
    let coefficient = 2.0 * (TAU * frequency_hz / SAMPLE_RATE_HZ as f32).cos();
    let (mut before, mut last) = (0.0_f32, 0.0_f32);
    for sample in samples {
        (before, last) = (last, sample + coefficient * last - before);
    }
    let energy = last * last + before * before - coefficient * last * before;
    let count = samples.len().max(1) as f32;
    power_to_db(2.0 * energy / (count * count))
}

/// The pitch in Hz, from 60 to 1,000, by autocorrelation; nothing when `samples` are silent, shorter than
/// 40 ms, or have no pitch.
#[must_use]
pub fn pitch_hz(samples: &[f32]) -> Option<f32> {
    const SHORTEST: usize = SAMPLE_RATE_HZ as usize / 1_000;
    const LONGEST: usize = SAMPLE_RATE_HZ as usize / 60;
    let window = samples.len().checked_sub(LONGEST + 1).filter(|window| *window > LONGEST)?;
    if level_dbfs(samples) < -70.0 {
        return None;
    }
    let likeness: Vec<f32> = (0..=LONGEST + 1).map(|lag| correlation(samples, lag, window)).collect();
    let best = (SHORTEST..=LONGEST).map(|lag| likeness[lag]).fold(0.0, f32::max);
    // The first peak that is nearly as good as the best: a multiple of the period is as good as the period.
    let lag = (SHORTEST..=LONGEST).find(|lag| {
        let here = likeness[*lag];
        here > 0.9 * best && here >= likeness[lag - 1] && here >= likeness[lag + 1]
    })?;
    (best > 0.5).then(|| SAMPLE_RATE_HZ as f32 / (lag as f32 + vertex(&likeness[lag - 1..=lag + 1])))
}

/// How like `samples` are to themselves `lag` samples later, -1..=1.
fn correlation(samples: &[f32], lag: usize, window: usize) -> f32 {
    let (here, there) = (&samples[..window], &samples[lag..lag + window]);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(here, there) / (dot(here, here) * dot(there, there)).sqrt().max(f32::MIN_POSITIVE)
}

/// Where a parabola through three neighbours has its top, from the middle one.
fn vertex(around: &[f32]) -> f32 {
    let [left, middle, right] = [around[0], around[1], around[2]];
    let bend = left - 2.0 * middle + right;
    if bend == 0.0 { 0.0 } else { 0.5 * (left - right) / bend }
}

fn power_to_db(power: f32) -> f32 {
    if power <= 1e-12 { SILENCE_DBFS } else { 10.0 * power.log10() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(frequency_hz: f32, amplitude: f32, count: usize) -> Vec<f32> {
        let step = TAU * frequency_hz / SAMPLE_RATE_HZ as f32;
        (0..count).map(|index| amplitude * (step * index as f32).sin()).collect()
    }

    #[test]
    fn a_sine_has_its_level_its_tone_and_its_pitch() {
        for frequency in [100.0, 220.0, 440.0, 880.0] {
            let samples = sine(frequency, 0.5, 9_600);
            assert!((level_dbfs(&samples) + 9.03).abs() < 0.1);
            assert!((tone_dbfs(&samples, frequency) + 9.03).abs() < 0.3);
            assert!(tone_dbfs(&samples, frequency + 60.0) < -35.0);
            let pitch = pitch_hz(&samples).unwrap();
            assert!((pitch - frequency).abs() < 1.0, "{pitch} instead of {frequency}");
        }
    }

    #[test]
    fn silence_has_no_pitch_and_nothing_has_the_level_of_silence() {
        assert_eq!(pitch_hz(&[0.0; 9_600]), None);
        assert_eq!(pitch_hz(&sine(440.0, 0.5, 100)), None);
        assert_eq!(level_dbfs(&[]), SILENCE_DBFS);
        assert_eq!(tone_dbfs(&[], 440.0), SILENCE_DBFS);
    }
}
