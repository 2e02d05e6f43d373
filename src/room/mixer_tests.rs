//! Questions to the mixer: pitch, loss, latency, limits; all by counting blocks, without a clock.

use std::f32::consts::TAU;

use super::*;
use crate::room::voice::{VoiceEncoder, VoicePacket};

/// `count` packets of a tone, half as loud as can be.
fn tone(frequency_hz: f32, count: usize) -> Vec<VoicePacket> {
    let mut encoder = VoiceEncoder::new().expect("libopus is built in");
    let mut phase = 0.0_f32;
    let mut packets = Vec::new();
    while packets.len() < count {
        let block: Block = std::array::from_fn(|_| {
            phase = (phase + frequency_hz / 48_000.0).fract();
            0.5 * (phase * TAU).sin()
        });
        packets.extend(encoder.push(&block));
    }
    packets
}

fn delivered(slot: u16, sequence: u64, packet: &VoicePacket) -> Delivered {
    Delivered {
        slot: SlotId(slot),
        codec: None,
        sequence,
        timestamp: 0,
        marker: false,
        captured_at: None,
        payload: packet.payload.clone(),
    }
}

/// The amplitude of one frequency in `samples` (Goertzel).
fn amplitude(samples: &[f32], frequency_hz: f32) -> f32 {
    let coefficient = 2.0 * (TAU * frequency_hz / 48_000.0).cos();
    let (mut before, mut last) = (0.0_f32, 0.0_f32);
    for sample in samples {
        (before, last) = (last, sample + coefficient * last - before);
    }
    let power = last * last + before * before - coefficient * last * before;
    2.0 * power.max(0.0).sqrt() / samples.len() as f32
}

/// Feeds one packet of each tone every two blocks, except those that `lost` names, and returns what was heard.
fn heard(mixer: &mut Mixer, tones: &[Vec<VoicePacket>], lost: impl Fn(usize) -> bool) -> Vec<f32> {
    let mut samples = Vec::new();
    for index in 0..tones[0].len() {
        for (slot, packets) in (0..).zip(tones) {
            if !lost(index) {
                mixer.push(delivered(slot, index as u64, &packets[index]));
            }
        }
        for _ in 0..2 {
            let mut block = [0.0; BLOCK_SAMPLES];
            mixer.mix(&mut block, 100);
            samples.extend(block);
        }
    }
    samples
}

#[test]
fn two_tones_are_both_heard_and_no_third() {
    let mut mixer = Mixer::default();
    let samples = heard(&mut mixer, &[tone(440.0, 50), tone(1_000.0, 50)], |_| false);
    let steady = &samples[24_000..];
    assert!((0.25..0.6).contains(&amplitude(steady, 440.0)), "{}", amplitude(steady, 440.0));
    assert!((0.25..0.6).contains(&amplitude(steady, 1_000.0)));
    assert!(amplitude(steady, 700.0) < 0.05);
    assert_eq!(mixer.counters().underruns, 0);
}

#[test]
fn a_lost_packet_is_rebuilt_or_made_up_and_the_tone_goes_on() {
    let mut mixer = Mixer::default();
    let samples = heard(&mut mixer, &[tone(440.0, 50)], |index| index % 10 == 9);
    let counters = mixer.counters();
    assert_eq!(counters.recovered + counters.concealed, 4, "{counters:?}");
    assert_eq!(counters.underruns, 0, "{counters:?}");
    for piece in samples[9_600..].chunks_exact(960) {
        assert!(amplitude(piece, 440.0) > 0.1, "no hole in the sound");
    }
}

#[test]
fn latency_stays_at_the_start_threshold() {
    let mut mixer = Mixer::default();
    let packets = tone(440.0, 100);
    let samples = heard(&mut mixer, &[packets], |_| false);
    let first = samples.iter().position(|sample| sample.abs() > 0.01).expect("the tone is heard");
    assert!((960..2_880).contains(&first), "begins after {first} samples");
    assert!(mixer.voices[0].1.backlog() <= START_SAMPLES);
}

#[test]
fn a_burst_is_worked_off_so_that_latency_does_not_grow() {
    let mut mixer = Mixer::default();
    let packets = tone(440.0, 40);
    for (sequence, packet) in (0..).zip(&packets) {
        mixer.push(delivered(0, sequence, packet));
    }
    let mut block = [0.0; BLOCK_SAMPLES];
    for _ in 0..40 {
        mixer.mix(&mut block, 100);
    }
    assert!(mixer.voices[0].1.backlog() <= BACKLOG_SAMPLES, "{}", mixer.voices[0].1.backlog());
    assert!(mixer.counters().skipped > 10);
}

#[test]
fn half_the_volume_sounds_half_as_loud_and_none_is_silence() {
    let loud = |percent: u8| {
        let mut mixer = Mixer::default();
        let mut block = [0.0; BLOCK_SAMPLES];
        for (sequence, packet) in (0..).zip(&tone(440.0, 20)) {
            mixer.push(delivered(0, sequence, packet));
            mixer.mix(&mut block, percent);
            mixer.mix(&mut block, percent);
        }
        amplitude(&block, 440.0)
    };
    let whole = loud(100);
    // Ten decibels less (ISO 532-1).
    assert!((loud(50) / whole - 0.316).abs() < 0.01, "{} of {whole}", loud(50));
    assert!(loud(0) == 0.0 && loud(200) == whole);
}

#[test]
fn who_stops_falls_silent_and_comes_back() {
    let mut mixer = Mixer::default();
    let packets = tone(440.0, 30);
    heard(&mut mixer, &[packets[..10].to_vec()], |_| false);
    let mut block = [0.0; BLOCK_SAMPLES];
    for _ in 0..20 {
        mixer.mix(&mut block, 100);
    }
    assert!(block.iter().all(|sample| *sample == 0.0), "silence after the end");
    let underruns = mixer.counters().underruns;
    assert_eq!(underruns, u64::from(CONCEALED_MAX) + 1);
    for (sequence, packet) in (10..).zip(&packets[10..14]) {
        mixer.push(delivered(0, sequence, packet));
    }
    for _ in 0..4 {
        mixer.mix(&mut block, 100);
    }
    assert!(amplitude(&block, 440.0) > 0.1, "heard again");
    assert_eq!(mixer.counters().underruns, underruns);
}

#[test]
fn order_and_repetition_do_not_matter() {
    let mut mixer = Mixer::default();
    let packets = tone(440.0, 4);
    for sequence in [1, 0, 0, 3, 2] {
        mixer.push(delivered(0, sequence, &packets[sequence as usize]));
    }
    let mut block = [0.0; BLOCK_SAMPLES];
    for _ in 0..8 {
        mixer.mix(&mut block, 100);
    }
    let counters = mixer.counters();
    assert_eq!((counters.late, counters.recovered, counters.concealed), (1, 0, 0), "{counters:?}");
}

#[test]
fn rubbish_and_too_many_slots_are_refused() {
    let mut mixer = Mixer::default();
    let rubbish = VoicePacket { level_dbov: 0, payload: Arc::from(Vec::new()) };
    mixer.push(delivered(0, 0, &rubbish));
    let packets = tone(440.0, 1);
    for slot in 0..40 {
        mixer.push(delivered(slot, 1, &packets[0]));
    }
    assert_eq!(mixer.voices.len(), SLOTS_MAX);
    assert_eq!(mixer.counters().refused, 1 + 40 - SLOTS_MAX as u64);
}

#[test]
fn the_sum_is_limited_without_a_step() {
    for step in 0..4_000 {
        let sample = step as f32 / 1_000.0;
        assert!(softly_limited(sample) <= 1.0);
        assert!(softly_limited(sample + 0.001) >= softly_limited(sample));
        assert!(softly_limited(sample + 0.001) - softly_limited(sample) <= 0.001_1);
        assert!((softly_limited(-sample) + softly_limited(sample)).abs() < 1e-6);
    }
}

#[test]
fn levels_are_in_dbov() {
    assert_eq!(level_dbov(&[0.0; 960]), -127);
    assert_eq!(level_dbov(&[1.0; 960]), 0);
    assert_eq!(level_dbov(&[0.1; 960]), -20);
}
