//! The sound of the others: Opus decoded per slot with a constant latency, and summed in blocks of 10 ms.

use std::collections::BTreeMap;
use std::sync::Arc;

use alcove_hal::audio::{BLOCK_SAMPLES, Block};
use opusic_c::{Channels, Decoder, SampleRate};

use crate::sfu::SlotId;
use crate::sfu::local::Delivered;

/// The most sound slots; packets of more are dropped and counted.
pub const SLOTS_MAX: usize = 16;

/// How much sound is gathered before a slot begins to play: 40 ms.
const START_SAMPLES: usize = 1_920;

/// How much may wait in a slot, 120 ms; beyond it a packet is skipped, so that latency does not grow.
const BACKLOG_SAMPLES: usize = 5_760;

/// The most packets that wait in a slot; at the limit the oldest is dropped.
const PACKETS_MAX: usize = 50;

/// How many packets in a row are made up when nothing comes; then the slot falls silent.
const CONCEALED_MAX: u32 = 3;

/// A gap in the sequence numbers that is jumped over instead of being made up.
const GAP_MAX: u64 = 5;

/// A sequence number so far behind is a new beginning, not a late packet.
const RESTART_GAP: u64 = 1_000;

/// The longest Opus packet: 120 ms.
const PACKET_SAMPLES_MAX: usize = 5_760;

/// What happened to the sound of all slots since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MixerCounters {
    /// Blocks of 10 ms made.
    pub blocks: u64,
    /// Times that a playing slot had nothing to play.
    pub underruns: u64,
    /// Lost packets rebuilt from the one after (in-band FEC).
    pub recovered: u64,
    /// Lost packets made up by the decoder.
    pub concealed: u64,
    /// Packets that came when their time was over, or twice.
    pub late: u64,
    /// Packets skipped because too many waited.
    pub skipped: u64,
    /// Packets that were not Opus, or of a slot too many.
    pub refused: u64,
}

/// Sums the sound of the slots.
#[derive(Default)]
pub struct Mixer {
    voices: Vec<(SlotId, Voice)>,
    counters: MixerCounters,
}

impl Mixer {
    /// Takes a packet of a sound slot, in any order.
    pub fn push(&mut self, packet: Delivered) {
        let known = self.voices.iter().position(|(slot, _)| *slot == packet.slot);
        let index = match known {
            Some(index) => index,
            None if self.voices.len() < SLOTS_MAX => match Voice::new() {
                Some(voice) => {
                    self.voices.push((packet.slot, voice));
                    self.voices.len() - 1
                }
                None => return,
            },
            None => {
                self.counters.refused += 1;
                return;
            }
        };
        self.voices[index].1.push(packet.sequence, packet.payload, &mut self.counters);
    }

    /// Makes the next 10 ms: the sum of all slots, softly limited to -1..=1, as loud as `percent` of that: half the
    /// percentage sounds half as loud.
    pub fn mix(&mut self, block: &mut Block, percent: u8) {
        block.fill(0.0);
        for (_, voice) in &mut self.voices {
            voice.add_to(block, &mut self.counters);
        }
        let gain = gain(percent);
        for sample in block.iter_mut() {
            *sample = softly_limited(*sample) * gain;
        }
        self.counters.blocks += 1;
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> MixerCounters {
        self.counters
    }

    /// Forgets all slots: the meeting was left.
    pub fn clear(&mut self) {
        self.voices.clear();
    }
}

/// What samples are multiplied by. What people hear is twice as loud with each 10 dB (ISO 532-1, the sone), so the
/// amplitude goes with the percentage to the power of 1.66.
fn gain(percent: u8) -> f32 {
    (f32::from(percent.min(100)) / 100.0).powf(1.66)
}

/// The sound of one slot.
///
/// ```text
///            40 ms have gathered
///  gathering ───────────────────▶ playing
///      ▲                             │
///      └─────────────────────────────┘
///        nothing came for three packets
/// ```
struct Voice {
    decoder: Decoder,
    waiting: BTreeMap<u64, Waiting>,
    /// The packet to be played next; absent while gathering.
    next: Option<u64>,
    /// Decoded sound that was not played yet, and how much of it was.
    decoded: Vec<f32>,
    played: usize,
    packet_samples: usize,
    concealed_in_a_row: u32,
}

/// A packet that waits for its time.
struct Waiting {
    samples: usize,
    payload: Arc<[u8]>,
}

impl Voice {
    fn new() -> Option<Self> {
        let decoder = match Decoder::new(Channels::Mono, SampleRate::Hz48000) {
            Ok(decoder) => decoder,
            Err(cause) => {
                log::warn!("a voice cannot be heard: no Opus decoder could be made: {}", cause.message());
                return None;
            }
        };
        Some(Self {
            decoder,
            waiting: BTreeMap::new(),
            next: None,
            decoded: Vec::with_capacity(PACKET_SAMPLES_MAX),
            played: 0,
            packet_samples: 2 * BLOCK_SAMPLES,
            concealed_in_a_row: 0,
        })
    }

    fn push(&mut self, sequence: u64, payload: Arc<[u8]>, counters: &mut MixerCounters) {
        if self.next.is_some_and(|next| sequence + RESTART_GAP < next) {
            self.waiting.clear();
            self.fall_silent();
        }
        if self.next.is_some_and(|next| sequence < next) || self.waiting.contains_key(&sequence) {
            counters.late += 1;
            return;
        }
        let Ok(samples) = self.decoder.get_nb_samples(&payload) else {
            counters.refused += 1;
            return;
        };
        self.waiting.insert(sequence, Waiting { samples, payload });
        if self.waiting.len() > PACKETS_MAX {
            self.waiting.pop_first();
            counters.skipped += 1;
        }
    }

    fn add_to(&mut self, block: &mut Block, counters: &mut MixerCounters) {
        if self.next.is_none() && self.backlog() >= START_SAMPLES {
            self.next = self.waiting.keys().next().copied();
        }
        let mut filled = 0;
        while filled < BLOCK_SAMPLES {
            if self.played == self.decoded.len() && !self.decode(counters) {
                return;
            }
            let ready = &self.decoded[self.played..];
            let count = ready.len().min(BLOCK_SAMPLES - filled);
            for (sum, sample) in block[filled..].iter_mut().zip(&ready[..count]) {
                *sum += sample;
            }
            filled += count;
            self.played += count;
        }
    }

    /// Decodes, rebuilds or makes up the next packet; `false` while the slot is silent.
    fn decode(&mut self, counters: &mut MixerCounters) -> bool {
        let Some(next) = self.next else { return false };
        let next = self.skip_what_is_too_much(next, counters);
        if let Some(Waiting { payload, samples }) = self.waiting.remove(&next) {
            self.next = Some(next + 1);
            self.packet_samples = samples;
            self.concealed_in_a_row = 0;
            return self.run(&payload, false);
        }
        if let Some(following) = self.waiting.get(&(next + 1)) {
            let payload = following.payload.clone();
            self.next = Some(next + 1);
            counters.recovered += 1;
            return self.run(&payload, true);
        }
        if self.waiting.is_empty() {
            counters.underruns += 1;
            self.concealed_in_a_row += 1;
            if self.concealed_in_a_row > CONCEALED_MAX {
                self.fall_silent();
                return false;
            }
        } else {
            self.next = Some(next + 1);
        }
        counters.concealed += 1;
        self.run(&[], false)
    }

    /// Jumps over what nobody will miss: a long gap, and packets beyond the allowed latency.
    fn skip_what_is_too_much(&mut self, mut next: u64, counters: &mut MixerCounters) -> u64 {
        if self.backlog() > BACKLOG_SAMPLES
            && let Some((oldest, _)) = self.waiting.pop_first()
        {
            counters.skipped += 1;
            next = next.max(oldest + 1);
        }
        match self.waiting.keys().next() {
            Some(first) if *first > next + GAP_MAX => *first,
            _ => next,
        }
    }

    /// Replaces the decoded sound; an empty payload makes the decoder make something up.
    fn run(&mut self, payload: &[u8], rebuild: bool) -> bool {
        self.played = 0;
        let whole = if payload.is_empty() || rebuild { self.packet_samples } else { PACKET_SAMPLES_MAX };
        self.decoded.resize(whole, 0.0);
        match self.decoder.decode_float_to_slice(payload, &mut self.decoded, rebuild) {
            Ok(samples) => self.decoded.truncate(samples),
            // What cannot be decoded is silence of the same length.
            Err(_) => {
                self.decoded.truncate(self.packet_samples);
                self.decoded.fill(0.0);
            }
        }
        !self.decoded.is_empty()
    }

    fn fall_silent(&mut self) {
        self.next = None;
        self.concealed_in_a_row = 0;
        self.decoded.clear();
        self.played = 0;
    }

    fn backlog(&self) -> usize {
        self.waiting.values().map(|packet| packet.samples).sum()
    }
}

/// Leaves -0.8..=0.8 as it is and bends what is beyond towards 1, without a step in the slope.
pub(super) fn softly_limited(sample: f32) -> f32 {
    const KNEE: f32 = 0.8;
    let size = sample.abs();
    if size <= KNEE {
        return sample;
    }
    sample.signum() * (KNEE + (1.0 - KNEE) * ((size - KNEE) / (1.0 - KNEE)).tanh())
}

/// The loudness of samples in dBov (RFC 6464): -127 (silent) to 0 (a square wave of full scale).
#[must_use]
pub fn level_dbov(samples: &[f32]) -> i8 {
    let power = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand samples")]
    let mean = power / (samples.len().max(1) as f64);
    let decibels = 10.0 * mean.max(1e-13).log10();
    #[expect(clippy::cast_possible_truncation, reason = "clamped to -127..=0")]
    let level = decibels.round().clamp(-127.0, 0.0) as i8;
    level
}

#[cfg(test)]
#[path = "mixer_tests.rs"]
mod tests;
