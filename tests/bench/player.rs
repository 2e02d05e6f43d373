//! What a fake participant sends, and when: the recording in a loop, each payload with its time of sending
//! where that is wanted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::recording::{LAYERS, Recording};

/// From one picture to the next.
pub(crate) const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// From one packet of sound to the next.
pub(crate) const SOUND: Duration = Duration::from_millis(20);
/// How often a layer begins anew on request at most.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);
/// So many frames after the next larger layer a layer begins: Galène ranks layers by the order of their coming.
const LAYER_LATER: usize = 5;
/// What is caught up with at most.
const CATCH_UP_MAX: Duration = Duration::from_secs(1);
/// The time of sending, at the end of each payload where that is wanted: microseconds since the epoch of the run.
const STAMP_BYTES: usize = 8;
/// The layer that is sent alone where there is one only.
pub(crate) const TOP: usize = LAYERS.len() - 1;

/// What a fake participant sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sends {
    pub(crate) sound: bool,
    pub(crate) pictures: Pictures,
    /// Each payload with its time of sending behind it: for receivers that decode nothing.
    pub(crate) is_stamped: bool,
}

/// The camera's part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pictures {
    None,
    /// The largest layer alone.
    Top,
    /// All layers, as pages do.
    Layers,
}

impl Sends {
    /// It only receives.
    pub(crate) const NOTHING: Self = Self { sound: false, pictures: Pictures::None, is_stamped: false };

    pub(crate) fn is_nothing(self) -> bool {
        !self.sound && self.pictures == Pictures::None
    }

    fn layer(self, at: usize) -> bool {
        match self.pictures {
            Pictures::None => false,
            Pictures::Top => at == TOP,
            Pictures::Layers => true,
        }
    }
}

/// What a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Sound,
    /// The smallest is 0.
    Layer(usize),
}

impl Flow {
    pub(crate) const COUNT: usize = LAYERS.len() + 1;

    /// The sound's comes after those of the layers.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Layer(at) => at,
            Self::Sound => LAYERS.len(),
        }
    }
}

/// A packet that is due.
pub(crate) struct Outgoing {
    pub(crate) flow: Flow,
    /// Counts from 1 in each flow.
    pub(crate) number: u64,
    /// In units of the flow's own clock.
    pub(crate) ticks: u32,
    /// The last of its picture.
    pub(crate) is_last: bool,
    pub(crate) payload: Vec<u8>,
}

/// The state of one flow.
#[derive(Debug, Clone, Copy, Default)]
struct Playing {
    at: usize,
    number: u64,
    began: Option<Instant>,
    restart: bool,
}

/// Plays the recording.
pub(crate) struct Player {
    recording: Arc<Recording>,
    sends: Sends,
    epoch: Instant,
    layers: [Playing; LAYERS.len()],
    sound: Playing,
    /// Since the start.
    frames: usize,
    next_frame: Option<Instant>,
    next_sound: Option<Instant>,
}

impl Player {
    pub(crate) fn new(recording: Arc<Recording>, sends: Sends, epoch: Instant) -> Self {
        let (layers, sound) = (Default::default(), Playing::default());
        Self { recording, sends, epoch, layers, sound, frames: 0, next_frame: None, next_sound: None }
    }

    /// From then on packets are due.
    pub(crate) fn start(&mut self, at: Instant) {
        self.next_sound = self.sends.sound.then_some(at);
        self.next_frame = (self.sends.pictures != Pictures::None).then_some(at);
    }

    /// When the next packet is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        [self.next_frame, self.next_sound].into_iter().flatten().min()
    }

    /// Somebody wants a key frame of that layer.
    pub(crate) fn restart(&mut self, layer: usize) {
        self.layers[layer].restart = true;
    }

    /// Hands out what is due.
    pub(crate) fn play(&mut self, now: Instant, mut send: impl FnMut(Outgoing)) {
        if let Some(due) = self.next_sound.filter(|due| *due <= now) {
            self.next_sound = Some(next(due, SOUND, now));
            self.play_sound(now, &mut send);
        }
        if let Some(due) = self.next_frame.filter(|due| *due <= now) {
            self.next_frame = Some(next(due, FRAME, now));
            for at in (0..LAYERS.len()).rev() {
                if self.sends.layer(at) && self.frames >= LAYER_LATER * (TOP - at) {
                    self.play_picture(at, now, &mut send);
                }
            }
            self.frames += 1;
        }
    }

    fn play_sound(&mut self, now: Instant, send: &mut impl FnMut(Outgoing)) {
        let packets = &self.recording.sound;
        let payload = self.stamped(&packets[self.sound.at % packets.len()], now);
        self.sound.at += 1;
        self.sound.number += 1;
        let ticks = self.ticks(now, 48_000);
        send(Outgoing { flow: Flow::Sound, number: self.sound.number, ticks, is_last: true, payload });
    }

    fn play_picture(&mut self, at: usize, now: Instant, send: &mut impl FnMut(Outgoing)) {
        let recording = Arc::clone(&self.recording);
        let pictures = &recording.layers[at];
        let layer = &mut self.layers[at];
        if layer.restart && layer.began.is_none_or(|began| now >= began + KEYFRAME_INTERVAL) {
            layer.at = 0;
        }
        if layer.at.is_multiple_of(pictures.len()) {
            (layer.restart, layer.began) = (false, Some(now));
        }
        let picture = &pictures[layer.at % pictures.len()];
        layer.at += 1;
        let ticks = self.ticks(now, 90_000);
        for (index, payload) in picture.iter().enumerate() {
            self.layers[at].number += 1;
            let (number, is_last) = (self.layers[at].number, index + 1 == picture.len());
            let payload = self.stamped(payload, now);
            send(Outgoing { flow: Flow::Layer(at), number, ticks, is_last, payload });
        }
    }

    fn stamped(&self, payload: &[u8], now: Instant) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(payload.len() + STAMP_BYTES);
        bytes.extend(payload);
        if self.sends.is_stamped {
            bytes.extend(micros(self.epoch, now).to_be_bytes());
        }
        bytes
    }

    #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps count modulo 2^32")]
    fn ticks(&self, now: Instant, hz: u64) -> u32 {
        (micros(self.epoch, now) * hz / 1_000_000) as u32
    }
}

/// When the one after is due: a generator that was held up catches up, so that the load stays the same, unless it
/// was away for long.
fn next(due: Instant, interval: Duration, now: Instant) -> Instant {
    if now > due + CATCH_UP_MAX { now } else { due + interval }
}

/// When the packet was sent, if its payload tells.
pub(crate) fn stamp(payload: &[u8]) -> Option<u64> {
    payload.last_chunk::<STAMP_BYTES>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Microseconds since the epoch of the run.
pub(crate) fn micros(epoch: Instant, at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(epoch).as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn who_was_held_up_catches_up_unless_it_was_for_long() {
        let due = Instant::now();
        assert_eq!(next(due, SOUND, due + 5 * SOUND), due + SOUND);
        assert_eq!(next(due, SOUND, due + 2 * CATCH_UP_MAX), due + 2 * CATCH_UP_MAX);
    }
}
